package sip

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSessionFlow(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, b := n.call()
		if a.CallID() != b.CallID() || a.LocalTag() != b.RemoteTag() || b.LocalTag() != a.RemoteTag() {
			t.Error("the ends disagree on the dialog")
		}
		if err := b.Hangup(NewHeader("Reason", `Q.850;cause=16;text="NORMAL_CLEARING"`)); err != nil {
			t.Fatal(err)
		}
		n.wantTrace("b>BYE a>200 BYE")
		n.wantEvents("answer bye", "ack")
		_ = b.Hangup()
		_ = a.Hangup()
		n.wantTrace("b>BYE a>200 BYE")
		if err := a.Reinvite(nil, nil); !errors.Is(err, ErrState) {
			t.Errorf("re-INVITE after the end: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n.a.Stats().Sessions+n.b.Stats().Sessions+n.a.Stats().ClientTransactions+n.b.Stats().ServerTransactions != 0 {
			t.Error("something is left")
		}
	})
}

func TestByesCross(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, b := n.call()
		n.setDrop(func(m wireMessage) bool { return m.at == 0 }) // so that each ends before it hears of the other
		_ = a.Hangup()
		_ = b.Hangup()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n.a.Stats().Sessions+n.b.Stats().Sessions != 0 || len(n.times("a", "BYE")) != 2 || len(n.times("b", "BYE")) != 2 {
			t.Errorf("messages: %s", n.trace())
		}
		n.wantEvents("answer", "ack")
	})
}

func TestHangupBeforeAnswer(t *testing.T) {
	tests := []struct {
		name   string
		script func(n *fakeNet)
		a, b   string
		trace  string
	}{
		{"caller while it rings", func(n *fakeNet) {
			n.hb.onInvite = func(s *Session) { _ = s.Ring(180, "", nil) }
			s := n.invite()
			synctest.Wait()
			_ = s.Hangup()
			_ = s.Hangup()
		}, "provisional reject487", "cancel", "a>INVITE b>100 INVITE b>180 INVITE a>CANCEL b>200 CANCEL b>487 INVITE a>ACK"},
		{"caller before any response", func(n *fakeNet) {
			_ = n.invite().Hangup()
		}, "reject487", "cancel", "a>INVITE b>100 INVITE a>CANCEL b>200 CANCEL b>487 INVITE a>ACK"},
		{"callee", func(n *fakeNet) {
			n.hb.onInvite = func(s *Session) { _ = s.Hangup(); _ = s.Hangup() }
			n.invite()
		}, "reject480", "", "a>INVITE b>100 INVITE b>480 INVITE a>ACK"},
		{"callee rejects", func(n *fakeNet) {
			n.hb.onInvite = func(s *Session) {
				_ = s.Reject(603, "Decline")
				if err := s.Accept(nil); !errors.Is(err, ErrState) {
					n.t.Errorf("Accept after Reject: %v", err)
				}
			}
			n.invite()
		}, "reject603", "", "a>INVITE b>100 INVITE b>603 INVITE a>ACK"},
		{"answer crosses CANCEL", func(n *fakeNet) {
			n.hb.onInvite = func(s *Session) { _ = s.Ring(180, "", nil) }
			s := n.invite()
			synctest.Wait()
			n.setDrop(func(m wireMessage) bool { return m.at == 0 && m.what == "200 INVITE" })
			_ = n.hb.sessions[0].Accept(nil)
			_ = s.Hangup()
			time.Sleep(time.Second)
		}, "provisional reject487", "ack bye", "a>INVITE b>100 INVITE b>180 INVITE b>200 INVITE a>CANCEL b>200 CANCEL b>200 INVITE a>ACK a>BYE b>200 BYE"},
		{"callee hangs up before ACK", func(n *fakeNet) {
			n.hb.onInvite = func(s *Session) {
				_ = s.Accept(nil)
				_ = s.Hangup(NewHeader("Reason", "x"))
			}
			n.invite()
		}, "answer bye", "", "a>INVITE b>100 INVITE b>200 INVITE a>ACK b>BYE a>200 BYE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(n *fakeNet) {
				tt.script(n)
				n.wantEvents(tt.a, tt.b)
				n.wantTrace(tt.trace)
				time.Sleep(time.Minute)
				n.wantEvents(tt.a, tt.b)
				if n.a.Stats().Sessions+n.b.Stats().Sessions != 0 {
					t.Error("session left")
				}
			})
		})
	}
}

