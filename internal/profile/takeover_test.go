package profile

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// answeredCall makes a call between the exchange and a registered browser, in either direction.
func answeredCall(t *testing.T, s *server, outbound bool) (p *phone, c *phoneCall, l call.Leg) {
	t.Helper()
	p = s.phone("ws", "1001", "pw1001")
	id := p.callID
	want(t, "register", p.register("600").StatusCode, 200)
	if outbound {
		leg, f, _ := dial(t, s, "user", "1001@example.com")
		c = recv(t, p.calls, "INVITE")
		if err := c.session.Accept([]byte(testAnswer), &sip.ContactHeader{Address: *p.contact.Clone()}); err != nil {
			t.Fatal(err)
		}
		recv(t, f.answered, "answer")
		recv(t, c.acked, "ACK")
		return p, c, leg
	}
	c = p.invite("1000", nil)
	p.callID = id
	f := recv(t, s.core.calls, "call")
	if err := f.in.Leg.Answer([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	recv(t, c.answered, "answer")
	recv(t, f.ack, "LegConfirmed")
	return p, c, f.in.Leg
}

// TestRequestsAfterReconnect: a browser that lost its WebSocket during a call and registered again gets what the call sends it on the new
// connection, whether the old one has been found dead yet or not.
func TestRequestsAfterReconnect(t *testing.T) {
	requests := map[string]func(*testing.T, *phoneCall, call.Leg){
		"BYE": func(t *testing.T, c *phoneCall, l call.Leg) {
			l.Hangup(call.HangupReason{Cause: call.NormalClearing})
			want(t, "Reason", headerValue(recv(t, c.bye, "BYE"), "Reason"), `Q.850;cause=16;text="NORMAL_CLEARING"`)
		},
		"INFO": func(t *testing.T, c *phoneCall, l call.Leg) {
			if err := l.SendInfo("application/dtmf", []byte("1")); err != nil {
				t.Fatal(err)
			}
			recv(t, c.requests, "INFO")
		},
		"re-INVITE": func(t *testing.T, c *phoneCall, l call.Leg) {
			result := make(chan error, 1)
			err := l.Reoffer([]byte(testOffer), func(a []byte, err error) {
				if err == nil && string(a) != testAnswer {
					err = errors.New("another answer")
				}
				result <- err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := recv(t, c.reinvite, "re-INVITE").Accept([]byte(testAnswer)); err != nil {
				t.Fatal(err)
			}
			want(t, "answered", recv(t, result, "answer"), nil)
		},
	}
	for name, request := range requests {
		for _, tc := range []struct {
			name             string
			outbound, closed bool
		}{{"caller", false, true}, {"callee", true, true}, {"callee, half open", true, false}} {
			t.Run(name+" to "+tc.name, func(t *testing.T) {
				s := start(t)
				p, c, l := answeredCall(t, s, tc.outbound)
				id := p.callID
				if tc.closed {
					p.flow.Close()
					s.until("sofia::expire")
				}
				p.connect()
				p.callID = id
				want(t, "register again", p.register("600").StatusCode, 200)
				request(t, c, l)
				want(t, "connection", c.session.Flow().ID(), p.flow.ID())
			})
		}
	}
}

// TestAnotherDevice: a user's other browser does not get what belongs to the call of the first.
func TestAnotherDevice(t *testing.T) {
	s := start(t)
	p, c, l := answeredCall(t, s, true)
	other := s.phone("ws", "1001", "pw1001")
	other.contact.User = "0th3r"
	want(t, "register", other.register("600").StatusCode, 200)
	if err := l.SendInfo("application/dtmf", []byte("1")); err != nil {
		t.Fatal(err)
	}
	recv(t, c.requests, "INFO")
	want(t, "connection", c.session.Flow().ID(), p.flow.ID())
}

// tunnel passes a connection on to the server until it is cut: then it swallows everything and stays open.
func (s *server) tunnel() (addr string, cut func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	var dead atomic.Bool
	var conns sync.WaitGroup
	pass := func(from, to net.Conn) {
		defer from.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := from.Read(buf)
			if err != nil {
				to.Close()
				return
			}
			if !dead.Load() {
				_, _ = to.Write(buf[:n])
			}
		}
	}
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", s.p.Addr("ws").String())
			if err != nil {
				c.Close()
				continue
			}
			conns.Go(func() { pass(c, up) })
			conns.Go(func() { pass(up, c) })
		}
	})
	s.t.Cleanup(func() { l.Close() })
	return l.Addr().String(), func() { dead.Store(true) }
}

