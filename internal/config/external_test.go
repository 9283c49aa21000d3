package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestExternal(t *testing.T) {
	for _, c := range []struct{ name, params, want string }{
		{"none", "", "sip  media "},
		{"auto", param("ext-rtp-ip", "auto") + param("ext-sip-ip", "auto"), "sip  media "},
		{"all addresses", param("ext-rtp-ip", "0.0.0.0"), "sip  media "},
		{"an address", param("ext-rtp-ip", "203.0.113.9"), "sip  media 203.0.113.9"},
		{"the address of host:", param("ext-rtp-ip", "host:203.0.113.9"), "sip  media 203.0.113.9"},
		{"autonat counts for both", param("ext-rtp-ip", "autonat:203.0.113.9"), "sip 203.0.113.9 media 203.0.113.9"},
		{"autonat beside an address", param("ext-rtp-ip", "autonat:203.0.113.9") + param("ext-sip-ip", "203.0.113.8"), "sip 203.0.113.8 media 203.0.113.9"},
		{"STUN", param("ext-rtp-ip", "stun:stun.example.com"), "sip  media stun:stun.example.com:3478"},
		{"STUN with a port", param("ext-sip-ip", "stun:192.0.2.1:3479"), "sip stun:192.0.2.1:3479 media "},
		{"STUN at an IPv6 address", param("ext-sip-ip", "stun:[2001:db8::1]"), "sip stun:[2001:db8::1]:3478 media "},
		{"a name", param("ext-rtp-ip", "host:pbx.example.com"), "sip  media host:pbx.example.com"},
		{"a bare name", param("ext-rtp-ip", "pbx.example.com"), "sip  media host:pbx.example.com"},
		{"autonat with STUN", param("ext-rtp-ip", "autonat:stun:s.example"), "sip stun:s.example:3478 media stun:s.example:3478"},
		{"an IPv6 profile", param("rtp-ip", "2001:db8::5") + param("ext-rtp-ip", "stun:s.example"), "sip  media stun:s.example:3478 IPv6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Load(Options{Dir: tree(t, map[string]string{"profile": c.params})})
			if err != nil || len(s.Problems) > 0 || len(s.Unsupported) > 0 {
				t.Fatal(err, s.Problems, s.Unsupported)
			}
			p := s.Profiles[0]
			say := func(ip string, q Question) string {
				switch {
				case q == Question{}:
					return ip
				case q.IPv6:
					return ip + q.String() + " IPv6"
				}
				return ip + q.String()
			}
			if got := fmt.Sprintf("sip %s media %s", say(p.ExtSIPIP, p.AskSIPIP), say(p.ExtRTPIP, p.AskRTPIP)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestAutoNATIsReported(t *testing.T) {
	s, err := Load(Options{Dir: tree(t, map[string]string{"profile": param("ext-rtp-ip", "auto-nat")})})
	if err != nil || len(s.Unsupported) != 1 || !strings.Contains(s.Unsupported[0].Note, "no router") {
		t.Error(err, s.Unsupported)
	}
}

// TestWithAnswers: a stun-set as in the stock tree, asked for by two parameters, and answered; then answered anew.
func TestWithAnswers(t *testing.T) {
	dir := tree(t, map[string]string{"profile": `<X-PRE-PROCESS cmd="stun-set" data="external_rtp_ip=stun:stun.example.com"/>` +
		param("ext-rtp-ip", "$${external_rtp_ip}") + param("ext-sip-ip", "$${external_rtp_ip}")})
	loaded, err := Load(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	questions := loaded.Questions()
	if len(questions) != 1 || questions[0] != (Question{STUN: "stun.example.com:3478"}) {
		t.Fatalf("asks %v", questions)
	}
	if loaded.WithAnswers(nil) != loaded {
		t.Error("no answers make another snapshot")
	}
	for _, answer := range []string{"203.0.113.1", "203.0.113.2"} {
		s := loaded.WithAnswers(map[Question]netip.Addr{questions[0]: netip.MustParseAddr(answer)})
		if p := s.Profiles[0]; p.ExtRTPIP != answer || p.ExtSIPIP != answer || s.Vars["external_rtp_ip"] != answer {
			t.Errorf("answered %s: %s, %s, variable %s", answer, p.ExtRTPIP, p.ExtSIPIP, s.Vars["external_rtp_ip"])
		}
	}
	if p := loaded.Profiles[0]; p.ExtRTPIP != "" || loaded.Vars["external_rtp_ip"] != "stun:stun.example.com" {
		t.Error("the loaded snapshot has changed")
	}
}

func TestInterfaceAddress(t *testing.T) {
	lo := ""
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 {
			lo = i.Name
		}
	}
	if lo == "" {
		t.Skip("no loopback interface")
	}
	for _, family := range []string{"", "auto/", "ipv4/"} {
		s, err := Load(Options{Dir: tree(t, map[string]string{"profile": param("sip-ip", "interface:"+family+lo)})})
		if err != nil || len(s.Problems) > 0 || s.Profiles[0].SIPIP != "127.0.0.1" {
			t.Errorf("%q: %v %v", family, err, s.Problems)
		}
	}
}
