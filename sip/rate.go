package sip

import (
	"net/netip"
	"sync"
	"time"
)

// maxBuckets bounds how many addresses are watched at once. Addresses of datagrams can be forged, so the table is emptied when it is
// full of busy ones, rather than refusing new addresses.
const maxBuckets = 8192

// rates limits new requests by the address they come from.
type rates struct {
	perSecond float64 // not positive: no limit

	mu      sync.Mutex // guards buckets
	buckets map[netip.Addr]*bucket
}

// bucket holds up to two seconds' worth of requests.
type bucket struct {
	tokens float64
	at     time.Time
}

// take reports whether an address may send one more request now.
func (r *rates) take(ip netip.Addr, now time.Time) bool {
	if r.perSecond <= 0 || ip.IsLoopback() {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buckets[ip]
	if b == nil {
		if len(r.buckets) >= maxBuckets {
			r.makeRoom(now)
		}
		b = &bucket{tokens: 2 * r.perSecond, at: now}
		r.buckets[ip] = b
	}
	b.tokens = min(2*r.perSecond, b.tokens+now.Sub(b.at).Seconds()*r.perSecond)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// makeRoom drops addresses that have been quiet for as long as it takes to be forgiven, or all.
func (r *rates) makeRoom(now time.Time) {
	for ip, b := range r.buckets {
		if now.Sub(b.at) > 2*time.Second {
			delete(r.buckets, ip)
		}
	}
	if len(r.buckets) >= maxBuckets {
		clear(r.buckets)
	}
}
