package media

import (
	"slices"
	"strings"
)

// LegClass is what legs are counted by. There are few: a transport and a codec that we know.
type LegClass struct {
	Kind  Kind
	Codec string // "PCMU"; "other" = one that only an embedding program knows; "" = no audio agreed
}

// ClassStats counts the media of all legs of a class. In is from the peers.
type ClassStats struct {
	Legs  int    // there now
	Ended uint64 // and those that were

	PacketsIn, BytesIn   uint64 // RTP, with its header, without what SRTP adds; of ended legs and, up to now, of the others
	PacketsOut, BytesOut uint64
	// Lost counts packets that were missing when somebody looked; one that came after all is not taken back.
	Lost uint64

	Now  Quality // of the legs there are, since each began
	Past Quality // of those that have ended
}

// Quality tells how many legs were how good. Legs from which nothing came are left out.
type Quality struct {
	Jitter Histogram // ms
	Loss   Histogram // percent of what was expected
	MOS    Histogram
	RTT    Histogram // ms; of legs whose peers send RTCP reports
}

// Histogram counts values by upper bounds, which are included.
type Histogram struct {
	Bounds []float64
	Counts []uint64 // one a bound; not summed up. A value beyond the last bound is in Count alone
	Count  uint64
	Sum    float64
}

// Bounds of the histograms. Loss of more than 5 % and jitter beyond a usual buffer are bad; a MOS of 4 is good, below 3.1 most listeners complain
// (G.107 annex B).
var (
	jitterBounds = []float64{1, 2, 5, 10, 20, 30, 50, 100, 200, 500}
	lossBounds   = []float64{0, 0.1, 0.5, 1, 2, 5, 10, 20, 50}
	mosBounds    = []float64{1.5, 2, 2.6, 3.1, 3.6, 4, 4.2, 4.3, 4.4, 4.5}
	rttBounds    = []float64{5, 10, 20, 50, 100, 150, 200, 300, 500, 1000}
)

func newClassStats() *ClassStats { return &ClassStats{Now: newQuality(), Past: newQuality()} }

func newQuality() Quality {
	of := func(bounds []float64) Histogram {
		return Histogram{Bounds: bounds, Counts: make([]uint64, len(bounds))}
	}
	return Quality{Jitter: of(jitterBounds), Loss: of(lossBounds), MOS: of(mosBounds), RTT: of(rttBounds)}
}

func (h *Histogram) observe(v float64) {
	if i, _ := slices.BinarySearch(h.Bounds, v); i < len(h.Counts) {
		h.Counts[i]++
	}
	h.Count++
	h.Sum += v
}

func (h *Histogram) add(o *Histogram) {
	for i, n := range o.Counts {
		h.Counts[i] += n
	}
	h.Count += o.Count
	h.Sum += o.Sum
}

func (q *Quality) observe(st *Stats) {
	if st.PacketsIn == 0 {
		return
	}
	q.Jitter.observe(st.Jitter)
	q.Loss.observe(st.LossPercent)
	q.MOS.observe(st.MOS)
	if st.RTT > 0 {
		q.RTT.observe(float64(st.RTT.Microseconds()) / 1000)
	}
}

func (q *Quality) add(o *Quality) {
	q.Jitter.add(&o.Jitter)
	q.Loss.add(&o.Loss)
	q.MOS.add(&o.MOS)
	q.RTT.add(&o.RTT)
}

func (c *ClassStats) add(o *ClassStats) {
	c.Legs += o.Legs
	c.Ended += o.Ended
	c.PacketsIn, c.BytesIn = c.PacketsIn+o.PacketsIn, c.BytesIn+o.BytesIn
	c.PacketsOut, c.BytesOut = c.PacketsOut+o.PacketsOut, c.BytesOut+o.BytesOut
	c.Lost += o.Lost
	c.Now.add(&o.Now)
	c.Past.add(&o.Past)
}

// counted is what of a leg's figures its classes have been given.
type counted struct{ packetsIn, bytesIn, packetsOut, bytesOut, lost uint64 }

// account adds what is new of a leg to the class it is of now. So the sums of a class only grow, whatever codec its legs change to and whatever
// shard they move to. Loop only.
func (l *leg) account() (*ClassStats, Stats) {
	if l.sh == nil { // not begun
		return nil, Stats{}
	}
	st := l.figures()
	c := l.sh.class(l.class())
	grow := func(sum, before *uint64, now uint64) {
		if now > *before {
			*sum += now - *before
			*before = now
		}
	}
	grow(&c.PacketsIn, &l.counted.packetsIn, st.PacketsIn)
	grow(&c.BytesIn, &l.counted.bytesIn, st.BytesIn)
	grow(&c.PacketsOut, &l.counted.packetsOut, st.PacketsOut)
	grow(&c.BytesOut, &l.counted.bytesOut, st.BytesOut)
	grow(&c.Lost, &l.counted.lost, uint64(max(st.Lost, 0)))
	return c, st
}

// accountEnd is account for a leg that ends.
func (l *leg) accountEnd() {
	c, st := l.account()
	c.Ended++
	c.Past.observe(&st)
}

// class is what the leg counts as.
func (l *leg) class() LegClass {
	if f := l.sends.Load(); f != nil {
		return LegClass{l.kind, classCodec(f.codec.Name)}
	}
	return LegClass{Kind: l.kind}
}

// classCodec is the one spelling of a codec's name: a peer may choose another.
func classCodec(name string) string {
	for _, known := range [...]string{"opus", "G722", "PCMU", "PCMA", "G729", "GSM", "iLBC"} {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return "other"
}

func (sh *shard) class(key LegClass) *ClassStats {
	c := sh.classes[key]
	if c == nil {
		if sh.classes == nil {
			sh.classes = map[LegClass]*ClassStats{}
		}
		c = newClassStats()
		sh.classes[key] = c
	}
	return c
}

// addClasses adds the shard's figures to sums. Loop only.
func (sh *shard) addClasses(sums map[LegClass]*ClassStats) {
	for _, c := range sh.classes {
		c.Legs, c.Now = 0, newQuality()
	}
	for _, l := range sh.legs {
		c, st := l.account()
		c.Legs++
		c.Now.observe(&st)
	}
	for key, c := range sh.classes {
		if sums[key] == nil {
			sums[key] = newClassStats()
		}
		sums[key].add(c)
	}
}

// Classes counts the media of all legs, those that there are and those that have ended. Each packet loop looks at its legs once, between two
// batches of packets; no lock is taken that they wait for.
func (e *Engine) Classes() map[LegClass]*ClassStats {
	sums := map[LegClass]*ClassStats{}
	for _, sh := range e.all.list {
		sh.loop.do(func() { sh.addClasses(sums) })
	}
	return sums
}
