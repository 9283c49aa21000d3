package media

import "time"

// EngineStats are the engine's counters since its start, except the first three, which are current.
type EngineStats struct {
	Legs           int // sessions that have media
	PortsInUse     int // UDP ports of plain legs
	TCPConnections int // ICE-TCP connections

	PacketsIn, PacketsOut uint64
	BytesIn, BytesOut     uint64

	DropGarbage      uint64 // no known first byte, or too short for what it claims
	DropUnknown      uint64 // from an address that belongs to no leg
	DropSTUN         uint64 // STUN without or with wrong USERNAME, MESSAGE-INTEGRITY or FINGERPRINT
	DropDTLS         uint64 // DTLS from an address that ICE has not validated, or more than the handshake takes
	DropSRTP         uint64 // authentication failed
	DropReplay       uint64
	DropForeign      uint64 // plain RTP from another source than the peer
	DropUnroutable   uint64 // no bridge, held leg, unmapped payload type
	DropSend         uint64 // socket buffer full or send error
	EventsLost       uint64
	DTLSHandshakes   uint64
	DTLSFailures     uint64
	STUNRequests     uint64 // authenticated ones
	TCPConnectionsTo uint64 // accepted ICE-TCP connections
}

// Stats are the live figures of a leg. In is from the peer.
type Stats struct {
	PacketsIn, BytesIn   uint64
	PacketsOut, BytesOut uint64
	Lost                 int64         // RFC 3550 §6.4.1 cumulative number of packets lost
	LossPercent          float64       // of what was expected
	Jitter               float64       // ms, RFC 3550 §6.4.1
	RTT                  time.Duration // from the peer's RTCP reports; 0 = unknown
	MOS                  float64       // 1 … 4.5, ITU-T G.107 simplified; 0 = nothing received
	LastPacket           time.Time     // zero = none yet
	SRTPErrors           uint64
	ReplayDrops          uint64
	ForeignDrops         uint64
}
