package profile

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

func TestCallStatsAndHeaders(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "pw1000")
	p.register("600")
	c := p.invite("1001", nil)
	f := recv(t, s.core.calls, "call")
	f.in.Leg.(*leg).SetHeaders([]call.Variable{
		{Name: "sip_ph_X-A", Value: "early"}, {Name: "sip_rh_X-B", Value: "an\r\nswer"}, {Name: "sip_rh_Via", Value: "x"}, {Name: "sip_bye_h_X-C", Value: "bye"},
		{Name: "other", Value: "x"},
	})
	if err := f.in.Leg.Ring(nil); err != nil {
		t.Fatal(err)
	}
	want(t, "provisional", headerValue(recv(t, c.ringing, "180"), "X-A"), "early")
	if err := f.in.Leg.Answer([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	res := recv(t, c.answered, "answer")
	want(t, "answer", headerValue(res, "X-B"), "answer")
	want(t, "one Via", len(res.GetHeaders("Via")), 1)
	recv(t, f.ack, "ACK")
	f.in.Leg.Hangup(call.HangupReason{Cause: call.NormalClearing})
	want(t, "BYE", headerValue(recv(t, c.bye, "BYE"), "X-C"), "bye")
	want(t, "stats", s.p.Calls(), CallStats{In: 1})

	_, g, _ := dial(t, s, "user", "1000@example.com")
	if err := recv(t, p.calls, "INVITE").session.Reject(486, ""); err != nil {
		t.Fatal(err)
	}
	recv(t, g.ended, "end")
	want(t, "stats", s.p.Calls(), CallStats{In: 1, Out: 1, FailedOut: 1})
}

// TestReverseAuth: a phone that asks its server for a password gets the one configured for it.
func TestReverseAuth(t *testing.T) {
	const own = `<param name="password" value="pw1001"/>`
	s := startTree(t, own, own+param("reverse-auth-user", "u")+param("reverse-auth-pass", "secret"))
	pr := newProvider(t)
	p := s.phone("udp", "1001", "pw1001")
	p.contact.Port = pr.port
	p.register("600")
	dial(t, s, "user", "1001@example.com")
	want(t, "password", recv(t, pr.calls, "INVITE with the proof").invite.GetHeader("Proxy-Authorization") != nil, true)
}

// TestRestartOneProfile: one profile of two starts again: its phones stay registered, the other's sockets and bindings are untouched.
func TestRestartOneProfile(t *testing.T) {
	tree := strings.Replace(testTree, "</profile>", `</profile><profile name="second"><settings>
		<param name="sip-ip" value="127.0.0.1"/><param name="sip-port" value="0"/><param name="context" value="public"/>
		<param name="force-register-domain" value="example.com"/></settings></profile>`, 1)
	snap := loadTree(t, tree)
	s := startWith(t, registrar.Config{}, func(c *Config) { c.Snapshot = func() *config.Snapshot { return snap } })
	cfg := s.p.cfg
	cfg.Name = "second"
	second, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	set := Set{s.p, second}
	here := s.phone("udp", "1000", "pw1000")
	here.register("600")
	there := (&server{t: t, p: second, reg: s.reg}).phone("tcp", "1001", "pw1001")
	want(t, "register", there.register("600").StatusCode, 200)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	set = set.With(again)
	want(t, "set", []any{len(set), set.Named("second") == again, len(set.Without("second"))}, []any{2, true, 1})
	left := s.reg.Lookup("1001", "example.com")
	want(t, "the phone stays, without its connection", []any{len(left), left[0].Flow == nil}, []any{1, true})
	want(t, "the other profile's", s.reg.Lookup("1000", "example.com")[0].Flow != nil, true)
	_, f, _ := dial(t, s, "user", "1000@example.com")
	if err := recv(t, here.calls, "INVITE").session.Accept([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	recv(t, f.answered, "answer")
}

// TestStockProfiles: the profiles of FreeSWITCH's stock tree run side by side, each with its context and its way of asking for passwords.
func TestStockProfiles(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "freeswitch-conf", "vanilla")
	if _, err := filepath.Glob(dir); err != nil {
		t.Skip(err)
	}
	v6 := "::1"
	if ln, err := net.Listen("tcp", "[::1]:0"); err != nil {
		v6 = "127.0.0.1"
	} else {
		_ = ln.Close()
	}
	snap, err := config.Load(config.Options{Dir: dir, Defaults: map[string]string{
		"local_ip_v4": "127.0.0.1", "local_ip_v6": v6, "certs_dir": t.TempDir(), "conf_dir": dir, "recordings_dir": t.TempDir(),
	}, Set: map[string]string{
		"domain": "example.com", "internal_sip_port": "0", "external_sip_port": "0", "internal_tls_port": "0", "external_tls_port": "0",
		"external_rtp_ip": "127.0.0.1", "external_sip_ip": "127.0.0.1",
	}})
	if err != nil {
		t.Skipf("no stock tree beside the repository: %v", err)
	}
	s := &server{t: t, core: &fakeCore{calls: make(chan *fakeCall, 9)}}
	if s.reg, err = registrar.New(registrar.Config{}); err != nil {
		t.Fatal(err)
	}
	defer s.reg.Close()
	for _, tc := range []struct {
		name   string
		status int
		family string
	}{{"internal", 407, "127.0.0.1"}, {"external", 0, "127.0.0.1"}, {"internal-ipv6", 407, v6}, {"external-ipv6", 0, v6}} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range snap.Profiles { // browsers' ports are fixed in the tree
				snap.Profiles[i].WSBinding, snap.Profiles[i].WSSBinding = "", ""
			}
			p, err := New(Config{Name: tc.name, Snapshot: func() *config.Snapshot { return snap }, Core: s.core, Registrar: s.reg})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			s.p = p
			host, _, _ := net.SplitHostPort(p.Addr("udp").String())
			want(t, "address", host, tc.family)
			if tc.family == "::1" {
				return // the test phone has no IPv6 socket
			}
			ph := (&server{t: t, p: p, core: s.core, reg: s.reg}).phone("udp", "4930", "")
			req, c := ph.request(sip.INVITE, "1001"), newPhoneCall()
			ct := sip.ContentTypeHeader("application/sdp")
			req.AppendHeader(&ct)
			req.SetBody([]byte(testOffer))
			if _, err := ph.stack.Invite(req, ph.flow, c); err != nil {
				t.Fatal(err)
			}
			if tc.status != 0 {
				want(t, "status", recv(t, c.rejected, "refusal").StatusCode, tc.status)
				return
			}
			want(t, "context of strangers", recv(t, s.core.calls, "call").in.Context, "public")
		})
	}
}
