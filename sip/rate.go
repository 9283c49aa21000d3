package sip

import (
	"bytes"
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

	mu      sync.Mutex // guards what follows
	buckets map[netip.Addr]*bucket
	all     float64 // from all addresses together, a second; 0 = no limit
	total   bucket
}

// limitAll changes how many requests a second all addresses together may send.
func (r *rates) limitAll(perSecond int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all, r.total = float64(max(perSecond, 0)), bucket{tokens: float64(perSecond), at: time.Now()}
}

// takeOfAll reports whether one more request is within the limit of all addresses.
func (r *rates) takeOfAll(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all == 0 || r.total.take(now, r.all, r.all)
}

// bucket holds what may come at once.
type bucket struct {
	tokens float64
	at     time.Time
	told   float64 // refusals since second
	second int64
}

// take reports whether an address may send one more request now.
func (r *rates) take(ip netip.Addr, now time.Time) bool {
	if r.perSecond <= 0 || ip.IsLoopback() {
		return true
	}
	ip = senderOf(ip)
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
	return b.take(now, r.perSecond, 2*r.perSecond)
}

// politeness is how many of the requests that an address may send in a second are refused with a word when they are too many. The others are not
// looked at: a flood that is read faster than it comes leaves room in the socket's queue for everybody else.
const politeness = 0.1

// ignores reports whether a datagram is to be dropped unread: a request of no dialog, from an address that has sent too many and has been told so.
func (r *rates) ignores(ip netip.Addr, now time.Time, data []byte) bool {
	if r.perSecond <= 0 || ip.IsLoopback() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buckets[senderOf(ip)]
	if b == nil {
		return false
	}
	b.fill(now, r.perSecond, 2*r.perSecond)
	if b.tokens >= 1 || !opens(data) {
		return false
	}
	if second := now.Unix(); b.second != second {
		b.second, b.told = second, 0
	}
	b.told++
	return b.told > politeness*r.perSecond
}

// opens says whether a message looks like a request outside of any dialog. It may say no to one; then the message is read as usual.
func opens(data []byte) bool {
	for _, other := range [...]string{"SIP/", "ACK ", "CANCEL "} {
		if bytes.HasPrefix(data, []byte(other)) {
			return false
		}
	}
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		if len(bytes.TrimSpace(line)) == 0 {
			return true // the end of the head
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			if name = bytes.TrimSpace(name); bytes.EqualFold(name, []byte("to")) || bytes.EqualFold(name, []byte("t")) {
				return !bytes.Contains(bytes.ToLower(value), []byte("tag"))
			}
		}
	}
	return true
}

// fill adds what has become free since it was looked at.
func (b *bucket) fill(now time.Time, perSecond, most float64) {
	b.tokens = min(most, b.tokens+now.Sub(b.at).Seconds()*perSecond)
	b.at = now
}

// take fills the bucket up to most and takes a token.
func (b *bucket) take(now time.Time, perSecond, most float64) bool {
	b.fill(now, perSecond, most)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// senderOf is what one sender has of an address: in IPv6 a /64, so that nobody has 2^64 shares of what is bounded by address.
func senderOf(ip netip.Addr) netip.Addr {
	if ip = ip.Unmap().WithZone(""); ip.Is6() && !ip.IsLoopback() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
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
