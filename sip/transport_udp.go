package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// readUDP is the reader of a UDP socket. One reader keeps the order in which messages came.
func (s *Stack) readUDP(l *listener) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := l.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error of some earlier packet
		}
		f := s.udpFlow(l, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		switch {
		case isKeepAlive(buf[:n]):
			if n >= 4 { // RFC 5626 §3.5.1 is for streams; phones send it on UDP too and do not mind an answer
				s.count.keepAlives.Add(1)
			}
		case n > s.cfg.Limits.MessageBytes:
			s.count.oversize.Add(1)
			s.rejectRaw(f, buf[:n], 513, "")
		default:
			s.receive(f, buf[:n])
		}
	}
}

func (s *Stack) udpFlow(l *listener, remote netip.AddrPort) *Flow {
	return &Flow{
		stack: s, transport: "udp", local: l.addr, remote: remote, id: "udp/" + l.addr.String() + "/" + remote.String(), done: s.done,
		send1: func(data []byte) error {
			_, err := l.udp.WriteToUDPAddrPort(data, remote)
			return err
		},
	}
}

func (s *Stack) udpFlowTo(remote netip.AddrPort) (*Flow, error) {
	for _, l := range s.bound() {
		if l.transport == "udp" && (l.addr.Addr().Is4() == remote.Addr().Is4() || l.addr.Addr() == netip.IPv6Unspecified()) {
			return s.udpFlow(l, remote), nil
		}
	}
	return nil, fmt.Errorf("%w: no UDP socket for %s", ErrTransport, remote)
}

// isKeepAlive reports whether a packet is only line ends, blanks or NULs, as NAT keep-alives are (RFC 5626 §3.5.1; "\x00\x00\x00\x00"
// and single blanks are seen in the field).
func isKeepAlive(data []byte) bool {
	for _, c := range data {
		if c != '\r' && c != '\n' && c != ' ' && c != 0 {
			return false
		}
	}
	return true
}
