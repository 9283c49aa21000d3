package media

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/talkpath/talkpath/srtp"
)

// rtpHeader is the fixed part of an RTP header, RFC 3550 §5.1.
const rtpHeader = 12

// Bounds of sequence numbers, RFC 3550 appendix A.1.
const (
	maxDropout = 3000
	seqWindow  = 64 // late packets are taken and duplicates recognised within it
)

// source follows what comes from the peer: one SSRC at a time.
type source struct {
	ssrc     uint32
	gen      uint32 // grows whenever the stream starts anew: other SSRC, or a jump of the sequence
	started  bool
	highest  uint16
	window   uint64 // bit i: highest-i was seen
	bad      uint32 // sequence number that confirms a jump; above 16 bits = none
	cycles   uint32
	base     uint32 // extended first sequence number of the stream
	before   uint64 // expected packets of earlier streams
	received uint64 // packets of the current stream
	gaps     uint64 // runs of packets that were missing when a later one came
	packets  uint64
	bytes    uint64
	last     time.Time
	transit  int64
	jitter   float64 // in clock ticks
	rate     uint32
}

// take notes a packet and tells whether it is good to go on: no duplicate, not too old, no stray.
func (s *source) take(ssrc uint32, seq uint16) bool {
	if !s.started || ssrc != s.ssrc {
		s.restart(ssrc, seq)
		return true
	}
	d := int16(seq - s.highest)
	switch {
	case d > 0 && d < maxDropout:
		if d > 1 {
			s.gaps++
		}
		if seq < s.highest {
			s.cycles += 1 << 16
		}
		s.highest = seq
		s.window = s.window<<uint(d) | 1 // a shift of 64 and more gives 0
	case d <= 0 && d > -seqWindow:
		bit := uint64(1) << uint(-d)
		if s.window&bit != 0 {
			return false
		}
		s.window |= bit
	case s.bad == uint32(seq): // the second packet in order after a jump: the sender restarted
		s.restart(ssrc, seq)
		return true
	default:
		s.bad = uint32(seq + 1)
		return false
	}
	s.bad = math.MaxUint32
	return true
}

func (s *source) restart(ssrc uint32, seq uint16) {
	if s.started {
		s.before += s.expected()
	}
	s.started, s.ssrc, s.highest, s.window, s.bad = true, ssrc, seq, 1, math.MaxUint32
	s.cycles, s.base, s.received, s.jitter = 0, uint32(seq), 0, 0
	s.gen++
	s.transit = 0
}

// expected is the number of packets of the current stream, RFC 3550 appendix A.3.
func (s *source) expected() uint64 {
	if !s.started {
		return 0
	}
	return uint64(s.cycles) + uint64(s.highest) - uint64(s.base) + 1
}

// extended is the extended sequence number of a packet near the highest, RFC 3550 appendix A.1.
func (s *source) extended(seq uint16) uint32 {
	return s.cycles + uint32(s.highest) + uint32(int32(int16(seq-s.highest)))
}

// count does the statistics of an accepted packet, RFC 3550 appendix A.8.
func (s *source) count(n int, ts, rate uint32, now time.Time) {
	s.packets++
	s.received++
	s.bytes += uint64(n)
	s.last = now
	if rate == 0 {
		return
	}
	arrival := now.UnixNano() / 1000 * int64(rate) / 1_000_000
	transit := int64(int32(uint32(arrival) - ts))
	if s.transit != 0 && s.rate == rate {
		d := float64(int32(uint32(transit) - uint32(s.transit)))
		if math.Abs(d) < float64(rate) { // a jump of the timestamps is no jitter
			s.jitter += (math.Abs(d) - s.jitter) / 16
		}
	}
	s.transit, s.rate = transit, rate
}

// stream is what goes to the peer: one SSRC for the whole session, sequence numbers and timestamps without a break whatever the source.
type stream struct {
	ssrc    uint32
	from    *leg
	gen     uint32
	seqOff  uint16
	tsOff   uint32
	minIn   uint32 // extended; older input than this would reuse numbers that are taken
	lastIn  uint32 // extended; the input number that lastSeq stands for
	lastSeq uint16
	lastTS  uint32
	lastAt  time.Time
	used    bool
	tone    toneTime
}

