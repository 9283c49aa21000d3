package sip

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What is kept of a request after its answer: the answer, for timer J; of a refusal that keeps nothing, nothing. RFC 3261 §8.2.7, §17.2.2.
func TestAnsweredRequests(t *testing.T) {
	for _, tt := range []struct {
		name            string
		serve           func(tx *ServerTx)
		served, answers int // for three copies of one request
		kept            int // transactions after that
	}{
		{"final", func(tx *ServerTx) { _ = tx.Respond(tx.NewResponse(200, "")) }, 1, 3, 1},
		{"without state", func(tx *ServerTx) { _ = tx.Refuse(401, "") }, 3, 3, 0},
		{"later", func(tx *ServerTx) {
			time.AfterFunc(time.Second, func() { _ = tx.Respond(tx.NewResponse(200, "")) })
		}, 1, 1, 1},
		{"later without state", func(tx *ServerTx) {
			time.AfterFunc(time.Second, func() { _ = tx.Refuse(401, "") })
		}, 1, 1, 1},
		{"provisional", func(tx *ServerTx) {
			_ = tx.Respond(tx.NewResponse(100, ""))
			time.AfterFunc(time.Second, func() { _ = tx.Respond(tx.NewResponse(200, "")) })
		}, 1, 4, 1},
		{"twice", func(tx *ServerTx) {
			if tx.Respond(tx.NewResponse(200, "")) != nil || tx.Refuse(401, "") != ErrAnswered {
				t.Error("the second answer was sent")
			}
		}, 1, 3, 1},
		{"twice without state", func(tx *ServerTx) {
			if tx.Refuse(401, "") != nil || tx.Respond(tx.NewResponse(200, "")) != ErrAnswered {
				t.Error("the second answer was sent")
			}
		}, 3, 3, 0},
		{"never", func(tx *ServerTx) {}, 1, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(n *fakeNet) {
				served := 0
				n.hb.onReq = func(_ *Session, tx *ServerTx) { served++; tt.serve(tx) }
				text := []byte("OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n")
				for range 3 {
					n.b.receive(n.ba, text)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				var answers []string
				for _, m := range n.log {
					if m.from == "b" {
						answers = append(answers, m.text)
					}
				}
				if served != tt.served || len(answers) != tt.answers {
					t.Errorf("served %d times, %d answers: %q", served, len(answers), answers)
				}
				if len(answers) == 3 && (answers[0] != answers[1] || answers[1] != answers[2]) {
					t.Errorf("the answers differ: %q", answers)
				}
				if kept := n.b.Stats().ServerTransactions; kept != tt.kept || n.b.merged.len() != tt.kept {
					t.Errorf("%d transactions left, %d to merge with, want %d", kept, n.b.merged.len(), tt.kept)
				}
				time.Sleep(33 * time.Second)
				synctest.Wait()
				if n.b.Stats().ServerTransactions != 0 || n.b.merged.len() != 0 {
					t.Error("a transaction outlives timer J")
				}
			})
		})
	}
}

// A challenge of an INVITE is sent once for each copy of it, always with the same tag, and not repeated; its ACK is known without state and a wrong one
// is not. RFC 3261 §8.2.7, §26.3.2.4.
func TestInviteAnsweredWithoutState(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.b.cfg.Handler = HandlerFunc(func(tx *ServerTx) {
			if err := tx.Refuse(407, ""); err != nil {
				t.Error(err)
			}
		})
		text := "INVITE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:a@a>\r\n\r\n"
		for range 2 {
			n.b.receive(n.ba, []byte(text))
		}
		time.Sleep(40 * time.Second)
		synctest.Wait()
		var answers []string
		for _, m := range n.log {
			if m.from == "b" {
				answers = append(answers, m.text)
			}
		}
		if len(answers) != 2 || answers[0] != answers[1] || !strings.HasPrefix(answers[0], "SIP/2.0 407 ") {
			t.Errorf("%q", answers)
			return
		}
		_, tag, _ := strings.Cut(answers[0], "To: <sip:b@b>;tag=")
		tag, _, _ = strings.Cut(tag, "\r\n")
		for _, ack := range []string{tag, "other"} {
			n.b.receive(n.ba, []byte(strings.NewReplacer("INVITE", "ACK", "To: <sip:b@b>", "To: <sip:b@b>;tag="+ack).Replace(text)))
		}
		if st := n.b.Stats(); st.StrayAcks != 1 || st.ServerTransactions != 0 || n.b.merged.len() != 0 || n.b.proceeding.Load() != 0 {
			t.Errorf("%+v, %d to merge with, %d proceeding", st, n.b.merged.len(), n.b.proceeding.Load())
		}
	})
}

