package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
)

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
