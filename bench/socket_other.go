//go:build !linux

package bench

import (
	"net"
	"net/netip"
	"time"
)

const portableRead = 100 * time.Microsecond // how long a round waits for packets

// batchSocket is a UDP socket; elsewhere than on Linux each packet is a system call, and a packet came when it is read. Its driver owns it.
type batchSocket struct {
	conn    *net.UDPConn
	local   netip.AddrPort
	buffer  []byte
	unsent  uint64
	dropped uint32 // not known here
}

func openBatch(local netip.Addr) (*batchSocket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(8 << 20)
	return &batchSocket{conn: conn, local: conn.LocalAddr().(*net.UDPAddr).AddrPort(), buffer: make([]byte, 2048)}, nil
}

func (s *batchSocket) close() { s.conn.Close() }

func (s *batchSocket) queue(pkt []byte, to netip.AddrPort) {
	if _, err := s.conn.WriteToUDPAddrPort(pkt, to); err != nil {
		s.unsent++
	}
}

func (s *batchSocket) flush() {}

// receive hands over what comes within portableRead.
func (s *batchSocket) receive(f func(data []byte, from netip.AddrPort, at time.Time)) {
	_ = s.conn.SetReadDeadline(time.Now().Add(portableRead))
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(s.buffer)
		if err != nil {
			return
		}
		f(s.buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now())
	}
}

func pause(d time.Duration) { time.Sleep(d) }
