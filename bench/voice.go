package bench

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

const (
	rtpHeader    = 12
	payloadPCMU  = 0 // RFC 3551
	samplesPerMS = 8
	// voiceRoom is behind each packet, for the SRTP tag.
	voiceRoom = 64
)

// voice is what a leg says: packets of one stream, one each packet time. Its driver owns it.
type voice struct {
	stream    *stream
	write     func(d *driver, pkt []byte) // sends a packet, which has voiceRoom bytes of capacity behind it
	slot      int                         // of the driver's wheel
	packet    []byte
	ssrc      uint32
	timestamp uint32
}

// newVoice makes a voice with packets of PCMU.
func newVoice(s *stream, ptime time.Duration, write func(*driver, []byte)) *voice {
	payload := int(ptime/time.Millisecond) * samplesPerMS
	return &voice{stream: s, write: write, packet: make([]byte, rtpHeader+payload, rtpHeader+payload+voiceRoom), ssrc: rand.Uint32(), timestamp: rand.Uint32()}
}

// say sends the next packet. The RTP sequence number begins at 0, so that it has not to be guessed how often it rolled over (RFC 3711 §3.3.1).
func (v *voice) say(d *driver) {
	v.packet[0], v.packet[1] = 2<<6, payloadPCMU
	number := v.stream.number()
	if number == 0 {
		v.packet[1] |= 0x80 // marker: the talk begins
	}
	binary.BigEndian.PutUint16(v.packet[2:], uint16(number))
	binary.BigEndian.PutUint32(v.packet[4:], v.timestamp)
	binary.BigEndian.PutUint32(v.packet[8:], v.ssrc)
	stamp{v.stream.id, number, time.Now().UnixNano()}.write(v.packet[rtpHeader:])
	v.timestamp += uint32(len(v.packet) - rtpHeader)
	v.write(d, v.packet)
}

// ear is the listening side of a leg: it learns from the first packet whose voice it hears, and holds the server to that. Its owner is who
// reads the leg's packets.
type ear struct {
	streams *streams
	hears   *stream // nil until the first genuine packet
	foreign uint64
}

// hear takes an RTP packet.
func (e *ear) hear(pkt []byte, at time.Time) {
	payload, ok := rtpPayload(pkt)
	if !ok || pkt[1]&0x7f != payloadPCMU { // RTCP, telephone-event, comfort noise
		return
	}
	st, verdict := readStamp(payload)
	s := e.streams.find(st.stream)
	switch {
	case verdict == genuine && s != nil:
	case verdict == damaged && e.hears != nil:
		e.hears.fault(func(c *Counts) *uint64 { return &c.Damaged })
		return
	default:
		e.foreign++
		return
	}
	if e.hears == nil {
		e.hears = s
	}
	if e.hears != s {
		s.fault(func(c *Counts) *uint64 { return &c.Misrouted })
		return
	}
	s.hear(st, binary.BigEndian.Uint16(pkt[2:]), at)
}

// rtpPayload finds the payload behind CSRCs and a header extension, and before padding (RFC 3550 §5.1, §5.3.1).
func rtpPayload(pkt []byte) ([]byte, bool) {
	if len(pkt) < rtpHeader || pkt[0]>>6 != 2 {
		return nil, false
	}
	n := rtpHeader + 4*int(pkt[0]&15)
	if pkt[0]&0x10 != 0 {
		if len(pkt) < n+4 {
			return nil, false
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(pkt[n+2:]))
	}
	end := len(pkt)
	if pkt[0]&0x20 != 0 {
		end -= int(pkt[end-1])
	}
	if n > end {
		return nil, false
	}
	return pkt[n:end], true
}
