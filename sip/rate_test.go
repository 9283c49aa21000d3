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

// A limit for all addresses together refuses what is beyond, wherever it comes from, and may be changed or lifted.
func TestRequestsPerSecondOfAll(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		served := func(want int) {
			t.Helper()
			before := len(n.times("b", "200 OPTIONS"))
			for range 50 {
				if err := n.a.Send(request(OPTIONS), n.ab, nil); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			if got := len(n.times("b", "200 OPTIONS")) - before; got != want {
				t.Errorf("%d served, want %d", got, want)
			}
		}
		n.b.SetLoad(0, 10)
		served(10)
		time.Sleep(500 * time.Millisecond)
		served(5)
		n.b.SetLoad(0, 0)
		served(50)
	})
}

// In IPv6 one sender has a /64.
func TestSenderOf(t *testing.T) {
	for ip, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::", "::1": "::1"} {
		if got := senderOf(netip.MustParseAddr(ip)); got.String() != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
	r := &rates{perSecond: 1, buckets: map[netip.Addr]*bucket{}}
	now, served := time.Now(), 0
	for ip := netip.MustParseAddr("2001:db8::1"); served < 100 && r.take(ip, now); ip = ip.Next() {
		served++
	}
	if served != 2 {
		t.Errorf("%d served from one network", served)
	}
}

// What is too much is refused with a word a few times a second, and then dropped unread; what belongs to a dialog is read.
func TestFloodIsIgnored(t *testing.T) {
	const invite, inDialog = "INVITE sip:b SIP/2.0\r\nVia: x\r\nTo : <sip:b@b>\r\n\r\n", "BYE sip:b SIP/2.0\r\nt: <sip:b@b>;TAG=1\r\n\r\n"
	r := &rates{perSecond: 50, buckets: map[netip.Addr]*bucket{}}
	ip, now := netip.MustParseAddr("192.0.2.1"), time.Unix(1000, 0)
	send := func(n int, data string) (served, ignored int) {
		for range n {
			if r.ignores(ip, now, []byte(data)) {
				ignored++
			} else if r.take(ip, now) {
				served++
			}
		}
		return served, ignored
	}
	if served, ignored := send(200, invite); served != 100 || ignored != 95 {
		t.Errorf("%d served, %d ignored", served, ignored)
	}
	now = now.Add(time.Second)
	if served, ignored := send(200, invite); served != 50 || ignored != 145 {
		t.Errorf("%d served, %d ignored in the next second", served, ignored)
	}
	for _, text := range []string{inDialog, "SIP/2.0 200 OK\r\nTo: <sip:b@b>\r\n\r\n", "ACK sip:b SIP/2.0\r\nTo: <sip:b@b>\r\n\r\n", "CANCEL sip:b SIP/2.0\r\nTo: <sip:b@b>\r\n\r\n"} {
		if r.ignores(ip, now, []byte(text)) {
			t.Errorf("ignored: %q", text)
		}
	}
	if ip = ip.Next(); r.ignores(ip, now, []byte(invite)) {
		t.Error("another address is ignored")
	}
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

// TestProceeding: no more INVITEs wait for a final response than the limit says; one that gets its response, or is cancelled, makes room.
func TestProceeding(t *testing.T) {
	inBubble(t, func(n *fakeNet) {
		n.b.SetLoad(2, 0)
		n.hb.onInvite = func(*Session) {}
		var calls []*Session
		for range 3 {
			s, err := n.a.Invite(request(INVITE), n.ab, n.ha)
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, s)
		}
		synctest.Wait()
		if got := n.ha.all(); strings.Count(got, "reject503") != 1 || len(n.hb.sessions) != 2 {
			t.Fatalf("%s; %d sessions", got, len(n.hb.sessions))
		}
		if err := n.hb.sessions[0].Reject(486, ""); err != nil {
			t.Fatal(err)
		}
		again := func(want int) {
			t.Helper()
			if _, err := n.a.Invite(request(INVITE), n.ab, n.ha); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := len(n.hb.sessions); got != want {
				t.Errorf("%d sessions, want %d", got, want)
			}
		}
		again(3)
		again(3)
		if err := calls[1].Hangup(); err != nil { // CANCEL
			t.Fatal(err)
		}
		synctest.Wait()
		again(4)
		time.Sleep(time.Hour)
		if got := n.b.proceeding.Load(); got != 0 {
			t.Errorf("%d are counted in the end", got)
		}
	})
}
