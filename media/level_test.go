package media

import (
	"errors"
	"testing"

	"github.com/pion/rtp"

	"github.com/talkpath/talkpath/media/audio"
)

// loudnessOf is how loud the last packets are, in dBm0.
func loudnessOf(t *testing.T, c Codec, pkts []rtp.Packet) float64 {
	t.Helper()
	pcm := decode(t, c, pkts)
	return audio.Level(pcm[len(pcm)/2:])
}

// TestLevel: who talks is heard louder or softer, whichever side the level is set on, also what is played and through encryption; digits are left alone.
func TestLevel(t *testing.T) {
	for _, c := range []struct {
		name, codec string
		kind        Kind
		said        bool // set on who says it, else on who hears it
		level       int
		want        float64 // dB
	}{
		{"softer, of who says it", "PCMU", KindRTP, true, -4, -13.98},
		{"softer, of who hears it", "PCMA", KindSDES, false, -4, -13.98},
		{"louder", "PCMU", KindSDES, true, 1, 2.28},
		{"wide", "L16", KindRTP, false, -2, -4.44},
		{"as it was", "PCMU", KindRTP, true, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			var log eventLog
			codec := formatOf(c.codec)
			a, pa := phoneOn(t, e, c.kind, codec, &log)
			b, pb := phoneOn(t, e, c.kind, codec, &log)
			if err := Bridge(a, b); err != nil {
				t.Fatal(err)
			}
			tone := newSine(700, codec.SampleRate(), -1)
			k := newTalker(t, pa, codec, tone, 77)
			converse(t, "the tone", func() bool { return len(pb.heard()) > 15 }, k)
			before := loudnessOf(t, codec, pb.heard())
			s := b
			if c.said {
				s = a
			}
			if err := s.Level(c.said, c.level); err != nil {
				t.Fatal(err)
			}
			n := len(pb.heard())
			converse(t, "the other level", func() bool { return len(pb.heard()) > n+20 }, k)
			if d := loudnessOf(t, codec, pb.heard()[n:]) - before; d < c.want-0.6 || d > c.want+0.6 {
				t.Errorf("%.2f dB, want %.2f", d, c.want)
			}
			if c.said {
				return
			}
			if _, err := b.Play(newSine(1000, codec.SampleRate(), -1), nil); err != nil { // what is played too
				t.Fatal(err)
			}
			n = len(pb.heard())
			converse(t, "what is played", func() bool { return len(pb.heard()) > n+20 })
			loud := loudnessOf(t, codec, pb.heard()[n+5:])
			if err := b.Level(false, 0); err != nil {
				t.Fatal(err)
			}
			n = len(pb.heard())
			converse(t, "what is played", func() bool { return len(pb.heard()) > n+20 })
			if d := loud - loudnessOf(t, codec, pb.heard()[n+5:]); d < c.want-0.6 || d > c.want+0.6 {
				t.Errorf("played: %.2f dB, want %.2f", d, c.want)
			}
		})
	}
}

func TestLevelRefused(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, _ := phoneOn(t, e, KindRTP, formatOf("G722"), &log)
	if err := s.Level(true, 1); !errors.Is(err, ErrCannotLevel) {
		t.Error(err)
	}
	s.Close()
	if err := s.Level(true, 1); err == nil {
		t.Error("a session that is closed")
	}
}
