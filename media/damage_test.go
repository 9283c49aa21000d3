package media

import (
	"container/heap"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// badNetwork lies between a peer and the engine: it loses packets in bursts, doubles some, and delays each by another time, so that they come out of
// order. It can take another address towards the engine, as a NAT does.
type badNetwork struct {
	inside *net.UDPConn // towards the peer
	engine netip.AddrPort
	wg     sync.WaitGroup

	mu       sync.Mutex // guards what follows
	peer     netip.AddrPort
	follow   bool // the peer is who sent last
	rnd      *rand.Rand
	outside  *net.UDPConn // towards the engine
	all      []*net.UDPConn
	damaging bool
	losing   int // packets of a burst that are still to be lost
	queue    delayed
	lost     int
	doubled  int
	over     bool
}

// How bad it is.
const (
	burstChance  = 0.02 // of a burst of loss to begin at a packet
	burstMost    = 6
	doubleChance = 0.03
	delayMost    = 60 * time.Millisecond // three packet times: reordering
)

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

func (n *badNetwork) damage(on bool) {
	n.mu.Lock()
	n.damaging = on
	n.mu.Unlock()
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
		if via, to := where(); via != nil {
			n.take(delivery{via: via, to: to, pkt: append([]byte(nil), buf[:size]...)})
		}
		n.mu.Unlock()
	}
}

