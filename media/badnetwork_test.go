package media

import (
	"container/heap"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// badNetwork lies between a peer and the engine: it loses packets in bursts, doubles some, and delays each by another time, so that they come out of
// order. It can take another address towards the engine, as a NAT does.
type badNetwork struct {
	inside *net.UDPConn // towards the peer
	engine netip.AddrPort
	wg     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	peer    netip.AddrPort
	follow  bool // the peer is who sent last
	rnd     *rand.Rand
	outside *net.UDPConn // towards the engine
	all     []*net.UDPConn
	bad     damage
	drop    func(toPeer bool, pkt []byte) bool // what is lost besides; nil = nothing
	losing  int                                // packets of a burst that are still to be lost
	queue   delayed
	lost    int // packets of RTP towards the engine
	doubled int
	over    bool
}

// damage is how bad a network is; the zero value does nothing.
type damage struct {
	burst  float64       // chance of a burst of loss to begin at a packet
	most   int           // packets in a burst
	double float64       // chance of a packet to arrive twice
	delay  time.Duration // each packet is late by another time up to it: from a packet time on they are reordered
}

// allDamage is what networks do at their worst.
var allDamage = damage{burst: 0.02, most: 6, double: 0.03, delay: 60 * time.Millisecond}

func newBadNetwork(t testing.TB, peer, engine netip.AddrPort) *badNetwork {
	n := &badNetwork{inside: udpConn(t), peer: peer, engine: engine, rnd: rand.New(rand.NewPCG(3, 4))}
	n.rebind(t)
	n.wg.Go(n.release)
	n.wg.Go(func() { n.carry(n.inside, func() (*net.UDPConn, netip.AddrPort) { return n.outside, n.engine }) })
	return n
}

// rebind takes another address towards the engine; what comes to the old one is lost.
func (n *badNetwork) rebind(t testing.TB) {
	c := udpConn(t)
	n.mu.Lock()
	n.outside = c
	n.all = append(n.all, c)
	n.mu.Unlock()
	n.wg.Go(func() {
		n.carry(c, func() (*net.UDPConn, netip.AddrPort) {
			if n.outside != c {
				return nil, netip.AddrPort{}
			}
			return n.inside, n.peer
		})
	})
}

// address is where the engine sees the peer now.
func (n *badNetwork) address() netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	return addrPort(n.outside.LocalAddr())
}

// become makes the network as bad as this.
func (n *badNetwork) become(bad damage) {
	n.mu.Lock()
	n.bad, n.losing = bad, 0
	n.mu.Unlock()
}

// fate is what was lost and doubled so far.
func (n *badNetwork) fate() (lost, doubled int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost, n.doubled
}

func (n *badNetwork) close() {
	n.mu.Lock()
	n.over = true
	for _, c := range n.all {
		c.Close()
	}
	n.mu.Unlock()
	n.inside.Close()
	n.wg.Wait()
}

// carry reads from a socket until it is closed. where is asked under the lock.
func (n *badNetwork) carry(from *net.UDPConn, where func() (*net.UDPConn, netip.AddrPort)) {
	buf := make([]byte, 2048)
	for {
		size, sender, err := from.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		n.mu.Lock()
		if n.follow && from == n.inside {
			n.peer = sender
		}
		if via, to := where(); via != nil && (n.drop == nil || !n.drop(from != n.inside, buf[:size])) {
			n.take(delivery{via: via, to: to, pkt: append([]byte(nil), buf[:size]...)})
		}
		n.mu.Unlock()
	}
}

// take decides what becomes of a packet. The lock is held.
func (n *badNetwork) take(d delivery) {
	d.at = time.Now()
	counts := 0
	if d.via != n.inside && classify(d.pkt) == classRTP {
		counts = 1
	}
	if n.losing == 0 && n.rnd.Float64() < n.bad.burst {
		n.losing = 1 + n.rnd.IntN(n.bad.most)
	}
	if n.losing > 0 {
		n.losing--
		n.lost += counts
		return
	}
	copies := 1
	if n.rnd.Float64() < n.bad.double {
		copies = 2
		n.doubled += counts
	}
	for range copies {
		late := d
		if n.bad.delay > 0 {
			late.at = d.at.Add(time.Duration(n.rnd.Int64N(int64(n.bad.delay))))
		}
		heap.Push(&n.queue, late)
	}
}

// release sends what is due.
func (n *badNetwork) release() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for now := range tick.C {
		n.mu.Lock()
		for len(n.queue) > 0 && !n.queue[0].at.After(now) {
			d := heap.Pop(&n.queue).(delivery)
			_, _ = d.via.WriteToUDPAddrPort(d.pkt, d.to) // closed at the end
		}
		over := n.over
		n.mu.Unlock()
		if over {
			return
		}
	}
}

// delivery is a packet on its way; delayed orders them by time.
type delivery struct {
	at  time.Time
	via *net.UDPConn
	to  netip.AddrPort
	pkt []byte
}

type delayed []delivery

func (d delayed) Len() int           { return len(d) }
func (d delayed) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d delayed) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *delayed) Push(x any)        { *d = append(*d, x.(delivery)) }
func (d *delayed) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}

// browserBehind is a browser that calls the engine from behind a bad network: wherever the browser sends from, the engine sees an address of the network.
func browserBehind(t testing.TB, e *Engine, prepare func(*badNetwork), offer func([]byte) []byte) (*Session, *browser, *badNetwork) {
	t.Helper()
	s := e.NewSession(SessionConfig{})
	w := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
	n := newBadNetwork(t, netip.AddrPort{}, e.MuxAddr())
	n.mu.Lock()
	n.follow = true
	if prepare != nil {
		prepare(n)
	}
	n.mu.Unlock()
	t.Cleanup(func() {
		w.close()
		n.close()
	})
	sdp := w.offerSDP(t, true)
	if offer != nil {
		sdp = offer(sdp)
	}
	if err := s.SetRemoteOffer(sdp); err != nil {
		t.Fatal(err)
	}
	ans, err := s.Answer(pcmu())
	if err != nil {
		t.Fatal(err)
	}
	setAnswer(t, w, n.through(t, ans))
	waitFor(t, "keys", func() bool { return s.Secure() != "" })
	return s, w, n
}

// through makes a description of the engine one that leads through the network.
func (n *badNetwork) through(t testing.TB, sdp []byte) []byte {
	t.Helper()
	d, err := ParseDescription(sdp)
	if err != nil {
		t.Fatal(err)
	}
	d.Candidates = []string{HostCandidate("udp", addrPort(n.inside.LocalAddr()), 0)}
	return d.Marshal()
}
