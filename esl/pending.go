package esl

import (
	"context"
	"net/netip"
	"time"
)

const (
	// busyAuthTimeout is how long a connection may stay without a password while many do.
	busyAuthTimeout = 5 * time.Second
	// failureMemory is how long a wrong password is held against its address.
	failureMemory = time.Minute
	// failureDelay is how much later each further wrong password of an address is answered, up to maxFailureDelay.
	failureDelay    = 100 * time.Millisecond
	maxFailureDelay = 2 * time.Second
	// maxFailures bounds the addresses remembered.
	maxFailures = 4096
)

// pending is the connections that gave no password yet, each address's in order of arrival. They have bounds of their own, so that who
// only connects cannot keep those out who know the password: a new connection takes the place of the oldest one of the address that has
// the most. It is guarded by Server.mu.
type pending struct {
	total  int
	byAddr map[netip.Prefix][]*conn
	failed map[netip.Prefix]failures
}

// failures counts an address's wrong passwords.
type failures struct {
	count int
	last  time.Time
}

// neighbourhood is what counts as one address: in IPv6 whoever has one has a /64.
func neighbourhood(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // of an address that is none: none
	return p
}

// add takes a connection in and returns the one that must go for it, nil if none must.
func (p *pending) add(c *conn) (evicted *conn) {
	if p.byAddr == nil {
		p.byAddr, p.failed = map[netip.Prefix][]*conn{}, map[netip.Prefix]failures{}
	}
	from := c.from
	full := len(p.byAddr[from]) >= c.limit.PendingPerAddress
	if !full && p.total >= c.limit.Pending {
		full = true
		for addr, list := range p.byAddr {
			if len(list) > len(p.byAddr[from]) {
				from = addr
			}
		}
	}
	if full {
		evicted = p.byAddr[from][0]
		p.remove(evicted)
	}
	p.byAddr[c.from] = append(p.byAddr[c.from], c)
	p.total++
	return evicted
}

// remove takes a connection out: it authenticated or ended. It may be out already.
func (p *pending) remove(c *conn) {
	list := p.byAddr[c.from]
	for i, other := range list {
		if other == c {
			p.total--
			if list = append(list[:i:i], list[i+1:]...); len(list) == 0 {
				delete(p.byAddr, c.from)
				return
			}
			p.byAddr[c.from] = list
			return
		}
	}
}

// fail notes a wrong password and says how long to wait before the answer.
func (p *pending) fail(from netip.Prefix, now time.Time) time.Duration {
	f := p.failed[from]
	if now.Sub(f.last) > failureMemory {
		f.count = 0
	}
	if _, known := p.failed[from]; !known && len(p.failed) >= maxFailures {
		for addr, old := range p.failed {
			if now.Sub(old.last) > failureMemory {
				delete(p.failed, addr)
			}
		}
		if len(p.failed) >= maxFailures { // more attackers than we remember: all wait
			return maxFailureDelay
		}
	}
	p.failed[from] = failures{f.count + 1, now}
	return min(time.Duration(f.count)*failureDelay, maxFailureDelay)
}

// authenticated says that a connection gave the password.
func (s *Server) authenticated(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending.remove(c)
}

// slowDown makes an address that gives one wrong password after the other wait for its answer.
func (s *Server) slowDown(ctx context.Context, c *conn) {
	s.mu.Lock()
	d := s.pending.fail(c.from, time.Now())
	s.mu.Unlock()
	if d == 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
