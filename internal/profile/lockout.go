package profile

import (
	"container/list"
	"sync"
	"time"

	"github.com/talkpath/talkpath/sip"
)

const (
	lockAfter   = 5                // failures in a row that are free
	lockFirst   = 2 * time.Second  // length of the first lock; each further failure doubles it
	lockLongest = 5 * time.Minute  // of one lock
	lockMemory  = 10 * time.Minute // without a failure until all is forgotten
	lockEntries = 16_384           // pairs remembered; the one longest without a failure makes room
)

// lockout slows down password guessing: a user name that failed too often from one source is not verified for a while, whether the
// user exists or not. The source is where the nonce was sent to, not where the guess seems to come from, so nobody can lock a user out
// from elsewhere by forging an address.
type lockout struct {
	mu      sync.Mutex
	entries map[lockKey]*list.Element
	order   list.List // of *lockEntry, most recent failure first
}

type lockKey struct{ source, user string }

// sourceKey is what one guesser has of an address: an IPv6 client owns a /64.
func sourceKey(f *sip.Flow) string {
	addr := f.RemoteAddr().Addr().Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	return addr.String()
}

type lockEntry struct {
	key    lockKey
	fails  int
	last   time.Time
	locked time.Time // until
}

func newLockout() *lockout { return &lockout{entries: make(map[lockKey]*list.Element)} }

// key bounds what is remembered of a name.
func (*lockout) key(source, user string) lockKey {
	if len(user) > 64 {
		user = user[:64]
	}
	return lockKey{source, user}
}

// locked says whether requests of user from source are refused unseen.
func (l *lockout) locked(source, user string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[l.key(source, user)]
	return e != nil && time.Now().Before(e.Value.(*lockEntry).locked)
}

// failed counts a wrong password and gives the lock that follows, if any.
func (l *lockout) failed(source, user string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, key := time.Now(), l.key(source, user)
	el := l.entries[key]
	if el == nil {
		el = l.order.PushFront(&lockEntry{key: key})
		l.entries[key] = el
	}
	l.order.MoveToFront(el)
	e := el.Value.(*lockEntry)
	if now.Sub(e.last) > lockMemory {
		e.fails = 0
	}
	e.fails++
	e.last = now
	for oldest := l.order.Back(); oldest != el; oldest = l.order.Back() {
		o := oldest.Value.(*lockEntry)
		if len(l.entries) <= lockEntries && now.Sub(o.last) <= lockMemory {
			break
		}
		delete(l.entries, o.key)
		l.order.Remove(oldest)
	}
	if e.fails < lockAfter {
		return 0
	}
	d := lockLongest
	if n := e.fails - lockAfter; n < 16 {
		d = min(lockFirst<<n, lockLongest)
	}
	e.locked = now.Add(d)
	return d
}

// succeeded forgets the failures.
func (l *lockout) succeeded(source, user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if el := l.entries[l.key(source, user)]; el != nil {
		delete(l.entries, el.Value.(*lockEntry).key)
		l.order.Remove(el)
	}
}
