//go:build linux && !talkpath_portable

package media

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// udpSocket is a UDP socket of the loop. leg is nil for the shared port.
type udpSocket struct {
	fd        int
	slot      int32
	round     uint32 // when it was last read
	local     netip.AddrPort
	gone      uint32 // packets that direct sockets of the leg, closed since, had no room for
	v6        bool
	any       bool // bound to all addresses: packets carry the one they were sent to
	connected bool // to leg.remote: nothing comes from anywhere else
	leg       *leg
}

// openUDP binds a socket; it is read once addUDP has run in the loop. Any goroutine.
func openUDP(addr netip.AddrPort, buffer int) (*udpSocket, error) {
	return openShareable(addr, buffer, false)
}

// openShareable is openUDP for a port that may have been bound to be shared.
func openShareable(addr netip.AddrPort, buffer int, shared bool) (*udpSocket, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("media: socket: %w", err)
	}
	if buffer > 0 {
		setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, buffer)
		setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, buffer)
	}
	s := &udpSocket{fd: fd, v6: family == unix.AF_INET6, any: addr.Addr().IsUnspecified()}
	if s.any {
		err = s.wantDestination()
	}
	if err == nil && shared {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if err == nil {
		s.local, err = bindFD(fd, addr)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("media: bind %s: %w", addr, err)
	}
	return s, nil
}

// setBuffer does what it may: without CAP_NET_ADMIN the kernel caps it at net.core.rmem_max and wmem_max.
func setBuffer(fd, force, normal, n int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, n) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, normal, n)
	}
}

// overflowed is the number of packets that the system has dropped because the socket's queue was full. Any goroutine, while it is open.
func (s *udpSocket) overflowed() uint64 {
	const drops = 8 // SK_MEMINFO_DROPS
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 { // before Linux 4.12
		return uint64(s.gone)
	}
	return uint64(s.gone) + uint64(info[drops])
}

// bindFD binds and reports the bound address.
func bindFD(fd int, addr netip.AddrPort) (netip.AddrPort, error) {
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: v4bytes(addr.Addr())}
	if addr.Addr().Is6() {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
		sa = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	}
	if err := unix.Bind(fd, sa); err != nil {
		return netip.AddrPort{}, err
	}
	if addr.Port() != 0 { // known, and asking costs two calls
		return netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port()), nil
	}
	got, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return sockaddrAddrPort(got), nil
}

func v4bytes(a netip.Addr) (b [4]byte) {
	if a.Is4() {
		b = a.As4()
	}
	return b
}

func sockaddrAddrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// close frees a socket that was never added. Any goroutine.
func (s *udpSocket) close() { unix.Close(s.fd) }

// readPlain reads a plain leg's socket. A packet comes every 20 ms and nothing more is behind it, so that looking costs more than it brings: the
// system tells in the next round if there was. Then what is there is read, up to a bound, and so it is when the loop is behind.
func (l *loop) readPlain(s *udpSocket) {
	if s.any {
		l.readAll(s)
		return
	}
	again := s.round == l.rounds-1 || l.behind
	s.round = l.rounds
	for range maxOwn {
		if !l.readOne(s) || !again {
			return
		}
	}
}

// readAll reads a socket batch by batch, up to a bound. What other shards received does not wait until it is empty.
func (l *loop) readAll(s *udpSocket) {
	for range maxBatches {
		more := l.readUDP(s)
		l.sh.takeHandedOver()
		if !more {
			return
		}
	}
}

// readOne receives one datagram on a socket that is bound to one address, and hands it to the shard; false when none was there.
func (l *loop) readOne(s *udpSocket) bool {
	if l.used == arenaSlots {
		l.flush()
	}
	at := l.used
	slot := l.arena[at*slotSize : (at+1)*slotSize : (at+1)*slotSize]
	var from netip.AddrPort
	var n uintptr
	var errno unix.Errno
	if s.connected {
		from = s.leg.remote
		n, _, errno = unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&slot[0])), maxDatagram, unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	} else {
		size := uint32(unsafe.Sizeof(l.names[0]))
		n, _, errno = unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&slot[0])), maxDatagram, unix.MSG_DONTWAIT|unix.MSG_TRUNC,
			uintptr(unsafe.Pointer(&l.names[0])), uintptr(unsafe.Pointer(&size)))
		from = rawAddrPort(&l.names[0])
	}
	if errno != 0 {
		return errno == unix.ECONNREFUSED // an ICMP error of an earlier send, reported once
	}
	if n > maxDatagram {
		l.tooLong()
		return true
	}
	queued := l.outN
	l.used++
	l.sh.datagram(s, slot[:n], from, s.local.Addr())
	if l.outN == queued { // the packet is out, or nobody wanted it
		l.used = min(l.used, at)
	}
	if lg := s.leg; lg.latch.locked && !lg.latch.direct {
		l.openDirect(lg)
	}
	return true
}

// tooLong counts a datagram that no buffer has room for.
func (l *loop) tooLong() {
	l.sh.packets++
	l.sh.stats.PacketsIn++
	l.sh.stats.DropGarbage++
}

