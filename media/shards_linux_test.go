//go:build linux && !talkpath_portable

package media

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/pion/stun/v4"
)

// scattered makes an engine of three shards of which each gets every third leg.
func scattered(t *testing.T) *Engine {
	e := newTestEngine(t, func(c *Config) { c.Shards = 3 })
	e.all.packed = 1
	return e
}

func homeOf(t *testing.T, s *Session) int {
	l := s.packetLeg()
	if l == nil {
		t.Fatal("no leg")
	}
	return l.home.Load().index
}

// TestShards: legs of every kind talk, whichever shards they are on and whichever their packets arrive at; a bridge brings them together.
func TestShards(t *testing.T) {
	for _, kinds := range [][2]Kind{{KindRTP, KindRTP}, {KindSDES, KindWebRTC}, {KindWebRTC, KindWebRTC}} {
		t.Run(fmt.Sprint(kinds), func(t *testing.T) {
			e := scattered(t)
			var la, lb, lc eventLog
			a, pa := connect(t, e, kinds[0], true, &la)
			b, pb := connect(t, e, kinds[1], false, &lb)
			c, _ := connect(t, e, KindWebRTC, true, &lc)
			if homeOf(t, a) == homeOf(t, b) || homeOf(t, c) == homeOf(t, a) || homeOf(t, c) == homeOf(t, b) {
				t.Fatalf("on shards %d, %d, %d", homeOf(t, a), homeOf(t, b), homeOf(t, c))
			}
			for round := range 3 { // the legs move to and fro
				if err := Bridge(a, b); err != nil {
					t.Fatal(err)
				}
				if homeOf(t, a) != homeOf(t, b) {
					t.Fatalf("bridged on shards %d and %d", homeOf(t, a), homeOf(t, b))
				}
				talk(t, pa, pb, 0x1000+uint32(round), 15)
				talk(t, pb, pa, 0x2000+uint32(round), 15)
				if err := Bridge(b, c); err != nil {
					t.Fatal(err)
				}
			}
			if st := e.Stats(); st.DropHandover != 0 || st.Panics != 0 || st.Legs != 3 {
				t.Errorf("%+v", st)
			}
			for _, s := range []*Session{a, b, c} {
				s.Close()
			}
			assertNothingLeft(t, e)
		})
	}
}

