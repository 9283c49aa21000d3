package sip

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// rel makes both stacks of the net know reliable provisional responses; b sends early media so where the caller can take it.
func (n *fakeNet) rel(required bool) *Request {
	n.a.setOptions(nil, []string{rel100})
	n.b.setOptions(nil, []string{rel100})
	n.b.cfg.Reliable = true
	req := request(INVITE)
	if required {
		req.AppendHeader(NewHeader("Require", rel100))
	}
	return req
}

// TestReliableProvisional: both sides of RFC 3262.
func TestReliableProvisional(t *testing.T) {
	ring := func(codes ...int) func(*Session) {
		return func(s *Session) {
			for _, c := range codes {
				var body []byte
				if c == 183 {
					body = []byte("sdp")
				}
				_ = s.Ring(c, "", body)
			}
		}
	}
	for _, tc := range []struct {
		name     string
		required bool
		script   func(s *Session)
		drop     func() func(wireMessage) bool
		trace    string
		evA, evB string
	}{
		{"early media", false, ring(183), nil, "a>INVITE b>100 INVITE b>183 INVITE a>PRACK b>200 PRACK", "provisional", ""},
		{"180 stays as it was", false, ring(180), nil, "a>INVITE b>100 INVITE b>180 INVITE", "provisional", ""},
		{"required", true, ring(180), nil, "a>INVITE b>100 INVITE b>180 INVITE a>PRACK b>200 PRACK", "provisional", ""},
		{"one after the other", true, ring(180, 183), nil,
			"a>INVITE b>100 INVITE b>180 INVITE a>PRACK b>200 PRACK b>183 INVITE a>PRACK b>200 PRACK", "provisional provisional", ""},
		{"the answer waits", false, func(s *Session) {
			_ = s.Ring(183, "", []byte("sdp"))
			if err := s.Accept([]byte("sdp")); err != nil {
				t.Error(err)
			}
		}, nil, "a>INVITE b>100 INVITE b>183 INVITE a>PRACK b>200 PRACK b>200 INVITE a>ACK", "provisional answer", "ack"},
		{"lost once", false, ring(183), func() func(wireMessage) bool {
			lost := false
			return func(m wireMessage) bool {
				first := m.what == "183 INVITE" && !lost
				lost = lost || first
				return first
			}
		}, "a>INVITE b>100 INVITE b>183 INVITE b>183 INVITE a>PRACK b>200 PRACK", "provisional", ""},
		{"PRACK lost once", false, ring(183), func() func(wireMessage) bool {
			lost := false
			return func(m wireMessage) bool {
				first := m.what == "PRACK" && !lost
				lost = lost || first
				return first
			}
		}, "", "provisional", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(n *fakeNet) {
				req := n.rel(tc.required)
				n.hb.onInvite = tc.script
				if tc.drop != nil {
					n.setDrop(tc.drop())
				}
				s, err := n.a.Invite(req, n.ab, n.ha)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				if tc.trace != "" {
					n.wantTrace(tc.trace)
				}
				n.wantEvents(tc.evA, tc.evB)
				if got := n.last("a", "PRACK"); got != "" && (!strings.Contains(got, "RAck: ") || !strings.Contains(got, " INVITE\r\n")) {
					t.Error(got)
				}
				_ = s.Hangup()
				time.Sleep(2 * time.Minute)
				if n.a.Stats().Sessions+n.b.Stats().Sessions != 0 {
					t.Error("a session is left")
				}
			})
		})
	}
}

// TestNoPrack: a caller that acknowledges nothing is refused in the end, and one that answers with nonsense gets 481.
func TestNoPrack(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		req := n.rel(true)
		n.hb.onInvite = func(s *Session) { _ = s.Ring(183, "", []byte("sdp")) }
		n.setDrop(func(m wireMessage) bool { return m.what == "PRACK" })
		if _, err := n.a.Invite(req, n.ab, n.ha); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		n.wantEvents("provisional reject504", "cancel")
	})
	inBubble(t, func(n *fakeNet) {
		a, b := n.call()
		_ = b
		tag := a.RemoteTag()
		r := request(PRACK)
		r.To().Params = HeaderParams{{K: "tag", V: tag}}
		id := CallIDHeader(a.CallID())
		r.AppendHeader(&id)
		r.AppendHeader(&CSeqHeader{SeqNo: 77, MethodName: PRACK})
		r.From().Params = HeaderParams{{K: "tag", V: a.LocalTag()}}
		r.AppendHeader(NewHeader("RAck", "1 1 INVITE"))
		got := 0
		if err := n.a.Send(r, n.ab, func(res *Response) { got = res.StatusCode }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got != 481 {
			t.Errorf("PRACK of nothing: %d", got)
		}
	})
}