// A CANCEL that is never answered with 487 ends the call all the same (RFC 3261 §9.1).
func TestCancelIgnored(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.hb.onInvite = func(s *Session) { _ = s.Ring(180, "", nil) }
		s := n.invite()
		synctest.Wait()
		n.setDrop(lose("b>487 INVITE"))
		_ = s.Hangup()
		time.Sleep(33 * time.Second)
		n.wantEvents("provisional reject487", "cancel")
	})
}

// newInDialog encodes a next in-dialog request without a transaction.
func (s *Session) newInDialog(m RequestMethod) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := s.stack.encode(s.newRequestLocked(m))
	if err != nil {
		panic(err)
	}
	return data
}

func (n *fakeNet) lastText(what string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := len(n.log) - 1; i >= 0; i-- {
		if n.log[i].from+">"+n.log[i].what == what {
			return n.log[i].text
		}
	}
	return ""
}

func TestInDialogRequests(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, b := n.call()
		code := 0
		if err := a.Send("INFO", "application/dtmf-relay", []byte("Signal=1\r\n"), []Header{NewHeader("X-Y", "z")}, func(res *Response) { code = res.StatusCode }); err != nil {
			t.Fatal(err)
		}
		n.wantEvents("answer", "ack INFO")
		if code != 200 {
			t.Errorf("INFO: %d", code)
		}
		for _, tt := range []struct{ name, old, new, want string }{
			{"lower CSeq", "CSeq: 3 INFO", "CSeq: 1 INFO", "b>500 INFO"},
			{"wrong From tag", ";tag=" + a.LocalTag(), ";tag=x", "b>481 INFO"},
			{"wrong To tag", ";tag=" + b.LocalTag(), ";tag=x", "b>481 INFO"},
			{"wrong Call-ID", "Call-ID: " + a.CallID(), "Call-ID: x", "b>481 INFO"},
		} {
			n.clear()
			data := a.newInDialog("INFO")
			a.mu.Lock()
			a.localSeq-- // each tries the same number
			a.mu.Unlock()
			if err := n.ab.send([]byte(strings.Replace(string(data), tt.old, tt.new, 1))); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if !strings.Contains(n.trace(), tt.want) {
				t.Errorf("%s: %s", tt.name, n.trace())
			}
		}
		n.wantEvents("answer", "ack INFO")
	})
}

// A second callee of a forked INVITE is acknowledged and ended; a repeated answer is acknowledged again.
func TestForkedAnswer(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.call()
		answer := ""
		n.setDrop(func(m wireMessage) bool { return false })
		n.hb.onInvite = func(s *Session) { _ = s.Accept(nil) }
		n.invite()
		synctest.Wait()
		answer = n.lastText("b>200 INVITE")
		n.clear()
		_ = n.ba.send([]byte(answer))
		n.wantTrace("b>200 INVITE a>ACK")
		n.clear()
		_, tag, _ := strings.Cut(answer, "To: <sip:bob@10.0.0.2>;tag=")
		tag, _, _ = strings.Cut(tag, "\r\n")
		_ = n.ba.send([]byte(strings.Replace(answer, tag, "fork", 1)))
		n.wantTrace("b>200 INVITE a>ACK a>BYE b>481 BYE")
		if !strings.Contains(n.lastText("a>BYE"), "To: <sip:bob@10.0.0.2>;tag=fork\r\n") {
			t.Errorf("BYE to the wrong one: %s", n.lastText("a>BYE"))
		}
		n.wantEvents("answer answer", "ack ack")
	})
}