// TestHandOver: packets of a browser's leg that is on another shard than they arrive at reach it in order and complete.
func TestHandOver(t *testing.T) {
	e := scattered(t)
	var legs []*Session
	var peers []peer
	for range 6 {
		var log eventLog
		s, p := connect(t, e, KindWebRTC, true, &log)
		s.Echo(true)
		legs, peers = append(legs, s), append(peers, p)
	}
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() { talk(t, p, p, uint32(0x100+i), 100) })
	}
	wg.Wait()
	st := e.Stats()
	if st.HandedOver == 0 || st.DropHandover != 0 {
		t.Errorf("%d handed over, %d of them lost", st.HandedOver, st.DropHandover)
	}
	for i, p := range peers {
		assertContinuous(t, p.heard())
		if s := legs[i].Stats(); s.ReplayDrops != 0 || s.SRTPErrors != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestTCPOnAnotherShard: an ICE-TCP connection is accepted by the first shard and goes to the one of its leg, and wherever that moves.
func TestTCPOnAnotherShard(t *testing.T) {
	e := scattered(t)
	var none, log eventLog
	first, _ := connect(t, e, KindRTP, true, &none) // takes the first shard
	s := e.NewSession(SessionConfig{OnEvent: log.add})
	b := newBrowser(t, "audio/PCMU", 8000, 0, 0, true)
	defer b.close()
	b.offer(t, s, pcmu(), true)
	waitFor(t, "connected", func() bool { _, ok := log.find(EventConnected); return ok })
	s.Echo(true)
	talk(t, b, b, 0x5555, 20)
	if homeOf(t, s) == 0 {
		t.Fatal("on the first shard: the test proves nothing")
	}
	if err := Bridge(first, s); err != nil {
		t.Fatal(err)
	}
	if homeOf(t, s) != homeOf(t, first) {
		t.Fatal("not moved")
	}
	talk(t, b, b, 0x5555, 40)
	if st := e.Stats(); st.TCPConnections != 1 {
		t.Errorf("%d connections", st.TCPConnections)
	}
	s.Close()
	waitFor(t, "close", func() bool { return e.Stats().TCPConnections == 0 })
	if n := e.all.tcpConns.Load(); n != 0 {
		t.Errorf("%d connections counted", n)
	}
}

// TestDigitsMoveAlong: a leg that is sending digits goes on doing so on another shard.
func TestDigitsMoveAlong(t *testing.T) {
	e := scattered(t)
	var la, lb eventLog
	a, _ := connect(t, e, KindRTP, true, &la)
	b, pb := connect(t, e, KindRTP, true, &lb)
	if err := b.SendDTMF("123456789", 100); err != nil {
		t.Fatal(err)
	}
	from := homeOf(t, b)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	if homeOf(t, b) == from {
		t.Fatal("not moved")
	}
	waitFor(t, "the last digit", func() bool {
		for _, p := range pb.heard() {
			if p.PayloadType == 101 && p.Payload[0] == 9 && p.Payload[1]&0x80 != 0 {
				return true
			}
		}
		return false
	})
}

// TestAddressChangesShard: an address that a leg of another shard held goes to the leg that proves it last; the other forgets it.
func TestAddressChangesShard(t *testing.T) {
	e := scattered(t)
	conn := udpConn(t)
	defer conn.Close()
	var sessions [2]*Session
	var clients [2]*iceClient
	for i := range sessions {
		sessions[i] = e.NewSession(SessionConfig{})
		if err := sessions[i].SetRemoteOffer(bareOffer(KindWebRTC, netip.AddrPort{}).Marshal()); err != nil {
			t.Fatal(err)
		}
		ans, err := sessions[i].Answer(nil)
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = newICEClient(t, e, ans)
		clients[i].conn = conn
	}
	for i := range 6 {
		now, before := i%2, (i+1)%2
		c := clients[now]
		c.check(t, c.user(), c.integrity(), stun.Fingerprint)
		waitFor(t, "the check", func() bool { return sessions[now].RemoteAddr() == addrPort(conn.LocalAddr()) })
		waitFor(t, "the other to forget", func() bool { return !sessions[before].RemoteAddr().IsValid() })
	}
	if n := e.all.addrs.len(); n != 1 {
		t.Errorf("%d addresses", n)
	}
}

// TestSteering: with legs on one shard all packets of the shared port arrive there; with legs on three they arrive at all, each peer's at one.
func TestSteering(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		t.Run(ip, func(t *testing.T) {
			addr := netip.MustParseAddr(ip)
			if c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))); err != nil {
				t.Skip(err)
			} else {
				c.Close()
			}
			e := newTestEngine(t, func(c *Config) { c.Shards, c.ListenIP = 3, addr })
			arrived := func() (n [3]uint64) {
				for i, sh := range e.all.list {
					sh.loop.do(func() { n[i] = sh.stats.PacketsIn })
				}
				return n
			}
			total := uint64(0)
			send := func() {
				for range 60 {
					c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(e.MuxAddr()))
					if err != nil {
						t.Fatal(err)
					}
					for range 3 {
						if _, err := c.Write([]byte{0xff, 0xff}); err != nil {
							t.Fatal(err)
						}
						total++
					}
					c.Close()
				}
				waitFor(t, "arrival", func() bool { n := arrived(); return n[0]+n[1]+n[2] == total })
			}
			send()
			if n := arrived(); n[1]+n[2] != 0 {
				t.Skipf("this system does not steer: %v", n)
			}
			e.all.packed = 1
			var legs []*Session
			for range 3 {
				s := e.NewSession(SessionConfig{})
				if _, err := s.Offer(KindWebRTC, nil); err != nil {
					t.Fatal(err)
				}
				legs = append(legs, s)
			}
			before := arrived()
			send()
			n := arrived()
			for i := range n {
				if got := n[i] - before[i]; got == 0 || got%3 != 0 {
					t.Errorf("shard %d got %d packets of 180, three a peer", i, got)
				}
			}
			for _, s := range legs {
				s.Close()
			}
			before = arrived()
			send()
			if n = arrived(); n[1]+n[2] != before[1]+before[2] {
				t.Errorf("without legs they arrive at %v", n)
			}
		})
	}
}

// TestSharedPortIsOurs: sharing a port among the shards does not let another engine have it.
func TestSharedPortIsOurs(t *testing.T) {
	e := newTestEngine(t, func(c *Config) { c.Shards = 3 })
	if e2, err := NewEngine(Config{ListenIP: loopback, MuxPort: int(e.MuxAddr().Port()), Shards: 2}); err == nil {
		e2.Close()
		t.Error("the port was bound twice")
	}
	for _, n := range []int{-1, maxShards + 1} {
		if e2, err := NewEngine(Config{ListenIP: loopback, Shards: n}); err == nil {
			e2.Close()
			t.Errorf("%d shards", n)
		}
	}
}

// TestOverflowIsCounted: packets that the system drops because a socket's queue is full are seen, also when their leg is gone.
func TestOverflowIsCounted(t *testing.T) {
	e := newTestEngine(t, nil)
	s := e.NewSession(SessionConfig{})
	if err := s.SetRemoteOffer(bareOffer(KindRTP, netip.AddrPortFrom(loopback, 9)).Marshal()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Answer(nil); err != nil {
		t.Fatal(err)
	}
	conn := udpConn(t)
	defer conn.Close()
	e.all.list[0].loop.do(func() { // the loop reads nothing meanwhile
		for range 2000 {
			if _, err := conn.WriteToUDPAddrPort(make([]byte, 1000), s.LocalAddr()); err != nil {
				t.Error(err)
			}
		}
	})
	n := s.Stats().QueueDrops
	if n == 0 {
		t.Error("nothing counted")
	}
	s.Close()
	if after := e.Stats().DropQueue; after != n {
		t.Errorf("%d counted with the leg, %d without it", n, after)
	}
}
