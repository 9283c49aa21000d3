package media

import (
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

func fingerprintSetter() stun.Setter { return stun.Fingerprint }

func TestClassify(t *testing.T) {
	pad := func(b ...byte) []byte { return append(b, make([]byte, 40)...) }
	cases := []struct {
		name string
		pkt  []byte
		want class
	}{
		{"empty", nil, classGarbage},
		{"one byte", []byte{0}, classGarbage},
		{"STUN", pad(0, 1), classSTUN},
		{"short STUN", []byte{0, 1, 0, 0}, classGarbage},
		{"ZRTP range", pad(16, 0), classGarbage},
		{"DTLS low", pad(20, 254), classDTLS},
		{"DTLS high", pad(63, 254), classDTLS},
		{"TURN channel", pad(64, 0), classGarbage},
		{"RTP", pad(128, 0), classRTP},
		{"RTP with marker", pad(128, 128|111), classRTP},
		{"short RTP", []byte{128, 0, 0, 1}, classGarbage},
		{"RTCP SR", pad(128, 200), classRTCP},
		{"RTCP high", pad(128, 223), classRTCP},
		{"beyond RTCP", pad(128, 224), classRTP},
		{"short RTCP", []byte{128, 201, 0}, classGarbage},
		{"192", pad(192, 0), classGarbage},
	}
	for _, c := range cases {
		if got := classify(c.pkt); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestSourceSequence(t *testing.T) {
	type step struct {
		seq  uint16
		want bool
	}
	cases := []struct {
		name  string
		steps []step
		gens  uint32
		lost  uint64
	}{
		{"in order over the wrap", []step{{65534, true}, {65535, true}, {0, true}, {1, true}}, 1, 0},
		{"duplicate", []step{{10, true}, {11, true}, {11, false}, {10, false}}, 1, 0},
		{"late once", []step{{10, true}, {12, true}, {11, true}, {11, false}}, 1, 0},
		{"lost", []step{{10, true}, {15, true}}, 1, 4},
		{"too old", []step{{1000, true}, {900, false}}, 1, 0},
		{"stray", []step{{10, true}, {40000, false}, {11, true}}, 1, 0},
		{"restart", []step{{10, true}, {40000, false}, {40001, true}, {40002, true}}, 2, 0},
		{"late over the wrap", []step{{65535, true}, {1, true}, {0, true}, {65535, false}}, 1, 0},
		{"large step within the window of loss", []step{{10, true}, {10 + maxDropout - 1, true}, {10, false}}, 1, maxDropout - 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var s source
			accepted := uint64(0)
			for i, st := range c.steps {
				got := s.take(7, st.seq)
				if got != st.want {
					t.Fatalf("step %d seq %d: %v", i, st.seq, got)
				}
				if got {
					accepted++
				}
			}
			if s.gen != c.gens {
				t.Errorf("generation %d, want %d", s.gen, c.gens)
			}
			if lost := s.before + s.expected() - accepted; lost != c.lost {
				t.Errorf("lost %d, want %d", lost, c.lost)
			}
		})
	}
}

// TestStreamNumbersAreUnique sends through holds, inserted tones, late packets and long streams: no sequence number may go out twice
// within a roll-over, or SRTP would use a key stream twice.
func TestStreamNumbersAreUnique(t *testing.T) {
	from := &leg{}
	st := stream{ssrc: 1}
	now := time.Unix(1000, 0)
	seen := map[uint32]bool{}
	roc, last, first := uint32(0), uint16(0), true
	out := func(seq uint16) {
		d := int16(seq - last)
		if !first && (d >= maxDropout || d <= -2*seqWindow) {
			t.Fatalf("jump of %d", d)
		}
		ext := roc<<16 | uint32(seq)
		if d > 0 || first {
			if seq < last {
				roc++
				ext = roc<<16 | uint32(seq)
			}
			last, first = seq, false
		} else if seq > last {
			ext = (roc-1)<<16 | uint32(seq)
		}
		if seen[ext] {
			t.Fatalf("number %d went out twice", ext)
		}
		seen[ext] = true
	}
	relay := func(seq uint16) {
		if !from.src.take(9, seq) {
			return
		}
		if o, _, _, ok := st.place(from, seq, uint32(seq)*160, 8000, false, now); ok {
			out(o)
		}
	}
	seq := uint16(100)
	for i := range 200_000 {
		switch {
		case i%1000 == 999:
			out(st.insert())
		case i%777 == 0: // lost, late after a tone
			late := seq
			seq++
			relay(seq)
			out(st.insert())
			relay(late)
		case i%501 == 0: // reordered
			relay(seq + 1)
			relay(seq)
			seq++
		case i == 150_000: // a long hold: nothing goes out while the source goes on
			for range 50_000 {
				seq++
				from.src.take(9, seq)
			}
		case i == 170_000: // the sender restarts
			seq += 30_000
		}
		relay(seq)
		seq++
	}
	if len(seen) < 190_000 {
		t.Errorf("only %d went out", len(seen))
	}
}

func TestMOS(t *testing.T) {
	good, lossy, slow := mos(20*time.Millisecond, 1, 0, 1), mos(20*time.Millisecond, 1, 10, 1), mos(800*time.Millisecond, 1, 0, 1)
	if good < 4.2 || good > 4.5 || lossy >= good || slow >= good || mos(10*time.Second, 500, 100, 1) != 1 || mos(20*time.Millisecond, 1, 10, 3) >= lossy {
		t.Errorf("good %.2f lossy %.2f slow %.2f", good, lossy, slow)
	}
}
