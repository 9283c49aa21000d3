package profile

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	rememberFor  = 30 * time.Second // what a name server said
	avoidFor     = 30 * time.Second // a place that did not answer
	mostRemember = 512
)

// places remembers where names lead and which places did not answer lately. The zero value is ready.
type places struct {
	mu    sync.Mutex // guards what follows
	found map[string]remembered
	down  map[netip.AddrPort]time.Time // until when
}

type remembered struct {
	places []place
	until  time.Time
}

// find gives what a name led to, those that answered lately first.
func (k *places) find(key string) ([]place, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.found[key]
	if !ok || time.Now().After(r.until) {
		return nil, false
	}
	return k.order(r.places), true
}

// keep remembers what a name leads to and gives it as find would.
func (k *places) keep(key string, found []place) []place {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.found == nil || len(k.found) >= mostRemember {
		k.found = map[string]remembered{}
	}
	k.found[key] = remembered{found, time.Now().Add(rememberFor)}
	return k.order(found)
}

// fail notes that a place does not answer.
func (k *places) fail(at place) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down == nil || len(k.down) >= mostRemember {
		k.down = map[netip.AddrPort]time.Time{}
	}
	k.down[at.addr] = time.Now().Add(avoidFor)
}

// order puts places that did not answer lately behind the others. Called with mu held.
func (k *places) order(list []place) []place {
	out := slices.Clone(list)
	now := time.Now()
	slices.SortStableFunc(out, func(a, b place) int {
		x, y := k.down[a.addr].After(now), k.down[b.addr].After(now)
		switch {
		case x == y:
			return 0
		case y:
			return -1
		}
		return 1
	})
	return out
}
