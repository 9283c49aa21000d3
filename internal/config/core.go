package config

import (
	"net/netip"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// core reads switch.conf. FreeSWITCH's own limits are 1000 calls and 30 new ones a second, its ports 16384 to 32768.
func (r *reader) core(n *fsxml.Node) Switch {
	s := r.settings(n)
	c := Switch{
		Name:              s.text("switchname", r.vars["switchname"]),
		MaxSessions:       s.number("max-sessions", 1000, 1, 1_000_000),
		SessionsPerSecond: s.number("sessions-per-second", 30, 1, 1_000_000),
		RTPStart:          s.port("rtp-start-port", 16384),
		RTPEnd:            s.port("rtp-end-port", 32768),
		RTPMuxPort:        s.port("rtp-mux-port", 16383),
	}
	if strings.EqualFold(s.text("rtp-mux-tcp-port", ""), "off") {
		c.RTPMuxTCPPort = -1
	} else {
		c.RTPMuxTCPPort = s.port("rtp-mux-tcp-port", c.RTPMuxPort)
	}
	switch {
	case c.RTPStart == 0 || c.RTPEnd == 0:
		c.RTPStart, c.RTPEnd = 0, 0
	case c.RTPEnd < c.RTPStart+1:
		r.problem(s.nodes["rtp-end-port"], fsxml.Error, "the RTP ports %d to %d are no range of two or more; 16384 to 32768 is used", c.RTPStart, c.RTPEnd)
		c.RTPStart, c.RTPEnd = 16384, 32768
	case c.RTPMuxPort >= c.RTPStart && c.RTPMuxPort <= c.RTPEnd:
		r.problem(s.nodes["rtp-mux-port"], fsxml.Warning, "rtp-mux-port %d lies within the range of RTP ports %d to %d", c.RTPMuxPort, c.RTPStart, c.RTPEnd)
	}
	return c
}

// eventSocket reads event_socket.conf. Without a list of addresses FreeSWITCH lets only loopback.auto in (mod_event_socket.c), which
// is why an open listen-ip with the well-known password is not an open door there.
func (r *reader) eventSocket(n *fsxml.Node) EventSocket {
	if n == nil {
		r.problem(nil, fsxml.Warning, "there is no event_socket.conf: the event socket listens on 127.0.0.1:8021")
	}
	s := r.settings(n)
	e := EventSocket{
		ListenIP: s.text("listen-ip", "127.0.0.1"),
		Port:     s.port("listen-port", 8021),
		Password: s.text("password", ""),
		ACL:      s.text("apply-inbound-acl", ""),
	}
	if e.ListenIP == "*" {
		e.ListenIP = "::"
	}
	ip, err := netip.ParseAddr(strings.Trim(e.ListenIP, "[]"))
	switch {
	case e.ListenIP == "localhost":
		e.ListenIP = "127.0.0.1"
	case err != nil:
		r.problem(s.nodes["listen-ip"], fsxml.Error, "listen-ip must be an IP address, not %q; 127.0.0.1 is used", e.ListenIP)
		e.ListenIP = "127.0.0.1"
	default:
		e.ListenIP = ip.String()
	}
	where := s.nodes["password"]
	if where == nil {
		where = n
	}
	switch local := loopback(e.ListenIP) || e.ACL == "" || e.ACL == "loopback.auto"; {
	case e.Password == "":
		r.problem(where, fsxml.Refusal, "the event socket has no password; set esl_password or the param password")
	case knownSecret(e.Password) && !local:
		r.problem(where, fsxml.Refusal, "the event socket is reachable from outside (%s, %s) with a password everybody knows", e.ListenIP, e.ACL)
	case knownSecret(e.Password):
		r.problem(where, fsxml.Warning, "the event socket has a password everybody knows; only this machine may connect")
	}
	return e
}

// loopback says whether an address reaches this machine only.
func loopback(ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && a.Unmap().IsLoopback()
}

// stockPassword is the password of every user in FreeSWITCH's stock tree.
const stockPassword = "1234"

// knownSecret says whether a password stands in public documentation.
func knownSecret(s string) bool {
	switch s {
	case "ClueCon", stockPassword, "password", "secret", "changeme", "mudar", "freeswitch", "talkpath":
		return true
	}
	return false
}