// The route set and the remote target of RFC 3261 §12.1.
func TestRouteSet(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.hb.onInvite = func(s *Session) {
			_ = s.Accept(nil, NewHeader("Contact", "<sip:bob@192.0.2.9:5070;transport=udp>"))
		}
		req := request(INVITE)
		req.AppendHeader(&RecordRouteHeader{Address: uri("sip:p2.invalid;lr")})
		req.AppendHeader(&RecordRouteHeader{Address: uri("sip:p1.invalid;lr")})
		a, err := n.a.Invite(req, n.ab, n.ha)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = a.Send("INFO", "", nil, nil, nil)
		_ = n.hb.sessions[0].Send("INFO", "", nil, nil, nil)
		synctest.Wait()
		text := n.lastText("a>INFO")
		if !strings.HasPrefix(text, "INFO sip:bob@192.0.2.9:5070;transport=udp SIP/2.0\r\n") ||
			!strings.Contains(text, "Route: <sip:p1.invalid;lr>\r\nRoute: <sip:p2.invalid;lr>\r\n") {
			t.Errorf("caller's: %s", text)
		}
		text = n.lastText("b>INFO")
		if !strings.HasPrefix(text, "INFO sip:alice@10.0.0.1:5060;transport=udp SIP/2.0\r\n") ||
			!strings.Contains(text, "Route: <sip:p2.invalid;lr>\r\nRoute: <sip:p1.invalid;lr>\r\n") {
			t.Errorf("callee's: %s", text)
		}
	})
}

// A peer whose address changes is followed: its next request moves the session.
func TestFlowMoves(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, b := n.call()
		second, _ := n.link("10.0.0.1:6060", "10.0.0.2:5060")
		a.mu.Lock()
		a.flow = second
		a.mu.Unlock()
		_ = a.Send("INFO", "", nil, nil, nil)
		synctest.Wait()
		if got := b.Flow().RemoteAddr().Port(); got != 6060 {
			t.Fatalf("still at port %d", got)
		}
		_ = b.Hangup()
		n.wantEvents("answer bye", "ack INFO")
	})
}

func TestByeOnEarlyDialog(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.hb.onInvite = func(s *Session) { _ = s.Ring(180, "", nil) }
		a := n.invite()
		synctest.Wait()
		n.clear()
		_ = n.ab.send(a.newInDialog(BYE))
		n.wantTrace("a>BYE b>200 BYE b>487 INVITE a>ACK")
		n.wantEvents("provisional reject487", "cancel")
	})
}

// The queue of callbacks is bounded, and a panic of a handler costs one callback only.
func TestCallbacks(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, _ := n.call()
		block := make(chan struct{})
		first := true
		n.hb.onReq = func(_ *Session, tx *ServerTx) {
			if first {
				first = false
				<-block
				panic("handler")
			}
			_ = tx.Respond(tx.NewResponse(200, ""))
		}
		codes := map[int]int{}
		for range maxCallbacks + 10 {
			if err := a.Send("INFO", "", nil, nil, func(res *Response) { codes[res.StatusCode]++ }); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if codes[503] != 9 || n.b.Stats().DroppedCallbacks != 9 {
			t.Errorf("%v, dropped %d", codes, n.b.Stats().DroppedCallbacks)
		}
		close(block)
		synctest.Wait()
		if codes[200] != maxCallbacks || n.b.count.panics.Swap(0) != 1 {
			t.Errorf("%v", codes)
		}
	})
}

func TestSessionLimit(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.a.cfg.Limits.Sessions = 1
		n.invite()
		if _, err := n.a.Invite(request(INVITE), n.ab, n.ha); !errors.Is(err, ErrLimit) {
			t.Errorf("second: %v", err)
		}
	})
}

// What cannot be sent is left out of messages that must go out.
func TestForbiddenHeadersOfAnEnd(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		a, _ := n.call()
		if err := a.Hangup(NewHeader("Reason", "a\r\nEvil: 1"), NewHeader("X-Good", "1")); err != nil {
			t.Fatal(err)
		}
		n.wantTrace("a>BYE b>200 BYE")
		if text := n.lastText("a>BYE"); strings.Contains(text, "Evil") || !strings.Contains(text, "X-Good: 1\r\n") {
			t.Error(text)
		}
		n.hb.onInvite = func(s *Session) { _ = s.Reject(480, "a\r\nEvil: 1") }
		n.invite()
		n.wantEvents("answer reject480", "ack bye")
	})
}

func TestDisplayNameIsQuoted(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"Alice", "Alice"}, {`a"b`, `a\"b`}, {`a\"b`, `a\"b`}, {`a\`, `a\\`}, {`a\\`, `a\\`}, {`x\\" <sip:evil>`, `x\\\\\" <sip:evil>`},
	} {
		if got := quotable(tt.in); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}
