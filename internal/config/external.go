package config

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Question is an external address that a profile does not know but asks for: ext-sip-ip or ext-rtp-ip "stun:host[:port]" or "host:name". Nothing is
// asked while a tree is read; see WithAnswers.
type Question struct {
	STUN string // host:port of a STUN server, or
	Host string // a name of the DNS
	IPv6 bool   // the family of the profile's own address
}

// Kind of the question, as the tree writes it: stun or host.
func (q Question) String() string {
	if q.STUN != "" {
		return "stun:" + q.STUN
	}
	return "host:" + q.Host
}

// stunPort is that of RFC 8489 §8.1.
const stunPort = "3478"

// question reads what stands after ext-sip-ip and ext-rtp-ip when it is no address. A bare name is one of the DNS.
func question(v string) (Question, bool) {
	if server, ok := strings.CutPrefix(v, "stun:"); ok {
		host, port, err := net.SplitHostPort(server)
		if err != nil {
			host, port = strings.Trim(server, "[]"), stunPort
		}
		n, err := strconv.Atoi(port)
		return Question{STUN: net.JoinHostPort(host, port)}, err == nil && n > 0 && n <= 65535 && hostName(host)
	}
	name := strings.TrimPrefix(v, "host:")
	return Question{Host: name}, hostName(name) && strings.ContainsFunc(name, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
}

// hostName says whether something can be a name of the DNS, or an address.
func hostName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for _, label := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
		}) {
			return false
		}
	}
	return true
}

// external reads ext-sip-ip or ext-rtp-ip: the address to tell peers outside, or the question that finds it. Neither is there when the profile's own
// address does: "auto", "0.0.0.0" (as in sofia.c), and "auto-nat", which asks no router here.
func (s settings) external(name string) (string, Question) {
	v := strings.TrimSpace(s.text(name, ""))
	n := s.nodes[name]
	if len(v) > 8 && strings.EqualFold(v[:8], "autonat:") { // the address of a router, which the administrator knows
		v = v[8:]
	}
	switch {
	case v == "" || strings.EqualFold(v, "auto") || v == "0.0.0.0":
		return "", Question{}
	case strings.EqualFold(v, "auto-nat"):
		s.r.unsupported(n, "parameter", "profile/"+n.Attr("name"), "auto-nat asks no router for its address: write it, or stun:SERVER")
		return "", Question{}
	}
	if ip, err := netip.ParseAddr(strings.Trim(strings.TrimPrefix(v, "host:"), "[]")); err == nil {
		return ip.String(), Question{}
	}
	if q, ok := question(v); ok {
		return "", q
	}
	s.r.problem(n, fsxml.Error, "%s must be an IP address, stun:SERVER or host:NAME, not %q; it is ignored", name, v)
	return "", Question{}
}

// readExternal fills in a profile's external addresses. One of autonat: for media is that for SIP too when that has none of its own, as in sofia.c.
func (p *Profile) readExternal(s settings) {
	p.ExtRTPIP, p.AskRTPIP = s.external("ext-rtp-ip")
	p.ExtSIPIP, p.AskSIPIP = s.external("ext-sip-ip")
	if v := s.text("ext-rtp-ip", ""); s.text("ext-sip-ip", "") == "" && len(v) > 8 && strings.EqualFold(v[:8], "autonat:") {
		p.ExtSIPIP, p.AskSIPIP = p.ExtRTPIP, p.AskRTPIP
	}
	family := func(q *Question, own string) {
		addr, err := netip.ParseAddr(own)
		q.IPv6 = *q != (Question{}) && err == nil && addr.Is6()
	}
	family(&p.AskRTPIP, p.RTPIP)
	family(&p.AskSIPIP, p.SIPIP)
}

// Questions lists what the profiles ask for, each once.
func (s *Snapshot) Questions() []Question {
	var all []Question
	for i := range s.Profiles {
		for _, q := range []Question{s.Profiles[i].AskSIPIP, s.Profiles[i].AskRTPIP} {
			if q != (Question{}) && !slices.Contains(all, q) {
				all = append(all, q)
			}
		}
	}
	return all
}

// WithAnswers is the snapshot with the external addresses that have been found. A variable that a stun-set left as the question gets the answer too.
func (s *Snapshot) WithAnswers(answers map[Question]netip.Addr) *Snapshot {
	if len(answers) == 0 {
		return s
	}
	next := *s
	next.Profiles, next.Vars = slices.Clone(s.Profiles), maps.Clone(s.Vars)
	for i := range next.Profiles {
		p := &next.Profiles[i]
		if a, ok := answers[p.AskSIPIP]; ok {
			p.ExtSIPIP = a.String()
		}
		if a, ok := answers[p.AskRTPIP]; ok {
			p.ExtRTPIP = a.String()
		}
	}
	for name, value := range next.Vars {
		if !strings.HasPrefix(value, "stun:") && !strings.HasPrefix(value, "host:") {
			continue
		}
		if q, ok := question(value); ok && answers[q].IsValid() {
			next.Vars[name] = answers[q].String()
		}
	}
	return &next
}
