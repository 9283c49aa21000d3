package e2e

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip/siptest"
)

// stillWorks makes a call with audio: whatever was sent before has harmed nothing.
func (ex *exchange) stillWorks(t *testing.T) {
	t.Helper()
	a, b := connect(t, ex.phone(t, browser, "1018"), ex.phone(t, rtpPhone, "1019"))
	hearEachOther(t, a, b)
	b.hangup(t)
	a.ended(t)
}

func (ex *exchange) raw(t *testing.T, transport string) *siptest.Raw {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := siptest.DialRaw(ctx, transport, ex.addr(transport), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// TestGarbage sends what is no SIP, no STUN, no DTLS, no RTP and no event socket command to every port, in the middle of a call.
func TestGarbage(t *testing.T) {
	ex := start(t)
	a, b := connect(t, ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001"))
	random := make([]byte, 1200)
	junk := [][]byte{nil, {0}, []byte("\r\n\r\n\r\n"), []byte("INVITE"), []byte("INVITE sip:1001@x SIP/2.0\r\nVia: \r\n\r\n"),
		[]byte("SIP/2.0 200 OK\r\n\r\n"), []byte("INVITE sip:x SIP/2.0\r\nContent-Length: 99999999\r\n\r\n"),
		[]byte("INVITE sip:x SIP/2.0\r\nContent-Length: -1\r\n\r\n"), []byte(strings.Repeat("A", 70000)), random}
	for _, transport := range []string{"udp", "tcp", "tls", "ws", "wss"} {
		for _, data := range junk {
			rand.Read(random)
			if transport == "udp" && len(data) > 60000 {
				data = data[:60000]
			}
			ex.raw(t, transport).Write(data)
		}
	}
	for _, network := range []string{"udp", "tcp"} {
		conn, err := net.Dial(network, ex.at.Media)
		if err != nil {
			continue // the TCP port is another one when both are ephemeral
		}
		t.Cleanup(func() { conn.Close() })
		for first := range 256 { // every class of RFC 7983
			rand.Read(random)
			random[0] = byte(first)
			conn.Write(random[:20+first])
			conn.Write(random[:1])
		}
	}
	hearEachOther(t, a, b)
	a.hangup(t)
	b.ended(t)
	ex.stillWorks(t)
}

// TestSilentConnections: connections that say nothing, or stop in the middle, delay nobody.
func TestSilentConnections(t *testing.T) {
	ex := start(t)
	for range 50 {
		for _, transport := range []string{"tcp", "tls", "wss"} {
			conn, err := net.Dial("tcp", ex.addr(transport)) // TLS is never begun
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
		}
	}
	half := ex.raw(t, "tcp")
	half.Write([]byte("REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nContent-Le"))
	half.Close()
	began := time.Now()
	ex.phone(t, browser, "1000")
	if took := time.Since(began); took > time.Second {
		t.Errorf("a registration took %v beside silent connections", took)
	}
	ex.stillWorks(t)
}

// TestRefusals: what is not served gets its proper answer.
func TestRefusals(t *testing.T) {
	ex := start(t)
	tests := []struct {
		name, method string
		status       string
		allow        bool
	}{
		{"unknown method", "FROBNICATE", "501", true},
		{"known method that is not served", "PUBLISH", "405", true},
		{"message from nobody", "MESSAGE", "", true},
		{"dialog that does not exist", "BYE", "481", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := ex.raw(t, "udp")
			to := "<sip:1001@127.0.0.1>"
			if test.method == "BYE" {
				to += ";tag=gone"
			}
			r.Write(fmt.Appendf(nil, "%[1]s sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bK%[1]s\r\nMax-Forwards: 70\r\n"+
				"From: <sip:1000@127.0.0.1>;tag=a\r\nTo: %[3]s\r\nCall-ID: %[1]s@test\r\nCSeq: 1 %[1]s\r\nContent-Length: 0\r\n\r\n",
				test.method, r.LocalAddr(), to))
			answer, err := r.Read(patience)
			if err != nil {
				t.Fatal(err)
			}
			status, _, _ := strings.Cut(strings.TrimPrefix(answer, "SIP/2.0 "), " ")
			if test.status != "" && status != test.status || strings.HasPrefix(status, "2") {
				t.Errorf("answered:\n%s", answer)
			}
			if test.allow && status != "401" && status != "407" && status != "403" && !strings.Contains(answer, "\r\nAllow: ") {
				t.Errorf("no Allow header in:\n%s", answer)
			}
		})
	}
}

// TestWrongPassword: refused, and the right one works from elsewhere.
func TestWrongPassword(t *testing.T) {
	ex := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, user := range []string{"1000", "4711"} { // an unknown user must not look different
		res, err := ex.dial(t, "udp").Register(ctx, user, "wrong", 600)
		if err != nil || res.StatusCode != 403 {
			t.Errorf("%s: %v, %v", user, res, err)
		}
	}
	ex.phone(t, browser, "1000")
}

// TestEventSocketBadInput: no command before authentication, bounded lines, one guess a connection.
func TestEventSocketBadInput(t *testing.T) {
	ex := start(t)
	tests := []struct {
		name, send string
		closes     bool
		want       string
	}{
		{"wrong password", "auth wrong\n\n", true, "-ERR invalid"},
		{"command before authentication", "api status\n\nexit\n\n", true, "-ERR command not found"},
		{"endless line before authentication", strings.Repeat("x", 100_000), true, ""},
		{"garbage", "\x00\xff\xfe\n\nexit\n\n", true, "auth/request"},
		{"huge body", "auth " + eslPassword + "\n\nsendevent X\nContent-Length: 999999999\n\n", true, "+OK accepted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", ex.at.ESL)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, test.send)
			conn.SetReadDeadline(time.Now().Add(patience))
			got, err := io.ReadAll(conn)
			if nerr, ok := err.(net.Error); test.closes && ok && nerr.Timeout() {
				t.Errorf("the connection was not closed; it said:\n%s", got)
			}
			if !strings.Contains(string(got), test.want) {
				t.Errorf("answered:\n%s", got)
			}
		})
	}
	if out := ex.command(t, "status"); !strings.HasPrefix(out, "UP ") {
		t.Errorf("status: %s", out)
	}
}

