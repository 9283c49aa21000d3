package media

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
)

// packedLegs is how many legs a shard takes before the next one gets any: two fifths of a core, a little more with SRTP on both sides. One shard
// that handles many packets at each tick costs less than two that handle a few.
const packedLegs = 1024

// shards is what the shards of an engine share.
type shards struct {
	log    *slog.Logger
	group  *group
	events func(*shard, *Session, Event)
	list   []*shard

	addrs    *table[addrKey]  // authenticated remote addresses of ICE legs on the shared port
	ufrags   *table[ufragKey] // our username fragments
	tcpConns atomic.Int32     // ICE-TCP connections of all shards
	ticking  atomic.Int32     // loops that sleep in ticks
	packed   int32            // packedLegs, or less in tests

	mu      sync.Mutex // legs are moved under it; guards what follows
	steered int        // shards that the shared port's packets go to
}

func newShards(log *slog.Logger, g *group, events func(*shard, *Session, Event)) *shards {
	return &shards{log: log, group: g, events: events, packed: packedLegs, addrs: newTable[addrKey](), ufrags: newTable[ufragKey]()}
}

// open makes n shards, each with its own socket on the shared port, and the ICE-TCP port at the first. After an error nothing is left open.
func (a *shards) open(n int, udp, tcp netip.AddrPort, withTCP bool) (udpAddr, tcpAddr netip.AddrPort, err error) {
	defer func() {
		if err != nil {
			for _, sh := range a.list {
				sh.abandon()
			}
		}
	}()
	for i := range n {
		sh := &shard{index: i, all: a, tcp: map[*tcpConn]struct{}{}, batches: newBatches()}
		if sh.loop, err = newLoop(sh); err != nil {
			return
		}
		a.list = append(a.list, sh)
		if sh.mux, err = openShared(udp, i); err != nil {
			return
		}
		udp = sh.mux.local
		if err = sh.loop.addUDP(sh.mux); err != nil {
			return
		}
	}
	a.steer(1)
	if withTCP {
		if tcpAddr, err = a.list[0].loop.listenTCP(tcp); err != nil {
			return
		}
	}
	return udp, tcpAddr, nil
}

// abandon frees a shard that never ran.
func (sh *shard) abandon() {
	if sh.mux != nil {
		sh.mux.close()
	}
	sh.loop.abandon()
}

// place chooses a shard for a leg: the first of those given that has room, else the one with the fewest legs.
func place(among ...*shard) *shard {
	best := among[0]
	for _, sh := range among {
		n := sh.load.Load()
		if n < sh.all.packed {
			return sh
		}
		if n < best.load.Load() {
			best = sh
		}
	}
	return best
}

// enter puts a new leg on a shard.
func (a *shards) enter(l *leg) error {
	a.mu.Lock()
	sh := place(a.list...)
	sh.load.Add(1)
	a.resteer()
	a.mu.Unlock()
	l.sh = sh
	l.home.Store(sh)
	err := ErrClosed
	sh.loop.do(func() { err = sh.addLeg(l) })
	if err != nil {
		a.left(sh)
	}
	return err
}

// left counts a leg that has gone.
func (a *shards) left(sh *shard) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if sh.load.Add(-1) == 0 {
		a.resteer()
	}
}

// resteer lets the packets of the shared port go to those shards that have legs, up to the last such. The lock is held.
func (a *shards) resteer() {
	last := 0
	for i, sh := range a.list {
		if sh.load.Load() > 0 {
			last = i
		}
	}
	a.steer(last + 1)
}

// steer sets how many sockets of the shared port get packets: which one is decided by the remote address, so that the order of a peer's
// packets is kept. Where the system cannot do so it spreads them over all sockets, and more packets are handed over. The lock is held, or nothing
// runs yet.
func (a *shards) steer(n int) {
	if n != a.steered && len(a.list) > 1 {
		a.steered = n
		if err := steer(a.list[0].mux, n); err != nil {
			a.log.Debug("media: the shared port cannot be steered", "err", err)
		}
	}
}

// join brings two legs to one shard and runs f there with both; false when an engine or a leg is closed. Legs are moved one at a time, so that
// two calls cannot chase each other.
func (a *shards) join(x, y *leg, f func()) bool {
	if sh := x.home.Load(); sh == y.home.Load() { // as nearly always
		here := false
		if !sh.loop.do(func() {
			if here = x.home.Load() == sh && y.home.Load() == sh; here {
				f()
			}
		}) {
			return false
		}
		if here {
			return true
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range [...]*leg{x, y} {
		to := place(inOrder(x.home.Load(), y.home.Load()))
		if from := l.home.Load(); from != to && from.loop.do(func() { from.move(l, to) }) && l.home.Load() == to {
			from.load.Add(-1)
			to.load.Add(1)
			a.resteer()
		}
	}
	sh := x.home.Load()
	return sh == y.home.Load() && sh.loop.do(f)
}

func inOrder(x, y *shard) (*shard, *shard) {
	if x.index > y.index {
		return y, x
	}
	return x, y
}

// do runs f in the loop of the leg's shard and waits; false when that has ended. Never from a loop.
func (l *leg) do(f func()) bool {
	for {
		sh, here := l.home.Load(), false
		if !sh.loop.do(func() {
			if here = l.home.Load() == sh; here {
				f()
			}
		}) {
			return false
		}
		if here {
			return true
		}
	}
}

// post hands f to the loop of the leg's shard; false when that has ended. Any goroutine.
func (l *leg) post(f func()) bool {
	sh := l.home.Load()
	return sh.loop.post(func() {
		if l.home.Load() == sh {
			f()
		} else {
			l.post(f) // it has moved meanwhile
		}
	})
}

// handOver gives a packet to the shard of its leg.
func (sh *shard) handOver(l *leg, p path, pkt []byte) {
	to := l.home.Load()
	if to == sh {
		return // back home while it was on its way; the next one comes directly
	}
	sh.stats.HandedOver++
	in := to.inbox.Load()
	if in == nil {
		to.inbox.CompareAndSwap(nil, newHandover())
		in = to.inbox.Load()
	}
	if !in.put(l, p, pkt) {
		sh.stats.DropHandover++
		return
	}
	to.loop.wake()
}

// takeHandedOver handles what other shards received for legs of this one.
func (sh *shard) takeHandedOver() {
	in := sh.inbox.Load()
	if in == nil {
		return
	}
	for range handoverBatch {
		l, from, pkt, ok := in.take()
		if !ok {
			break
		}
		if l.home.Load() != sh {
			sh.handOver(l, from, pkt)
		} else if c := classify(pkt); !l.closed && (c != classSTUN || sh.addressed(pkt) == l) {
			sh.packets++
			l.muxIn(from, c, pkt)
		}
	}
}

// handedOver tells whether there is something to take.
func (sh *shard) handedOver() bool {
	in := sh.inbox.Load()
	return in != nil && in.waiting()
}
