package media

import (
	"log/slog"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/pion/stun/v4"
)

// Sizes of the receive buffers: a datagram and the room behind it for SRTP tags.
const (
	slotSize    = 2048
	maxDatagram = slotSize - 64
)

// tickInterval is how often timeouts are looked at.
const tickInterval = 250 * time.Millisecond

// shard is the packet plane: everything that the packet loop owns. No other goroutine touches it; commands come through loop.post.
type shard struct {
	loop   *loop
	log    *slog.Logger
	events func(*Session, Event)
	group  *group

	mux     *udpSocket
	legs    map[*leg]struct{}
	byAddr  map[netip.AddrPort]*leg // authenticated remote addresses of ICE legs on the shared port
	byUfrag map[string]*leg
	tcp     map[*tcpConn]struct{}
	dtmf    []*leg // legs that send digits

	now      time.Time // of this round of the loop
	nextTick time.Time
	packets  uint64 // datagrams and frames taken
	stats    EngineStats
	request  stun.Message // reused for every STUN packet
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

// frame takes one RFC 4571 frame from an ICE-TCP connection.
func (sh *shard) frame(c *tcpConn, buf []byte) {
	sh.packets++
	sh.stats.PacketsIn++
	sh.stats.BytesIn += uint64(len(buf))
	sh.muxIn(path{tcp: c, addr: c.remote}, buf)
}

// muxIn sorts a packet of the shared ports.
func (sh *shard) muxIn(p path, buf []byte) {
	c := classify(buf)
	if c == classSTUN {
		sh.stunIn(p, buf)
		return
	}
	if c == classGarbage {
		sh.stats.DropGarbage++
		return
	}
	l := sh.owner(p)
	if l == nil {
		if c == classDTLS {
			sh.stats.DropDTLS++
		} else {
			sh.stats.DropUnknown++
		}
		return
	}
	switch c {
	case classDTLS:
		l.dtlsIn(p, buf)
	case classRTCP:
		l.rtcpIn(buf)
	default:
		l.rtpIn(buf)
	}
}

// owner is the leg whose ICE has validated the path.
func (sh *shard) owner(p path) *leg {
	if p.tcp != nil {
		return p.tcp.leg
	}
	return sh.byAddr[p.addr]
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
	sh.stats.TCPConnectionsTo++
}

func (sh *shard) closeTCP(c *tcpConn) {
	if c.closed {
		return
	}
	c.closed = true
	delete(sh.tcp, c)
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
	for l := range sh.legs {
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
	sh.log.Error("media loop: panic", "panic", r, "stack", string(debug.Stack()))
}

// addLeg takes a leg and its sockets into the loop. After an error the sockets are closed.
func (sh *shard) addLeg(l *leg) error {
	if l.rtp != nil {
		l.rtp.leg, l.rtcp.leg = l, l
		if err := sh.loop.addUDP(l.rtp); err != nil {
			l.rtp.close()
			l.rtcp.close()
			return err
		}
		if err := sh.loop.addUDP(l.rtcp); err != nil {
			sh.loop.removeUDP(l.rtp)
			l.rtcp.close()
			return err
		}
	}
	sh.legs[l] = struct{}{}
	return nil
}

// removeLeg forgets a leg everywhere. Its sockets are closed when it returns.
func (sh *shard) removeLeg(l *leg) {
	if l.closed {
		return
	}
	l.closed = true
	l.unbridge()
	l.resetDTLS()
	delete(sh.legs, l)
	for _, s := range []*udpSocket{l.rtp, l.rtcp} {
		if s != nil {
			sh.loop.removeUDP(s)
		}
	}
	for _, p := range l.ice.paths {
		if p.tcp != nil {
			p.tcp.leg = nil // it is known no more as one of the leg
			sh.closeTCP(p.tcp)
		} else if sh.byAddr[p.addr] == l {
			delete(sh.byAddr, p.addr)
		}
	}
	for _, u := range []string{l.ice.ufrag, l.ice.oldUfrag} {
		if sh.byUfrag[u] == l {
			delete(sh.byUfrag, u)
		}
	}
	for i, d := range sh.dtmf {
		if d == l {
			sh.dtmf = append(sh.dtmf[:i], sh.dtmf[i+1:]...)
			break
		}
	}
}
