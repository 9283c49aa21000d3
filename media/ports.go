package media

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
)

// ports hands out RTP/RTCP port pairs: RTP even, RTCP the next one (RFC 3550 §11). Pairs of a range are used in turn, so that a new call
// does not get the stray packets of the one before.
type ports struct {
	ip       netip.Addr
	min, max int // 0,0 = the system chooses

	mu    sync.Mutex // guards what follows
	next  int
	inUse map[uint16]bool // RTP ports of the range
	pairs int             // that the system chose
}

// ephemeralTries bounds the search for a pair that the system chooses.
const ephemeralTries = 64

func newPorts(ip netip.Addr, lo, hi int) (*ports, error) {
	p := &ports{ip: ip, inUse: map[uint16]bool{}}
	if lo == 0 && hi == 0 {
		return p, nil
	}
	p.min, p.max = (lo+1)&^1, hi
	if lo < 1 || hi > 65535 || p.min+1 > hi {
		return nil, fmt.Errorf("media: bad RTP port range %d-%d", lo, hi)
	}
	p.next = p.min
	return p, nil
}

// open binds a pair.
func (p *ports) open() (rtp, rtcp *udpSocket, err error) {
	if p.min == 0 {
		for range ephemeralTries {
			if rtp, rtcp, err = p.openEphemeral(); err == nil {
				return rtp, rtcp, nil
			}
		}
		return nil, nil, err
	}
	for range (p.max - p.min + 1) / 2 {
		port, ok := p.reserve()
		if !ok {
			continue
		}
		if rtp, rtcp, err = p.openPair(port); err == nil {
			return rtp, rtcp, nil
		}
		p.release(port) // taken by another program
	}
	return nil, nil, errors.Join(ErrNoPort, err)
}

// reserve takes the next pair of the range; false when it is in use.
func (p *ports) reserve() (uint16, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	port := p.next
	if p.next += 2; p.next+1 > p.max {
		p.next = p.min
	}
	if p.inUse[uint16(port)] {
		return 0, false
	}
	p.inUse[uint16(port)] = true
	return uint16(port), true
}

func (p *ports) openPair(port uint16) (rtp, rtcp *udpSocket, err error) {
	if rtp, err = openUDP(netip.AddrPortFrom(p.ip, port), 0); err != nil {
		return nil, nil, err
	}
	if rtcp, err = openUDP(netip.AddrPortFrom(p.ip, port+1), 0); err != nil {
		rtp.close()
		return nil, nil, err
	}
	return rtp, rtcp, nil
}

func (p *ports) openEphemeral() (rtp, rtcp *udpSocket, err error) {
	if rtp, err = openUDP(netip.AddrPortFrom(p.ip, 0), 0); err != nil {
		return nil, nil, err
	}
	port := rtp.local.Port()
	if port&1 == 1 { // the even port below may be free as well
		rtp.close()
		port--
		rtp, rtcp, err = p.openPair(port)
	} else if rtcp, err = openUDP(netip.AddrPortFrom(p.ip, port+1), 0); err != nil {
		rtp.close()
	}
	if err != nil {
		return nil, nil, err
	}
	p.mu.Lock()
	p.pairs++
	p.mu.Unlock()
	return rtp, rtcp, nil
}

// release gives a pair back.
func (p *ports) release(rtpPort uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.min == 0 { // by number it could already be another leg's
		p.pairs--
		return
	}
	delete(p.inUse, rtpPort)
}

// used is the number of ports that are bound.
func (p *ports) used() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return 2 * (p.pairs + len(p.inUse))
}
