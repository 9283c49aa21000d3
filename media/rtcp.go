package media

import (
	"encoding/binary"
	"time"
)

// RTCP packet types, RFC 3550 §12.1. Others are not passed on: they concern the hop (feedback) or end a stream that for the far side goes
// on (BYE).
const (
	rtcpSR   = 200
	rtcpRR   = 201
	rtcpSDES = 202
)

// rtcpIn takes an RTCP or SRTCP packet from the peer, learns the round-trip time and passes the reports on.
func (l *leg) rtcpIn(buf []byte) {
	if l.in != nil {
		n, err := l.in.UnprotectRTCP(buf)
		if err != nil {
			l.srtpError(err)
			return
		}
		buf = buf[:n]
	} else if l.kind != KindRTP {
		l.sh.stats.DropSRTP++
		return
	}
	l.readReports(buf)
	to := l.peer // echo has nothing to report to
	if to == nil || l.sink == l || !to.ready() {
		return
	}
	n := to.rewriteRTCP(l, buf)
	if n == 0 {
		return
	}
	out := buf[:n]
	if to.out != nil {
		n, err := to.out.ProtectRTCP(buf, n)
		if err != nil {
			l.sh.stats.DropSend++
			return
		}
		out = buf[:n]
	}
	to.sendPacket(out, true, false)
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

// reportBlocks is where the report blocks of a sender or receiver report lie; nil when there are none or the packet is malformed.
func reportBlocks(p []byte) []byte {
	start := 8
	if p[1] == rtcpSR {
		start = 28
	}
	end := start + 24*int(p[0]&0x1f)
	if end > len(p) {
		return nil
	}
	return p[start:end]
}

// readReports takes the round-trip time from the peer's reports about what we send, RFC 3550 §6.4.1.
func (l *leg) readReports(buf []byte) {
	for p := rtcpPacket(buf); p != nil; p = rtcpPacket(buf) {
		buf = buf[len(p):]
		if p[1] != rtcpSR && p[1] != rtcpRR {
			continue
		}
		for b := reportBlocks(p); len(b) >= 24; b = b[24:] {
			lsr, dlsr := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
			if binary.BigEndian.Uint32(b) != l.stream.ssrc || lsr == 0 || lsr != l.lastSR {
				continue
			}
			rtt := l.sh.now.Sub(l.lastSRAt) - time.Duration(dlsr)*time.Second/65536
			if rtt > 0 && rtt < time.Minute {
				l.rtt = rtt
			}
		}
	}
}

// rewriteRTCP turns a compound from leg from into one that this leg's peer understands: SSRCs, timestamps and sequence numbers are those
// of the streams as this side sees them. It works in place and returns the new length.
func (l *leg) rewriteRTCP(from *leg, buf []byte) int {
	n := 0
	rest := buf
	for p := rtcpPacket(rest); p != nil; p = rtcpPacket(rest) {
		rest = rest[len(p):]
		if l.rewriteReport(from, p) {
			n += copy(buf[n:], p)
		}
	}
	return n
}

// rewriteReport rewrites one packet; false = not to be passed on.
func (l *leg) rewriteReport(from *leg, p []byte) bool {
	switch p[1] {
	case rtcpSR:
		if len(p) < 28 || l.stream.from != from || l.stream.gen != from.src.gen || binary.BigEndian.Uint32(p[4:]) != from.src.ssrc {
			return false
		}
		binary.BigEndian.PutUint32(p[16:], binary.BigEndian.Uint32(p[16:])+l.stream.tsOff)
		l.lastSR, l.lastSRAt = binary.BigEndian.Uint32(p[10:]), l.sh.now
	case rtcpRR:
	case rtcpSDES:
		if p[0]&0x1f != 1 || len(p) < 12 {
			return false
		}
	default:
		return false
	}
	binary.BigEndian.PutUint32(p[4:], l.stream.ssrc)
	if p[1] == rtcpSDES {
		return true
	}
	blocks := reportBlocks(p)
	if blocks == nil && p[0]&0x1f != 0 {
		return false
	}
	for b := blocks; len(b) >= 24; b = b[24:] {
		if binary.BigEndian.Uint32(b) != from.stream.ssrc {
			continue // about a stream that is not of this call
		}
		binary.BigEndian.PutUint32(b, l.src.ssrc)
		seq := binary.BigEndian.Uint16(b[10:]) - from.stream.seqOff
		binary.BigEndian.PutUint16(b[10:], seq)
	}
	return true
}
