package sip

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// timers sets what both stacks of the net ask for.
func (n *fakeNet) timers(a, b SessionTimers, allow ...string) {
	n.a.cfg.SessionTimers, n.b.cfg.SessionTimers = a, b
	n.a.setOptions(allow, []string{"timer"})
	n.b.setOptions(allow, []string{"timer"})
	if !b.On {
		n.b.setOptions(allow, nil)
	}
}

// last is the text of the last message of a kind.
func (n *fakeNet) last(from, what string) (text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.log {
		if m.from == from && m.what == what {
			text = m.text
		}
	}
	return text
}

// TestSessionTimer: who refreshes, when, by what, and what happens when nobody does (RFC 4028).
func TestSessionTimer(t *testing.T) {
	on := func(d time.Duration) SessionTimers { return SessionTimers{On: true, Expires: d} }
	all := []string{"INVITE", "ACK", "BYE", "CANCEL", "UPDATE"}
	for _, tc := range []struct {
		name     string
		a, b     SessionTimers
		allow    []string
		run      time.Duration
		silence  bool // nothing arrives after the answer
		trace    string
		evA, evB string
	}{
		{"caller refreshes by UPDATE", on(1800 * time.Second), on(0), all, 16 * time.Minute, false, "a>UPDATE b>200 UPDATE", "answer", "ack UPDATE"},
		{"by re-INVITE where UPDATE is not allowed", on(1800 * time.Second), on(0), []string{"INVITE", "ACK", "BYE"}, 16 * time.Minute, false,
			"a>INVITE b>100 INVITE b>200 INVITE a>ACK", "answer", "ack reinvite"},
		{"callee asks", SessionTimers{On: true}, on(600 * time.Second), all, 6 * time.Minute, false, "a>UPDATE b>200 UPDATE", "answer", "ack UPDATE"},
		{"callee shortens", on(1800 * time.Second), on(600 * time.Second), all, 6 * time.Minute, false, "a>UPDATE b>200 UPDATE", "answer", "ack UPDATE"},
		{"nobody asks", on(0), on(0), all, 3 * time.Hour, false, "", "answer", "ack"},
		{"callee knows no timers", on(1800 * time.Second), SessionTimers{}, all, 3 * time.Hour, false, "", "answer", "ack"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(n *fakeNet) {
				n.timers(tc.a, tc.b, tc.allow...)
				n.call()
				time.Sleep(tc.run)
				n.wantTrace(tc.trace)
				n.wantEvents(tc.evA, tc.evB)
			})
		})
	}
	t.Run("nobody is there any more", func(t *testing.T) {
		inBubble(t, func(n *fakeNet) {
			n.timers(on(1800*time.Second), on(0), all...)
			n.call()
			n.setDrop(func(wireMessage) bool { return true })
			time.Sleep(time.Hour)
			n.wantEvents("answer expired", "ack expired")
			if at := n.times("b", "BYE"); len(at) == 0 || at[0] != (1800-32)*1000 {
				t.Errorf("BYE at %v", at)
			}
			if s := n.a.Stats().Sessions + n.b.Stats().Sessions; s != 0 {
				t.Errorf("%d sessions are left", s)
			}
		})
	})
	t.Run("stays alive for hours", func(t *testing.T) {
		inBubble(t, func(n *fakeNet) {
			n.timers(on(90*time.Second), on(0), all...)
			a, b := n.call()
			time.Sleep(3 * time.Hour)
			if got := len(n.times("a", "UPDATE")); got != 239 && got != 240 {
				t.Errorf("%d refreshes", got)
			}
			_ = a.Hangup()
			synctest.Wait()
			if b.state != sessionEnded {
				t.Error("not ended")
			}
		})
	})
}

// TestSessionIntervalTooSmall: an interval below ours is refused with 422 and Min-SE, in a dialog too, and the session stays.
func TestSessionIntervalTooSmall(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.timers(SessionTimers{On: true}, SessionTimers{On: true, MinSE: 120 * time.Second}, "INVITE", "ACK", "BYE", "UPDATE")
		req := request(INVITE)
		req.AppendHeader(NewHeader("Session-Expires", "100"))
		if _, err := n.a.Invite(req, n.ab, n.ha); err != nil {
			t.Fatal(err)
		}
		n.wantEvents("reject422", "")
		if text := n.last("b", "422 INVITE"); !strings.Contains(text, "Min-SE: 120\r\n") {
			t.Error(text)
		}
		n.ha.events = nil
		n.clear()
		a, _ := n.call()
		final := 0
		_ = a.Send("UPDATE", "", nil, []Header{NewHeader("Session-Expires", "91")}, func(res *Response) { final = res.StatusCode })
		synctest.Wait()
		if final != 422 {
			t.Errorf("UPDATE: %d", final)
		}
		n.wantEvents("answer", "ack")
	})
}

// TestUpdateGlare: an offer by UPDATE while ours is under way gets 491 (RFC 3311 §5.2).
func TestUpdateGlare(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, b := n.call()
		n.ha.onRe = func(*Reinvite) {} // not answered yet
		_ = b.Reinvite([]byte("sdp"), nil)
		synctest.Wait()
		got := 0
		_ = a.Send("UPDATE", "application/sdp", []byte("sdp"), nil, func(res *Response) { got = res.StatusCode })
		synctest.Wait()
		if got != 491 {
			t.Errorf("UPDATE against re-INVITE: %d", got)
		}
	})
}

// TestOfferlessReinvite: who asks for an offer gets one in the 200, and its answer comes with the ACK.
func TestOfferlessReinvite(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, _ := n.call()
		var answer string
		n.hb.onRe = func(r *Reinvite) {
			if len(r.Request().Body()) != 0 {
				t.Error("there is a body")
			}
			if err := r.Offer([]byte("offer"), func(ack *Request) { answer = string(ack.Method) + string(ack.Body()) }); err != nil {
				t.Error(err)
			}
		}
		var offered string
		_ = a.Reinvite(nil, func(res *Response) { offered = string(res.Body()) })
		synctest.Wait()
		if offered != "offer" || answer != "ACK" {
			t.Errorf("offered %q, answered %q", offered, answer)
		}
	})
}
