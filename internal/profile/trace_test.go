package profile

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/registrar"
)

func TestRedact(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"digest", "Authorization: Digest username=\"1000\", nonce=\"n\", response=\"abc\", uri=\"sip:x\"\r\nTo: y\r\n",
			"Authorization: Digest username=\"1000\", nonce=\"n\", response=***, uri=\"sip:x\"\r\nTo: y\r\n"},
		{"proxy, folded", "proxy-authorization : digest username=\"1000\",\r\n\tresponse = \"abc\"\r\nTo: response=z\r\n",
			"proxy-authorization : digest username=\"1000\",\r\n\tresponse = ***\r\nTo: response=z\r\n"},
		{"unquoted", "Authorization: Digest response=abc,qop=auth\r\n", "Authorization: Digest response=***,qop=auth\r\n"},
		{"open quote", "Authorization: Digest response=\"abc", "Authorization: Digest response=***"},
		{"basic", "Authorization: Basic dXNlcjpwdw==\r\nVia: x\r\n", "Authorization: Basic ***\r\nVia: x\r\n"},
		{"challenge", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n"},
		{"uri password", "Contact: <sip:1000:pw@h:5060>\r\n", "Contact: <sip:1000:***@h:5060>\r\n"},
		{"port is none", "Contact: <sip:h:5060>, <sip:1000@h:5060>\r\n", "Contact: <sip:h:5060>, <sip:1000@h:5060>\r\n"},
		{"sdes", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^31\r\na=x\r\n", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***\r\na=x\r\n"},
		{"ice", "a=ice-ufrag:u\r\na=ice-pwd:secret\r\n", "a=ice-ufrag:u\r\na=ice-pwd:***\r\n"},
		{"digit", "Signal=5\r\nDuration=160\r\n", "Signal=***\r\nDuration=160\r\n"},
	} {
		if got := redact(tc.text); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("Authorization: Digest x", "q8Zk")
	f.Fuzz(func(t *testing.T, head, secret string) {
		if len(secret) < 4 || strings.Contains(hidden+head, secret) || strings.ContainsAny(secret, "\"\r\n, \t=") {
			t.Skip()
		}
		text := "Authorization: Digest username=\"a\", response=\"" + secret + "\"\r\n" + head
		if got := redact(text); strings.Contains(got, secret) {
			t.Errorf("%q", got)
		}
	})
}

func TestTracedText(t *testing.T) {
	m := traced{at: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), transport: "udp", peer: netip.MustParseAddrPort("192.0.2.1:5060"),
		size: 30, data: []byte("OPTIONS sip:x SIP/2.0\r\n\r\n")}
	const rule = "   ------------------------------------------------------------------------\n"
	want := "recv 30 bytes from udp/[192.0.2.1]:5060 at 03:04:05.678901:\n" + rule + "   OPTIONS sip:x SIP/2.0\n   \n   ... 5 bytes more\n" + rule
	if got := m.text(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	m.sent = true
	if got := m.text(); !strings.HasPrefix(got, "send 30 bytes to udp/[192.0.2.1]:5060 at ") {
		t.Errorf("got %q", got)
	}
}

// records is a log handler that passes messages on.
type records struct {
	slog.Handler
	messages chan string
}

func (r records) Handle(_ context.Context, rec slog.Record) error {
	select {
	case r.messages <- rec.Message:
	default:
	}
	return nil
}
func (r records) WithAttrs([]slog.Attr) slog.Handler { return r }

// TestTrace: a registration is in the log, both ways, without what proves the password; when tracing is off there is nothing.
func TestTrace(t *testing.T) {
	log := records{slog.NewTextHandler(io.Discard, nil), make(chan string, 100)}
	s := startWith(t, registrar.Config{}, func(c *Config) { c.Logger = slog.New(log) })
	ph := s.phone("udp", "1000", "pw1000")
	s.p.Trace(true)
	ph.register("60")
	var sent, received, proofs int
	for sent < 2 || received < 2 {
		text := recv(t, log.messages, "trace line")
		if strings.HasPrefix(text, "send ") {
			sent++
		} else if strings.HasPrefix(text, "recv ") {
			received++
		}
		if strings.Contains(text, "response=") {
			proofs++
			if !strings.Contains(text, "response="+hidden) {
				t.Errorf("not hidden: %s", text)
			}
		}
	}
	if proofs == 0 {
		t.Error("no credential was seen at all")
	}
	s.p.Trace(false)
	for len(log.messages) > 0 {
		<-log.messages
	}
	ph.register("60")
	for len(log.messages) > 0 {
		if text := <-log.messages; strings.HasPrefix(text, "recv ") {
			t.Errorf("traced although off: %s", text)
		}
	}
}

// TestTraceIsBounded: a log that stands still costs the stack nothing, and what was left out is counted.
func TestTraceIsBounded(t *testing.T) {
	s := start(t)
	p := s.p
	p.trace.on.Store(true) // and nobody writes
	ph := s.phone("udp", "1000", "pw1000")
	for range traceQueue/4 + 8 { // each has at least four messages
		ph.register("60")
	}
	if len(p.trace.queue) != traceQueue || p.trace.lost.Load() == 0 {
		t.Errorf("%d wait, %d lost", len(p.trace.queue), p.trace.lost.Load())
	}
}