// TestLostMessages: what was written into a connection that was dead already reaches a browser that registers again, and a BYE also when
// that connection is known to be gone.
func TestLostMessages(t *testing.T) {
	for _, tc := range []struct {
		name     string
		closed   bool
		outbound bool
		send     func(t *testing.T, l call.Leg)
		arrives  func(t *testing.T, c *phoneCall)
	}{
		{"BYE, half open", false, true, bye, byeArrives},
		{"BYE, closed", true, true, bye, byeArrives},
		{"INFO, half open", false, true, func(t *testing.T, l call.Leg) {
			if err := l.SendInfo("application/dtmf", []byte("1")); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, c *phoneCall) { recv(t, c.requests, "INFO") }},
		{"answer, half open", false, false, func(t *testing.T, l call.Leg) {
			if err := l.Answer([]byte(testAnswer)); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, c *phoneCall) { recv(t, c.answered, "answer") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			var cut func()
			s.ws, cut = s.tunnel()
			p, c, l := anyCall(t, s, tc.outbound)
			id := p.callID
			if tc.closed {
				p.flow.Close()
				s.until("sofia::expire")
			}
			cut()
			tc.send(t, l)
			s.ws = ""
			p.connect()
			p.callID = id
			want(t, "register again", p.register("600").StatusCode, 200)
			tc.arrives(t, c)
		})
	}
}

func bye(_ *testing.T, l call.Leg) { l.Hangup(call.HangupReason{Cause: call.NormalClearing}) }

func byeArrives(t *testing.T, c *phoneCall) { recv(t, c.bye, "BYE") }

// anyCall makes an answered call of a browser, or one of its own that is not answered yet.
func anyCall(t *testing.T, s *server, answered bool) (*phone, *phoneCall, call.Leg) {
	if answered {
		return answeredCall(t, s, true)
	}
	p := s.phone("ws", "1001", "pw1001")
	id := p.callID
	want(t, "register", p.register("600").StatusCode, 200)
	c := p.invite("1000", nil)
	p.callID = id
	return p, c, recv(t, s.core.calls, "call").in.Leg
}

// TestLostForGood: a call ends when a side that lost its connection does not come back in time, and not before.
func TestLostForGood(t *testing.T) {
	t.Run("comes back", func(t *testing.T) {
		s := startWith(t, registrarDefaults, withParam(t, "websocket-reconnect-timeout", "600"))
		p, c, l := answeredCall(t, s, true)
		id := p.callID
		p.flow.Close()
		p.connect()
		p.callID = id
		want(t, "register again", p.register("600").StatusCode, 200)
		l.(*leg).gaveUp(l.(*leg).session) // the timer, late
		if err := l.SendInfo("application/dtmf", []byte("1")); err != nil {
			t.Fatal(err)
		}
		recv(t, c.requests, "INFO: the call stands")
	})
	t.Run("does not", func(t *testing.T) {
		s := startWith(t, registrarDefaults, withParam(t, "websocket-reconnect-timeout", "1"))
		p, _, l := answeredCall(t, s, true)
		p.flow.Close()
		e := recv(t, l.(*leg).handler.(*fakeCall).ended, "end")
		want(t, "cause", e.Cause, call.RecoveryOnTimerExpire)
	})
}
