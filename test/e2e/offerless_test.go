package e2e

import (
	"bytes"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// bareCaller is a peer that sends INVITE without an offer and answers in the ACK (RFC 3261 §13.2.1), byte by byte over UDP.
type bareCaller struct {
	conn *net.UDPConn
	to   string // host:port of the server
}

func newBareCaller(t *testing.T, ip, to string) *bareCaller {
	t.Helper()
	remote, err := net.ResolveUDPAddr("udp4", to)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)}, remote)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &bareCaller{conn, to}
}

// send sends a request of the one dialog that this caller has.
func (c *bareCaller) send(t *testing.T, method, uri, toTag string, seq int, body []byte) {
	t.Helper()
	kind := ""
	if len(body) > 0 {
		kind = "Content-Type: application/sdp\r\n"
	}
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d;rport\r\nFrom: <sip:2001@trunk>;tag=bare\r\nTo: <sip:x@%s>%s\r\nCall-ID: bare-1\r\n"+
		"CSeq: %d %s\r\nContact: <sip:2001@%s>\r\nMax-Forwards: 70\r\n%sContent-Length: %d\r\n\r\n%s",
		method, uri, c.conn.LocalAddr(), method, seq, c.to, toTag, seq, method, c.conn.LocalAddr(), kind, len(body), body)
	if _, err := c.conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// final waits for the final response to a method.
func (c *bareCaller) final(t *testing.T, method string) string {
	t.Helper()
	buf := make([]byte, 1<<16)
	for {
		c.conn.SetReadDeadline(time.Now().Add(patience))
		n, err := c.conn.Read(buf)
		if err != nil {
			t.Fatalf("no answer to %s: %v", method, err)
		}
		if text := string(buf[:n]); !strings.HasPrefix(text, "SIP/2.0 1") && strings.HasPrefix(text, "SIP/2.0") && strings.Contains(text, " "+method+"\r\n") {
			return text
		}
	}
}

// TestOfferless: a caller that makes no offer gets one in the 200 and answers in its ACK; both sides hear each other. The trunk is offered a browser's
// media, others plain RTP.
func TestOfferless(t *testing.T) {
	for _, test := range []struct {
		name, ip string
		media    func(*testing.T) mediaPeer
	}{
		{"trunk", "127.0.0.2", browser.media},
		{"gateway", "127.0.0.1", rtpPhone.media},
	} {
		t.Run(test.name, func(t *testing.T) {
			ex := start(t, "trunk=rocketchat", "trunk_host=127.0.0.2", "trunk_cidr=127.0.0.0/8")
			phone := ex.phone(t, rtpPhone, "1001")
			events := ex.follow(t, "CHANNEL_HOLD", "CHANNEL_UNHOLD")
			hold := func(sdp []byte) []byte { return bytes.Replace(sdp, []byte("a=sendrecv"), []byte("a=sendonly"), 1) }
			caller := newBareCaller(t, test.ip, ex.at.SIP)
			uri := "sip:1001@" + ex.at.SIP
			caller.send(t, "INVITE", uri, "", 1, nil)
			b := make(chan talk, 1)
			call := phone.incoming(t)
			go func() { b <- phone.accept(t, call) }()
			ok := caller.final(t, "INVITE")
			_, offer, _ := strings.Cut(ok, "\r\n\r\n")
			tag := regexp.MustCompile(`To: .*(;tag=[^\r;]+)`).FindStringSubmatch(ok)
			contact := regexp.MustCompile(`Contact: <([^>]+)>`).FindStringSubmatch(ok)
			if !strings.HasPrefix(ok, "SIP/2.0 200") || tag == nil || contact == nil {
				t.Fatal(ok)
			}
			m := test.media(t)
			answer := m.answer(t, []byte(offer))
			caller.send(t, "ACK", contact[1], tag[1], 1, answer)
			callee := <-b
			hearEachOther(t, talk{media: m}, callee)
			// The same within the call: we offer in the 200 to a re-INVITE, and the answer comes with the ACK.
			caller.send(t, "INVITE", contact[1], tag[1], 2, nil)
			ok = caller.final(t, "INVITE")
			_, offer, _ = strings.Cut(ok, "\r\n\r\n")
			if !strings.HasPrefix(ok, "SIP/2.0 200") || !strings.Contains(ok, "CSeq: 2 INVITE") {
				t.Fatal(ok)
			}
			caller.send(t, "ACK", contact[1], tag[1], 2, hold(m.answer(t, []byte(offer))))
			for e := next(t, events); e.Name() != "CHANNEL_HOLD"; e = next(t, events) {
			}
			caller.send(t, "INVITE", contact[1], tag[1], 3, nil)
			_, offer, _ = strings.Cut(caller.final(t, "INVITE"), "\r\n\r\n")
			caller.send(t, "ACK", contact[1], tag[1], 3, m.answer(t, []byte(offer)))
			for e := next(t, events); e.Name() != "CHANNEL_UNHOLD"; e = next(t, events) {
			}
			hearEachOther(t, talk{media: m}, callee)
			caller.send(t, "BYE", contact[1], tag[1], 4, nil)
			caller.final(t, "BYE")
			callee.ended(t)
		})
	}
	for _, test := range []struct{ name, ack string }{{"no answer", ""}, {"an answer that does not fit", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n"}} {
		t.Run(test.name, func(t *testing.T) {
			ex := start(t, "trunk=rocketchat", "trunk_host=127.0.0.2")
			caller := newBareCaller(t, "127.0.0.2", ex.at.SIP)
			caller.send(t, "INVITE", "sip:9196@"+ex.at.SIP, "", 1, nil)
			ok := caller.final(t, "INVITE")
			tag := regexp.MustCompile(`To: .*(;tag=[^\r;]+)`).FindStringSubmatch(ok)
			if !strings.HasPrefix(ok, "SIP/2.0 200") || tag == nil {
				t.Fatal(ok)
			}
			caller.send(t, "ACK", "sip:9196@"+ex.at.SIP, tag[1], 1, []byte(test.ack))
			buf := make([]byte, 1<<16)
			for {
				caller.conn.SetReadDeadline(time.Now().Add(patience))
				n, err := caller.conn.Read(buf)
				if err != nil {
					t.Fatalf("no BYE: %v", err)
				}
				if strings.HasPrefix(string(buf[:n]), "BYE ") {
					return // the end of the test sees that nothing is left
				}
			}
		})
	}
}
