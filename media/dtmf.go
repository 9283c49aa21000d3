package media

import (
	"encoding/binary"
	"strings"
	"time"
)

// digits are the DTMF events of RFC 4733 §3.2, by code.
const dtmfDigits = "0123456789*#ABCD"

// Bounds of sending digits.
const (
	maxQueuedDigits = 128
	dtmfInterval    = 20 * time.Millisecond
	dtmfGap         = 60 * time.Millisecond // between digits, ITU-T Q.24 wants 40
	dtmfEnds        = 3                     // the end packet is sent so often, RFC 4733 §2.5.1.4
	minDigit        = 40 * time.Millisecond
	maxDigit        = 8 * time.Second // 16 bits of duration at 8000 Hz
)

// digit is one tone to send, or a pause.
type digit struct {
	code  uint8
	pause bool
	d     time.Duration
}

// digitQueue is the sender of a leg.
type digitQueue struct {
	queue   []digit
	sending bool // a tone is on: audio is held back
	ends    int
	began   time.Time
	until   time.Time // end of a gap or pause
	next    time.Time
	ts      uint32
}

// busy tells whether a tone is on.
func (q *digitQueue) busy() bool { return q != nil && q.sending }

// parseDigits reads a digit string: 0-9 * # A-D, w and W pause half a second and a second, as in FreeSWITCH.
func parseDigits(s string, ms int) ([]digit, error) {
	d := min(max(time.Duration(ms)*time.Millisecond, minDigit), maxDigit)
	if len(s) > maxQueuedDigits {
		return nil, ErrQueueFull
	}
	var out []digit
	for _, c := range s {
		switch {
		case c == 'w':
			out = append(out, digit{pause: true, d: 500 * time.Millisecond})
		case c == 'W':
			out = append(out, digit{pause: true, d: time.Second})
		default:
			if c >= 'a' && c <= 'd' {
				c -= 'a' - 'A'
			}
			i := strings.IndexRune(dtmfDigits, c)
			if i < 0 {
				return nil, ErrBadDigits
			}
			out = append(out, digit{code: uint8(i), d: d})
		}
	}
	return out, nil
}

// queueDigits starts sending.
func (l *leg) queueDigits(ds []digit) error {
	if l.tone == unmapped {
		return ErrNoDTMF
	}
	if len(ds) == 0 {
		return nil
	}
	if l.digits == nil {
		l.digits = &digitQueue{next: l.sh.now}
		l.sh.dtmf = append(l.sh.dtmf, l)
	}
	if len(l.digits.queue)+len(ds) > maxQueuedDigits {
		return ErrQueueFull
	}
	l.digits.queue = append(l.digits.queue, ds...)
	return nil
}

// sendDigits does what is due; false when the queue is empty.
func (l *leg) sendDigits() bool {
	q := l.digits
	now := l.sh.now
	if now.Before(q.next) {
		return true
	}
	q.next = q.next.Add(dtmfInterval)
	if q.next.Before(now) {
		q.next = now.Add(dtmfInterval)
	}
	if now.Before(q.until) {
		return true
	}
	if len(q.queue) == 0 {
		l.digits = nil
		return false
	}
	cur := q.queue[0]
	if cur.pause || !l.takes || !l.ready() || l.tone == unmapped {
		q.until = now.Add(cur.d)
		q.sending = false
		q.queue = q.queue[1:]
		return true
	}
	if !q.sending {
		q.sending, q.ends, q.began = true, 0, now
		if !l.stream.used {
			l.stream.start(now)
		}
		q.ts = l.stream.lastTS + elapsed(now.Sub(l.stream.lastAt), l.rate)
	}
	l.sendTone(cur)
	if q.ends == dtmfEnds {
		q.sending = false
		q.until = now.Add(dtmfGap)
		q.queue = q.queue[1:]
	}
	return true
}

// sendTone sends the packet of this moment of a tone, or its three end packets (RFC 4733 §2.5.1).
func (l *leg) sendTone(cur digit) {
	q := l.digits
	on := l.sh.now.Sub(q.began) + dtmfInterval
	end := on >= cur.d
	if end {
		on = cur.d
	}
	marker := byte(0)
	if l.sh.now.Equal(q.began) {
		marker = 0x80
	}
	for {
		var buf [rtpHeader + 4 + 64]byte
		buf[0], buf[1] = 0x80, marker|l.tone
		binary.BigEndian.PutUint16(buf[2:], l.stream.insert())
		binary.BigEndian.PutUint32(buf[4:], q.ts)
		binary.BigEndian.PutUint32(buf[8:], l.stream.ssrc)
		buf[12], buf[13] = cur.code, 10 // volume -10 dBm0
		if end {
			buf[13] |= 0x80
			q.ends++
		}
		binary.BigEndian.PutUint16(buf[14:], uint16(min(on.Microseconds()*int64(l.toneHz)/1_000_000, 0xffff)))
		l.stream.lastTS, l.stream.lastAt = q.ts, q.began
		l.sendRTP(buf[:rtpHeader+4:len(buf)], true)
		marker = 0
		if !end || q.ends == dtmfEnds {
			return
		}
	}
}

// heardDigit is the RFC 4733 event that the peer is sending.
type heardDigit struct {
	active   bool
	reported bool
	ts       uint32
	code     uint8
	duration int // ms
	gen      uint32
	last     time.Time
}

// toneSilence ends a digit whose end packets were all lost.
const toneSilence = time.Second

// payload is the RTP payload behind CSRCs and header extension; nil when the packet is too short for what it claims.
func payload(buf []byte) []byte {
	n := rtpHeader + 4*int(buf[0]&0x0f)
	if buf[0]&0x10 != 0 {
		if len(buf) < n+4 {
			return nil
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(buf[n+2:]))
	}
	if len(buf) < n {
		return nil
	}
	return buf[n:]
}

// hear follows the peer's digits and reports each once, at its end.
func (l *leg) hear(buf []byte, ts, rate uint32) {
	p := payload(buf)
	if len(p) < 4 || p[0] >= uint8(len(dtmfDigits)) || rate == 0 {
		return
	}
	if l.heard == nil {
		l.heard = &heardDigit{}
	}
	h := l.heard
	if h.active && h.gen == l.src.gen && int32(ts-h.ts) < 0 {
		return // a late packet of the digit before
	}
	if !h.active || h.ts != ts || h.gen != l.src.gen {
		if h.active && !h.reported {
			l.reportDigit() // its end packets were lost
		}
		*h = heardDigit{active: true, ts: ts, code: p[0], gen: l.src.gen}
	}
	h.last = l.sh.now
	h.duration = int(uint32(binary.BigEndian.Uint16(p[2:])) * 1000 / rate)
	if p[1]&0x80 != 0 && !h.reported {
		l.reportDigit()
	}
}

func (l *leg) reportDigit() {
	l.heard.reported = true
	l.event(Event{Type: EventDTMF, Digit: dtmfDigits[l.heard.code], Duration: l.heard.duration})
}

// rescaleTone converts the duration of an event between clock rates.
func rescaleTone(buf []byte, from, to uint32) {
	p := payload(buf)
	if len(p) < 4 || from == 0 || from == to {
		return
	}
	d := uint64(binary.BigEndian.Uint16(p[2:])) * uint64(to) / uint64(from)
	binary.BigEndian.PutUint16(p[2:], uint16(min(d, 0xffff)))
}