// A storm's transactions end in their order, with few wake-ups.
func TestManyAnswered(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		for i := range 3000 {
			n.b.receive(n.ba, []byte("OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx"+portString(uint16(i))+
				"\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\nCSeq: "+portString(uint16(i))+" OPTIONS\r\n\r\n"))
			time.Sleep(10 * time.Millisecond)
		}
		if kept := n.b.Stats().ServerTransactions; kept != 3000 {
			t.Fatalf("%d transactions", kept)
		}
		time.Sleep(17 * time.Second) // half of them
		if kept := n.b.Stats().ServerTransactions; kept < 1499 || kept > 1550 {
			t.Errorf("%d transactions after 17 s", kept)
		}
		time.Sleep(16 * time.Second)
		if kept := n.b.Stats().ServerTransactions; kept != 0 || n.b.merged.len() != 0 {
			t.Errorf("%d transactions after 33 s", kept)
		}
	})
}

// A reply is what Respond would send, to the byte.
func TestReplyIsResponse(t *testing.T) {
	s, f, answers, _ := newSink()
	defer s.Close()
	s.setOptions([]string{"REGISTER", "INVITE"}, []string{"outbound"})
	s.SetUserAgent("test")
	for _, vias := range []string{
		"Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK%\r\n", "Via: SIP/2.0/UDP a:1;rport;branch=z9hG4bK%;received=1.2.3.4\r\nVia: SIP/2.0/TCP [::1]:5;x=\"y z\";branch=1\r\n",
		"Via: SIP/2.0/UDP a;RPORT;branch=z9hG4bK%\r\n", "Via: SIP/2.0/UDP 10.0.0.9:5;branch=z9hG4bK%;rport=7;received=x\r\nRecord-Route: <sip:a;lr>\r\n",
	} {
		for _, to := range []string{"<sip:b@c>", `"B" <sip:b:pw@c:5;x=y?h=z>;tag=5`} {
			for _, code := range []int{100, 200, 302, 401, 503} {
				for _, headers := range [][]Header{nil, {NewHeader("Contact", "<sip:a@b>;expires=5"), NewHeader("Allow", "X"), NewHeader("Server", "y")}} {
					r, err := s.parse([]byte("REGISTER sip:c SIP/2.0\r\n" + vias + "From: <sip:a@b>;tag=1\r\nTo: " + to + "\r\nCall-ID: x\r\nCSeq: 7 REGISTER\r\n\r\n"))
					if err != nil {
						t.Fatal(err)
					}
					*answers = nil
					for i := range 2 {
						tx := s.newServerTx(f, r.(*Request), txKey{1})
						if i == 0 {
							err = tx.Respond(tx.NewResponse(code, "", headers...))
						} else {
							err = tx.Reply(code, "", headers...)
						}
						tx.terminate()
						for _, a := range s.serverTxs.all() {
							a.terminate()
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					if a := *answers; len(a) != 2 || a[0] != a[1] {
						t.Errorf("answers differ: %q", a)
					}
				}
			}
		}
	}
	for _, bad := range []struct {
		reason string
		header Header
	}{{"a\r\nb", nil}, {"", NewHeader("A", "b\nc")}, {"", NewHeader("A\r\nB", "c")}} {
		r, _ := s.parse([]byte("REGISTER sip:c SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 7 REGISTER\r\n\r\n"))
		tx := s.newServerTx(f, r.(*Request), txKey{1})
		headers := []Header{bad.header}
		if bad.header == nil {
			headers = nil
		}
		if err := tx.Reply(401, bad.reason, headers...); !errors.Is(err, ErrHeaderValue) {
			t.Errorf("%q %v: %v", bad.reason, bad.header, err)
		}
	}
}
