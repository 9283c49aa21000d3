package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// reader turns nodes into values and collects what is wrong with them. Owned by one Load.
type reader struct {
	vars      map[string]string
	problems  []fsxml.Problem
	dropped   int             // problems beyond maxProblems
	unsafe    []fsxml.Problem // of problems
	notServed []Unsupported
	told      map[string]bool // what is in notServed
	records   map[*fsxml.Node]*userRecord
	shared    map[string]string // names and values of users

	builtinCerts string // certs_dir before the tree
}

// maxProblems bounds what a tree can have to say; reasons not to start are never left out.
const maxProblems = 1000

func (r *reader) problem(n *fsxml.Node, s fsxml.Severity, format string, args ...any) {
	if len(r.problems) >= maxProblems && s != fsxml.Refusal {
		r.dropped++
		return
	}
	r.problems = append(r.problems, at(n, s, format, args...))
}

// danger is a problem that lets strangers in. Those have a bound of their own.
func (r *reader) danger(n *fsxml.Node, s fsxml.Severity, format string, args ...any) {
	if len(r.unsafe) >= maxProblems && s != fsxml.Refusal {
		r.dropped++
		return
	}
	p := at(n, s, format, args...)
	r.problems, r.unsafe = append(r.problems, p), append(r.unsafe, p)
}

// at makes a problem of a place.
func at(n *fsxml.Node, s fsxml.Severity, format string, args ...any) fsxml.Problem {
	p := fsxml.Problem{Severity: s, Text: fmt.Sprintf(format, args...)}
	if n != nil {
		p.File, p.Line = n.File, n.Line
	}
	return p
}

// settings is the <param> list of a module, with the node of each for messages. The last of a name wins.
type settings struct {
	r     *reader
	where *fsxml.Node // what the settings belong to
	nodes map[string]*fsxml.Node
	every map[string][]*fsxml.Node // where a name may stand several times
	list  []*fsxml.Node            // in document order
}

func (r *reader) settings(owner *fsxml.Node) settings {
	s := newSettings(r, owner)
	for _, list := range owner.All("settings") {
		s.add(list)
	}
	return s
}

// params reads the <param> list of a gateway, which may stand in <params>.
func (r *reader) params(owner *fsxml.Node) settings {
	s := newSettings(r, owner)
	if list := owner.Child("params"); list != nil {
		owner = list
	}
	s.add(owner)
	return s
}

func newSettings(r *reader, owner *fsxml.Node) settings {
	return settings{r: r, where: owner, nodes: map[string]*fsxml.Node{}, every: map[string][]*fsxml.Node{}}
}

func (s *settings) add(list *fsxml.Node) {
	for _, p := range list.All("param") {
		name := strings.ToLower(p.Attr("name"))
		s.nodes[name] = p
		s.every[name] = append(s.every[name], p)
		s.list = append(s.list, p)
	}
}

// text returns a param, def when it is missing or empty.
func (s settings) text(name, def string) string {
	if v := s.nodes[name].Attr("value"); v != "" {
		return v
	}
	return def
}

// number returns an integer within a range; anything else is a problem and def.
func (s settings) number(name string, def, low, high int) int {
	v := s.text(name, "")
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		s.r.problem(s.nodes[name], fsxml.Error, "%s must be a number from %d to %d, not %q; %d is used", name, low, high, v, def)
		return def
	}
	return n
}

// atLeast returns a number of seconds; one below low is a problem and def.
func (s settings) atLeast(name string, def, low int) int {
	n := s.number(name, def, 0, 1<<30)
	if n < low {
		s.r.problem(s.nodes[name], fsxml.Warning, "%s must be %d at least, not %d; %d is used", name, low, n, def)
		return def
	}
	return n
}

// port returns a port; "auto" is any free one.
func (s settings) port(name string, def int) int {
	if strings.EqualFold(s.text(name, ""), "auto") {
		return 0
	}
	return s.number(name, def, 0, 65535)
}

func (s settings) seconds(name string, def int) time.Duration {
	return time.Duration(s.number(name, def, 0, 1<<30)) * time.Second
}

func (s settings) flag(name string, def bool) bool {
	if v := s.text(name, ""); v != "" {
		return isTrue(v)
	}
	return def
}

// isTrue is switch_true of switch_utils.c.
func isTrue(v string) bool {
	switch strings.ToLower(v) {
	case "yes", "on", "true", "t", "enabled", "active", "allow":
		return true
	}
	n, err := strconv.Atoi(v)
	return err == nil && n != 0
}

// address returns an IP address to bind. "auto" is the machine's own, "interface:NAME" that of a network interface.
func (s settings) address(name string) string {
	v := s.text(name, "auto")
	if strings.EqualFold(v, "auto") {
		return s.r.vars["local_ip_v4"]
	}
	if iface, ok := strings.CutPrefix(v, "interface:"); ok {
		addr, err := interfaceAddress(iface)
		if err == nil {
			return addr.String()
		}
		s.r.problem(s.nodes[name], fsxml.Error, "%s: %v; %s is used", name, err, s.r.vars["local_ip_v4"])
		return s.r.vars["local_ip_v4"]
	}
	ip, err := netip.ParseAddr(strings.Trim(v, "[]"))
	if err != nil {
		s.r.problem(s.nodes[name], fsxml.Error, "%s must be an IP address, not %q; %s is used", name, v, s.r.vars["local_ip_v4"])
		return s.r.vars["local_ip_v4"]
	}
	return ip.String()
}

// interfaceAddress is the address of a network interface: eth0, ipv4/eth0, ipv6/eth0 or auto/eth0, which prefers IPv4. Link-local addresses do not count.
func interfaceAddress(name string) (netip.Addr, error) {
	family, iface, ok := strings.Cut(name, "/")
	if !ok {
		family, iface = "auto", name
	}
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("interface %q: %w", iface, err)
	}
	list, err := i.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("interface %q: %w", iface, err)
	}
	var v6 netip.Addr
	for _, a := range list {
		prefix, err := netip.ParsePrefix(a.String())
		switch addr := prefix.Addr(); {
		case err != nil || addr.IsLinkLocalUnicast():
		case addr.Is4() && family != "ipv6":
			return addr, nil
		case addr.Is6() && family != "ipv4" && !v6.IsValid():
			v6 = addr
		}
	}
	if !v6.IsValid() {
		return v6, fmt.Errorf("interface %q has no address of the family %s", iface, family)
	}
	return v6, nil
}

// binding returns ip:port or :port of ws-binding and wss-binding; "" when the port is empty or "off".
func (s settings) binding(name string) string {
	v := s.text(name, "")
	i := strings.LastIndexByte(v, ':')
	host, port := "", v
	if i >= 0 {
		host, port = strings.Trim(v[:i], "[]"), v[i+1:]
	}
	if port == "" || strings.EqualFold(port, "off") {
		return ""
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		s.r.problem(s.nodes[name], fsxml.Error, "%s must be address:port, not %q; it is switched off", name, v)
		return ""
	}
	if host == "" || host == "*" {
		return ":" + port
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		s.r.problem(s.nodes[name], fsxml.Error, "%s must be address:port, not %q; it is switched off", name, v)
		return ""
	}
	return netip.AddrPortFrom(ip, uint16(n)).String()
}
