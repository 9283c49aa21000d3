package e2e

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// TestRestart: a phone that registered over UDP is called after a restart without having registered again.
func TestRestart(t *testing.T) {
	first := start(t)
	callee := first.phone(t, rtpPhone, "1001")
	first.phone(t, browser, "1002") // its socket dies with the server, and so must its registration
	first.stop()

	second := boot(t, first.cfg)
	a := second.phone(t, browser, "1000").invite(t, "1001")
	b := callee.accept(t, callee.incoming(t))
	a.answered(t)
	hearEachOther(t, a, b)
	a.hangup(t)
	b.ended(t)
	if out := second.command(t, "show registrations"); strings.Contains(out, "1002,") {
		t.Errorf("a dead WebSocket is still registered:\n%s", out)
	}
}

// TestDrain: a server that is asked to stop refuses new calls, lets the running one end by itself, and then stops.
func TestDrain(t *testing.T) {
	ex := start(t)
	caller, callee := ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001")
	a, b := connect(t, caller, callee)
	stopped := make(chan error, 1)
	go func() { stopped <- ex.Shutdown(context.Background()) }()
	var refused *sip.Response
	await(t, "new calls to be refused", func() (bool, string) {
		c := caller.invite(t, "9196")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if res, err := c.call.WaitAnswered(ctx); err == nil {
			c.media.accept(t, res.Body())
			c.hangup(t)
			return false, "still answered"
		}
		refused = c.failure(t)
		return true, ""
	})
	if refused == nil || refused.StatusCode != 503 || header(refused, "Retry-After") == "" {
		t.Errorf("while draining a caller gets %v", refused)
	}
	hearEachOther(t, a, b)
	b.hangup(t)
	a.ended(t)
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the server did not stop after its last call")
	}
}

// TestEcho: 9196 answers and returns the caller's audio, to each kind of phone.
func TestEcho(t *testing.T) {
	ex := startWith(t, sdesUsers(t))
	for _, p := range []*phone{ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001"), ex.phone(t, sdesPhone, "1010")} {
		t.Run(p.name, func(t *testing.T) {
			a := p.invite(t, "9196")
			a.answered(t)
			heard := a.media.listener().expect(440)
			a.media.talk(440)
			within(t, "the echo", heard)
			a.hangup(t)
		})
	}
}

// TestDTMF: a digit that a browser sends by INFO reaches a phone as a telephone-event, and one that a phone sends by INFO too.
func TestDTMF(t *testing.T) {
	ex := start(t)
	client := ex.follow(t, "DTMF")
	a, b := connect(t, ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001"))
	hearEachOther(t, a, b)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, digit := range []string{"5", "#"} {
		if res, err := a.call.DTMF(ctx, digit); err != nil || res.StatusCode != 200 {
			t.Fatalf("INFO: %v, %v", res, err)
		}
		select {
		case got := <-b.media.(*rtpPeer).digits:
			if string(got) != digit {
				t.Errorf("the phone received %c, want %s", got, digit)
			}
		case <-ctx.Done():
			t.Fatalf("digit %s did not reach the phone", digit)
		}
		if e := next(t, client); e.Value("DTMF-Digit") != digit {
			t.Errorf("DTMF event for %q, want %s", e.Value("DTMF-Digit"), digit)
		}
	}
	a.hangup(t)
	b.ended(t)
}

// TestUnusableOffers: an INVITE whose SDP cannot be served is refused with 488 and leaves nothing behind.
func TestUnusableOffers(t *testing.T) {
	ex := start(t)
	caller := ex.phone(t, rtpPhone, "1000")
	good := string(newRTPPeer(t, false).description())
	tests := []struct{ name, sdp string }{
		{"garbage", "v=0\r\n\x00\x01\x02 not sdp"},
		{"no audio", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n"},
		{"no codec of ours", strings.ReplaceAll(strings.ReplaceAll(good, " 0 101", " 18"), "a=rtpmap:0 PCMU/8000", "a=rtpmap:18 G729/8000")},
		{"WebRTC without fingerprint", strings.ReplaceAll(good, "RTP/AVP", "UDP/TLS/RTP/SAVPF")},
		{"endless", good + strings.Repeat("a=x:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 1000)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			call, err := caller.ua.Invite("9196", []byte(test.sdp))
			if err != nil {
				t.Fatal(err)
			}
			if res := (talk{call: call}).failure(t); res.StatusCode != 488 || res.Reason == "" {
				t.Errorf("answered %s", res.StartLine())
			}
		})
	}
}

// TestSocketClosesMidCall: a browser whose WebSocket dies keeps its audio; its call ends when the other side hangs up.
func TestSocketClosesMidCall(t *testing.T) {
	ex := start(t)
	caller, callee := ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001")
	a, b := connect(t, caller, callee)
	caller.ua.Flow().Close()
	hearEachOther(t, a, b)
	b.hangup(t)
}

// TestManySubscribers: 200 event socket clients connect at the same moment and are all served.
func TestManySubscribers(t *testing.T) {
	ex := start(t)
	began := time.Now()
	served := make(chan error, 200)
	for range cap(served) {
		go func() {
			conn, err := net.Dial("tcp", ex.at.ESL)
			if err == nil {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(patience))
				_, err = conn.Write([]byte("auth " + eslPassword + "\n\nbgapi status\n\nexit\n\n"))
				buf := make([]byte, 4096)
				for got := ""; err == nil && !strings.Contains(got, "+OK bye"); {
					var n int
					n, err = conn.Read(buf)
					got += string(buf[:n])
				}
			}
			served <- err
		}()
	}
	for range cap(served) {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	t.Logf("200 clients served in %v", time.Since(began))
}

// TestAllAddresses: media that listens on all addresses, as with profiles for IPv4 and IPv6, serves IPv4 peers.
func TestAllAddresses(t *testing.T) {
	for _, listen := range []string{"::", "0.0.0.0"} {
		t.Run(listen, func(t *testing.T) {
			ex := start(t, "rtp_ip="+listen)
			a, b := connect(t, ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001"))
			hearEachOther(t, a, b)
			a.hangup(t)
			b.ended(t)
		})
	}
}
