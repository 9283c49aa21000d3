package sip

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnsweredInvite holds what is left of an INVITE that was answered: what its dialog needs, and nothing else for as long as the call lasts.
func TestAnsweredInvite(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.hb.onInvite = func(s *Session) { _ = s.Accept([]byte("sdp")) }
		a := n.invite()
		synctest.Wait()
		b, invite := n.hb.sessions[0], n.lastText("a>INVITE")
		for name, s := range map[string]*Session{"caller": a, "callee": b} {
			r := s.Request()
			if r.From() == nil || r.To() == nil || r.CallID().Value() != s.CallID() || r.CSeq() == nil || r.Contact() == nil || r.Recipient.Host == "" {
				t.Errorf("%s: the dialog lacks something:\n%s", name, r)
			}
			if r.Via() != nil || len(r.Body()) > 0 || len(r.GetHeaders("Allow")) > 0 {
				t.Errorf("%s: more than the dialog needs:\n%s", name, r)
			}
		}
		n.clear()
		n.b.receive(n.ba, []byte(invite)) // late, and a CANCEL later still: nothing to say and nothing to cancel
		n.b.receive(n.ba, []byte(strings.ReplaceAll(invite, "INVITE", "CANCEL")))
		n.wantTrace("b>200 CANCEL")
		n.wantEvents("answer", "ack")
		time.Sleep(time.Minute)
		if err := a.Hangup(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		n.wantEvents("answer", "ack bye")
	})
}
