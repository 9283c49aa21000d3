package media

import (
	"fmt"
	"net/netip"
	"testing"
)

// BenchmarkPacer is what a packet time costs the pacer and the loop: a share of 20 ms.
func BenchmarkPacer(b *testing.B) {
	for _, legs := range []int{100, 500} {
		b.Run(fmt.Sprintf("%d playbacks", legs), func(b *testing.B) {
			e := newTestEngine(b, nil)
			for range legs {
				s := e.NewSession(SessionConfig{})
				if err := s.SetRemoteOffer(bareOffer(KindRTP, netip.AddrPortFrom(loopback, 9)).Marshal()); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Answer(pcmu()); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Play(newSine(1000, 8000, -1), nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				e.pacer.mu.Lock()
				e.pacer.tick()
				e.pacer.mu.Unlock()
				e.all.list[0].loop.do(func() {})
			}
		})
	}
}
