package media

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
)

// table finds the leg that an address or a username fragment belongs to, for all shards at once. Reading takes no lock and allocates
// nothing: entries never change but for their link, and a resized table is a new one. The zero value is not usable.
type table[K key] struct {
	seed maphash.Seed
	rows atomic.Pointer[[]atomic.Pointer[entry[K]]] // their number is a power of two

	mu sync.Mutex // of writers; guards n
	n  int
}

type entry[K key] struct {
	key  K
	leg  *leg
	next atomic.Pointer[entry[K]]
}

// minRows is the size of an empty table.
const minRows = 16

// addrKey is a remote address: 16 bytes of IP address, 2 of port. IPv6 zones are no part of it: link-local peers are not told apart by it.
type addrKey [18]byte

func keyOf(a netip.AddrPort) (k addrKey) {
	ip := a.Addr().As16()
	copy(k[:], ip[:])
	k[16], k[17] = byte(a.Port()>>8), byte(a.Port())
	return k
}

// ufragLen is the length of our username fragments: 72 bits at random.
const ufragLen = 12

type ufragKey [ufragLen]byte

// key is what a table finds by.
type key interface {
	comparable
	hash(maphash.Seed) uint64
}

func (k addrKey) hash(s maphash.Seed) uint64  { return maphash.Bytes(s, k[:]) }
func (k ufragKey) hash(s maphash.Seed) uint64 { return maphash.Bytes(s, k[:]) }

func newTable[K key]() *table[K] {
	t := &table[K]{seed: maphash.MakeSeed()}
	rows := make([]atomic.Pointer[entry[K]], minRows)
	t.rows.Store(&rows)
	return t
}

func (t *table[K]) row(rows []atomic.Pointer[entry[K]], k K) *atomic.Pointer[entry[K]] {
	return &rows[k.hash(t.seed)&uint64(len(rows)-1)]
}

// find is the leg of a key, nil when there is none. Any goroutine.
func (t *table[K]) find(k K) *leg {
	for e := t.row(*t.rows.Load(), k).Load(); e != nil; e = e.next.Load() {
		if e.key == k {
			return e.leg
		}
	}
	return nil
}

// set makes the key that of the leg and returns whose it was. Any goroutine.
func (t *table[K]) set(k K, l *leg) *leg {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &entry[K]{key: k, leg: l}
	row := t.row(*t.rows.Load(), k)
	if at, old := t.seek(row, k); old != nil { // in its place: a reader meets the one or the other
		e.next.Store(old.next.Load())
		at.Store(e)
		return old.leg
	}
	e.next.Store(row.Load())
	row.Store(e)
	t.n++
	t.resize()
	return nil
}

// remove forgets the key if it is the leg's. Any goroutine.
func (t *table[K]) remove(k K, l *leg) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, old := t.seek(t.row(*t.rows.Load(), k), k); old != nil && old.leg == l {
		at.Store(old.next.Load())
		t.n--
		t.resize()
	}
}

// seek finds the key's entry in a row, and where it hangs. The lock is held.
func (t *table[K]) seek(at *atomic.Pointer[entry[K]], k K) (*atomic.Pointer[entry[K]], *entry[K]) {
	for e := at.Load(); e != nil; at, e = &e.next, e.next.Load() {
		if e.key == k {
			return at, e
		}
	}
	return nil, nil
}

// resize keeps rows short and gives memory back. The lock is held.
func (t *table[K]) resize() {
	rows := *t.rows.Load()
	size := len(rows)
	switch {
	case t.n > size:
		size *= 2
	case t.n < size/8 && size > minRows:
		size /= 2
	default:
		return
	}
	next := make([]atomic.Pointer[entry[K]], size)
	for i := range rows {
		for e := rows[i].Load(); e != nil; e = e.next.Load() {
			c := &entry[K]{key: e.key, leg: e.leg} // readers may be on their way through the old row
			row := t.row(next, c.key)
			c.next.Store(row.Load())
			row.Store(c)
		}
	}
	t.rows.Store(&next)
}

// len is the number of keys. Any goroutine.
func (t *table[K]) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}
