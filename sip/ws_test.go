package sip_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/talkpath/talkpath/sip"
)

func TestHTTP(t *testing.T) {
	s := newServer(t, func(c *sip.Config, _ *testServer) {
		c.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "the page "+r.URL.Path) })
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for _, tt := range []struct {
		name, url, protocol, want string
		status                    int
	}{
		{"page", "http://" + s.Addr("ws").String() + "/x", "", "the page /x", 200},
		{"page over tls", "https://" + s.Addr("wss").String() + "/y", "", "the page /y", 200},
		{"other sub-protocol", "http://" + s.Addr("ws").String() + "/z", "chat", "the page /z", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "GET", tt.url, nil)
			check(t, err)
			if tt.protocol != "" {
				req.Header.Set("Connection", "Upgrade")
				req.Header.Set("Upgrade", "websocket")
				req.Header.Set("Sec-WebSocket-Protocol", tt.protocol)
			}
			res, err := client.Do(req)
			check(t, err)
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != tt.status || (tt.want != "" && string(body) != tt.want) {
				t.Errorf("%d %q", res.StatusCode, body)
			}
		})
	}
}

func TestNoHTTP(t *testing.T) {
	s := newServer(t, nil)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	res, err := client.Get("http://" + s.Addr("ws").String())
	check(t, err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("status %d", res.StatusCode)
	}
}

// The time limits of HTTP requests and first messages do not rule a WebSocket that speaks SIP.
func TestWebSocketOutlivesRequestLimits(t *testing.T) {
	limit := 50 * time.Millisecond
	s := newServer(t, func(c *sip.Config, _ *testServer) { c.Limits.MessageTime = limit })
	for _, transport := range []string{"ws", "wss"} {
		ua := s.dial(t, transport)
		for range 2 {
			res, err := ua.Do(t.Context(), ua.Request("OPTIONS", "x", "", nil))
			if err != nil || res.StatusCode != 200 {
				t.Fatalf("%v %v", res, err)
			}
			<-time.After(4 * limit)
		}
	}
}

// A browser that vanished without a FIN is found out by WebSocket pings; one that is only quiet stays.
func TestQuietWebSocket(t *testing.T) {
	s := newServer(t, func(c *sip.Config, _ *testServer) { c.Limits.Ping = 200 * time.Millisecond })
	gone := s.raw(t, "ws") // reads nothing, so answers no ping
	check(t, gone.Write([]byte("\r\n\r\n")))
	quiet := s.dial(t, "ws")
	for s.Stats().Connections != 1 {
		<-time.After(time.Millisecond) // the test's deadline ends this
	}
	res, err := quiet.Do(t.Context(), quiet.Request("OPTIONS", "x", "", nil))
	if err != nil || res.StatusCode != 200 {
		t.Errorf("%v %v", res, err)
	}
}

// A page that was left says so with the status of its Close frame; one that signs off, and a connection that breaks, does not.
func TestPageLeft(t *testing.T) {
	flows := make(chan *sip.Flow, 1)
	s := newServer(t, func(c *sip.Config, _ *testServer) {
		c.Trace = func(f *sip.Flow, sent bool, _ []byte) {
			if !sent {
				flows <- f
			}
		}
	})
	for _, tt := range []struct {
		name  string
		close func(*websocket.Conn) error
		left  bool
	}{
		{"going away", func(c *websocket.Conn) error { return c.Close(websocket.StatusGoingAway, "") }, true},
		{"closed", func(c *websocket.Conn) error { return c.Close(websocket.StatusNormalClosure, "") }, false},
		{"broken", (*websocket.Conn).CloseNow, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := websocket.Dial(t.Context(), "ws://"+s.Addr("ws").String(), &websocket.DialOptions{Subprotocols: []string{"sip"}})
			check(t, err)
			check(t, c.Write(t.Context(), websocket.MessageText, []byte("ACK sip:x SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\n"+
				"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: 1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n")))
			f := <-flows
			_ = tt.close(c)
			<-f.Done()
			if f.Left() != tt.left {
				t.Errorf("left: %v", f.Left())
			}
		})
	}
}
