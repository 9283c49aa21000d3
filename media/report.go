package media

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// reportInterval is the mean time between our reports to a peer, RFC 3550 §6.2: each is sent after 0.5 to 1.5 of it.
const reportInterval = 5 * time.Second

// Sizes of a compound of ours: a report with one block, a description with our CNAME, and feedback that is passed on.
const (
	rtcpTail  = 64 // room for an SRTCP index and tag
	rtcpSize  = 1024
	cnameItem = 1 // of a source description, RFC 3550 §6.5.1
)

// reports is what a leg needs for its RTCP.
type reports struct {
	next    time.Time
	in, out uint64 // compounds

	sentSR [2]uint32 // middle of the NTP time of our last two sender reports
	sent   uint64    // RTP packets to the peer at our last report

	// What the last report said about what we hear, for the fraction lost since.
	gen                uint32
	expected, received uint64

	heardSR  uint32 // middle of the NTP time of the peer's last sender report
	heardAt  time.Time
	heardGen uint32 // stream of the peer that it is about

	farLoss   uint8 // what the peer says about what it hears: of 256
	farJitter uint32
	rtt       time.Duration
}

// ntpEpoch is 1970 in seconds of NTP.
const ntpEpoch = 2_208_988_800

// ntp is a time as RTCP has it, RFC 3550 §4: seconds since 1900 and a fraction of 32 bits.
func ntp(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1_000_000_000
}

func ntpMiddle(t time.Time) uint32 { return uint32(ntp(t) >> 16) }

// reportTick sends a report when it is time for one.
func (l *leg) reportTick() {
	now := l.sh.now
	if l.aside || now.Before(l.reports.next) || !l.ready() || l.kind != KindWebRTC && l.remoteRTCP.Port() == 0 || !l.src.started && l.rtpOut == 0 {
		return
	}
	first := l.reports.next.IsZero()
	l.reports.next = now.Add(reportInterval/2 + rand.N(reportInterval))
	if first { // RFC 3550 §6.2 halves the first wait
		l.reports.next = now.Add(reportInterval/4 + rand.N(reportInterval/2))
		return
	}
	buf := l.sh.rtcp[:]
	n := l.putReport(buf)
	l.sendRTCP(buf, n)
}

// putReport writes a sender or receiver report, and our name, and returns its length.
func (l *leg) putReport(buf []byte) int {
	r := &l.reports
	n := 8
	buf[1] = rtcpRR
	if l.rtpOut > r.sent && l.stream.used {
		buf[1] = rtcpSR
		l.putSenderInfo(buf[n:])
		n += senderInfo
	}
	r.sent = l.rtpOut
	buf[0] = 0x80
	if l.src.started && l.src.received > 0 {
		l.putBlock(buf[n:])
		n += 24
		buf[0] |= 1
	}
	binary.BigEndian.PutUint16(buf[2:], uint16(n/4-1))
	binary.BigEndian.PutUint32(buf[4:], l.stream.ssrc)
	return n + l.putName(buf[n:])
}

// putSenderInfo writes the sender information of RFC 3550 §6.4.1.
func (l *leg) putSenderInfo(b []byte) {
	now := l.sh.now
	at := ntp(now)
	l.reports.sentSR[1], l.reports.sentSR[0] = l.reports.sentSR[0], uint32(at>>16)
	binary.BigEndian.PutUint64(b, at)
	binary.BigEndian.PutUint32(b[8:], l.stream.lastTS+uint32(now.Sub(l.stream.lastAt).Microseconds()*int64(l.rate)/1_000_000))
	binary.BigEndian.PutUint32(b[12:], uint32(l.rtpOut))
	binary.BigEndian.PutUint32(b[16:], uint32(l.payloadOut))
}

// putBlock writes the report block about what comes from the peer, RFC 3550 §6.4.1 and appendix A.3.
func (l *leg) putBlock(b []byte) {
	r, s := &l.reports, &l.src
	if r.gen != s.gen {
		r.gen, r.expected, r.received = s.gen, 0, 0
	}
	expected := s.expected()
	due, came := int64(expected-r.expected), int64(s.received-r.received)
	r.expected, r.received = expected, s.received
	fraction := int64(0)
	if due > 0 && came < due {
		fraction = (due - came) << 8 / due
	}
	lost := max(min(int64(expected)-int64(s.received), 1<<23-1), -1<<23)
	binary.BigEndian.PutUint32(b, s.ssrc)
	binary.BigEndian.PutUint32(b[4:], uint32(min(fraction, 255))<<24|uint32(lost)&0xffffff)
	binary.BigEndian.PutUint32(b[8:], s.cycles+uint32(s.highest))
	binary.BigEndian.PutUint32(b[12:], uint32(s.jitter))
	lsr, dlsr := uint32(0), uint32(0)
	if r.heardSR != 0 && r.heardGen == s.gen {
		lsr, dlsr = r.heardSR, uint32(l.sh.now.Sub(r.heardAt)*65536/time.Second)
	}
	binary.BigEndian.PutUint32(b[16:], lsr)
	binary.BigEndian.PutUint32(b[20:], dlsr)
}

// putName writes a source description with our CNAME, RFC 3550 §6.5.
func (l *leg) putName(b []byte) int {
	name := l.session.name[:]
	size := hex.EncodedLen(len(name))
	n := (10 + size + 4) &^ 3 // at least one zero ends the items
	clear(b[:n])
	b[0], b[1] = 0x81, rtcpSDES
	binary.BigEndian.PutUint16(b[2:], uint16(n/4-1))
	binary.BigEndian.PutUint32(b[4:], l.stream.ssrc)
	b[8], b[9] = cnameItem, byte(size)
	hex.Encode(b[10:], name)
	return n
}
