package media

import (
	"encoding/binary"
	"time"
)

// RTCP packet types, RFC 3550 §12.1 and RFC 4585 §6.1. Reports are ours on each side and never passed on: a peer's numbers, timestamps and losses
// are those of its own hop. BYE ends a stream that for the far side goes on. Feedback that asks the sender for something is passed.
const (
	rtcpSR    = 200
	rtcpRR    = 201
	rtcpSDES  = 202
	rtcpRTPFB = 205
	rtcpPSFB  = 206
)

// Formats of feedback, RFC 4585 §6.2.1, §6.3.1 and RFC 5104 §4.3.1.
const (
	feedbackNACK = 1 // of RTPFB
	feedbackPLI  = 1 // of PSFB
	feedbackFIR  = 4 // of PSFB
)

// senderInfo is the length of what a sender report has before its blocks and a receiver report has not, RFC 3550 §6.4.1.
const senderInfo = 20

// rtcpIn takes an RTCP or SRTCP packet from the peer. It reports whether the packet was the peer's own and intact.
func (l *leg) rtcpIn(buf []byte) bool {
	if l.in != nil {
		n, err := l.in.UnprotectRTCP(buf)
		if err != nil {
			l.srtpError(err)
			return false
		}
		buf = buf[:n]
	} else if l.kind != KindRTP {
		l.sh.stats.DropSRTP++
		return false
	}
	if !wellFormed(buf) {
		l.sh.stats.DropRTCP++
		return false
	}
	l.reports.in++
	if l.silent { // it sends comfort noise when there is another one (RFC 3389 §5); this says that it is there
		l.quietSince, l.timedOut = l.sh.now, false
	}
	for p := rtcpPacket(buf); p != nil; p = rtcpPacket(buf) {
		buf = buf[len(p):]
		switch p[1] {
		case rtcpSR, rtcpRR:
			l.readReport(p)
		case rtcpRTPFB, rtcpPSFB:
			l.feedback(p)
		}
	}
	return true
}

// wellFormed tells whether the packets of a compound fill it exactly and hold what they claim, RFC 3550 appendix A.2.
func wellFormed(buf []byte) bool {
	if len(buf) == 0 {
		return false
	}
	for len(buf) > 0 {
		p := rtcpPacket(buf)
		if p == nil || (p[1] == rtcpSR || p[1] == rtcpRR) && reportBlocks(p) == nil {
			return false
		}
		buf = buf[len(p):]
	}
	return true
}

// rtcpPacket cuts the first packet off a compound; nil when what is there is malformed.
func rtcpPacket(buf []byte) []byte {
	if len(buf) < 8 || buf[0]>>6 != 2 {
		return nil
	}
	n := 4 * (int(binary.BigEndian.Uint16(buf[2:])) + 1)
	if n < 8 || n > len(buf) {
		return nil
	}
	return buf[:n]
}

// reportBlocks is where the report blocks of a sender or receiver report lie; nil when the packet is malformed.
func reportBlocks(p []byte) []byte {
	start := 8
	if p[1] == rtcpSR {
		start += senderInfo
	}
	end := start + 24*int(p[0]&0x1f)
	if end > len(p) {
		return nil
	}
	return p[start:end]
}

// readReport takes from a report of the peer when it was made, how the peer hears us, and the round-trip time, RFC 3550 §6.4.1.
func (l *leg) readReport(p []byte) {
	r := &l.reports
	now := ntpMiddle(l.sh.now)
	if p[1] == rtcpSR && l.src.started && binary.BigEndian.Uint32(p[4:]) == l.src.ssrc {
		r.heardSR, r.heardAt, r.heardGen = binary.BigEndian.Uint32(p[10:]), l.sh.now, l.src.gen
	}
	for b := reportBlocks(p); len(b) >= 24; b = b[24:] {
		if binary.BigEndian.Uint32(b) != l.stream.ssrc {
			continue
		}
		r.farLoss, r.farJitter = b[4], binary.BigEndian.Uint32(b[12:])
		lsr, dlsr := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
		if lsr == 0 || lsr != r.sentSR[0] && lsr != r.sentSR[1] { // none of the last two that we sent
			continue
		}
		if rtt := time.Duration(int32(now-lsr-dlsr)) * time.Second / 65536; rtt > 0 && rtt < time.Minute {
			r.rtt = rtt
		}
	}
}

// feedback passes on what the peer asks the sender of what it hears for, RFC 4585 §6.1.
func (l *leg) feedback(p []byte) {
	t := &l.stream
	to := t.from
	format := p[0] & 0x1f
	known := p[1] == rtcpRTPFB && format == feedbackNACK || p[1] == rtcpPSFB && (format == feedbackPLI || format == feedbackFIR)
	if len(p) < 12 || !known || binary.BigEndian.Uint32(p[8:]) != t.ssrc && format != feedbackFIR {
		return // congestion control and the like concern the hop
	}
	if to == nil || to == l || to.sh != l.sh || to.closed || to.sink != l || t.gen != to.src.gen || !to.ready() {
		return // what it hears is not sent by that peer now
	}
	buf := l.sh.rtcp[:]
	n := to.putReport(buf) // a compound begins with a report, RFC 3550 §6.1
	if n+len(p) > len(buf)-rtcpTail {
		return
	}
	out := buf[n : n+len(p)]
	copy(out, p)
	binary.BigEndian.PutUint32(out[4:], to.stream.ssrc)
	switch {
	case p[1] == rtcpRTPFB:
		binary.BigEndian.PutUint32(out[8:], to.src.ssrc)
		if out = t.asked(out); len(out) == 12 {
			return
		}
	case format == feedbackPLI:
		binary.BigEndian.PutUint32(out[8:], to.src.ssrc)
	default: // FIR names the sources in its entries
		for f := out[12:]; len(f) >= 8; f = f[8:] {
			if binary.BigEndian.Uint32(f) == t.ssrc {
				binary.BigEndian.PutUint32(f, to.src.ssrc)
			}
		}
	}
	l.sh.stats.FeedbackPassed++
	to.sendRTCP(buf, n+len(out))
}

// asked puts a NACK (RFC 4585 §6.2.1) into the numbers of the source, and leaves out what did not come from it as the stream is numbered now: packets
// of who was heard before, or from before one of our own.
func (t *stream) asked(nack []byte) []byte {
	kept := nack[:12]
	for f := nack[12:]; len(f) >= 4; f = f[4:] {
		seq := binary.BigEndian.Uint16(f) - t.seqOff
		if int32(t.from.src.extended(seq)-t.minIn) < 0 {
			continue
		}
		kept = append(kept, byte(seq>>8), byte(seq), f[2], f[3])
	}
	binary.BigEndian.PutUint16(kept[2:], uint16(len(kept)/4-1))
	return kept
}

// sendRTCP encrypts and sends buf[:n], which does not lie in the arena and has tail room.
func (l *leg) sendRTCP(buf []byte, n int) {
	if l.out != nil {
		var err error
		if n, err = l.out.ProtectRTCP(buf, n); err != nil {
			l.sh.stats.DropSend++
			return
		}
	}
	l.reports.out++
	l.sendPacket(buf[:n], true, true)
}
