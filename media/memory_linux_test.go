//go:build linux && !talkpath_portable

package media

import (
	"net/netip"
	"runtime"
	"testing"
)

// TestMemoryOfALeg holds what a leg keeps in memory once it is set up, and prints it. The bounds are what legs may cost (figures of a
// 64-bit machine), with room for other versions of Go.
func TestMemoryOfALeg(t *testing.T) {
	if testing.Short() {
		t.Skip("handshakes")
	}
	for _, c := range []struct {
		kind Kind
		legs int
		most uint64
	}{{KindRTP, 400, 3 << 10}, {KindSDES, 400, 7 << 10}, {KindWebRTC, 40, 14 << 10}} {
		t.Run(c.kind.String(), func(t *testing.T) {
			e := newTestEngine(t, nil)
			open := func() *Session {
				s := e.NewSession(SessionConfig{})
				if c.kind == KindWebRTC {
					setup(t, e, s, SetupActpass)
				} else if err := s.SetRemoteOffer(bareOffer(c.kind, netip.AddrPortFrom(loopback, 9)).Marshal()); err != nil {
					t.Fatal(err)
				} else if _, err := s.Answer(nil); err != nil {
					t.Fatal(err)
				}
				return s
			}
			open() // what the first one costs for all
			assertNoHandshake(t)
			before, goroutines := liveHeap(), runtime.NumGoroutine()
			for range c.legs {
				open()
			}
			assertNoHandshake(t)
			waitFor(t, "no goroutine a leg", func() bool { return runtime.NumGoroutine() <= goroutines })
			each := (liveHeap() - min(before, liveHeap())) / uint64(c.legs)
			t.Logf("%d bytes a leg", each)
			if each > c.most {
				t.Errorf("%d bytes a leg, more than %d", each, c.most)
			}
		})
	}
}
