package sip

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// udpBatch is how many datagrams one system call may bring; a storm of registrations fills it.
const udpBatch = 8

// udpSocket reads and writes a bound UDP socket with raw system calls. They never block, so the scheduler need not hear of them: entering one the
// usual way wakes its monitor thread, which then runs for a millisecond and costs more than the message. Waiting is the netpoller's.
type udpSocket struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	ipv6 bool // the socket's family; then IPv4 addresses are written as mapped ones
	outs sync.Pool
}

func newUDPSocket(conn *net.UDPConn) (*udpSocket, error) {
	u := &udpSocket{conn: conn}
	var err error
	if u.raw, err = conn.SyscallConn(); err != nil {
		return nil, err
	}
	var domain int
	if cerr := u.raw.Control(func(fd uintptr) { domain, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN) }); cerr != nil || err != nil {
		return nil, errors.Join(cerr, err)
	}
	u.ipv6 = domain == unix.AF_INET6
	u.outs.New = func() any { return newDatagram() }
	return u, nil
}

// widen makes the queue of what has arrived as long as the system lets it: without CAP_NET_ADMIN it is capped at net.core.rmem_max.
func (u *udpSocket) widen(bytes int) {
	_ = u.raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
		}
	})
}

// overflowed is how many datagrams the system has dropped because that queue was full; 0 before Linux 4.12 and after the socket's end.
func (u *udpSocket) overflowed() (n uint64) {
	const drops = 8 // SK_MEMINFO_DROPS
	_ = u.raw.Control(func(fd uintptr) {
		var info [drops + 1]uint32
		size := uint32(unsafe.Sizeof(info))
		if _, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0); errno == 0 {
			n = uint64(info[drops])
		}
	})
	return n
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// udpBatchIn is where a batch of datagrams is read to.
type udpBatchIn struct {
	msgs  [udpBatch]mmsghdr
	iovs  [udpBatch]unix.Iovec
	names [udpBatch]unix.RawSockaddrInet6
	data  []byte
	got   int
	errno syscall.Errno
}

func newUDPBatchIn() *udpBatchIn {
	b := &udpBatchIn{data: make([]byte, udpBatch*maxDatagram)}
	for i := range b.msgs {
		b.iovs[i].Base = &b.data[i*maxDatagram]
		b.iovs[i].SetLen(maxDatagram)
		h := &b.msgs[i].hdr
		h.Iov, h.Name = &b.iovs[i], (*byte)(unsafe.Pointer(&b.names[i]))
		h.SetIovlen(1)
	}
	return b
}

// read fills the batch; false when there is nothing to read.
func (b *udpBatchIn) read(fd uintptr) bool {
	for {
		for i := range b.msgs {
			b.msgs[i].hdr.Namelen = unix.SizeofSockaddrInet6
		}
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.msgs[0])), udpBatch, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		b.got, b.errno = int(n), errno
		if errno != 0 {
			b.got = 0
		}
		return errno != unix.EAGAIN
	}
}

// serve hands each datagram to f, in their order, until the socket is closed. data is f's only until it returns.
func (u *udpSocket) serve(f func(from netip.AddrPort, data []byte)) {
	in := newUDPBatchIn()
	read := in.read
	for {
		if err := u.raw.Read(read); err != nil {
			return
		}
		for i := range in.got {
			if from, ok := readSockaddr(&in.names[i]); ok {
				f(from, in.data[i*maxDatagram:i*maxDatagram+int(in.msgs[i].n)])
			}
		}
	}
}

// datagram is one message on its way out.
type datagram struct {
	data    []byte
	name    unix.RawSockaddrInet6
	nameLen uint32
	errno   syscall.Errno
	write   func(fd uintptr) bool
}

func newDatagram() *datagram {
	d := &datagram{}
	d.write = d.writeTo
	return d
}

// writeTo reports false when the socket's buffer is full.
func (d *datagram) writeTo(fd uintptr) bool {
	for {
		_, _, d.errno = unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&d.data[0])), uintptr(len(d.data)), unix.MSG_DONTWAIT,
			uintptr(unsafe.Pointer(&d.name)), uintptr(d.nameLen))
		if d.errno != unix.EINTR {
			return d.errno != unix.EAGAIN
		}
	}
}

// send writes one datagram; it waits only while the socket's buffer is full.
func (u *udpSocket) send(data []byte, to netip.AddrPort) error {
	if len(data) == 0 || to.Addr().Zone() != "" {
		_, err := u.conn.WriteToUDPAddrPort(data, to)
		return err
	}
	d := u.outs.Get().(*datagram)
	defer u.outs.Put(d)
	if d.nameLen = writeSockaddr(&d.name, to, u.ipv6); d.nameLen == 0 {
		return &net.AddrError{Err: "address of another family", Addr: to.String()}
	}
	d.data = data
	err := u.raw.Write(d.write)
	d.data = nil
	if err == nil && d.errno != 0 {
		err = d.errno
	}
	return err
}

// readSockaddr reads what the kernel wrote; IPv4 in IPv6 becomes IPv4.
func readSockaddr(sa *unix.RawSockaddrInet6) (netip.AddrPort, bool) {
	port := func(p *uint16) uint16 { b := (*[2]byte)(unsafe.Pointer(p)); return uint16(b[0])<<8 | uint16(b[1]) }
	switch sa.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port(&v4.Port)), true
	case unix.AF_INET6:
		a := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.Scope_id != 0 && a.Is6() {
			if i, err := net.InterfaceByIndex(int(sa.Scope_id)); err == nil {
				a = a.WithZone(i.Name)
			}
		}
		return netip.AddrPortFrom(a, port(&sa.Port)), true
	}
	return netip.AddrPort{}, false
}

// writeSockaddr gives the length of the address, 0 when a socket of that family cannot reach it.
func writeSockaddr(sa *unix.RawSockaddrInet6, to netip.AddrPort, ipv6 bool) uint32 {
	addr := to.Addr()
	port := [2]byte{byte(to.Port() >> 8), byte(to.Port())}
	switch {
	case ipv6 && addr.IsValid():
		*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: addr.As16()}
		*(*[2]byte)(unsafe.Pointer(&sa.Port)) = port
		return unix.SizeofSockaddrInet6
	case addr.Is4() || addr.Is4In6():
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.As4()}
		*(*[2]byte)(unsafe.Pointer(&v4.Port)) = port
		return unix.SizeofSockaddrInet4
	}
	return 0
}
