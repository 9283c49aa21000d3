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

// rtcpIn takes an RTCP or SRTCP packet from the peer, learns the round-trip time and passes the reports on. It reports whether the packet
// was the peer's own and intact.
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
	if rtcpPacket(buf) == nil {
		l.sh.stats.DropGarbage++
		return false
	}
	l.readReports(buf)
	if to := l.peer; to != nil && l.sink != l && to.ready() { // echo has nothing to report to
		if n := to.rewriteRTCP(l, buf); n > 0 {
			to.sendRTCP(buf, n)
		}
	}
	return true
}

// sendRTCP encrypts and sends buf[:n]. buf has tail room.
func (l *leg) sendRTCP(buf []byte, n int) {
	if l.out != nil {
		var err error
		if n, err = l.out.ProtectRTCP(buf, n); err != nil {
			l.sh.stats.DropSend++
			return
		}
	}
	l.sendPacket(buf[:n], true, false)
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
// of the streams as this side sees them. It works in place and returns the new length; a compound without a report is not passed on
// (RFC 3550 §6.1).
func (l *leg) rewriteRTCP(from *leg, buf []byte) int {
	n := 0
	rest := buf
	for p := rtcpPacket(rest); p != nil; p = rtcpPacket(rest) {
		rest = rest[len(p):]
		switch p[1] {
		case rtcpSR, rtcpRR:
			p = l.rewriteReport(from, p)
		case rtcpSDES:
			if p[0]&0x1f != 1 || len(p) < 12 || n == 0 {
				p = nil
			}
		default:
			p = nil
		}
		if p != nil {
			binary.BigEndian.PutUint32(p[4:], l.stream.ssrc)
			n += copy(buf[n:], p)
		}
	}
	return n
}

// senderInfo is the length of what a sender report has before its blocks and a receiver report has not, RFC 3550 §6.4.1.
const senderInfo = 20

// rewriteReport rewrites a report and returns what is left of it; nil when it is malformed. The sender information of a stream that does not
// go to this side is left out, and so are blocks about streams that do not come from it.
func (l *leg) rewriteReport(from *leg, p []byte) []byte {
	blocks := reportBlocks(p)
	if blocks == nil {
		return nil
	}
	at := 8
	if p[1] == rtcpSR {
		if l.stream.from == from && l.stream.gen == from.src.gen && binary.BigEndian.Uint32(p[4:]) == from.src.ssrc {
			binary.BigEndian.PutUint32(p[16:], binary.BigEndian.Uint32(p[16:])+l.stream.tsOff)
			l.lastSR, l.lastSRAt = binary.BigEndian.Uint32(p[10:]), l.sh.now
			at += senderInfo
		} else {
			p[1] = rtcpRR
		}
	}
	count := byte(0)
	for ; len(blocks) >= 24; blocks = blocks[24:] {
		b := blocks[:24]
		if binary.BigEndian.Uint32(b) != from.stream.ssrc || from.stream.from != l || from.stream.gen != l.src.gen {
			continue
		}
		binary.BigEndian.PutUint32(b, l.src.ssrc)
		binary.BigEndian.PutUint32(b[8:], l.src.extended(binary.BigEndian.Uint16(b[10:])-from.stream.seqOff))
		at += copy(p[at:], b)
		count++
	}
	p[0] = 0x80 | count // without padding
	binary.BigEndian.PutUint16(p[2:], uint16(at/4-1))
	return p[:at]
}