// TestCallerVanishes: a phone that loses its power is hung up by the RTP timeout.
func TestCallerVanishes(t *testing.T) {
	ex := start(t, "rtp_timeout_sec=1")
	a, b := connect(t, ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001"))
	hearEachOther(t, a, b)
	client := ex.follow(t, "CHANNEL_HANGUP_COMPLETE")
	a.media.close()
	if end := b.ended(t); end.By != "bye" {
		t.Errorf("the callee's call ended by %s", end.By)
	}
	if e := next(t, client); e.Value("Hangup-Cause") != "MEDIA_TIMEOUT" {
		t.Errorf("Hangup-Cause %s", e.Value("Hangup-Cause"))
	}
}

// TestHeldCallerVanishes: a phone that puts the call on hold and then loses its power is hung up by the hold timeout, not by the shorter one for media
// that should flow.
func TestHeldCallerVanishes(t *testing.T) {
	ex := start(t, "rtp_timeout_sec=1", "rtp_hold_timeout_sec=3")
	a, b := connect(t, ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001"))
	hearEachOther(t, a, b)
	client := ex.follow(t, "CHANNEL_HANGUP_COMPLETE")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	inactive := strings.Replace(string(a.media.(*rtpPeer).description()), "a=sendrecv", "a=inactive", 1)
	if res, err := a.call.Reinvite(ctx, []byte(inactive)); err != nil || res.StatusCode != 200 {
		t.Fatalf("hold: %v, %v", res, err)
	}
	held := time.Now()
	a.media.close()
	b.ended(t)
	if lasted := time.Since(held); lasted < 2*time.Second {
		t.Errorf("the held call lasted %v: the timeout of a call that is not held ended it", lasted)
	}
	if e := next(t, client); e.Value("Hangup-Cause") != "MEDIA_TIMEOUT" {
		t.Errorf("Hangup-Cause %s", e.Value("Hangup-Cause"))
	}
}
