package media

import (
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// Bounds of hearing.
const (
	earSlots   = 16                     // packets between two packet times of the pacer; more are lost and counted
	earPayload = 1936                   // 20 ms of L16 at 48000 Hz
	earDelay   = 40 * time.Millisecond  // that a stream is held back to level out jitter, at first
	earMost    = 200 * time.Millisecond // and at most
	earSpan    = 500 * time.Millisecond // of sound ahead of time that is kept
	earLate    = 3                      // packets too late in a row that make it wait longer
)

// ear takes copies of packets from the loop, and makes of them a stream that goes with the pacer's clock: gaps are silence. The loop puts,
// the pacer pulls; nothing waits and, but for a change of codec, nothing is allocated.
type ear struct {
	slots [earSlots]earSlot
	head  atomic.Uint32 // next slot to fill; the loop's
	tail  atomic.Uint32 // next slot to take; the pacer's
	lost  atomic.Uint64

	// The pacer's.
	codec   *Codec
	decoder audio.Decoder // nil: of a codec that we do not understand
	pcm     []int16
	ring    []int16
	rate    int
	read    int64 // position in samples of the next frame; the ring holds [read, read+len(ring))
	delay   time.Duration
	started bool
	gen     uint32
	ts      uint32 // of the last packet
	pos     int64  // and its position
	late    int
	frame   []int16 // of this packet time
}

type earSlot struct {
	codec *Codec
	gen   uint32
	ts    uint32
	n     int
	data  [earPayload]byte
}

func newEar() *ear {
	e := &ear{delay: earDelay}
	e.tune(8000)
	return e
}

// put takes an RTP packet. Loop only. codec must never change.
func (e *ear) put(codec *Codec, gen, ts uint32, buf []byte) {
	p := payload(buf)
	if buf[0]&0x20 != 0 && len(p) > 0 { // padding, RFC 3550 §5.1
		p = p[:len(p)-min(int(p[len(p)-1]), len(p))]
	}
	head := e.head.Load()
	if len(p) == 0 {
		return
	}
	if len(p) > earPayload || head-e.tail.Load() == earSlots {
		e.lost.Add(1)
		return
	}
	s := &e.slots[head%earSlots]
	s.codec, s.gen, s.ts = codec, gen, ts
	s.n = copy(s.data[:], p)
	e.head.Store(head + 1)
}

// overhear lets the ear hear what goes to the peer.
func (l *leg) overhear(buf []byte, pt uint8, ts uint32) {
	for i := range l.formats {
		if f := &l.formats[i]; f.tx == pt && f.codec.IsAudio() {
			l.heardBy.put(f.codec, 0, ts, buf)
			return
		}
	}
}

// tune makes the stream one of that rate.
func (e *ear) tune(rate int) {
	e.rate, e.started, e.read, e.late = rate, false, 0, 0
	e.ring = make([]int16, int64(rate)*int64(earSpan)/int64(time.Second))
	e.frame = make([]int16, rate/ticksPerSecond)
}

// pull takes in what has come and makes frame the sound of this packet time.
func (e *ear) pull() {
	for tail := e.tail.Load(); tail != e.head.Load(); tail++ {
		s := &e.slots[tail%earSlots]
		func() {
			defer e.tail.Store(tail + 1) // also of a packet that makes a decoder panic
			e.take(s)
		}()
	}
	at := int(e.read % int64(len(e.ring)))
	for i := range e.frame {
		e.frame[i], e.ring[at] = e.ring[at], 0
		if at++; at == len(e.ring) {
			at = 0
		}
	}
	e.read += int64(len(e.frame))
}

// take decodes a packet and puts it where its timestamp says.
func (e *ear) take(s *earSlot) {
	if s.codec != e.codec {
		e.follow(s.codec)
	}
	if e.decoder == nil {
		return
	}
	e.pcm = e.decoder.Decode(e.pcm[:0], s.data[:s.n])
	pos := e.place(s.gen, s.ts)
	span := int64(len(e.ring))
	if pos+int64(len(e.pcm)) <= e.read {
		if e.late++; e.late < earLate {
			return
		}
		e.delay = min(e.delay+packetTime, earMost)
		pos = e.restart(s.gen, s.ts)
	} else if e.late = 0; pos+int64(len(e.pcm)) > e.read+span {
		pos = e.restart(s.gen, s.ts) // it jumped, or the sender's clock is faster
	}
	for i, v := range e.pcm {
		if at := pos + int64(i); at >= e.read && at < e.read+span {
			e.ring[at%span] = v
		}
	}
}

// place is the position of a packet.
func (e *ear) place(gen, ts uint32) int64 {
	if !e.started || gen != e.gen {
		return e.restart(gen, ts)
	}
	e.pos += int64(int32(ts-e.ts)) * int64(e.rate) / int64(e.codec.ClockRate)
	e.ts = ts
	return e.pos
}

// restart makes the stream go on with this packet after the delay.
func (e *ear) restart(gen, ts uint32) int64 {
	e.started, e.gen, e.ts, e.late = true, gen, ts, 0
	e.pos = e.read + int64(e.rate)*int64(e.delay)/int64(time.Second)
	return e.pos
}

// follow is called when the peer sends another codec than before, or the codec after a re-negotiation.
func (e *ear) follow(c *Codec) {
	same := e.codec != nil && e.codec.Same(*c)
	e.codec = c
	if same {
		return
	}
	e.decoder = nil
	if !Generable(*c) {
		return
	}
	d, err := audio.NewDecoder(c.Name, c.ClockRate)
	if err != nil {
		return
	}
	e.decoder = d
	if d.Rate() != e.rate {
		e.tune(d.Rate())
	}
	e.started = false
}

// rateAdapter changes the rate of a stream of frames, whatever the rates become.
type rateAdapter struct {
	from, to int
	r        *audio.Resampler
	buf      []int16
}

// convert is pcm at the rate to; silence when there is no such resampler. The result holds until the next call.
func (a *rateAdapter) convert(pcm []int16, from, to int) []int16 {
	if from == to {
		return pcm
	}
	if a.from != from || a.to != to {
		a.from, a.to = from, to
		a.r, _ = audio.NewResampler(from, to) // nil stands for the error
	}
	if a.r == nil {
		return nil
	}
	a.buf = a.r.Process(a.buf[:0], pcm)
	return a.buf
}
