package media

import (
	"net/netip"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

// Sizes of the receive buffers: a datagram and the room behind it for SRTP tags.
const (
	slotSize    = 2048
	tailRoom    = 64
	maxDatagram = slotSize - tailRoom
)

// tickInterval is how often timeouts are looked at.
const tickInterval = 250 * time.Millisecond

// shard is a part of the packet plane: legs, and the packet loop that owns them. No other goroutine touches it but where a field says so;
// commands come through loop.post.
type shard struct {
	index   int
	all     *shards
	loop    *loop
	load    atomic.Int32             // legs, also those on their way here; changed under shards.mu, read by anyone
	inbox   atomic.Pointer[handover] // packets of legs of this shard that arrived at others; they put. nil = none did
	batches chan *batch              // of the pacer, that are free

	mux  *udpSocket // this shard's socket on the shared port
	legs []*leg
	tcp  map[*tcpConn]struct{}
	dtmf []*leg // legs that send digits

	now      time.Time // of this round of the loop
	nextTick time.Time
	packets  uint64 // datagrams and frames taken
	gone     uint64 // packets that queues of legs which are gone had no room for
	stats    EngineStats
	classes  map[LegClass]*ClassStats // see account
	rtcp     [rtcpSize]byte           // where RTCP of ours is made
	request  stun.Message             // reused for every STUN packet
	response stun.Message
}

// Classes of a packet by its first byte, RFC 7983 §7.
type class int

const (
	classGarbage class = iota
	classSTUN
	classDTLS
	classRTP
	classRTCP
)

// classify tells what a datagram is. RTCP is told from RTP by its second byte, RFC 5761 §4.
func classify(p []byte) class {
	if len(p) < 2 {
		return classGarbage
	}
	switch b := p[0]; {
	case b <= 3 && len(p) >= 20:
		return classSTUN
	case b >= 20 && b <= 63 && len(p) >= 13:
		return classDTLS
	case b >= 128 && b <= 191:
		if p[1] >= 192 && p[1] <= 223 {
			if len(p) < 8 {
				return classGarbage
			}
			return classRTCP
		}
		if len(p) >= rtpHeader {
			return classRTP
		}
	}
	return classGarbage
}

// datagram takes one datagram from a socket. buf has tail room up to slotSize and is ours until the next flush; local is the address of ours
// that it was sent to, zero = not known.
func (sh *shard) datagram(s *udpSocket, buf []byte, from netip.AddrPort, local netip.Addr) {
	sh.packets++
	sh.stats.PacketsIn++
	sh.stats.BytesIn += uint64(len(buf))
	if s.leg != nil {
		s.leg.plainIn(s, buf, from, local)
		return
	}
	sh.muxIn(path{addr: from, local: local}, buf)
}

// overflowed is what the system dropped for full queues of the leg's own sockets.
func (l *leg) overflowed() (n uint64) {
	for _, s := range l.sockets() {
		n += s.overflowed()
	}
	return n
}

// frame takes one RFC 4571 frame from an ICE-TCP connection; false when the connection went to another shard.
func (sh *shard) frame(c *tcpConn, buf []byte) bool {
	sh.packets++
	sh.stats.PacketsIn++
	sh.stats.BytesIn += uint64(len(buf))
	return sh.muxIn(path{tcp: c, addr: c.remote}, buf)
}

// muxIn finds the leg of a packet of the shared ports. When another shard owns the leg the packet goes there; false when its connection went, too.
func (sh *shard) muxIn(p path, buf []byte) bool {
	c := classify(buf)
	var l *leg
	switch c {
	case classGarbage:
		sh.stats.DropGarbage++
		return true
	case classSTUN:
		if l = sh.addressed(buf); l == nil {
			return true
		}
	default:
		if l = sh.owner(p); l == nil {
			sh.unknown(c)
			return true
		}
	}
	switch {
	case l.home.Load() == sh:
		l.muxIn(p, c, buf)
	case p.tcp != nil:
		return sh.giveTCP(p.tcp, l, buf)
	default:
		sh.handOver(l, p, buf)
	}
	return true
}

// unknown counts a packet from an address that belongs to no leg.
func (sh *shard) unknown(c class) {
	if c == classDTLS {
		sh.stats.DropDTLS++
	} else {
		sh.stats.DropUnknown++
	}
}

// owner is the leg whose ICE has validated the path.
func (sh *shard) owner(p path) *leg {
	if p.tcp != nil {
		return p.tcp.leg
	}
	return sh.all.addrs.find(keyOf(p.addr))
}

// muxIn takes a packet of the shared ports.
func (l *leg) muxIn(p path, c class, buf []byte) {
	switch c {
	case classSTUN:
		l.stunIn(p)
	case classDTLS:
		l.dtlsIn(p, buf)
	case classRTCP:
		l.rtcpIn(buf)
	default:
		if l.rtpIn(buf) && l.iceSide != nil {
			l.ice.hears(p, l.sh.now, mediaSilence)
		}
	}
}

// send sends to a path of the shared ports. The packet lies in the arena.
func (sh *shard) send(p path, pkt []byte) {
	sh.stats.PacketsOut++
	sh.stats.BytesOut += uint64(len(pkt))
	if p.tcp != nil {
		sh.loop.sendTCP(p.tcp, pkt)
		return
	}
	sh.loop.sendUDP(sh.mux, pkt, p.addr, p.local)
}

// sendNow is send for packets that do not lie in the arena.
func (sh *shard) sendNow(p path, pkt []byte) {
	sh.stats.PacketsOut++
	sh.stats.BytesOut += uint64(len(pkt))
	if p.tcp != nil {
		sh.loop.sendTCP(p.tcp, pkt)
		return
	}
	sh.loop.sendUDPNow(sh.mux, pkt, p.addr, p.local)
}

func (sh *shard) tcpOpened(c *tcpConn) {
	sh.tcp[c] = struct{}{}
	sh.all.tcpConns.Add(1)
	sh.stats.TCPConnectionsTo++
}

func (sh *shard) closeTCP(c *tcpConn) {
	if c.closed {
		return
	}
	c.closed = true
	delete(sh.tcp, c)
	sh.all.tcpConns.Add(-1)
	if c.leg != nil {
		c.leg.ice.forget(path{tcp: c, addr: c.remote})
	}
	sh.loop.removeTCP(c)
}

// timeout is how long the loop may sleep, in milliseconds; -1 = for ever.
func (sh *shard) timeout() int {
	var next time.Time
	if len(sh.legs)+len(sh.tcp) > 0 {
		next = sh.nextTick
	}
	for _, l := range sh.dtmf {
		if next.IsZero() || l.digits.next.Before(next) {
			next = l.digits.next
		}
	}
	if next.IsZero() {
		return -1
	}
	d := time.Until(next)
	if d <= 0 {
		return 0
	}
	return int((d + time.Millisecond - 1) / time.Millisecond)
}

// tick does what is due by time.
func (sh *shard) tick() {
	if len(sh.dtmf) > 0 {
		keep := sh.dtmf[:0]
		for _, l := range sh.dtmf {
			if l.sendDigits() {
				keep = append(keep, l)
			}
		}
		clear(sh.dtmf[len(keep):])
		sh.dtmf = keep
	}
	if sh.now.Before(sh.nextTick) {
		return
	}
	sh.nextTick = sh.now.Add(tickInterval)
	for _, l := range sh.legs {
		l.checkTimeouts()
	}
	for c := range sh.tcp {
		if c.leg == nil && sh.now.Sub(c.opened) > tcpIdentify {
			sh.closeTCP(c)
		}
	}
}

// panicked counts and reports a panic of the packet plane.
func (sh *shard) panicked(r any) {
	sh.stats.Panics++
	sh.all.log.Error("media loop: panic", "panic", r, "stack", string(debug.Stack()))
}

// addLeg takes a leg and its sockets into the loop. After an error the sockets are closed.
func (sh *shard) addLeg(l *leg) error {
	sockets := l.sockets()
	for i, s := range sockets {
		s.leg = l
		if err := sh.loop.addUDP(s); err != nil {
			for _, s := range sockets[:i] {
				sh.loop.removeUDP(s)
			}
			for _, s := range sockets[i:] {
				s.close()
			}
			return err
		}
	}
	l.index = int32(len(sh.legs))
	sh.legs = append(sh.legs, l)
	return nil
}

// dropLeg takes a leg out of the lists of the shard.
func (sh *shard) dropLeg(l *leg) {
	last := len(sh.legs) - 1
	sh.legs[l.index] = sh.legs[last]
	sh.legs[l.index].index = l.index
	sh.legs[last] = nil
	if sh.legs = sh.legs[:last]; last < cap(sh.legs)/4 {
		sh.legs = append(make([]*leg, 0, 2*last), sh.legs...)
	}
	if i := slices.Index(sh.dtmf, l); i >= 0 {
		sh.dtmf = slices.Delete(sh.dtmf, i, i+1)
	}
}

// sockets are the leg's own.
func (l *leg) sockets() []*udpSocket {
	if l.rtp == nil {
		return nil
	}
	if l.direct != nil {
		return []*udpSocket{l.rtp, l.rtcp, l.direct}
	}
	return []*udpSocket{l.rtp, l.rtcp}
}

// removeLeg forgets a leg everywhere. Its sockets are closed when it returns.
func (sh *shard) removeLeg(l *leg) {
	if l.closed {
		return
	}
	l.closed = true
	l.unbridge()
	l.resetDTLS()
	sh.dropLeg(l)
	sh.gone += l.overflowed()
	l.accountEnd()
	for _, s := range l.sockets() {
		sh.loop.removeUDP(s)
	}
	l.forgetICE()
}

// forgetICE frees what leads to the leg on the shared ports.
func (l *leg) forgetICE() {
	if l.iceSide == nil {
		return
	}
	sh := l.sh
	for _, p := range l.ice.paths {
		if p.tcp != nil {
			p.tcp.leg = nil // it is known no more as one of the leg
			sh.closeTCP(p.tcp)
		} else {
			sh.all.addrs.remove(keyOf(p.addr), l)
		}
	}
	for _, u := range [...]string{l.ice.ufrag, l.ice.oldUfrag} {
		if u != "" {
			sh.all.ufrags.remove(ufragKey([]byte(u)), l)
		}
	}
}
