package media

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// TestDamage: through loss in bursts, reordering, duplication and jitter the far side gets what arrived, each packet once, in one stream; it is
// counted, and when the network is good again all is as before.
func TestDamage(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  damage
	}{
		{"loss in bursts", damage{burst: 0.05, most: 6}},
		{"reordering", damage{delay: 40 * time.Millisecond}},
		{"duplication", damage{double: 0.2}},
		{"jitter", damage{delay: 3 * time.Millisecond}}, // less than a packet time: the order stays
		{"all of it", allDamage},
	} {
		for _, kind := range []Kind{KindRTP, KindSDES, KindWebRTC} {
			t.Run(c.name+", "+kind.String(), func(t *testing.T) { testDamage(t, kind, c.bad) })
		}
	}
}

func testDamage(t *testing.T, kind Kind, bad damage) {
	e := newTestEngine(t, func(c *Config) { c.MuxTCPPort = -1 })
	a, from, n := peerBehind(t, e, kind)
	var lb eventLog
	b, pb := connect(t, e, KindRTP, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, from, pb, 0x100, 5)
	const packets = 150
	sent := func() uint64 { return a.Stats().PacketsIn + a.Stats().ReplayDrops }
	heard, before, first := len(pb.heard()), sent(), int(uint16(lastIn(a)))+1
	n.become(bad)
	tick := time.NewTicker(4 * time.Millisecond) // faster than a phone: more disorder
	defer tick.Stop()
	for i := range packets {
		from.send(t, audioPacket(0, first+i, 0x100))
		<-tick.C
	}
	n.become(damage{})
	for i := range 10 {
		from.send(t, audioPacket(0, first+packets+i, 0x100))
	}
	lost, doubled := n.fate()
	want := packets + 10 - lost
	waitFor(t, "what arrived", func() bool { return len(pb.heard())-heard >= want })
	checkOnce(t, pb.heard()[heard:])
	waitFor(t, "the doubles", func() bool { return sent()-before == uint64(want+doubled) })
	st := a.Stats()
	if bad.burst > 0 && (lost == 0 || st.Lost < int64(lost) || st.MOS >= 4.4) || bad.burst == 0 && (lost != 0 || st.Lost > 0) {
		t.Errorf("%d lost, counted as %+v", lost, st)
	}
	if bad.double > 0 && (doubled == 0 || st.ReplayDrops < uint64(doubled)) || bad.delay > 0 && st.Jitter == 0 || st.SRTPErrors != 0 {
		t.Errorf("%d doubled, counted as %+v", doubled, st)
	}
	a.Close()
	b.Close()
	assertNothingLeft(t, e)
}

// peerBehind is a peer that calls the engine from behind a network.
func peerBehind(t *testing.T, e *Engine, kind Kind) (*Session, peer, *badNetwork) {
	t.Helper()
	if kind == KindWebRTC {
		return browserBehind(t, e, nil, nil)
	}
	a := e.NewSession(SessionConfig{})
	p := newPhone(t, kind, pcmu())
	t.Cleanup(p.close)
	n := newBadNetwork(t, addrPort(p.conn.LocalAddr()), netip.AddrPort{})
	t.Cleanup(n.close)
	p.desc.Addr = addrPort(n.outside.LocalAddr()) // what the engine sees of it
	p.offer(t, a, pcmu())
	n.mu.Lock()
	n.engine, p.to = p.to, addrPort(n.inside.LocalAddr())
	n.mu.Unlock()
	return a, p, n
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
		a, w, n := browserBehind(t, e, nil, nil)
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
		a, from, n := peerBehind(t, e, KindRTP)
		p := from.(*phone)
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

// TestICERestartInDamage: a browser restarts ICE in the middle of the worst network, with another address at the same time, before or after. Both sides hear
// each other again, with the same keys, in the same streams, and nothing of its former addresses is left.
func TestICERestartInDamage(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, s *Session, w *browser, n *badNetwork)
	}{
		{"same address", func(t *testing.T, s *Session, w *browser, n *badNetwork) { restartICE(t, s, w, n) }},
		{"another address at the same time", func(t *testing.T, s *Session, w *browser, n *badNetwork) {
			n.rebind(t)
			restartICE(t, s, w, n)
		}},
		{"another address while the answer is on its way", func(t *testing.T, s *Session, w *browser, n *badNetwork) {
			answer := answerOffer(t, s, restartOffer(t, w))
			n.rebind(t)
			setAnswer(t, w, n.through(t, answer))
		}},
		{"another address after it", func(t *testing.T, s *Session, w *browser, n *badNetwork) {
			restartICE(t, s, w, n)
			n.rebind(t)
		}},
		{"three times", func(t *testing.T, s *Session, w *browser, n *badNetwork) {
			for range 3 {
				n.rebind(t)
				restartICE(t, s, w, n)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, func(c *Config) { c.MuxTCPPort = -1 })
			a, w, n := browserBehind(t, e, nil, nil)
			var lb eventLog
			b, pb := connect(t, e, KindRTP, false, &lb)
			if err := Bridge(a, b); err != nil {
				t.Fatal(err)
			}
			talk(t, w, pb, 0x100, 5)
			talk(t, pb, w, 0x101, 5)
			secure, handshakes := a.Secure(), e.Stats().DTLSHandshakes
			n.become(allDamage)
			c.do(t, a, w, n)
			seq := 0x200
			fromHere := len(pb.heard())
			waitFor(t, "sound both ways over the new path", func() bool {
				w.send(t, audioPacket(0, seq, 0x100))
				pb.send(t, audioPacket(0, seq, 0x101))
				seq++
				return a.RemoteAddr() == n.address() && len(pb.heard()) > fromHere+20 && heardOf(w, 0x101, 0x200) > 20
			})
			checkOnce(t, pb.heard())
			n.become(damage{})
			st := a.Stats()
			if a.Secure() != secure || e.Stats().DTLSHandshakes != handshakes || st.SRTPErrors != 0 {
				t.Errorf("the keys changed: %s, %+v", a.Secure(), st)
			}
			a.Close()
			b.Close()
			assertNothingLeft(t, e)
		})
	}
}

// heardOf counts what a peer heard of a stream from a number on.
func heardOf(p peer, ssrc uint32, from int) (n int) {
	for _, pkt := range p.heard() {
		var seq int
		var src uint32
		if _, err := fmt.Sscanf(string(pkt.Payload), "audio %d %x", &seq, &src); err == nil && src == ssrc && seq >= from {
			n++
		}
	}
	return n
}

func restartICE(t *testing.T, s *Session, w *browser, n *badNetwork) {
	t.Helper()
	setAnswer(t, w, n.through(t, answerOffer(t, s, restartOffer(t, w))))
}

// restartOffer is a browser's offer with new ICE credentials, RFC 8839 §4.4.1.1.1.
func restartOffer(t *testing.T, w *browser) []byte {
	t.Helper()
	o, err := w.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	return w.local(t, o, true)
}

func answerOffer(t *testing.T, s *Session, offer []byte) []byte {
	t.Helper()
	if err := s.SetRemoteOffer(offer); err != nil {
		t.Fatal(err)
	}
	answer, err := s.Answer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