// readUDP receives one batch and hands each datagram to the shard; true when there may be more.
func (l *loop) readUDP(s *udpSocket) bool {
	n := batchSize
	if s.leg != nil {
		n = 8 // a plain leg's own socket
	}
	if l.used+n > arenaSlots {
		l.flush()
	}
	base := l.used
	for i := range n {
		off := (base + i) * slotSize
		l.iovs[i].Base = &l.arena[off]
		l.iovs[i].SetLen(maxDatagram)
		l.msgs[i].hdr.Namelen = uint32(unsafe.Sizeof(l.names[i]))
		l.msgs[i].hdr.Flags = 0
		l.msgs[i].hdr.Control = nil
		l.msgs[i].hdr.SetControllen(0)
		if s.any {
			l.msgs[i].hdr.Control = &l.ctls[i].raw[0]
			l.msgs[i].hdr.SetControllen(len(l.ctls[i].raw))
		}
	}
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&l.msgs[0])), uintptr(n), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 { // EAGAIN, or an ICMP error of an earlier send: nothing to do
		return false
	}
	l.used += int(got)
	for i := range int(got) {
		m := &l.msgs[i]
		off := (base + i) * slotSize
		if m.hdr.Flags&unix.MSG_TRUNC != 0 {
			l.tooLong()
			continue
		}
		buf := l.arena[off : off+int(m.n) : off+slotSize]
		var to netip.Addr
		if s.any {
			to = l.ctls[i].destination(&m.hdr)
		}
		l.sh.datagram(s, buf, rawAddrPort(&l.names[i]), to)
	}
	if lg := s.leg; lg != nil && lg.latch.locked && !lg.latch.direct {
		l.openDirect(lg)
	}
	return int(got) == n
}

// rawAddrPort reads a socket address without allocating.
func rawAddrPort(sa *unix.RawSockaddrInet6) netip.AddrPort {
	if sa.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), ntohs(v4.Port))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), ntohs(sa.Port))
}

// ntohs swaps a port between memory and host order on any machine.
func ntohs(p uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&p))
	return uint16(b[0])<<8 | uint16(b[1])
}

// putAddr writes addr for the socket's family and returns the length.
func putAddr(sa *unix.RawSockaddrInet6, s *udpSocket, addr netip.AddrPort) uint32 {
	if s.v6 {
		*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: ntohs(addr.Port()), Addr: addr.Addr().As16()}
		return unix.SizeofSockaddrInet6
	}
	v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
	*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: ntohs(addr.Port()), Addr: v4bytes(addr.Addr().Unmap())}
	return unix.SizeofSockaddrInet4
}

// sendUDP sends a packet that lies in the arena: from the shared port with the batch, from a leg's own at once, because packets of unlike
// sockets cannot share a system call. from is our address to send from, zero = the system chooses. Loop only.
func (l *loop) sendUDP(s *udpSocket, pkt []byte, to netip.AddrPort, from netip.Addr) {
	if s != l.sh.mux {
		l.sendUDPNow(s, pkt, to, from)
		return
	}
	if l.outN == batchSize {
		l.flushOut()
	}
	i := l.outN
	l.outIovs[i].Base = &pkt[0]
	l.outIovs[i].SetLen(len(pkt))
	l.out[i].hdr.Namelen = putAddr(&l.outName[i], s, to)
	l.outCtl[i].setSource(&l.out[i].hdr, s, from)
	l.outN++
}

// sendUDPNow sends at once, also packets that do not lie in the arena. Loop only.
func (l *loop) sendUDPNow(s *udpSocket, pkt []byte, to netip.AddrPort, from netip.Addr) {
	if len(pkt) == 0 {
		return
	}
	if s.any && from.IsValid() {
		l.sendFrom(s, pkt, to, from)
		return
	}
	var sa unix.RawSockaddrInet6
	size := putAddr(&sa, s, to)
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&pkt[0])), uintptr(len(pkt)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&sa)), uintptr(size))
	if errno != 0 {
		l.sh.stats.DropSend++
	}
}

// sendFrom sends from one of the addresses that the socket is bound to.
func (l *loop) sendFrom(s *udpSocket, pkt []byte, to netip.AddrPort, from netip.Addr) {
	var sa unix.RawSockaddrInet6
	var ctl control
	iov := unix.Iovec{Base: &pkt[0]}
	iov.SetLen(len(pkt))
	hdr := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&sa)), Namelen: putAddr(&sa, s, to), Iov: &iov}
	hdr.SetIovlen(1)
	ctl.setSource(&hdr, s, from)
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&hdr)), unix.MSG_DONTWAIT)
	if errno != 0 {
		l.sh.stats.DropSend++
	}
}

// flush sends what is queued and frees the receive buffers.
func (l *loop) flush() {
	l.flushOut()
	l.used = 0
	if in := l.sh.inbox.Load(); in != nil {
		in.free()
	}
}

// flushOut sends the queue of the shared port.
func (l *loop) flushOut() {
	for i := 0; i < l.outN; {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(l.sh.mux.fd), uintptr(unsafe.Pointer(&l.out[i])), uintptr(l.outN-i), unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 { // concerns the first packet
			l.sh.stats.DropSend++
			n = 1
		}
		i += max(int(n), 1)
	}
	l.outN = 0
}