// take decides what becomes of a packet. The lock is held.
func (n *badNetwork) take(d delivery) {
	d.at = time.Now()
	if !n.damaging {
		heap.Push(&n.queue, d)
		return
	}
	if n.losing == 0 && n.rnd.Float64() < burstChance {
		n.losing = 1 + n.rnd.IntN(burstMost)
	}
	if n.losing > 0 {
		n.losing--
		n.lost++
		return
	}
	copies := 1
	if n.rnd.Float64() < doubleChance {
		copies = 2
		n.doubled++
	}
	for range copies {
		late := d
		late.at = d.at.Add(time.Duration(n.rnd.Int64N(int64(delayMost))))
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

// TestDamage: through loss in bursts, reordering, duplication and jitter the far side gets what arrived, each packet once, in one stream; it is
// counted, and when the network is good again all is as before.
func TestDamage(t *testing.T) {
	for _, kind := range []Kind{KindRTP, KindSDES} {
		t.Run(kind.String(), func(t *testing.T) {
			e := newTestEngine(t, nil)
			a := e.NewSession(SessionConfig{})
			p := newPhone(t, kind, pcmu())
			defer p.close()
			n := newBadNetwork(t, addrPort(p.conn.LocalAddr()), netip.AddrPort{})
			defer n.close()
			p.desc.Addr = addrPort(n.outside.LocalAddr()) // what the engine sees of it
			p.offer(t, a, pcmu())
			n.mu.Lock()
			n.engine, p.to = p.to, addrPort(n.inside.LocalAddr())
			n.mu.Unlock()
			var lb eventLog
			b, pb := connect(t, e, KindRTP, false, &lb)
			if err := Bridge(a, b); err != nil {
				t.Fatal(err)
			}
			talk(t, p, pb, 0x100, 5)
			n.damage(true)
			const packets = 300
			heard := len(pb.heard())
			tick := time.NewTicker(4 * time.Millisecond) // faster than a phone: more disorder
			defer tick.Stop()
			for i := range packets {
				p.send(t, audioPacket(0, 0x200+i, 0x100))
				<-tick.C
			}
			n.damage(false)
			for i := range 10 {
				p.send(t, audioPacket(0, 0x200+packets+i, 0x100))
			}
			n.mu.Lock()
			lost, doubled := n.lost, n.doubled
			n.mu.Unlock()
			want := packets + 10 - lost
			waitFor(t, "what arrived", func() bool { return len(pb.heard())-heard >= want })
			checkOnce(t, pb.heard()[heard:])
			waitFor(t, "the doubles", func() bool { return a.Stats().ReplayDrops >= uint64(doubled) })
			st := a.Stats()
			if lost == 0 || doubled == 0 || st.Lost < int64(lost) || st.Jitter == 0 || st.MOS >= 4.4 {
				t.Errorf("%d lost, %d doubled, counted as %+v", lost, doubled, st)
			}
			if kind == KindSDES && st.SRTPErrors != 0 {
				t.Errorf("%+v", st)
			}
			a.Close()
			b.Close()
			assertNothingLeft(t, e)
		})
	}
}

// checkOnce checks that no packet went out twice and all are of one stream.
func checkOnce(t *testing.T, got []rtp.Packet) {
	t.Helper()
	seen := map[uint16]bool{}
	for _, p := range got {
		if p.SSRC != got[0].SSRC {
			t.Fatal("SSRC changed")
		}
		if seen[p.SequenceNumber] {
			t.Errorf("number %d twice", p.SequenceNumber)
		}
		seen[p.SequenceNumber] = true
	}
}

// TestNATRebinding: the address of a browser changes within the call. Its checks and its media from there are enough to be heard again, though it does
// not nominate anew; that of a phone changes, and a new description lets it be followed.
func TestNATRebinding(t *testing.T) {
	t.Run("ICE", func(t *testing.T) {
		now := time.Unix(1000, 0)
		old, next := path{addr: netip.MustParseAddrPort("192.0.2.1:1000")}, path{addr: netip.MustParseAddrPort("192.0.2.1:2000")}
		s := iceState{selected: old, nominated: true, alive: now}
		s.hears(next, now.Add(mediaSilence/2), mediaSilence)
		if s.selected != old {
			t.Error("a path was given up that is alive")
		}
		s.hears(next, now.Add(checkSilence), checkSilence)
		if s.selected != old {
			t.Error("a path was given up after a missed check")
		}
		s.hears(next, now.Add(mediaSilence+1), mediaSilence)
		if s.selected != next {
			t.Error("the media of the peer was not followed")
		}
		s.hears(old, now.Add(mediaSilence+2), mediaSilence) // late packets of the old path
		if s.selected != next {
			t.Error("back to the path that is dead")
		}
	})
	t.Run("browser", func(t *testing.T) {
		e := newTestEngine(t, func(c *Config) { c.MuxTCPPort = -1 })
		a := e.NewSession(SessionConfig{})
		w := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
		defer w.close()
		n := newBadNetwork(t, netip.AddrPort{}, e.MuxAddr())
		n.mu.Lock()
		n.follow = true // wherever the browser sends from
		n.mu.Unlock()
		defer n.close()
		if err := a.SetRemoteOffer(w.offerSDP(t, true)); err != nil {
			t.Fatal(err)
		}
		ans, err := a.Answer(pcmu())
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDescription(ans)
		if err != nil {
			t.Fatal(err)
		}
		d.Candidates = []string{HostCandidate("udp", addrPort(n.inside.LocalAddr()), 0)}
		setAnswer(t, w, d.Marshal())
		waitFor(t, "keys", func() bool { return a.Secure() != "" })
		var lb eventLog
		b, pb := connect(t, e, KindRTP, false, &lb)
		if err := Bridge(a, b); err != nil {
			t.Fatal(err)
		}
		talk(t, w, pb, 0x100, 5)
		before := a.RemoteAddr()
		n.rebind(t)
		seq := 0x200
		waitFor(t, "the new address to be taken", func() bool {
			w.send(t, audioPacket(0, seq, 0x100))
			seq++
			return a.RemoteAddr() != before
		})
		if a.RemoteAddr() != addrPort(n.outside.LocalAddr()) {
			t.Errorf("media goes to %v", a.RemoteAddr())
		}
		for _, c := range [][2]peer{{w, pb}, {pb, w}} {
			heard := len(c[1].heard())
			waitFor(t, "sound over the new address", func() bool {
				c[0].send(t, audioPacket(0, seq, 0x100))
				seq++
				return len(c[1].heard()) > heard+5
			})
		}
	})
	t.Run("plain", func(t *testing.T) {
		e := newTestEngine(t, nil)
		a := e.NewSession(SessionConfig{})
		p := newPhone(t, KindRTP, pcmu())
		defer p.close()
		n := newBadNetwork(t, addrPort(p.conn.LocalAddr()), netip.AddrPort{})
		defer n.close()
		p.desc.Addr = addrPort(n.outside.LocalAddr())
		p.offer(t, a, pcmu())
		n.mu.Lock()
		n.engine, p.to = p.to, addrPort(n.inside.LocalAddr())
		n.mu.Unlock()
		var lb eventLog
		b, pb := connect(t, e, KindRTP, false, &lb)
		if err := Bridge(a, b); err != nil {
			t.Fatal(err)
		}
		talk(t, p, pb, 0x100, 2*latchPackets)
		n.rebind(t)
		for i := range 20 {
			p.send(t, audioPacket(0, 0x300+i, 0x100))
		}
		waitFor(t, "drops", func() bool { return a.Stats().ForeignDrops == 20 }) // could be anybody
		if err := a.SetRemoteOffer(p.desc.Marshal()); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Answer(nil); err != nil {
			t.Fatal(err)
		}
		heard := len(p.heard())
		talk(t, p, pb, 0x101, 10)
		if len(p.heard()) < heard {
			t.Error("less heard than before")
		}
		talk(t, pb, p, 0x102, 10)
	})
}
