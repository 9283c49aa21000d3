package sip_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// A caller whose connection breaks keeps its call, and goes on with it on the next connection.
func TestReconnect(t *testing.T) {
	for _, transport := range transports[1:] {
		t.Run(transport, func(t *testing.T) {
			s := newServer(t, nil)
			ua := s.dial(t, transport)
			call, err := ua.Invite("1001", testSDP)
			check(t, err)
			session := s.session(t)
			check(t, session.Accept(testSDP))
			_, err = call.WaitAnswered(t.Context())
			check(t, err)
			s.want(t, "ack")
			old := session.Flow()
			check(t, ua.Reconnect(t.Context()))
			<-old.Done()
			s.want(t, "flowclosed")
			final := make(chan int, 1)
			err = session.Send("INFO", "", nil, nil, func(res *sip.Response) { final <- res.StatusCode })
			if strings.HasPrefix(transport, "ws") {
				if err == nil {
					t.Error("sent over a closed connection")
				}
			} else if err != nil || receive(t, final) != 503 { // nobody listens at the caller's Contact
				t.Errorf("sent over a closed connection: %v", err)
			}
			done := make(chan error, 1)
			go func() { _, err := call.Reinvite(background, testSDP); done <- err }()
			check(t, s.want(t, "reinvite").re.Accept(testSDP))
			check(t, <-done)
			if session.Flow() == old {
				t.Fatal("the session stays on the closed connection")
			}
			check(t, session.Hangup())
			end, err := call.WaitEnded(t.Context())
			if err != nil || end.By != "bye" {
				t.Fatalf("%v %v", end, err)
			}
		})
	}
}

// An INVITE to a connection that breaks fails at once.
func TestConnectionBreaksWhileRinging(t *testing.T) {
	s := newServer(t, nil)
	ua := s.dial(t, "ws")
	tx := captureFlow(t, s, ua)
	_, err := s.Invite(ua.Request("INVITE", "1000", "application/sdp", testSDP), tx.Flow(), s)
	check(t, err)
	receive(t, ua.Calls())
	ua.Close()
	if e := s.want(t, "reject"); e.res.StatusCode != 503 {
		t.Errorf("%d %s", e.res.StatusCode, e.res.Reason)
	}
	if _, err := s.Invite(ua.Request("INVITE", "1000", "application/sdp", testSDP), tx.Flow(), s); err == nil {
		t.Error("INVITE over a closed connection")
	}
}

// A peer that does not read is cut off, and delays nobody.
func TestPeerDoesNotRead(t *testing.T) {
	s := newServer(t, func(c *sip.Config, s *testServer) { c.Limits.WriteQueue = 8; s.manual.Store(true) })
	for _, transport := range transports[1:] {
		t.Run(transport, func(t *testing.T) {
			slow := s.Stats().SlowConnections
			r := s.raw(t, transport)
			check(t, r.Write([]byte(message("OPTIONS sip:test SIP/2.0"))))
			tx := receive(t, s.requests)
			body := make([]byte, 60<<10)
			for i := range 100_000 {
				req := sip.NewRequest(sip.MESSAGE, sip.Uri{Scheme: "sip", Host: "x"})
				req.AppendHeader(&sip.FromHeader{Address: req.Recipient})
				req.AppendHeader(&sip.ToHeader{Address: req.Recipient})
				req.SetBody(body)
				if err := s.Send(req, tx.Flow(), nil); err != nil {
					break
				}
				if i%4 == 0 { // let the writer fill the socket
					<-time.After(time.Millisecond)
				}
			}
			select {
			case <-tx.Flow().Done():
			case <-time.After(soon):
				t.Fatal("still open")
			}
			if n := s.Stats().SlowConnections; n <= slow {
				t.Errorf("%d slow connections counted, %d before", n, slow)
			}
		})
	}
}

