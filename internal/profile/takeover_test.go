package profile

import (
	"errors"
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
