package sip

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// maxDatagram is the most that UDP carries.
const maxDatagram = 1 << 16

// readUDP is the reader of a UDP socket. One reader keeps the order in which messages came.
func (s *Stack) readUDP(l *listener) {
	l.socket.serve(func(from netip.AddrPort, data []byte) {
		switch {
		case isKeepAlive(data):
			if len(data) >= 4 { // RFC 5626 §3.5.1 is for streams; phones send it on UDP too and do not mind an answer
				s.count.keepAlives.Add(1)
			}
		case len(data) > s.cfg.Limits.MessageBytes:
			s.count.oversize.Add(1)
			s.rejectRaw(s.udpFlow(l, from), data, 513, "")
		case s.rates.ignores(from.Addr(), time.Now(), data):
			s.count.received.Add(1)
			s.count.overload.Add(1)
		default:
			s.receive(s.udpFlow(l, from), data)
		}
	})
}

// udpFlows are the flows of the peers heard or written to lately, so that a message costs no new one. Addresses can be forged: there are at most
// twice maxUDPFlows, and of those the older half is forgotten when the newer one is full.
type udpFlows struct {
	mu         sync.Mutex // guards what follows
	now, older map[netip.AddrPort]*Flow
}

const maxUDPFlows = 2048

// udpFlow finds or makes the flow of a peer.
func (s *Stack) udpFlow(l *listener, remote netip.AddrPort) *Flow {
	c := &l.flows
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.now[remote]; f != nil {
		return f
	}
	f := c.older[remote]
	if f == nil {
		f = &Flow{
			stack: s, transport: "udp", local: l.addr, remote: remote, id: "udp/" + l.addr.String() + "/" + remote.String(), done: s.done,
			send1: func(data []byte) error { return l.socket.send(data, remote) },
		}
	}
	if len(c.now) >= maxUDPFlows || c.now == nil {
		c.older, c.now = c.now, map[netip.AddrPort]*Flow{}
	}
	c.now[remote] = f
	return f
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
