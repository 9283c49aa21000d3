package media

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
)

// victims are two calls of which one is attacked: plain to SDES, and browser to browser.
type victims struct {
	e        *Engine
	sessions []*Session
	peers    []peer
}

func newVictims(t *testing.T) *victims {
	v := &victims{e: newTestEngine(t, func(c *Config) { c.Shards = 2 })}
	v.e.all.packed = 2 // one call a shard
	for i, kind := range []Kind{KindRTP, KindSDES, KindWebRTC, KindWebRTC} {
		var log eventLog
		s, p := connect(t, v.e, kind, i%2 == 0, &log)
		v.sessions, v.peers = append(v.sessions, s), append(v.peers, p)
	}
	for i := 0; i < len(v.sessions); i += 2 {
		if err := Bridge(v.sessions[i], v.sessions[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	v.talk(t, 1)
	return v
}

// talk checks that all four hear, as round n.
func (v *victims) talk(t *testing.T, n int) {
	t.Helper()
	for i := range v.peers {
		talk(t, v.peers[i], v.peers[i^1], uint32(0x1000*n+i), 5)
	}
}

// ports are all that the engine listens on.
func (v *victims) ports() []netip.AddrPort {
	a, b := v.sessions[0].LocalAddr(), v.sessions[1].LocalAddr()
	next := func(x netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(x.Addr(), x.Port()+1) }
	return []netip.AddrPort{v.e.MuxAddr(), a, next(a), b, next(b)}
}

// dropped is the sum of what the engine has dropped and counted of what came in.
func dropped(st EngineStats) uint64 {
	return st.DropGarbage + st.DropUnknown + st.DropSTUN + st.DropDTLS + st.DropSRTP + st.DropReplay + st.DropRTCP + st.DropForeign + st.DropUnroutable
}

// TestAnyBytesOnAnyPort: whatever strangers send anywhere, of any size, is counted as dropped, each packet once, and no call feels it.
func TestAnyBytesOnAnyPort(t *testing.T) {
	v := newVictims(t)
	conn := udpConn(t)
	defer conn.Close()
	rnd := rand.New(rand.NewPCG(1, 2))
	before, in := dropped(v.e.Stats()), v.e.Stats().PacketsIn
	sent := uint64(0)
	send := func(to netip.AddrPort, p []byte) {
		if _, err := conn.WriteToUDPAddrPort(p, to); err != nil {
			t.Fatal(err)
		}
		sent++
		if sent%10 == 0 || len(p) > slotSize { // the sockets' buffers are small
			waitFor(t, "the packets to be dropped", func() bool { return dropped(v.e.Stats())-before == sent })
		}
	}
	for _, to := range v.ports() {
		for _, size := range []int{0, 1, 2, 7, 8, 11, 12, 13, 20, maxDatagram, maxDatagram + 1, slotSize, 9000, 65507} {
			for _, first := range []byte{0, 20, 22, 63, 64, 128, 191, 192, 255} {
				p := make([]byte, size)
				for i := range p {
					p[i] = byte(rnd.Uint32())
				}
				if size > 0 {
					p[0] = first
				}
				if size > 1 && first == 0 {
					p[1] = 1 // a Binding request, not an indication: those are good for nothing and say nothing
				}
				send(to, p)
			}
		}
	}
	waitFor(t, "all to be dropped", func() bool { return dropped(v.e.Stats())-before == sent })
	st := v.e.Stats()
	if got := st.PacketsIn - in; got < sent { // the browsers say something, too
		t.Errorf("%d came in, %d sent", got, sent)
	}
	if st.DTLSHandshakes != 2 || st.Panics != 0 {
		t.Errorf("%+v", st)
	}
	v.talk(t, 2)
}

// lying are RTP packets whose headers claim what is not there.
func lying(seq int, ssrc uint32) [][]byte {
	raw := func(change func([]byte)) []byte {
		p, err := audioPacket(0, seq, ssrc).Marshal()
		if err != nil {
			panic(err)
		}
		change(p)
		seq++
		return p
	}
	return [][]byte{
		raw(func(p []byte) { p[0] |= 0x0f }),                                             // 15 CSRCs in 4 bytes
		raw(func(p []byte) { p[0] |= 0x10; binary.BigEndian.PutUint16(p[14:], 0xffff) }), // an extension of 256 kB
		raw(func(p []byte) { p[0] |= 0x20; p[len(p)-1] = 255 }),                          // more padding than packet
		raw(func(p []byte) { p[0] |= 0x20; p[len(p)-1] = 0 }),                            // padding of nothing
		raw(func(p []byte) { p[0] |= 0x1f })[:rtpHeader],                                 // nothing behind the header
		raw(func(p []byte) { p[0] |= 0x10 })[:rtpHeader+2],                               // half an extension
		raw(func(p []byte) { p[1] = 101; p[0] |= 0x0f })[:rtpHeader+3],                   // a tone behind CSRCs that are not there
	}
}

// TestLyingRTPHeaders: a peer's packets with lying header lengths are dropped where their headers cannot be told from their payload, and never read
// beyond their end; its good ones go on.
func TestLyingRTPHeaders(t *testing.T) {
	v := newVictims(t)
	p := v.peers[0].(*phone)
	listening := v.sessions[0]
	if err := listening.DetectDTMF(true); err != nil { // the payload is looked into
		t.Fatal(err)
	}
	const ssrc = 0x77
	in := v.e.Stats().PacketsIn
	sent := uint64(0)
	for _, raw := range lying(1, ssrc) {
		if _, err := p.conn.WriteToUDPAddrPort(raw, p.to); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	waitFor(t, "the packets", func() bool { return v.e.Stats().PacketsIn-in >= sent })
	if st := v.e.Stats(); st.DropGarbage < 7 || st.Panics != 0 {
		t.Errorf("%+v", st)
	}
	// Headers that are long but true pass as they are.
	n := len(v.peers[1].heard())
	pkt := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 500, Timestamp: 80000, SSRC: ssrc, CSRC: []uint32{1, 2, 3}}, Payload: make([]byte, 160)}
	if err := pkt.SetExtension(1, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	p.send(t, pkt)
	pkt.SequenceNumber++
	p.send(t, pkt)
	waitFor(t, "the true one", func() bool { return len(v.peers[1].heard()) == n+2 })
	heard := v.peers[1].heard()
	if got := heard[len(heard)-1]; len(got.CSRC) != 3 || got.GetExtension(1) == nil || len(got.Payload) != 160 {
		t.Errorf("arrives as %+v", got.Header)
	}
	v.talk(t, 3)
}

// TestS02ForgedChecks: checks with wrong integrity for a leg that is known, from everywhere, at any rate, leave its path and the other legs alone.
func TestS02ForgedChecks(t *testing.T) {
	v := newVictims(t)
	d, err := ParseDescription(v.sessions[2].LocalSDP())
	if err != nil {
		t.Fatal(err)
	}
	at := v.sessions[2].RemoteAddr()
	before := v.e.Stats()
	const attackers, each = 20, 25
	for i := range attackers {
		conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(v.e.MuxAddr()))
		if err != nil {
			t.Fatal(err)
		}
		for range each {
			m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(d.ICEUfrag+":x"), stun.NewShortTermIntegrity("guessed-password-of-24-ch"), stun.Fingerprint)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(m.Raw); err != nil {
				t.Fatal(err)
			}
		}
		conn.Close()
		waitFor(t, "drops", func() bool { return v.e.Stats().DropSTUN-before.DropSTUN == uint64((i+1)*each) })
	}
	if now := v.sessions[2].RemoteAddr(); now != at {
		t.Errorf("the path moved from %v to %v", at, now)
	}
	v.talk(t, 2)
}

// TestS07MovingPeer: a peer that changes its address with every packet is followed where latching allows, which is not for long, and harms nobody.
func TestS07MovingPeer(t *testing.T) {
	v := newVictims(t)
	p := v.peers[0].(*phone)
	before := v.e.Stats()
	const moves = 60
	for i := range moves {
		conn := udpConn(t)
		raw, err := audioPacket(0, 3000+i, 0x66).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.WriteToUDPAddrPort(raw, p.to); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	waitFor(t, "drops", func() bool { return v.e.Stats().DropForeign-before.DropForeign == moves })
	if a := v.sessions[0].RemoteAddr(); a != addrPort(p.conn.LocalAddr()) {
		t.Errorf("media goes to %v", a)
	}
	// A browser does so with authenticated checks: all are answered, a few addresses are kept.
	d, err := ParseDescription(v.sessions[2].LocalSDP())
	if err != nil {
		t.Fatal(err)
	}
	for range moves {
		c := newICEClient(t, v.e, v.sessions[2].LocalSDP())
		c.check(t, d.ICEUfrag+":x", c.integrity(), stun.Fingerprint)
		if c.answer(t, 5e9) == nil {
			t.Fatal("no answer")
		}
		c.conn.Close()
	}
	if n := v.e.all.addrs.len(); n > 2*maxPaths {
		t.Errorf("%d addresses kept", n)
	}
	v.talk(t, 2)
}

// TestS03FloodDuringSetups: bad ClientHellos from a third address do not keep browsers from getting their calls set up.
func TestS03FloodDuringSetups(t *testing.T) {
	e := newTestEngine(t, nil)
	stop := make(chan struct{})
	over := make(chan struct{})
	attacker := udpConn(t)
	defer attacker.Close()
	go func() {
		defer close(over)
		hello := clientHelloPacket()
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = attacker.WriteToUDPAddrPort(hello, e.MuxAddr()) // a full buffer is no failure
			}
		}
	}()
	for range 10 {
		s := e.NewSession(SessionConfig{})
		setup(t, e, s, SetupActpass)
		s.Close()
	}
	close(stop)
	<-over
	st := e.Stats()
	if st.DropDTLS == 0 || st.DTLSHandshakes != 10 || st.DTLSFailures != 0 {
		t.Errorf("%d handshakes, %d failed; %d packets dropped", st.DTLSHandshakes, st.DTLSFailures, st.DropDTLS)
	}
}
