package media

import "time"

// EngineStats are the engine's counters since its start, except the first block, which is current.
type EngineStats struct {
	Legs           int // sessions that have media
	PortsInUse     int // UDP ports of plain legs
	TCPConnections int // ICE-TCP connections
	Playbacks      int
	Recordings     int
	Mixed          int // legs in mixers

	PacketsIn, PacketsOut uint64
	BytesIn, BytesOut     uint64

	DropGarbage      uint64 // no known first byte, or too short for what it claims
	DropUnknown      uint64 // from an address that belongs to no leg
	DropSTUN         uint64 // STUN without or with wrong USERNAME, MESSAGE-INTEGRITY or FINGERPRINT
	DropDTLS         uint64 // DTLS from an address that ICE has not validated, or more than the handshake takes
	DropSRTP         uint64 // authentication failed
	DropReplay       uint64
	DropRTCP         uint64 // malformed, or with lengths that do not fit
	DropForeign      uint64 // plain RTP from another source than the peer
	DropUnroutable   uint64 // no bridge, held leg, unmapped payload type, a playback instead
	DropQueue        uint64 // what the system dropped because the loops came too late for full queues, those of plain legs when they end; known on Linux only
	DropSend         uint64 // socket buffer full or send error
	EventsLost       uint64
	DTLSHandshakes   uint64
	DTLSFailures     uint64
	STUNRequests     uint64 // authenticated ones
	TCPConnectionsTo uint64 // accepted ICE-TCP connections
	TCPRefused       uint64 // beyond the bound of connections or of descriptors
	FeedbackPassed   uint64 // requests of RTCP (NACK, PLI, FIR) that went to who sends
	HandedOver       uint64 // packets that arrived at another shard than their leg's
	DropHandover     uint64 // and that this one was too slow for
	PacerSkips       uint64 // packet times of playbacks and mixers left out: the machine is too slow
	HearingLost      uint64 // packets that recordings, mixers and detectors were too slow for
	Panics           uint64 // of the packet loop and the pacer, survived: a defect
}

// add adds the counters of a shard.
func (s *EngineStats) add(o *EngineStats) {
	for _, c := range [...]struct {
		sum  *uint64
		more uint64
	}{
		{&s.PacketsIn, o.PacketsIn}, {&s.PacketsOut, o.PacketsOut}, {&s.BytesIn, o.BytesIn}, {&s.BytesOut, o.BytesOut},
		{&s.DropGarbage, o.DropGarbage}, {&s.DropUnknown, o.DropUnknown}, {&s.DropSTUN, o.DropSTUN}, {&s.DropDTLS, o.DropDTLS},
		{&s.DropSRTP, o.DropSRTP}, {&s.DropReplay, o.DropReplay}, {&s.DropForeign, o.DropForeign}, {&s.DropUnroutable, o.DropUnroutable},
		{&s.DropSend, o.DropSend}, {&s.EventsLost, o.EventsLost}, {&s.DTLSHandshakes, o.DTLSHandshakes}, {&s.DTLSFailures, o.DTLSFailures},
		{&s.STUNRequests, o.STUNRequests}, {&s.TCPConnectionsTo, o.TCPConnectionsTo}, {&s.TCPRefused, o.TCPRefused},
		{&s.DropRTCP, o.DropRTCP}, {&s.FeedbackPassed, o.FeedbackPassed}, {&s.HandedOver, o.HandedOver}, {&s.DropHandover, o.DropHandover}, {&s.Panics, o.Panics},
	} {
		*c.sum += c.more
	}
}

// Stats are the live figures of a leg. In is from the peer.
type Stats struct {
	PacketsIn, BytesIn   uint64 // RTP, with its header, without what SRTP adds
	PacketsOut, BytesOut uint64
	PayloadOut           uint64 // bytes without headers
	TonesIn, TonesOut    uint64 // packets of RFC 4733, part of the above
	NoiseIn, NoiseOut    uint64 // comfort noise, RFC 3389
	ReportsIn            uint64 // RTCP
	ReportsOut           uint64
	Lost                 int64         // RFC 3550 §6.4.1 cumulative number of packets lost
	LossPercent          float64       // of what was expected
	Jitter               float64       // ms, RFC 3550 §6.4.1
	RTT                  time.Duration // from the peer's RTCP reports; 0 = unknown
	MOS                  float64       // 1 … 4.5, ITU-T G.107 simplified; 0 = nothing received
	FarLossPercent       float64       // what the peer reports of what it hears: loss lately
	FarJitter            float64       // and jitter in ms; both 0 before its first report
	LastPacket           time.Time     // zero = none yet
	SRTPErrors           uint64
	ReplayDrops          uint64
	ForeignDrops         uint64
	QueueDrops           uint64 // dropped by the system for a full queue; of legs with ports of their own
}

// snapshot computes the figures of a leg. Loop only.
func (l *leg) snapshot() Stats {
	st := l.figures()
	st.QueueDrops = l.overflowed()
	return st
}

// figures is snapshot without what only the system knows, which costs a call of it for each socket.
func (l *leg) figures() Stats {
	st := Stats{
		PacketsIn: l.src.packets, BytesIn: l.src.bytes, PacketsOut: l.rtpOut, BytesOut: l.rtpBytesOut, PayloadOut: l.payloadOut,
		TonesIn: l.tonesIn, TonesOut: l.tonesOut, NoiseIn: l.noiseIn, NoiseOut: l.noiseOut,
		ReportsIn: l.reports.in, ReportsOut: l.reports.out,
		RTT: l.reports.rtt, FarLossPercent: float64(l.reports.farLoss) * 100 / 256, LastPacket: l.src.last,
		SRTPErrors: l.srtpErrors, ReplayDrops: l.replays, ForeignDrops: l.foreign,
	}
	expected := l.src.before + l.src.expected()
	st.Lost = int64(expected) - int64(st.PacketsIn)
	if expected > 0 && st.Lost > 0 {
		st.LossPercent = 100 * float64(st.Lost) / float64(expected)
	}
	if l.src.rate > 0 {
		st.Jitter = l.src.jitter * 1000 / float64(l.src.rate)
	}
	if l.rate > 0 {
		st.FarJitter = float64(l.reports.farJitter) * 1000 / float64(l.rate)
	}
	if st.PacketsIn > 0 {
		st.MOS = mos(st.RTT, st.Jitter, st.LossPercent, l.src.burstRatio(st.Lost, st.LossPercent))
	}
	return st
}

// burstRatio is how much longer the runs of lost packets are than they would be if losses were independent, G.107 §7.4; at least 1.
func (s *source) burstRatio(lost int64, lossPercent float64) float64 {
	if s.gaps == 0 || lost <= 0 {
		return 1
	}
	return max(1, float64(lost)/float64(s.gaps)*(1-lossPercent/100))
}

// mos estimates the listening quality by the simplified E-model (ITU-T G.107 with the delay and loss terms of G.113 for G.711 with
// concealment): mouth-to-ear delay is taken as half the round trip, a jitter buffer of twice the jitter, and 20 ms of packet time.
func mos(rtt time.Duration, jitterMS, lossPercent, burstRatio float64) float64 {
	delay := float64(rtt.Microseconds())/2000 + 2*jitterMS + 20
	r := 93.2 - 0.024*delay
	if delay > 177.3 {
		r -= 0.11 * (delay - 177.3)
	}
	const ie, bpl = 0, 25.1 // G.113 appendix I
	r -= ie + (95-ie)*lossPercent/(lossPercent/burstRatio+bpl)
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return 1 + 0.035*r + r*(r-60)*(100-r)*7e-6
}
