package config

import (
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// validate checks what concerns more than one part of the snapshot.
func (r *reader) validate(s *Snapshot) {
	r.validatePorts(s)
	for i := range s.Profiles {
		p := &s.Profiles[i]
		at := &fsxml.Node{File: p.File, Line: p.Line}
		if !slices.Contains(s.Contexts, p.Context) {
			r.problem(at, fsxml.Warning, "profile %s: the dialplan has no context %q", p.Name, p.Context)
		}
		if dir := s.Vars["recordings_dir"]; p.RecordPath != "" && !strings.HasPrefix(p.RecordPath, "${") && !within(dir, p.RecordPath) {
			r.problem(at, fsxml.Warning, "profile %s: record-path %s is not below recordings_dir %s: nothing is recorded there", p.Name, p.RecordPath, dir)
		}
		if p.ForceRegisterDomain != "" {
			if _, ok := s.Directory.Domain(p.ForceRegisterDomain); !ok {
				r.problem(at, fsxml.Warning, "profile %s: force-register-domain %q is not in the directory", p.Name, p.ForceRegisterDomain)
			}
		}
	}
	r.validateUsers(s)
	r.validateACLs(s)
	r.validateContexts(s)
	r.validateCertificates(s)
}

// within says whether a path is a folder or below it.
func within(dir, name string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

// listener is an address that something listens on.
type listener struct{ ip, port, what string }

// portTable finds two listeners on one port. UDP and TCP of a SIP port count as one.
type portTable []listener

// claim takes an address, or returns who has it. Port 0 is never taken.
func (t *portTable) claim(what, ip, port string) (other string, free bool) {
	if ip == "" || ip == "0.0.0.0" {
		ip = "::"
	}
	for _, o := range *t {
		if port != "0" && o.port == port && (o.ip == ip || o.ip == "::" || ip == "::") {
			return o.what, false
		}
	}
	*t = append(*t, listener{ip, port, what})
	return "", true
}

// validatePorts lets the first have an address that two want: a profile whose SIP port is taken is left out, another listener of it is switched off.
func (r *reader) validatePorts(s *Snapshot) {
	var taken portTable
	var kept []Profile
	for i := range s.Profiles {
		p := &s.Profiles[i]
		at := &fsxml.Node{File: p.File, Line: p.Line}
		if other, free := taken.claim("profile "+p.Name+" (sip-port)", p.SIPIP, strconv.Itoa(p.SIPPort)); !free {
			r.problem(at, fsxml.Error, "profile %s (sip-port) wants %s, which %s has; the profile is left out", p.Name, net.JoinHostPort(p.SIPIP, strconv.Itoa(p.SIPPort)), other)
			continue
		}
		if p.TLS {
			if other, free := taken.claim("profile "+p.Name+" (tls-sip-port)", p.SIPIP, strconv.Itoa(p.TLSPort)); !free {
				r.problem(at, fsxml.Error, "profile %s (tls-sip-port) wants port %d, which %s has; its TLS is switched off", p.Name, p.TLSPort, other)
				p.TLS = false
			}
		}
		for _, b := range []struct {
			name    string
			binding *string
		}{{"ws-binding", &p.WSBinding}, {"wss-binding", &p.WSSBinding}} {
			ip, port, err := net.SplitHostPort(*b.binding)
			if err != nil {
				continue
			}
			if other, free := taken.claim("profile "+p.Name+" ("+b.name+")", ip, port); !free {
				r.problem(at, fsxml.Error, "profile %s (%s) wants port %s, which %s has; it is switched off", p.Name, b.name, port, other)
				*b.binding = ""
			}
		}
		kept = append(kept, *p)
	}
	s.Profiles = kept
	s.Gateways = slices.DeleteFunc(s.Gateways, func(g Gateway) bool { _, ok := s.Profile(g.Profile); return !ok })
	if other, free := taken.claim("", s.EventSocket.ListenIP, strconv.Itoa(s.EventSocket.Port)); !free {
		r.problem(nil, fsxml.Error, "the event socket wants port %d, which %s has", s.EventSocket.Port, other)
	}
}

// validateContexts looks for profiles that let anybody call and contexts in which such a caller reaches other networks.
func (r *reader) validateContexts(s *Snapshot) {
	for i := range s.Profiles {
		p := &s.Profiles[i]
		if p.AcceptBlindReg && len(p.RegisterACL) == 0 && !loopback(p.SIPIP) {
			r.danger(&fsxml.Node{File: p.File, Line: p.Line}, fsxml.Warning, "profile %s lets anybody register as any user without a password (accept-blind-reg)", p.Name)
		}
		if p.AuthCalls && !p.AcceptBlindAuth || len(p.InboundACL) > 0 || loopback(p.SIPIP) {
			continue
		}
		if n := openWay(s.DialplanNode, p.Context); n != nil {
			r.danger(n, fsxml.Warning, "profile %s (%s:%d) lets anybody call without a password, and in its context %s such a caller reaches other networks: %s %s",
				p.Name, p.File, p.Line, p.Context, n.Attr("application"), n.Attr("data"))
		}
	}
}

// validateACLs reports access lists that profiles name and nobody has: they allow nobody.
func (r *reader) validateACLs(s *Snapshot) {
	check := func(n *fsxml.Node, what string, names ...string) {
		for _, name := range names {
			if _, ok := s.ACL(name); !ok && name != "" {
				r.problem(n, fsxml.Error, "%s: there is no access list %q: it allows nobody", what, name)
			}
		}
	}
	for i := range s.Profiles {
		p := &s.Profiles[i]
		at := &fsxml.Node{File: p.File, Line: p.Line}
		for _, a := range p.InboundACL {
			check(at, "profile "+p.Name+" (apply-inbound-acl)", a.List)
		}
		check(at, "profile "+p.Name+" (apply-proxy-acl)", p.ProxyACL...)
		check(at, "profile "+p.Name+" (apply-register-acl)", p.RegisterACL...)
		check(at, "profile "+p.Name+" (apply-nat-acl)", p.NATACL...)
		check(at, "profile "+p.Name+" (apply-candidate-acl)", p.CandidateACL...)
		check(at, "profile "+p.Name+" (local-network-acl)", p.LocalNetworkACL)
	}
	check(nil, "the event socket (apply-inbound-acl)", s.EventSocket.ACLs...)
	for i := range s.Gateways {
		g := &s.Gateways[i]
		check(&fsxml.Node{File: g.File, Line: g.Line}, "gateway "+g.Name+" (gw-auth-acl)", g.ACL)
	}
}

// validateUsers checks contexts and passwords. Where strangers can try them, the stock tree's default password keeps the server from
// starting, and a user with another password everybody knows (the stock tree has one) cannot register (S15).
func (r *reader) validateUsers(s *Snapshot) {
	open := ""
	for i := range s.Profiles {
		if p := &s.Profiles[i]; !loopback(p.SIPIP) {
			open = p.Name
			break
		}
	}
	var weak []*User
	contexts := make(map[string]bool, len(s.Contexts))
	for _, c := range s.Contexts {
		contexts[c] = true
	}
	for _, d := range s.Directory.domains {
		for _, u := range d.Users {
			at := &fsxml.Node{File: u.File, Line: u.Line}
			if c := u.Context(); c != "" && !contexts[c] {
				r.problem(at, fsxml.Warning, "user %s: the dialplan has no context %q", u.ID, c)
			}
			switch password := u.Password(); {
			case password == stockPassword:
				weak = append(weak, u)
			case knownSecret(password) && open != "":
				u.Params.Own = u.Params.Own.with(Pair{"password", ""})
				r.danger(at, fsxml.Error, "user %s has a password everybody knows and profile %s is reachable from outside: it cannot register", u.ID, open)
			case knownSecret(password):
				weak = append(weak, u)
			}
		}
	}
	if len(weak) == 0 {
		return
	}
	at := &fsxml.Node{File: weak[0].File, Line: weak[0].Line}
	if open == "" {
		r.danger(at, fsxml.Warning, "%s (%s first) with a password everybody knows", count(len(weak), "user"), weak[0].ID)
		return
	}
	r.danger(at, fsxml.Refusal, "%s (%s first) with the password %s, which everybody knows, and profile %s is reachable from outside; set default_password", count(len(weak), "user"), weak[0].ID, stockPassword, open)
}
