package profile

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func TestRegister(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			s := start(t)
			p := s.phone(transport, "1000", "pw1000")
			p.host = "10.9.8.7" // browsers take it from the address they connect to
			res := p.register("600")
			want(t, "status", res.StatusCode, 200)
			want(t, "contact", res.Contact().Value(), "<"+p.contact.String()+">;expires=600")
			if _, err := time.Parse(time.RFC1123, headerValue(res, "Date")); err != nil {
				t.Fatal(err)
			}
			b := s.reg.Lookup("1000", "example.com")
			want(t, "bindings", len(b), 1)
			want(t, "user agent", b[0].UserAgent, "test-ua")
			want(t, "events", s.names(3), []string{"sofia::pre_register", "sofia::register_attempt", "sofia::register"})
			want(t, "unregister", p.register("0").StatusCode, 200)
			want(t, "left", s.reg.Count(), 0)
			want(t, "events", s.names(6)[3:], []string{"sofia::pre_register", "sofia::register_attempt", "sofia::unregister"})
		})
	}
}

func TestS08DefaultDeny(t *testing.T) {
	cases := []struct {
		method sip.RequestMethod
		status int
	}{
		{sip.OPTIONS, 200}, {sip.SUBSCRIBE, 489}, {sip.MESSAGE, 480}, {sip.REFER, 405}, {sip.NOTIFY, 405}, {sip.PUBLISH, 405}, {"BOGUS", 501},
	}
	for _, tc := range cases {
		t.Run(string(tc.method), func(t *testing.T) {
			s := start(t)
			p := s.phone("udp", "1000", "pw1000")
			res := p.authorized(func() *sip.Request {
				req := p.request(tc.method, "1001")
				req.AppendHeader(sip.NewHeader("Event", "presence"))
				return req
			})
			want(t, "status", res.StatusCode, tc.status)
			if !strings.Contains(headerValue(res, "Allow"), "INVITE") {
				t.Fatalf("no Allow in %s", res)
			}
		})
	}
	for _, method := range []sip.RequestMethod{sip.SUBSCRIBE, sip.MESSAGE} {
		t.Run(string(method)+" without a password", func(t *testing.T) {
			s := start(t)
			p := s.phone("udp", "1000", "pw1000")
			req := p.request(method, "1001")
			req.AppendHeader(sip.NewHeader("Event", "presence"))
			want(t, "status", p.send(req).StatusCode, 407)
		})
	}
}

// TestDrain: registrations are granted for a short time while the server is about to stop.
func TestDrain(t *testing.T) {
	s := start(t)
	p := s.phone("ws", "1000", "pw1000")
	s.p.Drain()
	want(t, "draining", p.register("600").Contact().Params[0].V, "60")
	want(t, "less than that", p.register("30").Contact().Params[0].V, "30")
	s.p.Undrain()
	want(t, "again", p.register("600").Contact().Params[0].V, "600")
}

// TestRestart: a UDP phone registered before a restart is called without registering again.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations.db")
	run := func(t *testing.T, f func(*server)) {
		store, err := registrar.OpenBolt(path)
		if err != nil {
			t.Fatal(err)
		}
		f(startWith(t, registrar.Config{Store: store}))
	}
	var phones *phone
	t.Run("before", func(t *testing.T) {
		run(t, func(s *server) {
			phones = s.phone("udp", "1001", "pw1001")
			want(t, "register", phones.register("600").StatusCode, 200)
		})
	})
	t.Run("after", func(t *testing.T) {
		run(t, func(s *server) {
			again := s.phoneAt("udp", "1001", "pw1001", phones.contact.Port)
			_, f, _ := dial(t, s, "user", "1001@example.com")
			if err := recv(t, again.calls, "INVITE").session.Accept([]byte(testAnswer)); err != nil {
				t.Fatal(err)
			}
			recv(t, f.answered, "answer")
		})
	})
}
