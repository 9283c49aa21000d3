package sip_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
)

const soon = 5 * time.Second

// Requests that are answered without reaching the handler, over a datagram and a stream transport.
func TestAnswersToOddRequests(t *testing.T) {
	many := strings.Repeat("X-A: b\r\n", 300)
	tests := []struct {
		name string
		text string
		want string // start of the answer; "" = none
	}{
		{"good", message("OPTIONS sip:test SIP/2.0"), "SIP/2.0 200 OK"},
		{"unknown method", message("FOO sip:test SIP/2.0"), "SIP/2.0 501 Not Implemented"},
		{"method not allowed", message("PUBLISH sip:test SIP/2.0"), "SIP/2.0 405 Method Not Allowed"},
		{"unknown scheme", message("OPTIONS nobody:x SIP/2.0"), "SIP/2.0 416 Unsupported URI Scheme"},
		{"tel URI", message("OPTIONS tel:+123 SIP/2.0"), "SIP/2.0 416 Unsupported URI Scheme"},
		{"other version", message("OPTIONS sip:test SIP/7.0"), "SIP/2.0 505 Version Not Supported"},
		{"bad Request-URI", message("OPTIONS <sip:test> SIP/2.0"), "SIP/2.0 4"},
		{"blank in Request-URI", message("OPTIONS sip:te st SIP/2.0"), "SIP/2.0 400"},
		{"CSeq of another method", message("OPTIONS sip:test SIP/2.0", "CSeq: 1 INVITE"), "SIP/2.0 400 Bad Request - method of CSeq differs"},
		{"CSeq too large", message("OPTIONS sip:test SIP/2.0", "CSeq: 4294967296 OPTIONS"), "SIP/2.0 400"},
		{"no CSeq", message("OPTIONS sip:test SIP/2.0", "CSeq:"), ""},
		{"no Via", message("OPTIONS sip:test SIP/2.0", "Via:"), ""},
		{"no From tag", message("OPTIONS sip:test SIP/2.0", "From: <sip:a@b>"), "SIP/2.0 400 Bad Request - missing tag in From"},
		{"broken To", message("OPTIONS sip:test SIP/2.0", `To: "open <sip:a@b>`), "SIP/2.0 400"},
		{"two Call-IDs", message("OPTIONS sip:test SIP/2.0", "i: 1"), "SIP/2.0 400 Bad Request - Call-ID given twice"},
		{"Max-Forwards too large", message("OPTIONS sip:test SIP/2.0", "Max-Forwards: 300"), "SIP/2.0 400"},
		{"Max-Forwards is no number", message("OPTIONS sip:test SIP/2.0", "Max-Forwards: 0a0"), "SIP/2.0 400"},
		{"INVITE without Contact", message("INVITE sip:a@test SIP/2.0", "Contact:"), "SIP/2.0 400 Bad Request - INVITE needs one Contact"},
		{"too many headers", message("OPTIONS sip:test SIP/2.0", "X: "+"y\r\n"+strings.TrimSuffix(many, "\r\n")), "SIP/2.0 400 Bad Request - too many"},
		{"too many Vias", message("OPTIONS sip:test SIP/2.0", "X: "+"y"+strings.Repeat("\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1", 80)), ""},
		{"unknown extension", message("OPTIONS sip:test SIP/2.0", "Require: timer, 100rel"), "SIP/2.0 420 Bad Extension"},
		{"known extension", message("OPTIONS sip:test SIP/2.0", "Require: Timer"), "SIP/2.0 200"},
		{"unknown dialog", message("INFO sip:test SIP/2.0", "To: <sip:a@b>;tag=x"), "SIP/2.0 481 Call/Transaction Does Not Exist"},
		{"BYE without dialog", message("BYE sip:test SIP/2.0"), "SIP/2.0 481 Call Does Not Exist"},
		{"CANCEL of nothing", message("CANCEL sip:test SIP/2.0"), "SIP/2.0 481 Call/Transaction Does Not Exist"},
		{"ACK of nothing", message("ACK sip:test SIP/2.0"), ""},
		{"malformed ACK", message("ACK sip:test SIP/2.0", "CSeq: x"), ""},
		{"bare LF in a value", message("OPTIONS sip:test SIP/2.0", "Subject: a\nVia: SIP/2.0/UDP evil"), ""},
		{"bare CR in a value", message("OPTIONS sip:test SIP/2.0", "Subject: a\rb"), ""},
		{"NUL in a value", message("OPTIONS sip:test SIP/2.0", "Subject: a\x00b"), ""},
		{"folded", message("OPTIONS sip:test SIP/2.0", "To: <sip:1001@test>\r\n ;p=q", "Subject: a\r\n\tb"), "SIP/2.0 200"},
		{"compact names", strings.NewReplacer("Via:", "v:", "From:", "f:", "To:", "t:", "Call-ID:", "i:", "Contact:", "m:", "Content-Length:", "l:").
			Replace(message("OPTIONS sip:test SIP/2.0")), "SIP/2.0 200"},
		{"a response of nobody's", strings.Replace(message("OPTIONS sip:test SIP/2.0"), "OPTIONS sip:test SIP/2.0", "SIP/2.0 200 OK", 1), ""},
		{"a status out of range", strings.Replace(message("OPTIONS sip:test SIP/2.0"), "OPTIONS sip:test SIP/2.0", "SIP/2.0 99999 OK", 1), ""},
		{"noise", "hello\r\n\r\n", ""},
	}
	for _, transport := range []string{"udp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			s := newServer(t, nil)
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					r := s.raw(t, transport)
					check(t, r.Write([]byte(tt.text)))
					if tt.want == "" { // what follows must be the first answer
						check(t, r.Write([]byte(message("OPTIONS sip:test SIP/2.0", "Call-ID: the-next"))))
					}
					got, err := r.Read(soon)
					check(t, err)
					if !strings.HasPrefix(got, tt.want) || (tt.want == "" && !strings.Contains(got, "the-next")) {
						t.Errorf("got %q, want %q", got, tt.want)
					}
				})
			}
		})
	}
}

