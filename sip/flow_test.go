package sip

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
)

// stuckWire takes one message and then waits for as long as the test wants.
type stuckWire struct{ result, closed chan error }

func (w *stuckWire) write([]byte) error {
	select {
	case err := <-w.result:
		return err
	case <-w.closed:
		return ErrFlowClosed
	}
}

func (w *stuckWire) close() { close(w.closed) }

// A connection whose peer does not read is closed, counted once, and holds a bounded amount until then.
func TestQueueOfWrites(t *testing.T) {
	for _, tt := range []struct {
		name   string
		size   int   // of each message
		fit    int   // how many are taken beside the one being written
		result error // what ends the write instead of a full queue
	}{
		{"too many", 10, 8, nil},
		{"too much", maxQueuedBytes / 4, 4, nil},
		{"deadline of a socket", 10, 3, os.ErrDeadlineExceeded},
		{"deadline of a WebSocket", 10, 3, context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStack(Config{Limits: Limits{WriteQueue: 8}})
				w := &stuckWire{result: make(chan error, 1), closed: make(chan error)}
				f, err := s.addConn("tcp", netip.AddrPort{}, netip.AddrPort{}, "", w, true)
				if err != nil {
					t.Fatal(err)
				}
				if err := f.send(make([]byte, tt.size)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // the writer has it
				for i := range tt.fit {
					if err := f.send(make([]byte, tt.size)); err != nil {
						t.Fatalf("message %d: %v", i, err)
					}
				}
				if tt.result != nil {
					w.result <- tt.result
				} else if err := f.send(make([]byte, tt.size)); !errors.Is(err, ErrFlowClosed) {
					t.Errorf("one too many: %v", err)
				}
				synctest.Wait()
				if err := f.send(nil); !errors.Is(err, ErrFlowClosed) {
					t.Errorf("still open: %v", err)
				}
				if st := s.Stats(); st.SlowConnections != 1 || st.Connections != 0 {
					t.Errorf("stats %+v", st)
				}
				s.Close()
			})
		})
	}
}

// A retransmission that is answered without state gets the same tag (RFC 3261 §8.2.7).
func TestStatelessTag(t *testing.T) {
	s, f, answers, _ := newSink()
	defer s.Close()
	for range 2 {
		s.receive(f, []byte("CANCEL sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\n"+
			"CSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n"))
	}
	if len(*answers) != 2 || (*answers)[0] != (*answers)[1] {
		t.Errorf("answers %q", *answers)
	}
}
