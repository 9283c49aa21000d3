package sip

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func lose(what ...string) func(wireMessage) bool {
	return func(m wireMessage) bool { return slices.Contains(what, m.from+">"+m.what) }
}

// Timers A and B: RFC 3261 §17.1.1.2.
func TestInviteUnanswered(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.setDrop(lose("a>INVITE"))
		n.invite()
		time.Sleep(31999 * time.Millisecond)
		n.wantEvents("", "")
		time.Sleep(2 * time.Millisecond)
		n.wantEvents("reject408", "")
		if got, want := n.times("a", "INVITE"), []int{0, 500, 1500, 3500, 7500, 15500, 31500}; !slices.Equal(got, want) {
			t.Errorf("sent at %v, want %v", got, want)
		}
		if n.a.Stats().Sessions != 0 {
			t.Error("session left")
		}
	})
}

// A server that says 100 and then nothing, such as Rocket.Chat's trunk, has timer C for its answer: RFC 3261 §16.6.
func TestOnlyTrying(t *testing.T) {
	for answered, events := range map[bool]string{true: "answer", false: "reject408"} {
		inBubble(t, func(n *fakeNet) {
			n.invite()
			time.Sleep(179 * time.Second)
			n.wantEvents("", "")
			if answered {
				if err := n.hb.sessions[0].Accept([]byte("sdp")); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(20 * time.Second)
			synctest.Wait()
			if got := n.ha.all(); got != events {
				t.Errorf("events %q, want %q", got, events)
			}
		})
	}
}

// Timers E and F: RFC 3261 §17.1.2.2.
func TestRequestUnanswered(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.setDrop(lose("a>OPTIONS"))
		code := 0
		if err := n.a.Send(request(OPTIONS), n.ab, func(res *Response) { code = res.StatusCode }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(33 * time.Second)
		synctest.Wait()
		if want := []int{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500}; !slices.Equal(n.times("a", "OPTIONS"), want) {
			t.Errorf("sent at %v, want %v", n.times("a", "OPTIONS"), want)
		}
		if code != 408 {
			t.Errorf("result %d", code)
		}
	})
}

// Timers J and K: a retransmission gets the same response, until the transaction is forgotten.
func TestResponseLost(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		lost := 0
		n.setDrop(func(m wireMessage) bool { lost++; return m.what == "200 OPTIONS" && lost < 6 })
		served := 0
		n.hb.onReq = func(_ *Session, tx *ServerTx) { served++; _ = tx.Respond(tx.NewResponse(200, "")) }
		codes := []int{}
		if err := n.a.Send(request(OPTIONS), n.ab, func(res *Response) { codes = append(codes, res.StatusCode) }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if served != 1 || !slices.Equal(codes, []int{200}) {
			t.Errorf("served %d times, responses %v", served, codes)
		}
		if st := n.a.Stats(); st.ClientTransactions != 0 {
			t.Error("client transaction outlives timer K")
		}
		if n.b.Stats().ServerTransactions != 1 {
			t.Error("server transaction ended before timer J")
		}
		time.Sleep(23 * time.Second)
		synctest.Wait()
		if n.b.Stats().ServerTransactions != 0 {
			t.Error("server transaction outlives timer J")
		}
	})
}

// Timers G and H: a failure is repeated until ACK comes, for 64*T1 at most.
func TestFailureUnacknowledged(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.setDrop(lose("a>ACK"))
		n.hb.onInvite = func(s *Session) { _ = s.Reject(486, "") }
		n.invite()
		time.Sleep(40 * time.Second)
		n.wantEvents("reject486", "")
		if want := []int{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500}; !slices.Equal(n.times("b", "486 INVITE"), want) {
			t.Errorf("sent at %v, want %v", n.times("b", "486 INVITE"), want)
		}
		if len(n.times("a", "ACK")) != 11 {
			t.Errorf("%d ACKs", len(n.times("a", "ACK")))
		}
		if n.b.Stats().ServerTransactions != 0 {
			t.Error("transaction outlives timer H")
		}
	})
}

// RFC 3261 §13.3.1.4: a 2xx is repeated until ACK comes; without one the session is ended.
func TestAnswerUnacknowledged(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.setDrop(lose("a>ACK"))
		n.hb.onInvite = func(s *Session) { _ = s.Accept(nil) }
		n.invite()
		time.Sleep(31 * time.Second)
		n.wantEvents("answer", "")
		if want := []int{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500}; !slices.Equal(n.times("b", "200 INVITE"), want) {
			t.Errorf("sent at %v, want %v", n.times("b", "200 INVITE"), want)
		}
		time.Sleep(2 * time.Second)
		n.wantEvents("answer bye", "acktimeout")
	})
}

// Each kind of loss is repaired.
func TestLoss(t *testing.T) {
	for _, what := range []string{"a>INVITE", "b>100 INVITE", "b>180 INVITE", "b>200 INVITE", "a>ACK", "a>BYE", "b>200 BYE"} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(n *fakeNet) {
				seen := 0
				n.setDrop(func(m wireMessage) bool {
					if m.from+">"+m.what == what {
						seen++
						return seen == 1
					}
					return false
				})
				n.hb.onInvite = func(s *Session) { _ = s.Ring(180, "", nil); _ = s.Accept(nil) }
				s := n.invite()
				time.Sleep(5 * time.Second)
				_ = s.Hangup()
				time.Sleep(5 * time.Second)
				a := "provisional answer"
				if what == "b>180 INVITE" {
					a = "answer"
				}
				n.wantEvents(a, "ack bye")
				if n.a.Stats().Sessions != 0 || n.b.Stats().Sessions != 0 {
					t.Error("session left")
				}
				if seen == 0 {
					t.Error("it was never sent")
				}
			})
		})
	}
}

// Timer C: an INVITE that only rings is cancelled.
func TestRingsForever(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.hb.onInvite = func(s *Session) { _ = s.Ring(180, "", nil) }
		n.invite()
		time.Sleep(179 * time.Second)
		n.wantEvents("provisional", "")
		time.Sleep(2 * time.Second)
		n.wantEvents("provisional reject408", "cancel")
		time.Sleep(time.Minute)
		n.wantEvents("provisional reject408", "cancel")
		if n.a.Stats().Sessions != 0 {
			t.Error("session left")
		}
	})
}

// A transaction nobody answers ends.
func TestHandlerForgets(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.hb.onReq = func(*Session, *ServerTx) {}
		if err := n.a.Send(request(OPTIONS), n.ab, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(33 * time.Second)
		synctest.Wait()
		if n.b.Stats().ServerTransactions != 0 {
			t.Error("transaction left")
		}
	})
}