func TestResponseGoesToTheSource(t *testing.T) {
	s := newServer(t, nil)
	tests := []struct{ name, via, want string }{
		{"rport", "SIP/2.0/UDP 192.0.2.1:7777;rport;branch=z9hG4bKr1", ";received=127.0.0.1"},
		{"no rport, foreign host", "SIP/2.0/UDP pc.invalid:7777;branch=z9hG4bKr2", ";received=127.0.0.1"},
		{"several in one line", "SIP/2.0/UDP a.invalid;rport;branch=z9hG4bKr3, SIP/2.0/TCP b.invalid;branch=z9hG4bKr4", "Via: SIP/2.0/TCP b.invalid;branch=z9hG4bKr4\r\n"},
		{"blanks", "SIP / 2.0 / UDP   pc.invalid : 5060 ; branch = z9hG4bKr5 ;rport", "Via: SIP/2.0/UDP pc.invalid:5060;branch=z9hG4bKr5;rport="},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := s.raw(t, "udp")
			check(t, r.Write([]byte(message("OPTIONS sip:test SIP/2.0", "Via: "+tt.via))))
			got, err := r.Read(soon)
			check(t, err)
			_, port, _ := net.SplitHostPort(r.LocalAddr().String())
			if !strings.Contains(got, tt.want) || (strings.Contains(tt.via, "rport") && !strings.Contains(got, "rport="+port)) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestDatagramLength(t *testing.T) {
	s := newServer(t, func(_ *sip.Config, s *testServer) { s.manual.Store(true) })
	r := s.raw(t, "udp")
	check(t, r.Write([]byte(message("MESSAGE sip:test SIP/2.0", "body:hello", "Content-Length: 2"))))
	if tx := receive(t, s.requests); string(tx.Request().Body()) != "he" {
		t.Errorf("body %q", tx.Request().Body())
	}
	check(t, r.Write([]byte(message("MESSAGE sip:test SIP/2.0", "body:hello", "Content-Length:"))))
	if tx := receive(t, s.requests); string(tx.Request().Body()) != "hello" {
		t.Errorf("body %q", tx.Request().Body())
	}
	for _, length := range []string{"6", "-1", "99999999999", "x"} {
		check(t, r.Write([]byte(message("MESSAGE sip:test SIP/2.0", "body:hello", "Content-Length: "+length))))
		got, err := r.Read(soon)
		check(t, err)
		if !strings.HasPrefix(got, "SIP/2.0 400 ") {
			t.Errorf("Content-Length %s: %q", length, got)
		}
	}
}

// S11: no allocation by a promised length, nothing beyond the limit.
func TestS11OversizeStream(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"large Content-Length", message("OPTIONS sip:test SIP/2.0", "Content-Length: 2000000000"), "SIP/2.0 513 Message Too Large"},
		{"too large for a number", message("OPTIONS sip:test SIP/2.0", "Content-Length: 99999999999999999999"), "SIP/2.0 400 Bad Content-Length"},
		{"negative", message("OPTIONS sip:test SIP/2.0", "Content-Length: -1"), "SIP/2.0 400 Bad Content-Length"},
		{"two that differ", message("OPTIONS sip:test SIP/2.0", "l: 5"), "SIP/2.0 400 Bad Content-Length"},
		{"none", message("OPTIONS sip:test SIP/2.0", "Content-Length:"), "SIP/2.0 400 Bad Content-Length"},
		{"endless header", strings.TrimSuffix(message("OPTIONS sip:test SIP/2.0", "Content-Length: 0"), "\r\n") + "X: " + strings.Repeat("x", 70<<10), "SIP/2.0 513"},
	}
	s := newServer(t, nil)
	for _, tt := range tests {
		for _, transport := range []string{"tcp", "tls"} {
			t.Run(tt.name+"/"+transport, func(t *testing.T) {
				r := s.raw(t, transport)
				check(t, r.Write([]byte(tt.text)))
				got, err := r.Read(soon)
				if err != nil || !strings.HasPrefix(got, tt.want) {
					t.Fatalf("got %q, %v", got, err)
				}
				if _, err := r.Read(soon); err == nil {
					t.Error("the connection goes on")
				}
			})
		}
	}
	t.Run("websocket message", func(t *testing.T) {
		r := s.raw(t, "ws")
		_ = r.Write([]byte(message("MESSAGE sip:test SIP/2.0", "body:"+strings.Repeat("x", 80<<10)))) // may be cut short by the server
		if got, err := r.Read(soon); err == nil && !strings.HasPrefix(got, "SIP/2.0 513") {
			t.Errorf("got %q", got)
		}
		for s.Stats().Oversize < 5 {
			<-time.After(time.Millisecond) // the test's deadline ends this
		}
	})
}