// follows tells whether the stream goes on with this packet without a new start: same source, and after a hold not so far ahead that a
// receiver's roll-over counter would lose track.
func (t *stream) follows(from *leg, seq uint16) bool {
	if t.from != from || t.gen != from.src.gen {
		return false
	}
	d := int32(from.src.extended(seq) - t.lastIn)
	return d < maxDropout && d > -2*seqWindow
}

// low makes the stream go on in the lower half of the sequence numbers, unless it is there.
func (t *stream) low() {
	if t.used && t.lastSeq >= 1<<15 {
		t.from, t.lastSeq = nil, uint16(rand.Uint32N(1<<15))
	}
}

// attach makes the stream go on with another source whose next packet has seq and ts.
func (t *stream) attach(from *leg, seq uint16, ts, rate uint32, now time.Time) {
	if !t.used {
		t.start(now)
	} else {
		t.lastTS += elapsed(now.Sub(t.lastAt), rate)
	}
	t.from, t.gen, t.minIn, t.lastAt = from, from.src.gen, from.src.extended(seq), now
	t.lastIn = t.minIn - 1
	t.seqOff = t.lastSeq + 1 - seq
	t.tsOff = t.lastTS - ts
}

// elapsed is a time in clock ticks, at least a packet of 20 ms.
func elapsed(d time.Duration, rate uint32) uint32 {
	return uint32(max(d, 20*time.Millisecond).Microseconds() * int64(rate) / 1_000_000)
}

// insert takes the next sequence number for a packet of our own.
func (t *stream) insert() uint16 {
	t.lastSeq++
	if t.from != nil {
		t.lastIn = t.from.src.extended(t.from.src.highest)
		t.minIn = t.lastIn + 1
		t.seqOff = t.lastSeq - t.from.src.highest
	}
	return t.lastSeq
}

// place gives a packet of a source its sequence number and timestamp in the stream. fresh = the stream starts anew with it; not ok = it is
// late from before a switch and its number is taken. rate is the clock of the audio, also for a tone: that repeats the timestamp of its
// beginning, so it says nothing about where the stream stands.
func (t *stream) place(from *leg, seq uint16, ts, rate uint32, tone bool, now time.Time) (outSeq uint16, outTS uint32, fresh, ok bool) {
	if !t.follows(from, seq) {
		t.attach(from, seq, ts, rate, now)
		fresh = true
	} else if int32(from.src.extended(seq)-t.minIn) < 0 {
		return 0, 0, false, false
	}
	outSeq, outTS = seq+t.seqOff, ts+t.tsOff
	if int16(outSeq-t.lastSeq) > 0 {
		t.lastSeq, t.lastIn = outSeq, from.src.extended(seq)
		if !tone {
			t.lastTS, t.lastAt = outTS, now
		}
	}
	return outSeq, outTS, fresh, true
}

// rtpIn takes an RTP or SRTP packet from the peer and relays it. It reports whether the packet was the peer's own and intact.
func (l *leg) rtpIn(buf []byte) bool {
	if l.in != nil {
		n, err := l.in.UnprotectRTP(buf)
		if err != nil {
			l.srtpError(err)
			return false
		}
		buf = buf[:n]
	} else if l.kind != KindRTP {
		l.sh.stats.DropSRTP++ // keys not agreed yet; never taken in the clear
		return false
	}
	if !validRTP(buf) {
		l.sh.stats.DropGarbage++
		return false
	}
	pt := buf[1] & 0x7f
	f := l.formatOf(pt)
	seq, ts, ssrc := binary.BigEndian.Uint16(buf[2:]), binary.BigEndian.Uint32(buf[4:]), binary.BigEndian.Uint32(buf[8:])
	if f == nil {
		l.sh.stats.DropUnroutable++
		if l.src.started && ssrc == l.src.ssrc && l.src.take(ssrc, seq) { // not agreed on, but not lost either
			l.src.count(len(buf), ts, 0, l.sh.now)
		}
		return false
	}
	if !l.src.take(ssrc, seq) {
		l.replays++
		l.sh.stats.DropReplay++
		return true
	}
	tone := f.use == useTone
	l.silent = f.use == useNoise
	rate := f.rate
	switch f.use {
	case useTone:
		l.tonesIn++
		l.src.count(len(buf), ts, 0, l.sh.now)
		l.hear(buf, ts, rate)
	case useNoise:
		l.noiseIn++
		l.src.count(len(buf), ts, 0, l.sh.now) // sent when there is something new, not in time
	default:
		l.src.count(len(buf), ts, rate, l.sh.now)
	}
	l.timedOut = false
	l.setConnected()
	if l.saidLevel != nil && f.use == useAudio {
		l.saidLevel.apply(f.codec, buf)
	}
	if l.said != nil && l.gives && f.use == useAudio {
		l.said.put(f.codec, l.src.gen, ts, buf)
	}
	to := l.sink
	if to == nil || !l.gives {
		l.sh.stats.DropUnroutable++
		return true
	}
	to.forward(l, buf, f.to, tone, rate)
	return true
}

