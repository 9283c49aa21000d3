package media

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/talkpath/talkpath/srtp"
)

// sender relays a source into an encrypted stream that a far end decrypts, as forward does.
type sender struct {
	t        *testing.T
	leg      *leg
	from     *leg
	in       *srtp.Context // of the far end
	now      time.Time
	seq      uint16
	ts, ssrc uint32
	heard    int
}

func newSender(t *testing.T) *sender {
	s := &sender{t: t, leg: &leg{}, from: &leg{}, now: time.Unix(1000, 0), ssrc: 1}
	s.leg.stream.ssrc = 77
	s.rekey()
	return s
}

func (s *sender) rekey() {
	k := srtp.GenerateSDES(1, srtp.AES128CMHMACSHA1_80)
	out, err := srtp.NewContext(k.Profile, k.Key, k.Salt)
	if err == nil {
		s.in, err = srtp.NewContext(k.Profile, k.Key, k.Salt)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.leg.setOut(out)
}

// packet relays one packet of the source; lost = the far end does not get it.
func (s *sender) packet(seq uint16, lost bool) {
	if !s.from.src.take(s.ssrc, seq) {
		return
	}
	out, ts, _, ok := s.leg.stream.place(s.from, seq, s.ts, 8000, false, s.now)
	if !ok {
		return
	}
	buf := make([]byte, 12+20, 64)
	buf[0] = 0x80
	binary.BigEndian.PutUint16(buf[2:], out)
	binary.BigEndian.PutUint32(buf[4:], ts)
	binary.BigEndian.PutUint32(buf[8:], s.leg.stream.ssrc)
	n, err := s.leg.out.ProtectRTP(buf, len(buf))
	if err != nil || lost {
		return
	}
	if _, err := s.in.UnprotectRTP(buf[:n]); err == nil {
		s.heard++
	}
}

func (s *sender) next(lost bool) {
	s.seq++
	s.ts += 160
	s.now = s.now.Add(20 * time.Millisecond)
	s.packet(s.seq, lost)
}

// speaks tells whether the far end hears the source within a number of packets, and goes on hearing each one.
func (s *sender) speaks(within int) bool {
	for range within {
		s.next(false)
	}
	before := s.heard
	for range 50 {
		s.next(false)
	}
	return s.heard == before+50
}

// TestSourceNeverFallsSilent: whatever a source does with its numbers, and whenever keys change, the far end hears it again within the window
// of late packets. An error of ProtectRTP must not be able to last.
func TestSourceNeverFallsSilent(t *testing.T) {
	cases := []struct {
		name string
		do   func(*sender)
	}{
		{"nothing", func(*sender) {}},
		{"starts again at 0", func(s *sender) { s.seq = 0 }},
		{"starts again with another SSRC", func(s *sender) { s.ssrc++; s.seq = 65530 }},
		{"jumps back a little", func(s *sender) { s.seq -= seqWindow / 2 }},
		{"jumps back by the window", func(s *sender) { s.seq -= seqWindow }},
		{"jumps back by twice the window", func(s *sender) { s.seq -= 2*seqWindow - 1 }},
		{"jumps back far", func(s *sender) { s.seq -= 1000 }},
		{"jumps ahead", func(s *sender) { s.seq += maxDropout - 2 }},
		{"jumps ahead far", func(s *sender) { s.seq += maxDropout }},
		{"jumps half the circle", func(s *sender) { s.seq += 1 << 15 }},
		{"jumps back in time", func(s *sender) { s.ts -= 1 << 31 }},
		{"duplicates", func(s *sender) {
			for range 500 {
				s.packet(s.seq, false)
			}
		}},
		{"sends strays", func(s *sender) {
			for i := range uint16(200) {
				s.packet(s.seq+20_000+i*777, false)
				s.next(false)
			}
		}},
		{"tones in between", func(s *sender) {
			for range 300 {
				s.leg.stream.insert()
				s.next(false)
			}
		}},
		{"is held for a whole cycle", func(s *sender) {
			for range 65536 - 30 { // goes on, but nothing is forwarded
				s.seq++
				s.ts += 160
				s.from.src.take(s.ssrc, s.seq)
			}
		}},
		{"alternates between two SSRCs", func(s *sender) {
			for i := range 200 {
				s.ssrc = uint32(100 + i%2)
				s.next(false)
			}
		}},
		{"new key", func(s *sender) { s.rekey() }},
		{"new key just before the wrap, and the peer has it late", func(s *sender) {
			for s.leg.stream.lastSeq != 65530 {
				s.next(false)
			}
			s.rekey()
			for range 50 {
				s.next(true)
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSender(t)
			if !s.speaks(0) {
				t.Fatal("silent from the start")
			}
			c.do(s)
			if !s.speaks(2 * seqWindow) {
				t.Error("the far end does not hear it")
			}
		})
	}
	t.Run("all of it at random", func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 2))
		s := newSender(t)
		for i := range 2000 {
			c := cases[rnd.IntN(len(cases)-1)]
			c.do(s)
			if !s.speaks(2 * seqWindow) {
				t.Fatalf("step %d, %s: silent", i, c.name)
			}
		}
	})
}

// TestHeldForACycle: after a hold of 22 minutes the source's number is near the last one that went out again, which must not be taken for
// a late packet whose number is used up.
func TestHeldForACycle(t *testing.T) {
	s := newSender(t)
	s.speaks(0)
	for range 65536 - 30 {
		s.seq++
		s.from.src.take(s.ssrc, s.seq)
	}
	before := s.heard
	s.next(false)
	if s.heard != before+1 {
		t.Error("the first packet after the hold was lost")
	}
}
