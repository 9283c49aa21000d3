package media

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// batch is what the pacer gives the packet loop to send at one time. Its packets are used again.
type batch struct {
	packets []*ownPacket
	n       int
}

// ownPacket is a packet of sound that was made here.
type ownPacket struct {
	leg   *leg
	codec Codec
	ticks uint32 // of the RTP clock that it lasts
	size  int    // of the payload
	buf   [slotSize]byte
}

// newBatches are the batches of a shard.
func newBatches() chan *batch {
	free := make(chan *batch, ownBatches)
	for range ownBatches {
		free <- &batch{}
	}
	return free
}

// batch is what is sent to the leg's shard at this packet time, nil when the packet loop has all batches. The lock is held.
func (p *pacer) batch(l *leg) *batch {
	sh := l.home.Load()
	if p.batches == nil {
		p.batches, p.missed = make([]*batch, len(sh.all.list)), make([]bool, len(sh.all.list))
	}
	i := sh.index
	if p.batches[i] == nil && !p.missed[i] {
		select {
		case p.batches[i] = <-sh.batches:
			p.batches[i].n = 0
		default:
			p.missed[i] = true
			p.skipped++
		}
	}
	return p.batches[i]
}

// add encodes the voice's frame. A nil batch takes nothing: the sound has a gap.
func (b *batch) add(v *voice) {
	if b == nil {
		return
	}
	if b.n == len(b.packets) {
		b.packets = append(b.packets, &ownPacket{})
	}
	o := b.packets[b.n]
	b.n++
	o.leg, o.codec = v.l, *v.format.codec
	o.ticks = uint32(o.codec.ClockRate / ticksPerSecond)
	o.size = len(v.encoder.Encode(o.buf[rtpHeader:rtpHeader], v.frame))
}

// send hands the batches to the packet loops.
func (p *pacer) send() {
	for i, b := range p.batches {
		p.batches[i], p.missed[i] = nil, false
		if b == nil {
			continue
		}
		sh := p.e.all.list[i]
		if !sh.loop.post(func() {
			defer func() { sh.batches <- b }()
			sh.speak(b)
		}) {
			sh.batches <- b
		}
	}
}

// speak sends a batch. Loop only.
func (sh *shard) speak(b *batch) {
	for _, o := range b.packets[:b.n] {
		if o.leg.home.Load() == sh && !o.leg.closed { // else it has moved: a packet is left out
			o.leg.sendOwn(o)
		}
	}
	sh.loop.flushOut() // the packets are the pacer's again when this returns
}

// sendOwn sends a packet of the pacer to the peer. What cannot be sent now is left out, as with relayed audio.
func (l *leg) sendOwn(o *ownPacket) {
	pt := l.txFor(o.codec)
	if !l.own || pt == unmapped || !l.takes || !l.ready() || l.digits.busy() {
		l.fresh = true
		return
	}
	buf := o.buf[:rtpHeader+o.size]
	seq, ts, marker := l.stream.speak(o.ticks, l.rate, l.fresh, l.sh.now)
	l.fresh = false
	buf[0], buf[1] = 0x80, pt
	if marker {
		buf[1] |= 0x80
	}
	binary.BigEndian.PutUint16(buf[2:], seq)
	binary.BigEndian.PutUint32(buf[4:], ts)
	binary.BigEndian.PutUint32(buf[8:], l.stream.ssrc)
	if l.heardLevel != nil {
		l.hearLevel(buf, pt)
	}
	if l.heardBy != nil {
		l.overhear(buf, pt, ts)
	}
	l.sendRTP(buf, false)
}

// start gives the stream its first numbers.
func (t *stream) start(now time.Time) {
	t.used, t.lastAt = true, now
	t.lastSeq = uint16(rand.Uint32N(1 << 15)) // RFC 3550 §5.1; low, so that the roll-over counter starts unambiguously
	t.lastTS = rand.Uint32()
}

// speak gives a packet of our own its number and timestamp. It follows the one before by ticks of the clock; when that was a relayed one,
// or there is a gap (fresh), by the time that has passed, and the marker tells the receiver (RFC 3551 §4.1).
func (t *stream) speak(ticks, rate uint32, fresh bool, now time.Time) (seq uint16, ts uint32, marker bool) {
	if !t.used {
		t.start(now)
	}
	passed := elapsed(now.Sub(t.lastAt), rate)
	if marker = fresh || t.from != nil || passed > ticks+rate/10; marker {
		ticks = passed
	}
	t.from = nil
	t.lastSeq++
	t.lastTS += ticks
	t.lastAt = now
	return t.lastSeq, t.lastTS, marker
}

// toneTime is the timestamp that a relayed tone has on this side: one for all its packets, though a playback begin or end meanwhile.
type toneTime struct {
	from    *leg
	gen     uint32
	in, out uint32
}

// aside gives a packet of a relayed tone its number and timestamp within sound of our own.
func (t *stream) aside(from *leg, ts uint32, now time.Time) (uint16, uint32) {
	if !t.used {
		t.start(now)
	}
	t.from = nil
	t.lastSeq++
	return t.lastSeq, t.sameTone(from, ts, t.lastTS)
}

// sameTone is the timestamp of a relayed tone: out, if it begins with this packet.
func (t *stream) sameTone(from *leg, in, out uint32) uint32 {
	if t.tone.from != from || t.tone.gen != from.src.gen || t.tone.in != in {
		t.tone = toneTime{from: from, gen: from.src.gen, in: in, out: out}
	}
	return t.tone.out
}
