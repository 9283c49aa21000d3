package bench

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchMessages = 64
	batchBytes    = 2048
	batchBuffer   = 8 << 20 // of the kernel, so that a pause of the generator loses nothing
	batchControl  = 64
)

// batchSocket is a UDP socket that sends and receives many packets with one system call. The kernel notes when a packet came, so that a
// delay does not include the time until the generator reads it. Its driver owns it.
type batchSocket struct {
	fd    int
	local netip.AddrPort
	spare net.PacketConn // the port above: RTCP of peers that do not read a=rtcp ends here, not in an ICMP error
	v6    bool

	out    int // queued
	outBuf [batchMessages][batchBytes]byte
	in     [batchMessages][batchBytes]byte
	ctl    [batchMessages][batchControl]byte
	send   [batchMessages]message
	recv   [batchMessages]message
	names  [2][batchMessages]unix.RawSockaddrInet6
	iovs   [2][batchMessages]unix.Iovec

	unsent  uint64 // refused by the kernel
	dropped uint32 // lost in our own buffer
}

// message is struct mmsghdr of recvmmsg(2).
type message struct {
	hdr unix.Msghdr
	n   uint32
}

// openBatch binds an even port with a free one above it (RFC 3550 §11).
func openBatch(local netip.Addr) (*batchSocket, error) {
	conn, spare, err := openPair(local)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	file, err := conn.File() // another descriptor of the same socket, out of the runtime's poller
	if err != nil {
		spare.Close()
		return nil, err
	}
	defer file.Close()
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		spare.Close()
		return nil, os.NewSyscallError("dup", err)
	}
	unix.CloseOnExec(fd)
	s := &batchSocket{fd: fd, local: conn.LocalAddr().(*net.UDPAddr).AddrPort(), spare: spare, v6: local.Is6()}
	for _, option := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF, unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, batchBuffer) // as much as we may
	}
	_ = unix.SetNonblock(fd, true)
	for _, option := range []int{unix.SO_TIMESTAMPNS, unix.SO_RXQ_OVFL} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			s.close()
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	for i := range batchMessages {
		s.iovs[0][i].Base = &s.outBuf[i][0]
		s.iovs[1][i].Base = &s.in[i][0]
		s.iovs[1][i].SetLen(batchBytes)
		for side, m := range []*message{&s.send[i], &s.recv[i]} {
			m.hdr.Name = (*byte)(unsafe.Pointer(&s.names[side][i]))
			m.hdr.Iov = &s.iovs[side][i]
			m.hdr.SetIovlen(1)
		}
		s.recv[i].hdr.Control = &s.ctl[i][0]
	}
	return s, nil
}

func (s *batchSocket) close() {
	unix.Close(s.fd)
	s.spare.Close()
}

// queue copies a packet; it goes out with flush, or when the batch is full.
func (s *batchSocket) queue(pkt []byte, to netip.AddrPort) {
	if s.out == batchMessages {
		s.flush()
	}
	i := s.out
	s.iovs[0][i].SetLen(copy(s.outBuf[i][:], pkt))
	s.send[i].hdr.Namelen = s.putAddr(&s.names[0][i], to)
	s.out++
}

func (s *batchSocket) putAddr(sa *unix.RawSockaddrInet6, to netip.AddrPort) uint32 {
	if s.v6 {
		*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16()}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:], to.Port())
		return unix.SizeofSockaddrInet6
	}
	v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
	*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().Unmap().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&v4.Port))[:], to.Port())
	return unix.SizeofSockaddrInet4
}

// flush sends what is queued.
func (s *batchSocket) flush() {
	for sent := 0; sent < s.out; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.send[sent])), uintptr(s.out-sent), 0, 0, 0)
		switch errno {
		case 0:
			sent += int(n)
		case unix.EINTR, unix.ECONNREFUSED: // an ICMP error of an earlier packet
		default:
			s.unsent++
			sent++
		}
	}
	s.out = 0
}

// receive hands over every datagram that is there.
func (s *batchSocket) receive(f func(data []byte, from netip.AddrPort, at time.Time)) {
	for {
		for i := range s.recv {
			s.recv[i].hdr.Namelen = unix.SizeofSockaddrInet6
			s.recv[i].hdr.SetControllen(batchControl)
		}
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.recv[0])), batchMessages, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.ECONNREFUSED || errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return
		}
		for i := range int(n) {
			m := &s.recv[i]
			f(s.in[i][:m.n], addrOf(&s.names[1][i]), s.arrival(s.ctl[i][:m.hdr.Controllen]))
		}
		if n < batchMessages {
			return
		}
	}
}

// arrival reads the kernel's time of a packet, and how many it had to drop so far.
func (s *batchSocket) arrival(control []byte) time.Time {
	at := time.Time{}
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		if h.Len < unix.SizeofCmsghdr || int(h.Len) > len(control) {
			break
		}
		data := control[unix.CmsgLen(0):h.Len]
		switch {
		case h.Type == unix.SO_TIMESTAMPNS && len(data) >= int(unsafe.Sizeof(unix.Timespec{})):
			ts := (*unix.Timespec)(unsafe.Pointer(&data[0]))
			at = time.Unix(int64(ts.Sec), int64(ts.Nsec))
		case h.Type == unix.SO_RXQ_OVFL && len(data) >= 4:
			s.dropped = binary.NativeEndian.Uint32(data)
		}
		control = control[min(unix.CmsgSpace(len(data)), len(control)):]
	}
	if at.IsZero() {
		return time.Now()
	}
	return at
}

func addrOf(sa *unix.RawSockaddrInet6) netip.AddrPort {
	if sa.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&v4.Port))[:]))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:]))
}

// openPair binds two neighbouring ports, the lower one even.
func openPair(local netip.Addr) (rtp *net.UDPConn, rtcp net.PacketConn, err error) {
	for range 64 {
		if rtp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))); err != nil {
			break
		}
		port := uint16(rtp.LocalAddr().(*net.UDPAddr).Port)
		if port%2 == 0 {
			if rtcp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, port+1))); err == nil {
				return rtp, rtcp, nil
			}
		}
		rtp.Close()
	}
	return nil, nil, fmt.Errorf("no pair of UDP ports on %s: %w", local, err)
}

// pause sleeps for less than a millisecond too, which the runtime's timers do not.
func pause(d time.Duration) {
	if d > 0 {
		ts := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&ts, nil)
	}
}
