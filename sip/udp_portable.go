//go:build !linux

package sip

import (
	"errors"
	"net"
	"net/netip"
)

// udpSocket reads and writes a bound UDP socket.
type udpSocket struct{ conn *net.UDPConn }

func newUDPSocket(conn *net.UDPConn) (*udpSocket, error) { return &udpSocket{conn}, nil }

// serve hands each datagram to f, in their order, until the socket is closed. data is f's only until it returns.
func (u *udpSocket) serve(f func(from netip.AddrPort, data []byte)) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := u.conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			f(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buf[:n])
		case errors.Is(err, net.ErrClosed):
			return
		} // anything else is an ICMP error of some earlier packet
	}
}

// send writes one datagram.
func (u *udpSocket) send(data []byte, to netip.AddrPort) error {
	_, err := u.conn.WriteToUDPAddrPort(data, to)
	return err
}

// widen makes the queue of what has arrived as long as the system lets it.
func (u *udpSocket) widen(bytes int) { _ = u.conn.SetReadBuffer(bytes) }

// overflowed is not known here.
func (u *udpSocket) overflowed() uint64 { return 0 }
