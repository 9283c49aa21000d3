package config

import (
	"net"
	"slices"
	"strconv"

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
		if p.ForceRegisterDomain != "" {
			if _, ok := s.Directory.Domain(p.ForceRegisterDomain); !ok {
				r.problem(at, fsxml.Warning, "profile %s: force-register-domain %q is not in the directory", p.Name, p.ForceRegisterDomain)
			}
		}
	}
	r.validateUsers(s)
}

// validatePorts finds two listeners on one port. UDP and TCP of a SIP port count as one.
func (r *reader) validatePorts(s *Snapshot) {
	type owner struct{ ip, port, what string }
	var taken []owner
	claim := func(at *fsxml.Node, what, ip, port string) {
		if ip == "" || ip == "0.0.0.0" {
			ip = "::"
		}
		for _, o := range taken {
			if port != "0" && o.port == port && (o.ip == ip || o.ip == "::" || ip == "::") {
				r.problem(at, fsxml.Error, "%s wants port %s, which %s has", what, port, o.what)
				return
			}
		}
		taken = append(taken, owner{ip, port, what})
	}
	for i := range s.Profiles {
		p := &s.Profiles[i]
		at := &fsxml.Node{File: p.File, Line: p.Line}
		claim(at, "profile "+p.Name+" (sip-port)", p.SIPIP, strconv.Itoa(p.SIPPort))
		if p.TLS {
			claim(at, "profile "+p.Name+" (tls-sip-port)", p.SIPIP, strconv.Itoa(p.TLSPort))
		}
		for _, b := range [][2]string{{"ws-binding", p.WSBinding}, {"wss-binding", p.WSSBinding}} {
			if ip, port, err := net.SplitHostPort(b[1]); err == nil {
				claim(at, "profile "+p.Name+" ("+b[0]+")", ip, port)
			}
		}
	}
	claim(nil, "the event socket", s.EventSocket.ListenIP, strconv.Itoa(s.EventSocket.Port))
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
	for _, d := range s.Directory.domains {
		for _, u := range d.Users {
			at := &fsxml.Node{File: u.File, Line: u.Line}
			if c := u.Context(); c != "" && !slices.Contains(s.Contexts, c) {
				r.problem(at, fsxml.Warning, "user %s: the dialplan has no context %q", u.ID, c)
			}
			switch password := u.Password(); {
			case password == stockPassword:
				weak = append(weak, u)
			case knownSecret(password) && open != "":
				u.Params = u.Params.with(Pair{"password", ""})
				r.problem(at, fsxml.Error, "user %s has a password everybody knows and profile %s is reachable from outside: it cannot register", u.ID, open)
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
		r.problem(at, fsxml.Warning, "%s (%s first) with a password everybody knows", count(len(weak), "user"), weak[0].ID)
		return
	}
	r.problem(at, fsxml.Refusal, "%s (%s first) with the password %s, which everybody knows, and profile %s is reachable from outside; set default_password", count(len(weak), "user"), weak[0].ID, stockPassword, open)
}
