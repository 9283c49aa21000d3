package config

import (
	"net/netip"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// ACL finds a network list: one of acl.conf, one of those FreeSWITCH makes by itself (loopback.auto …), or address/bits in place of a name. An
// unknown list allows nobody.
func (s *Snapshot) ACL(name string) (*ACL, bool) {
	if a, ok := s.acls[name]; ok {
		return a, true
	}
	return inlineACL(name)
}

// Allowed asks several lists, as a profile with several apply-inbound-acl has them: the first that allows the address decides.
func (s *Snapshot) Allowed(lists []string, addr netip.Addr, port int) (ok bool, token string) {
	for _, name := range lists {
		if a, known := s.ACL(name); known {
			if ok, token = a.Lookup(addr, port); ok {
				return true, token
			}
		}
	}
	return false, ""
}

// acls reads acl.conf, after the directory, whose users a domain= node names. A list of the file replaces a built-in one of its name.
func (r *reader) acls(n *fsxml.Node, d *Directory, local []netip.Prefix) map[string]*ACL {
	all := builtinACLs(local)
	for _, lists := range n.All("network-lists") {
		for _, list := range lists.All("list") {
			name := list.Attr("name")
			if name == "" {
				r.problem(list, fsxml.Error, "an access list needs a name; it is ignored")
				continue
			}
			a := &ACL{Name: name, Default: true}
			if def, ok := list.Lookup("default"); ok {
				a.Default = isTrue(def)
			}
			for _, node := range list.All("node") {
				r.aclNode(a, node, d)
			}
			all[name] = a
		}
	}
	return all
}

// aclNode adds one <node>: of a domain's users, of blocks, or of host and mask, in this order of precedence.
func (r *reader) aclNode(a *ACL, n *fsxml.Node, d *Directory) {
	allow := a.Default
	if kind, ok := n.Lookup("type"); ok {
		allow = isTrue(kind)
	}
	made := network{allow: allow, ports: nodePorts(n)}
	domain, isDomain := n.Lookup("domain")
	cidr, isCIDR := n.Lookup("cidr")
	host, isHost := n.Lookup("host")
	mask, isMask := n.Lookup("mask")
	switch {
	case isDomain:
		x, ok := d.Domain(domain)
		if !ok {
			r.problem(n, fsxml.Warning, "access list %s: the directory has no domain %q", a.Name, domain)
			return
		}
		for _, u := range x.Users {
			if u.CIDR != "" {
				of := made
				of.token = u.ID + "@" + domain
				r.blocks(a, &fsxml.Node{File: u.File, Line: u.Line}, u.CIDR, of)
			}
		}
	case isCIDR:
		r.blocks(a, n, cidr, made)
	case isHost && isMask:
		ip, err := netip.ParseAddr(host)
		m, err2 := netip.ParseAddr(mask)
		if err != nil || err2 != nil || !ip.Is4() || !m.Is4() {
			r.problem(n, fsxml.Error, "access list %s: %s with mask %s is no IPv4 network; the node is ignored", a.Name, host, mask)
			return
		}
		a.addMasked(ip, m, made)
	default:
		r.problem(n, fsxml.Error, "access list %s: a node needs cidr, domain, or host and mask; it is ignored", a.Name)
	}
}

// blocks adds a comma-separated list of address/bits.
func (r *reader) blocks(a *ACL, where *fsxml.Node, list string, n network) {
	for _, text := range strings.Split(list, ",") {
		p, err := parseCIDR(text)
		if err != nil {
			r.problem(where, fsxml.Error, "access list %s: %q is not address/bits; it is ignored", a.Name, strings.TrimSpace(text))
			continue
		}
		a.add(p, n)
	}
}

// nodePorts reads port, ports, port-min and port-max.
func nodePorts(n *fsxml.Node) ports {
	p := ports{low: atoi(n.Attr("port-min")), high: atoi(n.Attr("port-max"))}
	if one := atoi(n.Attr("port")); one != 0 {
		return ports{list: []int{one}}
	}
	for _, x := range strings.Split(n.Attr("ports"), ",") {
		if v := atoi(x); v != 0 {
			p.list = append(p.list, v)
		}
	}
	return p
}
