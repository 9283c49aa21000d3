package media

import (
	"net/netip"
	"time"
)

// Bounds of learning a plain peer's source. After them only a new description of the peer opens it again: RTP from anywhere else is
// neither relayed nor able to redirect the stream.
const (
	latchPackets = 5
	latchTime    = time.Second
)

// latch decides which sources a plain RTP leg listens to: the address of the SDP, and at the start of a stream another port of that host
// or of the host that the signalling comes from (a phone behind NAT).
type latch struct {
	sdp        netip.AddrPort
	first      time.Time
	count      uint8
	mux        bool
	locked     bool
	rtcpLocked bool // the source of RTCP is settled
	direct     bool // there is a direct socket for the locked source, or should be none
}

// restart opens learning for a new description.
func (t *latch) restart(sdp netip.AddrPort) {
	t.sdp, t.locked, t.count, t.first, t.rtcpLocked = sdp, false, 0, time.Time{}, false
}

// admits tells whether RTP from the address may belong to the peer.
func (t *latch) admits(l *leg, from netip.AddrPort) bool {
	if !l.remote.IsValid() {
		return false // no description of the peer yet
	}
	if from == l.remote {
		return true
	}
	if t.locked || (t.count > 0 && l.sh.now.Sub(t.first) > latchTime) {
		return false
	}
	return from.Addr() == t.sdp.Addr() || from.Addr() == l.session.cfg.PeerIP
}

// learn takes over the source of a packet that was good: on an SDES leg it has been authenticated.
func (t *latch) learn(l *leg, from netip.AddrPort) {
	if t.locked {
		return
	}
	if t.count == 0 {
		t.first = l.sh.now
	}
	t.count++
	if from != l.remote {
		l.setRemote(from)
		if t.mux {
			l.remoteRTCP = from
		} else if l.remoteRTCP.Addr() != from.Addr() && from.Port() < 65535 {
			l.remoteRTCP = netip.AddrPortFrom(from.Addr(), from.Port()+1)
		}
	}
	t.locked = t.count >= latchPackets
}

// admitsRTCP tells whether RTCP from the address may be the peer's: same host as its RTP. Which port it has behind NAT cannot be known, so
// that of the first report from there counts: the first report comes seconds after the RTP source is settled.
func (t *latch) admitsRTCP(l *leg, from netip.AddrPort) bool {
	if !l.remote.IsValid() {
		return false
	}
	return from == l.remoteRTCP || from == l.remote || from.Addr() == l.remote.Addr() && !t.mux && !t.rtcpLocked
}

// learnRTCP takes over the source of a report that was good.
func (t *latch) learnRTCP(l *leg, from netip.AddrPort) {
	if !t.mux && !t.rtcpLocked && from != l.remote {
		l.remoteRTCP, t.rtcpLocked = from, true
	}
}
