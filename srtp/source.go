package srtp

// maxSources bounds the SSRCs of a context. A leg uses one or two; a peer that changes its SSRC on every hold uses a few more.
const maxSources = 64

// windowWords is the size of a replay window in words: three full words behind the highest index are guarded and the one being
// filled, so packets up to 192 behind are told apart. RFC 3711 §3.3.2 asks for 64.
const (
	windowWords = 4
	windowSize  = (windowWords - 1) * 64
)

// source is the state of one SSRC in one direction.
type source struct {
	ssrc     uint32
	rtp      window
	rtcp     window // receiver
	rtcpNext uint64 // sender: the next SRTCP index
}

// window holds the highest index of a stream and which ones below it were used. The bits form a ring: index i is bit i%64 of word
// i/64%windowWords.
type window struct {
	highest uint64
	used    [windowWords]uint64
	started bool
}

// estimate is the packet index of a sequence number, RFC 3711 §3.3.1 and appendix A. A stream begins with roll-over counter 0; a
// number that would lie before that is taken as a jump ahead, as other implementations do.
func (w *window) estimate(seq uint16) uint64 {
	if !w.started {
		return uint64(seq)
	}
	roc, last := w.highest>>16, uint16(w.highest)
	if last < 1<<15 {
		if int(seq)-int(last) > 1<<15 && roc > 0 {
			roc--
		}
	} else if int(last)-1<<15 > int(seq) {
		roc++
	}
	return roc<<16 | uint64(seq)
}

// fresh tells whether the index was not used and is not too old to know.
func (w *window) fresh(index uint64) bool {
	switch {
	case !w.started || index > w.highest:
		return true
	case w.highest-index >= windowSize:
		return false
	}
	return w.used[index/64%windowWords]&(1<<(index%64)) == 0
}

// use marks a fresh index as used.
func (w *window) use(index uint64) {
	if !w.started || index > w.highest {
		from := w.highest / 64
		if !w.started {
			from = index / 64
			w.used = [windowWords]uint64{}
		}
		for n := min(index/64-from, windowWords); n > 0; n-- {
			w.used[(index/64-n+1)%windowWords] = 0
		}
		w.highest, w.started = index, true
	}
	w.used[index/64%windowWords] |= 1 << (index % 64)
}
