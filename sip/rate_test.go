package sip

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// S10: a flood from one address is refused without state; others are served.
func TestS10FloodFromOneAddress(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.b.rates.perSecond = 10
		for range 50 {
			if err := n.a.Send(request(OPTIONS), n.ab, nil); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := len(n.times("b", "200 OPTIONS")); got != 20 {
			t.Errorf("%d served at once", got)
		}
		if got := n.b.Stats(); got.Overload != 30 || got.ServerTransactions != 20 {
			t.Errorf("%+v", got)
		}
		if text := n.lastText("b>503 OPTIONS"); !strings.Contains(text, "Retry-After: ") {
			t.Error(text)
		}
		if !n.b.rates.take(netip.MustParseAddr("10.0.0.77"), time.Now()) {
			t.Error("another address is refused")
		}
		time.Sleep(time.Second)
		for range 50 {
			if err := n.a.Send(request(OPTIONS), n.ab, nil); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := len(n.times("b", "200 OPTIONS")); got != 30 {
			t.Errorf("%d served after a second", got)
		}
	})
}

func TestRatesAreBounded(t *testing.T) {
	r := &rates{perSecond: 10, buckets: map[netip.Addr]*bucket{}}
	now := time.Now()
	ip := netip.MustParseAddr("10.0.0.0")
	for range 3 * maxBuckets {
		ip = ip.Next()
		if !r.take(ip, now) {
			t.Fatalf("%s refused", ip)
		}
		if len(r.buckets) > maxBuckets {
			t.Fatalf("%d buckets", len(r.buckets))
		}
	}
	if !r.take(netip.MustParseAddr("127.0.0.1"), now) {
		t.Error("loopback refused")
	}
}