func TestKeepAlive(t *testing.T) {
	s := newServer(t, nil)
	for _, transport := range transports[1:] {
		t.Run(transport, func(t *testing.T) {
			r := s.raw(t, transport)
			check(t, r.Write([]byte("\r\n\r\n")))
			got, err := r.ReadRaw(soon)
			if err != nil || got != "\r\n" {
				t.Fatalf("got %q, %v", got, err)
			}
			check(t, r.Write([]byte(message("OPTIONS sip:test SIP/2.0"))))
			got, err = r.Read(soon)
			if err != nil || !strings.HasPrefix(got, "SIP/2.0 200") {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

// A stream may be cut anywhere, and carry several messages at once.
func TestStreamFraming(t *testing.T) {
	s := newServer(t, nil)
	r := s.raw(t, "tcp")
	text := "\r\n" + message("MESSAGE sip:test SIP/2.0", "body:1\r\n\r\n2", "Call-ID: first") + "\r\n\r\n" +
		message("OPTIONS sip:test SIP/2.0", "Call-ID: second") + message("OPTIONS sip:test SIP/2.0", "Call-ID: third")
	for i := range len(text) - 200 {
		check(t, r.Write([]byte(text[i:i+1])))
	}
	check(t, r.Write([]byte(text[len(text)-200:])))
	for _, want := range []string{"Call-ID: first\r\n", "Call-ID: second\r\n", "Call-ID: third\r\n"} {
		got, err := r.Read(soon)
		check(t, err)
		if !strings.Contains(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// S19: connections that say nothing are closed, and delay nobody meanwhile.
func TestS19SilentConnections(t *testing.T) {
	s := newServer(t, func(c *sip.Config, _ *testServer) {
		c.Limits.Handshake, c.Limits.MessageTime, c.Limits.ConnectionsPerIP = time.Second, time.Second, 30
	})
	silent := map[string][]net.Conn{}
	for _, transport := range transports[1:] {
		for range 3 {
			c, err := net.Dial("tcp", s.Addr(transport).String())
			check(t, err)
			defer c.Close()
			silent[transport] = append(silent[transport], c)
		}
		r := s.raw(t, transport) // a connection that has begun a message
		check(t, r.Write([]byte(message("OPTIONS sip:test SIP/2.0"))))
		got, err := r.Read(soon)
		if err != nil || !strings.HasPrefix(got, "SIP/2.0 200") {
			t.Fatalf("%s: got %q, %v", transport, got, err)
		}
	}
	for transport, conns := range silent {
		for _, c := range conns {
			_ = c.SetReadDeadline(time.Now().Add(soon))
			buf := make([]byte, 100)
			for {
				_, err := c.Read(buf)
				if err == nil {
					continue // a TLS alert or 408 of net/http
				}
				var ne net.Error
				if errors.As(err, &ne) && ne.Timeout() {
					t.Errorf("%s: silent connection still open", transport)
				}
				break
			}
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	for _, transport := range transports[1:] {
		t.Run(transport, func(t *testing.T) {
			s := newServer(t, func(c *sip.Config, _ *testServer) { c.Limits.ConnectionsPerIP = 2 })
			first := s.raw(t, transport)
			s.raw(t, transport)
			c, err := net.Dial("tcp", s.Addr(transport).String())
			check(t, err)
			defer c.Close()
			_ = c.SetReadDeadline(time.Now().Add(soon))
			if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("third connection: %v", err)
			}
			if n := s.Stats().RefusedConnections; n != 1 {
				t.Errorf("counted %d", n)
			}
			first.Close()
			for s.Stats().Connections != 1 {
				<-time.After(time.Millisecond)
			}
			s.raw(t, transport)
		})
	}
}

// S10: beyond the limit of transactions requests are refused without state.
func TestS10TransactionLimit(t *testing.T) {
	s := newServer(t, func(c *sip.Config, s *testServer) { c.Limits.Transactions = 10; s.manual.Store(true) })
	r := s.raw(t, "udp")
	for range 10 {
		check(t, r.Write([]byte(message("OPTIONS sip:test SIP/2.0"))))
		receive(t, s.requests)
	}
	check(t, r.Write([]byte(message("OPTIONS sip:test SIP/2.0"))))
	got, err := r.Read(soon)
	check(t, err)
	if !strings.HasPrefix(got, "SIP/2.0 503 ") || !strings.Contains(got, "Retry-After: ") {
		t.Errorf("got %q", got)
	}
	if st := s.Stats(); st.Overload != 1 || st.ServerTransactions != 10 {
		t.Errorf("stats %+v", st)
	}
}

// CANCEL right behind its INVITE finds it, on each transport and every time.
func TestCancelFollowsInvite(t *testing.T) {
	s := newServer(t, nil)
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			for range 20 {
				r := s.raw(t, transport)
				invite := message("INVITE sip:1001@test SIP/2.0")
				check(t, r.Write([]byte(invite)))
				check(t, r.Write([]byte(strings.ReplaceAll(invite, "INVITE", "CANCEL"))))
				var got []string
				for len(got) < 3 {
					m, err := r.Read(soon)
					check(t, err)
					got = append(got, m[8:11]+between(m, "CSeq: 1", "\r\n"))
				}
				if strings.Join(got, ",") != "100 INVITE,200 CANCEL,487 INVITE" {
					t.Fatalf("got %v", got)
				}
				s.session(t)
				s.want(t, "cancel")
				r.Close()
			}
		})
	}
}

func between(s, after, before string) string {
	_, s, _ = strings.Cut(s, after)
	s, _, _ = strings.Cut(s, before)
	return s
}

// S13: what comes from the wire cannot end a header early in what we send.
func TestS13NoHeaderInjection(t *testing.T) {
	s := newServer(t, nil)
	ua := s.dial(t, "udp")
	for _, value := range []string{"a\r\nEvil: 1", "a\nEvil: 1", "a\rb", "a\x00b"} {
		req := ua.Request("OPTIONS", "1001", "", nil)
		req.AppendHeader(sip.NewHeader("Subject", value))
		if err := ua.Stack().Send(req, ua.Flow(), nil); !errors.Is(err, sip.ErrHeaderValue) {
			t.Errorf("%q: %v", value, err)
		}
		req = ua.Request("OPTIONS", "1001", "", nil)
		req.AppendHeader(sip.NewHeader("X"+value, "v"))
		if err := ua.Stack().Send(req, ua.Flow(), nil); !errors.Is(err, sip.ErrHeaderValue) {
			t.Errorf("name %q: %v", value, err)
		}
		req = ua.Request("OPTIONS", "1001", "", nil)
		req.Recipient.User = value
		if err := ua.Stack().Send(req, ua.Flow(), nil); !errors.Is(err, sip.ErrHeaderValue) {
			t.Errorf("Request-URI %q: %v", value, err)
		}
		tx := captureFlow(t, s, s.dial(t, "tcp"))
		if err := tx.Respond(tx.NewResponse(200, "OK"+value)); !errors.Is(err, sip.ErrHeaderValue) {
			t.Errorf("reason %q: %v", value, err)
		}
	}
}

func TestMergedRequest(t *testing.T) {
	s := newServer(t, func(_ *sip.Config, s *testServer) { s.manual.Store(true) })
	r := s.raw(t, "udp")
	fields := []string{"From: <sip:a@b>;tag=merged", "Call-ID: merged"}
	check(t, r.Write([]byte(message("INVITE sip:1001@test SIP/2.0", fields...))))
	tx := receive(t, s.requests)
	check(t, r.Write([]byte(message("INVITE sip:1001@test SIP/2.0", fields...))))
	got, err := r.Read(soon)
	check(t, err)
	if !strings.HasPrefix(got, "SIP/2.0 482 ") {
		t.Fatalf("got %q", got)
	}
	check(t, tx.Respond(tx.NewResponse(407, "")))
	check(t, r.Write([]byte(message("INVITE sip:1001@test SIP/2.0", fields...))))
	tx = receive(t, s.requests) // credentials without a new CSeq: odd, but no merge
	check(t, tx.Respond(tx.NewResponse(403, "")))
}