// Who gives up waiting for a connection does not take it from others who wait.
func TestDialGivenUp(t *testing.T) {
	s := newServer(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer ln.Close()
	addr := netip.MustParseAddrPort(ln.Addr().String())
	results := make(chan error, 2)
	first, giveUp := context.WithCancel(t.Context())
	go func() { _, err := s.FlowTo(first, "tls", addr); results <- err }()
	conn, err := ln.Accept() // and no handshake yet
	check(t, err)
	go func() { _, err := s.FlowTo(t.Context(), "tls", addr); results <- err }()
	giveUp()
	if err := receive(t, results); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	peer := tls.Server(conn, s.serverTLS)
	defer peer.Close()
	check(t, peer.Handshake())
	check(t, receive(t, results))
}

// Many calls at once over each transport; nothing is left.
func TestManyCalls(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			s := newServer(t, func(c *sip.Config, s *testServer) { c.Handler = autoAnswer{} })
			var wg sync.WaitGroup
			errs := make(chan error, 1000)
			for range 5 {
				ua := s.dial(t, transport)
				for range 20 {
					wg.Go(func() {
						call, err := ua.Invite("1001", testSDP)
						if err == nil {
							_, err = call.WaitAnswered(t.Context())
						}
						if err == nil {
							_, err = call.DTMF(t.Context(), "1")
						}
						if err == nil {
							_, err = call.Reinvite(t.Context(), testSDP)
						}
						if err == nil {
							err = call.Bye()
						}
						if err != nil {
							errs <- fmt.Errorf("call: %w", err)
						}
					})
				}
			}
			wg.Wait()
			select {
			case err := <-errs:
				t.Fatal(err)
			default:
			}
			deadline := time.Now().Add(soon)
			for s.Stats().Sessions > 0 && time.Now().Before(deadline) {
				<-time.After(time.Millisecond)
			}
			if st := s.Stats(); st.Sessions != 0 || st.Panics != 0 || st.Malformed != 0 || st.SendErrors != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// autoAnswer accepts whatever comes.
type autoAnswer struct{ sip.NopSessionHandler }

func (h autoAnswer) ServeSIP(tx *sip.ServerTx) {
	if session, err := tx.Stack().AcceptSession(tx, h); err == nil {
		_ = session.Ring(180, "", nil)
		_ = session.Accept(testSDP)
	}
}
func (autoAnswer) OnReinvite(_ *sip.Session, r *sip.Reinvite) { _ = r.Accept(testSDP) }
func (autoAnswer) OnRequest(_ *sip.Session, tx *sip.ServerTx) {
	_ = tx.Respond(tx.NewResponse(200, ""))
}

// A trunk closes idle connections: requests of the dialog open a new one to its Contact.
func TestTrunkClosesConnection(t *testing.T) {
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			s := newServer(t, nil) // the caller
			events := make(chan string, 16)
			trunk, err := sip.NewStack(sip.Config{Listeners: []sip.Listener{{Transport: transport, Addr: "127.0.0.1:0"}},
				TLS: s.serverTLS, Handler: trunkHandler{events: events}})
			check(t, err)
			defer trunk.Close()
			addr := addrPortOf(trunk.Addr(transport))
			flow, err := s.FlowTo(t.Context(), transport, addr)
			check(t, err)
			req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: "x", Host: "trunk.invalid"})
			req.AppendHeader(&sip.FromHeader{Address: req.Recipient})
			req.AppendHeader(&sip.ToHeader{Address: req.Recipient})
			session, err := s.Invite(req, flow, s)
			check(t, err)
			s.want(t, "answer")
			if got := receive(t, events); got != "ack" {
				t.Fatal(got)
			}
			flow.Close()
			s.want(t, "flowclosed")
			if got := receive(t, events); got != "flowclosed" {
				t.Fatal(got)
			}
			result := make(chan int, 1)
			check(t, session.Reinvite(testSDP, func(res *sip.Response) { result <- res.StatusCode }))
			if code := receive(t, result); code != 200 {
				t.Fatalf("re-INVITE: %d", code)
			}
			session.Flow().Close()
			s.want(t, "flowclosed")
			check(t, session.Hangup())
			for got := ""; got != "bye"; {
				got = receive(t, events)
			}
		})
	}
}

type trunkHandler struct {
	autoAnswer
	events chan string
}

func (h trunkHandler) ServeSIP(tx *sip.ServerTx) {
	if session, err := tx.Stack().AcceptSession(tx, h); err == nil {
		_ = session.Accept(testSDP)
	}
}
func (h trunkHandler) OnAck(*sip.Session, *sip.Request) { h.events <- "ack" }
func (h trunkHandler) OnBye(*sip.Session, *sip.Request) { h.events <- "bye" }
func (h trunkHandler) OnFlowClosed(*sip.Session)        { h.events <- "flowclosed" }

func addrPortOf(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }
