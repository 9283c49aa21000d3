package media

import (
	"math"
	"testing"
	"time"
)

// TestClassesOnlyGrow: what legs have relayed stays with the codec it was in, through a change of codec, a move to another shard and their end.
func TestClassesOnlyGrow(t *testing.T) {
	sh, other := &shard{}, &shard{}
	newLegOn := func(sh *shard, codecs ...Codec) *leg {
		l := newLeg(&Session{}, KindRTP)
		l.sh = sh
		var formats []format8
		for _, c := range codecs {
			formats = append(formats, format8{codec: &c, tx: c.PayloadType})
		}
		l.applyFormats(formats)
		sh.legs = append(sh.legs, l)
		return l
	}
	sums := func() map[LegClass]*ClassStats {
		m := map[LegClass]*ClassStats{}
		sh.addClasses(m)
		other.addClasses(m)
		return m
	}
	pcmu, strange := LegClass{KindRTP, "PCMU"}, Codec{Name: "pCmU", ClockRate: 8000, Channels: 1}
	l := newLegOn(sh, strange)
	l.src.packets, l.src.bytes, l.rtpOut, l.rtpBytesOut = 10, 1720, 8, 1376
	if c := sums()[pcmu]; c.PacketsIn != 10 || c.BytesIn != 1720 || c.PacketsOut != 8 || c.BytesOut != 1376 || c.Legs != 1 || c.Now.MOS.Count != 1 || c.Past.MOS.Count != 0 {
		t.Errorf("%+v", c)
	}
	if c := sums()[pcmu]; c.PacketsIn != 10 {
		t.Errorf("counted again: %+v", c)
	}
	l.src.packets = 15
	l.applyFormats([]format8{{codec: &Codec{Name: "G722", ClockRate: 8000, Channels: 1, PayloadType: 9}, tx: 9}})
	l.src.packets = 17
	sh.legs, other.legs, l.sh = nil, []*leg{l}, other
	l.src.packets = 18
	m := sums()
	if a, b := m[pcmu], m[LegClass{KindRTP, "G722"}]; a.PacketsIn != 15 || a.Legs != 0 || b.PacketsIn != 3 || b.Legs != 1 {
		t.Errorf("%+v %+v", a, b)
	}
	l.src.packets = 20
	l.accountEnd()
	other.legs = nil
	if b := sums()[LegClass{KindRTP, "G722"}]; b.PacketsIn != 5 || b.Legs != 0 || b.Ended != 1 || b.Past.Loss.Count != 1 || b.Now.Loss.Count != 0 {
		t.Errorf("%+v", b)
	}
}

func TestHistogram(t *testing.T) {
	h := newQuality().Loss
	for _, v := range []float64{0, 0.05, 0.1, 3, 99} {
		h.observe(v)
	}
	if h.Counts[0] != 1 || h.Counts[1] != 2 || h.Counts[5] != 1 || h.Count != 5 || math.Abs(h.Sum-102.15) > 1e-9 {
		t.Errorf("%+v", h)
	}
	q := newQuality()
	q.observe(&Stats{}) // nothing came
	q.observe(&Stats{PacketsIn: 1, MOS: 4.4, RTT: 20 * time.Millisecond})
	if q.MOS.Count != 1 || q.RTT.Count != 1 || q.RTT.Sum != 20 || q.Jitter.Counts[0] != 1 {
		t.Errorf("%+v", q)
	}
}

func TestClassesAreFew(t *testing.T) {
	for _, f := range knownFormats {
		if got := classCodec(f.codec.Name); got != f.codec.Name {
			t.Errorf("%s counts as %s", f.codec.Name, got)
		}
	}
	if got := classCodec("x-" + time.Now().String()); got != "other" {
		t.Error(got)
	}
}
