package profile

import (
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

func TestResolve(t *testing.T) {
	s := start(t)
	a, b := s.phone("ws", "1001", "pw1001"), s.phone("udp", "1001", "pw1001")
	a.register("600")
	b.register("600")
	cases := []struct {
		endpoint, dest string
		n              int
		cause          call.Cause
	}{
		{"user", "1001@example.com", 2, ""},
		{"user", "1001@EXAMPLE.com:5060", 2, ""},
		{"user", "1001", 2, ""},
		{"user", "1001@10.1.2.3", 2, ""},
		{"user", "1000@example.com", 0, call.UserNotRegistered},
		{"user", "1999@example.com", 0, call.SubscriberAbsent},
		{"sofia", "internal/1001%example.com", 2, ""},
		{"sofia", "internal/1001@127.0.0.1:5099", 1, ""},
		{"sofia", "internal/sip:1001@127.0.0.1:5099;transport=tcp", 1, ""},
		{"sofia", "internal/" + s.reg.Lookup("1001", "example.com")[0].URI(), 1, ""},
		{"sofia", "internal/sip:gone@x.invalid;fs_path=sip%3Agone%40127.0.0.1%3A1", 0, call.UserNotRegistered},
		{"sofia", "nosuch/1001@127.0.0.1", 0, call.InvalidProfile},
		{"sofia", "gateway/x/1", 0, call.InvalidGateway},
		{"sofia", "internal", 0, call.InvalidURL},
		{"error", "user_busy", 0, call.UserBusy},
		{"loopback", "1", 0, call.ChanNotImplemented},
	}
	for _, tc := range cases {
		t.Run(tc.endpoint+"/"+tc.dest, func(t *testing.T) {
			ds, cause := s.p.Resolve(tc.endpoint, tc.dest, nil)
			want(t, "destinations", len(ds), tc.n)
			want(t, "cause", cause, tc.cause)
		})
	}
	for dest, addr := range map[string]string{
		"internal/1@192.0.2.7:5099": "192.0.2.7", "internal/sip:1@[2001:db8::1]": "2001:db8::1", "internal/1@name.invalid": "",
	} {
		ds, _ := s.p.Resolve("sofia", dest, nil)
		want(t, "address of "+dest, ds[0].NetworkAddr, addr)
	}
	ds, _ := s.p.Resolve("user", "1001@example.com", []call.Variable{{Name: "rtp_secure_media", Value: "mandatory"}})
	want(t, "address behind a made-up contact", ds[0].NetworkAddr, "127.0.0.1")
	want(t, "browser", []bool{ds[0].WebRTC, ds[0].SDES}, []bool{true, false})
	want(t, "phone", []bool{ds[1].WebRTC, ds[1].SDES}, []bool{false, true})
	a.flow.Close()
	s.until("sofia::expire")
	want(t, "the closed socket's contact is gone", len(s.reg.Lookup("1001", "example.com")), 1)
}

// TestTwoDevices: each tab of a user rings, each 200 lists both, and one tab's Contact: * leaves the other alone.
func TestTwoDevices(t *testing.T) {
	s := start(t)
	a, b := s.phone("ws", "1000", "pw1000"), s.phone("ws", "1000", "pw1000")
	b.contact.User = "other"
	want(t, "one listed", len(a.register("600").GetHeaders("Contact")), 1)
	res := b.register("600")
	want(t, "both listed", len(res.GetHeaders("Contact")), 2)
	for h := range sip.FindHeaders(res, "Contact") {
		if !strings.Contains(h.Value(), ";expires=") {
			t.Fatalf("%s has no expires", h.Value())
		}
	}
	ds, _ := s.p.Resolve("user", "1000@example.com", nil)
	want(t, "both ring", len(ds), 2)
	star := a.authorized(func() *sip.Request {
		req := a.request(sip.REGISTER, "1000")
		req.RemoveHeader("Contact")
		req.AppendHeader(&sip.ContactHeader{Address: sip.Uri{Wildcard: true}})
		req.AppendHeader(sip.NewHeader("Expires", "0"))
		return req
	})
	want(t, "status", star.StatusCode, 200)
	left := s.reg.Lookup("1000", "example.com")
	want(t, "left", len(left), 1)
	want(t, "left", left[0].ContactUser, "other")
}

// TestContactElsewhere: a contact with another port than the REGISTER came from is called there, unless a NAT is in between.
func TestContactElsewhere(t *testing.T) {
	for name, nat := range map[string]bool{"same host": false, "behind a NAT": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			p, other := s.phone("udp", "1001", "pw1001"), s.phone("udp", "1001", "pw1001")
			callee := other
			p.contact = other.contact
			if nat {
				p.contact.Host, callee = "10.1.2.3", p
			}
			want(t, "register", p.register("600").StatusCode, 200)
			_, _, d := dial(t, s, "user", "1001@example.com")
			want(t, "address", d.NetworkAddr, "127.0.0.1")
			want(t, "Request-URI", recv(t, callee.calls, "INVITE").invite.Recipient.String(), p.contact.String())
		})
	}
}

// TestContactWithHeader: headers in a registered contact stay out of the Request-URI (RFC 4475 §3.3.14).
func TestContactWithHeader(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1001", "pw1001")
	plain := p.contact.String()
	p.contact.Headers = sip.HeaderParams{{K: "Route", V: "%3Csip:evil.example%3E"}}
	want(t, "register", p.register("600").StatusCode, 200)
	dial(t, s, "user", "1001@example.com")
	c := recv(t, p.calls, "INVITE")
	want(t, "Request-URI", c.invite.Recipient.String(), plain)
	want(t, "Route", c.invite.GetHeader("Route"), sip.Header(nil))
}

// TestAutoAnswer: sip_auto_answer, exported or of the dial string, asks the phone to answer by itself.
func TestAutoAnswer(t *testing.T) {
	s := start(t)
	want(t, "register", s.phone("udp", "1001", "pw1001").register("600").StatusCode, 200)
	for _, on := range []string{"true", "false"} {
		ds, _ := s.p.Resolve("user", "1001@example.com", []call.Variable{{Name: "sip_auto_answer", Value: on}, {Name: "sip_invite_params", Value: "x=y"}})
		info := value(ds[0].Vars, "sip_h_Call-Info", "")
		uri := value(ds[0].Vars, "sip_req_uri", "")
		want(t, "Call-Info", info, map[string]string{"true": "<sip:127.0.0.1>;answer-after=0"}[on])
		want(t, "intercom=true in "+uri, strings.Contains(uri, ";intercom=true"), on == "true")
		want(t, "sip_invite_params in "+uri, strings.Contains(uri, ";x=y"), true)
	}
}
