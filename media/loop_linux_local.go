//go:build linux && !talkpath_portable

package media

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A socket bound to all addresses must answer from the address that was hit: a peer takes STUN answers and symmetric RTP from there only
// (RFC 8445 §7.2.5.2.1), and on a host with several addresses the system would choose by route. ip(7), ipv6(7): IP_PKTINFO.

// control is the ancillary data of a message: room for one in6_pktinfo, the larger of the two.
type control struct {
	_   [0]unix.Cmsghdr // for its alignment
	raw [unix.SizeofCmsghdr + 24]byte
}

// wantDestination makes received packets carry their destination address.
func (s *udpSocket) wantDestination() error {
	if s.v6 {
		return unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
}

// destination reads the address that a message was sent to; zero when the kernel did not say.
func (c *control) destination(hdr *unix.Msghdr) netip.Addr {
	if int(hdr.Controllen) < unix.SizeofCmsghdr {
		return netip.Addr{}
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c.raw))
	data := unsafe.Pointer(&c.raw[unix.CmsgLen(0)])
	switch {
	case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO:
		return netip.AddrFrom4((*unix.Inet4Pktinfo)(data).Spec_dst)
	case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO:
		return netip.AddrFrom16((*unix.Inet6Pktinfo)(data).Addr).Unmap()
	}
	return netip.Addr{}
}

// setSource makes a message leave from the address, or from one that the system chooses.
func (c *control) setSource(hdr *unix.Msghdr, s *udpSocket, from netip.Addr) {
	hdr.Control = nil
	hdr.SetControllen(0)
	if !s.any || !from.IsValid() {
		return
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c.raw))
	data := unsafe.Pointer(&c.raw[unix.CmsgLen(0)])
	n := unix.SizeofInet4Pktinfo
	if s.v6 {
		n = unix.SizeofInet6Pktinfo
		h.Level, h.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		*(*unix.Inet6Pktinfo)(data) = unix.Inet6Pktinfo{Addr: from.As16()}
	} else {
		h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		*(*unix.Inet4Pktinfo)(data) = unix.Inet4Pktinfo{Spec_dst: v4bytes(from)}
	}
	h.SetLen(unix.CmsgLen(n))
	hdr.Control = &c.raw[0]
	hdr.SetControllen(unix.CmsgSpace(n))
}
