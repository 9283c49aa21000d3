package sip

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Both ends offer at once: RFC 3261 §14.1 asks both to wait and try again.
func TestGlare(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, b := n.call()
		codes := make(chan int, 2)
		release := n.holdUp()
		for _, s := range []*Session{a, b} {
			if err := s.Reinvite([]byte("sdp"), func(res *Response) { codes <- res.StatusCode }); err != nil {
				t.Fatal(err)
			}
			if err := s.Reinvite([]byte("sdp"), nil); !errors.Is(err, ErrPending) {
				t.Errorf("second at once: %v", err)
			}
		}
		release()
		synctest.Wait()
		if !strings.Contains(n.trace(), "a>491 INVITE") || !strings.Contains(n.trace(), "b>491 INVITE") {
			t.Fatalf("no glare: %s", n.trace())
		}
		if err := a.Reinvite(nil, nil); !errors.Is(err, ErrPending) {
			t.Errorf("during the wait: %v", err)
		}
		time.Sleep(10 * time.Second)
		n.wantEvents("answer reinvite", "ack reinvite")
		if x, y := <-codes, <-codes; x != 200 || y != 200 {
			t.Errorf("results %d %d", x, y)
		}
		if err := a.Reinvite(nil, nil); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestReinviteWhileAnotherIsUnanswered(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, b := n.call()
		var pending *Reinvite
		n.hb.onRe = func(r *Reinvite) { pending = r }
		code := 0
		if err := a.Reinvite([]byte("1"), func(res *Response) { code = res.StatusCode }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := b.Reinvite(nil, nil); !errors.Is(err, ErrPending) {
			t.Errorf("ours while theirs waits: %v", err)
		}
		second := a.newInDialog(INVITE) // as a broken peer would
		if err := n.ab.send(second); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !strings.Contains(n.trace(), "b>500 INVITE") || !strings.Contains(n.lastText("b>500 INVITE"), "Retry-After: ") {
			t.Errorf("messages: %s", n.trace())
		}
		if err := pending.Reject(488, ""); err != nil {
			t.Error(err)
		}
		if err := pending.Accept(nil); !errors.Is(err, ErrState) {
			t.Errorf("answered twice: %v", err)
		}
		synctest.Wait()
		if code != 488 {
			t.Errorf("result %d", code)
		}
		n.wantEvents("answer", "ack reinvite")
	})
}

// The end of a session answers the re-INVITE that still waits, whoever ends it and whatever becomes of its handler.
func TestEndWhileReinviteIsUnanswered(t *testing.T) {
	for _, by := range []string{"a", "b"} {
		t.Run(by, func(t *testing.T) {
			inBubble(t, func(n *fakeNet) {
				a, b := n.call()
				var pending *Reinvite
				n.hb.onRe = func(r *Reinvite) { pending = r }
				code := 0
				if err := a.Reinvite([]byte("1"), func(res *Response) { code = res.StatusCode }); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if err := map[string]*Session{"a": a, "b": b}[by].Hangup(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if err := pending.Accept(nil); !errors.Is(err, ErrState) {
					t.Errorf("accepted after the end: %v", err)
				}
				if code != 487 {
					t.Errorf("result %d", code)
				}
				n.wantNothingLeft()
			})
		})
	}
}

// A peer that only says 100 to a re-INVITE holds neither the session nor a transaction for ever.
func TestReinviteOnlyTried(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, _ := n.call()
		n.hb.onRe = func(*Reinvite) {}
		n.setDrop(func(m wireMessage) bool { return m.from == "b" && m.what != "100 INVITE" })
		code := 0
		if err := a.Reinvite([]byte("1"), func(res *Response) { code = res.StatusCode }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if code != 408 {
			t.Errorf("result %d", code)
		}
		if err := a.Hangup(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		n.wantNothingLeft()
	})
}

func (n *fakeNet) wantNothingLeft() {
	n.t.Helper()
	for name, s := range map[string]*Stack{"a": n.a, "b": n.b} {
		if st := s.Stats(); st.Sessions != 0 || st.ServerTransactions != 0 || st.ClientTransactions != 0 {
			n.t.Errorf("left at %s: %+v", name, st)
		}
	}
}