// validRTP tells whether a packet holds the header and the padding that it claims, RFC 3550 appendix A.1.
func validRTP(buf []byte) bool {
	if len(buf) < rtpHeader || buf[0]>>6 != 2 {
		return false
	}
	if buf[0]&0x3f == 0 { // as nearly always: no padding, extension or CSRC
		return true
	}
	p := payload(buf)
	if p == nil {
		return false
	}
	if buf[0]&0x20 != 0 {
		return len(p) > 0 && p[len(p)-1] > 0 && int(p[len(p)-1]) <= len(p)
	}
	return true
}

func (l *leg) srtpError(err error) {
	if errors.Is(err, srtp.ErrReplay) {
		l.replays++
		l.sh.stats.DropReplay++
		return
	}
	l.srtpErrors++
	l.sh.stats.DropSRTP++
}

// forward sends a packet of leg from to this leg's peer, rewritten in place.
func (l *leg) forward(from *leg, buf []byte, pt uint8, tone bool, rate uint32) {
	if pt == unmapped || !l.takes || !l.ready() || l.digits.busy() || l.own && !tone {
		l.sh.stats.DropUnroutable++
		return
	}
	t := &l.stream
	clock := rate
	if tone {
		clock = l.rate
	}
	in := binary.BigEndian.Uint32(buf[4:])
	var seq uint16
	var ts uint32
	fresh, ok := false, true
	if l.own {
		seq, ts = t.aside(from, in, l.sh.now)
	} else if seq, ts, fresh, ok = t.place(from, binary.BigEndian.Uint16(buf[2:]), in, clock, tone, l.sh.now); tone && ok {
		ts = t.sameTone(from, in, ts)
	}
	if !ok {
		l.sh.stats.DropReplay++
		return
	}
	marker := buf[1] & 0x80
	if fresh && !tone {
		marker = 0x80 // the receiver may adapt its play-out, RFC 3551 §4.1
	}
	buf[1] = marker | pt
	binary.BigEndian.PutUint16(buf[2:], seq)
	binary.BigEndian.PutUint32(buf[4:], ts)
	binary.BigEndian.PutUint32(buf[8:], t.ssrc)
	if tone {
		rescaleTone(buf, rate, l.clockOf(pt))
	}
	if l.heardLevel != nil && !tone {
		l.hearLevel(buf, pt)
	}
	if l.heardBy != nil && !tone {
		l.overhear(buf, pt, ts)
	}
	l.sendRTP(buf, false)
}

// sendRTP encrypts and sends. buf has tail room. now = it does not lie in the arena.
func (l *leg) sendRTP(buf []byte, now bool) {
	l.rtpOut++
	l.rtpBytesOut += uint64(len(buf))
	l.payloadOut += uint64(len(payload(buf)))
	switch pt := buf[1] & 0x7f; {
	case pt == l.tone:
		l.tonesOut++
	case pt == l.noise:
		l.noiseOut++
	}
	if l.out != nil {
		n, err := l.out.ProtectRTP(buf, len(buf))
		if err != nil {
			l.sh.stats.DropSend++
			return
		}
		buf = buf[:n]
	}
	l.sendPacket(buf, false, now)
}
