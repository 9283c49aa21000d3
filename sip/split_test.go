package sip_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// A message of 16 KB may be split anywhere, also where TLS records and WebSocket frames end: the connection stays and each is answered.
func TestLongMessageSplit(t *testing.T) {
	s := newServer(t, func(c *sip.Config, _ *testServer) {
		c.Handler = sip.HandlerFunc(func(tx *sip.ServerTx) { _ = tx.Respond(tx.NewResponse(200, "")) })
	})
	raw, err := siptest.DialRaw(t.Context(), "tls", s.Addr("tls").String(), &tls.Config{InsecureSkipVerify: true})
	check(t, err)
	t.Cleanup(raw.Close)
	message := func(n int) []byte {
		head := fmt.Sprintf("OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:1;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"+
			"From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: split%d\r\nCSeq: 1 OPTIONS\r\nContent-Type: text/plain\r\n", n, n)
		body := strings.Repeat("0123456789abcde\n", 1000)
		return []byte(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body))
	}
	length := len(message(10000))
	var places []int
	step := 53
	if os.Getenv("TALKPATH_ATTACK") != "" { // make attack
		step = 1
	}
	for i := 1; i < length; i += step {
		places = append(places, i)
	}
	for i := length - 16000 - 40; i < length-16000+4; i++ { // around the end of the header
		places = append(places, i)
	}
	for n, at := range places {
		m := message(10000 + n)
		check(t, raw.Write(m[:at]))
		check(t, raw.Write(m[at:]))
		res, err := raw.Read(10 * time.Second)
		if err != nil || !strings.HasPrefix(res, "SIP/2.0 200 ") {
			t.Fatalf("split at %d: %q, %v", at, res, err)
		}
	}
}

// chopped passes connections on to addr, what the client sends in pieces of n bytes.
func chopped(t *testing.T, addr string, n int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	var conns sync.WaitGroup
	t.Cleanup(func() { l.Close(); conns.Wait() })
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", addr)
			if err != nil {
				c.Close()
				return
			}
			up.(*net.TCPConn).SetNoDelay(true)
			conns.Go(func() { _, _ = io.Copy(c, up); c.Close() })
			conns.Go(func() {
				defer up.Close()
				buf := make([]byte, n)
				for {
					got, err := c.Read(buf)
					if err != nil {
						return
					}
					if _, err := up.Write(buf[:got]); err != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}

// The same below TLS: records and WebSocket frames arrive in pieces of any size.
func TestLongMessageChopped(t *testing.T) {
	s := newServer(t, func(c *sip.Config, _ *testServer) {
		c.Handler = sip.HandlerFunc(func(tx *sip.ServerTx) { _ = tx.Respond(tx.NewResponse(200, "")) })
	})
	for _, transport := range []string{"tls", "wss"} {
		for _, n := range []int{1, 7, 1000, 16383, 16384, 16385} {
			t.Run(fmt.Sprint(transport, " ", n), func(t *testing.T) {
				ua, err := siptest.Dial(t.Context(), siptest.Config{Transport: transport, Addr: chopped(t, s.Addr(transport).String(), n), Domain: "127.0.0.1", TLS: insecure()})
				check(t, err)
				defer ua.Close()
				first := ua.Flow()
				for range 3 {
					res, err := ua.Do(t.Context(), ua.Request("MESSAGE", "x", "text/plain", []byte(strings.Repeat("0123456789abcde\n", 1000))))
					if err != nil || res.StatusCode != 200 {
						t.Fatal(res, err)
					}
				}
				select {
				case <-first.Done():
					t.Error("the connection was closed")
				default:
				}
			})
		}
	}
}
