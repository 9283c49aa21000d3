//go:build linux && !talkpath_portable

package media

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A plain leg whose peer is settled gets another socket on its RTP port, connected to the peer: the system then looks up the route and checks the
// source once and not for each packet, and on a host with several addresses the right one of ours is bound. The leg's first socket stays and
// gets what comes from anywhere else, so that what redirects the stream, and what counts as foreign, does not depend on the other one. That
// lives until the peer's address changes.

// openDirect opens the direct socket of a leg. Without descriptors or memory for it the leg does without. Loop only.
func (l *loop) openDirect(lg *leg) {
	lg.latch.direct = true
	s, err := lg.dial()
	if err != nil {
		l.sh.all.log.Debug("media: no direct socket", "leg", lg.session.cfg.Label, "err", err)
		return
	}
	s.leg = lg
	if l.addUDP(s) != nil {
		s.close()
		return
	}
	lg.direct = s
	for range maxOwn { // what came before goes before
		if lg.direct != s || !l.readEither(lg.rtp) {
			break
		}
	}
	for range maxOwn { // between bind and connect it could come from anywhere
		if lg.direct != s {
			return
		}
		if !l.readOne(s) {
			s.connected = true
			return
		}
	}
}

// readEither reads a leg's first socket; false when there is nothing more.
func (l *loop) readEither(s *udpSocket) bool {
	if s.any {
		return l.readUDP(s)
	}
	return l.readOne(s)
}

// dial makes a socket on the leg's RTP port that the peer's packets go to.
func (l *leg) dial() (*udpSocket, error) {
	local := l.rtp.local
	if l.rtp.any {
		local = netip.AddrPortFrom(l.local, local.Port())
	}
	if !local.Addr().IsValid() {
		return nil, unix.EADDRNOTAVAIL
	}
	if err := unix.SetsockoptInt(l.rtp.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return nil, err
	}
	s, err := openShareable(local, 0, true)
	if err != nil {
		return nil, err
	}
	var sa unix.RawSockaddrInet6
	size := putAddr(&sa, s, l.remote)
	if _, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&sa)), uintptr(size)); errno != 0 {
		s.close()
		return nil, errno
	}
	return s, nil
}

// closeDirect ends the direct socket: the peer's address is another one now. Loop only.
func (l *leg) closeDirect() {
	l.latch.direct = false
	if s := l.direct; s != nil {
		l.direct = nil
		l.rtp.gone += uint32(s.overflowed())
		l.sh.loop.removeUDP(s)
	}
}

// sendDirect sends to the socket's peer. Loop only.
func (l *loop) sendDirect(s *udpSocket, pkt []byte) {
	for range 2 {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&pkt[0])), uintptr(len(pkt)), unix.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			return
		}
		if errno != unix.ECONNREFUSED { // an ICMP error of an earlier packet: this one has not been sent
			break
		}
	}
	l.sh.stats.DropSend++
}
