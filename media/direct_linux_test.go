//go:build linux && !talkpath_portable

package media

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// directPair are two plain legs that talk, so that both have a direct socket.
func directPair(t *testing.T, e *Engine, kind Kind) (a, b *Session, pa, pb *phone) {
	var la, lb eventLog
	a, x := connect(t, e, kind, true, &la)
	b, y := connect(t, e, kind, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, x, y, 0x1001, 2*latchPackets)
	talk(t, y, x, 0x1002, 2*latchPackets)
	return a, b, x.(*phone), y.(*phone)
}

// directTo is the address that the session's direct socket is connected to, and the socket's own; zero = there is none.
func directTo(s *Session) (remote, local netip.AddrPort) {
	s.inLoop(func(l *leg) {
		if l.direct != nil && l.direct.connected {
			remote, local = l.remote, l.direct.local
		}
	})
	return remote, local
}

func assertDirect(t *testing.T, s *Session, p *phone) {
	t.Helper()
	if remote, local := directTo(s); remote != addrPort(p.conn.LocalAddr()) || local != p.to {
		t.Errorf("direct from %v to %v, the phone is at %v and hears from %v", local, remote, p.conn.LocalAddr(), p.to)
	}
}

// TestDirect: what settled peers say goes through their direct sockets and nothing of it is lost, doubled or out of order, also when
// it comes in bursts; who else sends is seen and counted all the same.
func TestDirect(t *testing.T) {
	for _, kind := range []Kind{KindRTP, KindSDES} {
		t.Run(kind.String(), func(t *testing.T) {
			e := newTestEngine(t, nil)
			a, b, pa, pb := directPair(t, e, kind)
			assertDirect(t, a, pa)
			assertDirect(t, b, pb)
			before := len(pb.heard())
			const burst, bursts = 50, 20
			for i := range bursts {
				for j := range burst {
					pa.send(t, audioPacket(0, 0x4000+i*burst+j, 0x1003))
				}
				waitFor(t, "the burst", func() bool { return len(pb.heard()) == before+(i+1)*burst })
			}
			for i, p := range pb.heard()[before:] {
				if want := fmt.Sprintf("audio %05d %08x", 0x4000+i, 0x1003); string(p.Payload) != want {
					t.Fatalf("packet %d: %q instead of %q", i, p.Payload, want)
				}
			}
			stranger := udpConn(t)
			defer stranger.Close()
			for range 10 {
				if _, err := stranger.WriteToUDPAddrPort(make([]byte, 172), pa.to); err != nil {
					t.Fatal(err)
				}
				raw, err := audioPacket(0, 1, 0xbad).Marshal()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := stranger.WriteToUDPAddrPort(raw, pa.to); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "drops", func() bool { st := e.Stats(); return st.DropForeign == 10 && st.DropGarbage == 10 })
			if n := a.Stats().ForeignDrops; n != 10 {
				t.Errorf("%d foreign packets counted", n)
			}
			if st := e.Stats(); st.DropSend != 0 || st.DropQueue != 0 || st.DropReplay != 0 || st.Panics != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestDirectOpensInOrder: packets that come while the direct socket is opened keep their order.
func TestDirectOpensInOrder(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, x := connect(t, e, KindRTP, true, &la)
	b, y := connect(t, e, KindRTP, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	const packets = 100
	e.all.list[0].loop.do(func() { // all of them wait in the first socket when the fifth one settles the source
		for i := range packets {
			x.send(t, audioPacket(0, i, 0x77))
		}
	})
	waitFor(t, "all", func() bool { return len(y.heard()) == packets })
	assertContinuous(t, y.heard())
	assertDirect(t, a, x.(*phone))
}

// TestDirectFollowsThePeer: a description with another address ends the direct socket, and the peer is settled anew; one with the same address does not.
func TestDirectFollowsThePeer(t *testing.T) {
	e := newTestEngine(t, nil)
	a, _, pa, pb := directPair(t, e, KindRTP)
	reoffer := func() {
		if err := a.SetRemoteOffer(pa.desc.Marshal()); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Answer(nil); err != nil {
			t.Fatal(err)
		}
	}
	reoffer()
	assertDirect(t, a, pa)
	old := pa.conn
	defer old.Close()
	pa.conn = udpConn(t)
	pa.desc.Addr = addrPort(pa.conn.LocalAddr())
	pa.wg.Add(1)
	go pa.read(pa.conn)
	reoffer()
	if remote, _ := directTo(a); remote.IsValid() {
		t.Errorf("still direct to %v", remote)
	}
	talk(t, pa, pb, 0x1005, 2*latchPackets)
	talk(t, pb, pa, 0x1006, 2*latchPackets)
	assertDirect(t, a, pa)
	// The port of the SDP is not where it sends from: the source is learned, and direct.
	pa.desc.Addr = netip.AddrPortFrom(loopback, 9)
	reoffer()
	talk(t, pa, pb, 0x1007, 2*latchPackets)
	talk(t, pb, pa, 0x1008, 2*latchPackets)
	assertDirect(t, a, pa)
}

// TestDirectPeerIsGone: ICMP errors from a host where nobody listens any more neither end the leg nor cost the packets that follow.
func TestDirectPeerIsGone(t *testing.T) {
	e := newTestEngine(t, nil)
	a, b, pa, pb := directPair(t, e, KindRTP)
	at := addrPort(pa.conn.LocalAddr())
	pa.conn.Close()
	sent := a.Stats().PacketsOut
	for i := range 50 {
		pb.send(t, audioPacket(0, i, 0x100a))
		waitFor(t, "relaying", func() bool { return a.Stats().PacketsOut > sent+uint64(i) })
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	pa.conn = conn
	pa.wg.Add(1)
	go pa.read(conn)
	before := len(pa.heard())
	for i := range 10 {
		pb.send(t, audioPacket(0, 50+i, 0x100a))
	}
	waitFor(t, "sound", func() bool { return len(pa.heard()) == before+10 })
	talk(t, pa, pb, 0x1009, 10)
	assertDirect(t, a, pa)
	assertDirect(t, b, pb)
	if st := e.Stats(); st.DropSend != 0 {
		t.Errorf("%d packets not sent", st.DropSend)
	}
}

// TestDirectOnAllAddresses: the direct socket is bound to the address of ours that the peer sends to; a peer that changes to another one
// is answered from that.
func TestDirectOnAllAddresses(t *testing.T) {
	for _, listen := range []string{"0.0.0.0", "::"} {
		t.Run(listen, func(t *testing.T) {
			e := newTestEngine(t, func(c *Config) {
				c.ListenIP, c.AdvertisedIPs = netip.MustParseAddr(listen), []netip.Addr{loopback}
			})
			s := e.NewSession(SessionConfig{})
			conn := udpConn(t)
			defer conn.Close()
			if err := s.SetRemoteOffer(bareOffer(KindRTP, addrPort(conn.LocalAddr())).Marshal()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Answer(nil); err != nil {
				t.Fatal(err)
			}
			s.Echo(true)
			seq := 0
			for _, ip := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.2"} {
				to := netip.AddrPortFrom(netip.MustParseAddr(ip), s.LocalAddr().Port())
				for i := range 2 * latchPackets {
					raw, err := audioPacket(0, seq, 7).Marshal()
					if err != nil {
						t.Fatal(err)
					}
					seq++
					if from := hit(t, conn, to, raw); from != to && i > 0 { // the first one teaches it
						t.Errorf("sent to %v, answered from %v", to, from)
					}
				}
				if _, local := directTo(s); seq <= 2*latchPackets && local != to {
					t.Errorf("direct from %v", local)
				}
			}
		})
	}
}

// TestDirectMoves: a leg keeps its direct socket when it goes to another shard.
func TestDirectMoves(t *testing.T) {
	e := scattered(t)
	var la, lb eventLog
	a, x := connect(t, e, KindRTP, true, &la)
	b, y := connect(t, e, KindRTP, true, &lb)
	for i, s := range []*Session{a, b} {
		p := []peer{x, y}[i]
		s.Echo(true)
		talk(t, p, p, 0x500, 2*latchPackets)
		assertDirect(t, s, p.(*phone))
		s.Echo(false)
	}
	from := homeOf(t, b)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	if homeOf(t, b) == from {
		t.Fatal("not moved")
	}
	talk(t, x, y, 0x600, 2*latchPackets)
	talk(t, y, x, 0x601, 2*latchPackets)
	assertDirect(t, a, x.(*phone))
	assertDirect(t, b, y.(*phone))
	port := x.(*phone).to
	a.Close()
	b.Close()
	waitFor(t, "the port", func() bool {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(port))
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	assertNothingLeft(t, e)
}

// TestDirectOverflowIsCounted: what the system drops at a direct socket is counted with the leg, also after that socket.
func TestDirectOverflowIsCounted(t *testing.T) {
	e := newTestEngine(t, nil)
	a, _, pa, _ := directPair(t, e, KindRTP)
	e.all.list[0].loop.do(func() { // the loop reads nothing meanwhile
		for range 2000 {
			if _, err := pa.conn.WriteToUDPAddrPort(make([]byte, 1000), pa.to); err != nil {
				t.Error(err)
			}
		}
	})
	n := a.Stats().QueueDrops
	if n == 0 {
		t.Error("nothing counted")
	}
	a.inLoop(func(l *leg) { l.setRemote(netip.AddrPortFrom(loopback, 9)) })
	if after := a.Stats().QueueDrops; after != n {
		t.Errorf("%d counted with the direct socket, %d without it", n, after)
	}
	a.Close()
	if after := e.Stats().DropQueue; after != n {
		t.Errorf("%d counted with the leg, %d without it", n, after)
	}
}

// TestBehind: when more sockets have packets than one look at them tells of, and several each, all get their turn, in order.
func TestBehind(t *testing.T) {
	e := newTestEngine(t, func(c *Config) { c.Shards = 1 })
	const legs, packets = eventBatch + 50, 6
	conn := udpConn(t)
	defer conn.Close()
	if err := conn.SetReadBuffer(8 << 20); err != nil {
		t.Fatal(err)
	}
	to := make([]netip.AddrPort, legs)
	for i := range legs {
		s := e.NewSession(SessionConfig{})
		defer s.Close()
		if err := s.SetRemoteOffer(bareOffer(KindRTP, addrPort(conn.LocalAddr())).Marshal()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Answer(nil); err != nil {
			t.Fatal(err)
		}
		s.Echo(true)
		to[i] = s.LocalAddr()
	}
	next := map[netip.AddrPort]uint16{}
	for seq := 0; seq < 3*packets; seq += packets {
		e.all.list[0].loop.do(func() { // it reads nothing meanwhile
			for i := range packets {
				raw, err := audioPacket(0, seq+i, 7).Marshal()
				if err != nil {
					t.Error(err)
				}
				for _, a := range to {
					if _, err := conn.WriteToUDPAddrPort(raw, a); err != nil {
						t.Error(err)
					}
				}
			}
		})
		buf := make([]byte, 2048)
		for range legs * packets {
			if err := conn.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil || n < rtpHeader {
				t.Fatalf("%d bytes, %v; dropped for full queues: %d", n, err, e.Stats().DropQueue)
			}
			number := binary.BigEndian.Uint16(buf[2:])
			if want, known := next[from]; known && number != want {
				t.Fatalf("from %v: %d instead of %d", from, number, want)
			}
			next[from] = number + 1
		}
	}
	if len(next) != legs {
		t.Errorf("%d legs answered", len(next))
	}
}

// TestNoDescriptorForDirect: a leg that no descriptor is left for goes on over its first socket.
func TestNoDescriptorForDirect(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, p := connect(t, e, KindRTP, true, &log)
	s.Echo(true)
	fd, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	less := limit
	less.Cur = uint64(fd) // the lowest free number is beyond it
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &less); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }()
	talk(t, p, p, 0x321, 4*latchPackets)
	if remote, _ := directTo(s); remote.IsValid() {
		t.Error("it has a direct socket: the test proves nothing")
	}
	if st := e.Stats(); st.DropSend != 0 || st.DropForeign != 0 {
		t.Errorf("%+v", st)
	}
}
