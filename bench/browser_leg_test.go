package bench

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/talkpath/talkpath/media"
)

// TestLateServer: a server that is too busy to answer a browser's checks for a while is heard in the end.
func TestLateServer(t *testing.T) {
	engine, err := media.NewEngine(media.Config{ListenIP: netip.MustParseAddr("127.0.0.1"), MuxTCPPort: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	var deaf atomic.Bool
	deaf.Store(true)
	front := lossyFront(t, engine.MuxAddr(), &deaf)
	m, err := newMediaPlane(&options{kinds: [2]legKind{browser, browser}, threads: 1, ptime: 20 * time.Millisecond, timeout: 20 * time.Second}, netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	l, err := newBrowserLeg(m, m.drivers[0])
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	offer, err := l.offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := engine.NewSession(media.SessionConfig{})
	if err := s.SetRemoteOffer(offer); err != nil {
		t.Fatal(err)
	}
	answer, err := s.Answer(nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := media.ParseDescription(answer)
	if err != nil {
		t.Fatal(err)
	}
	d.Candidates = []string{media.HostCandidate("udp", front, 0)}
	s.Echo(true)
	began := time.Now()
	if err := l.accept(d.Marshal()); err != nil {
		t.Fatal(err)
	}
	l.talk()
	for ; !m.heard(); time.Sleep(10 * time.Millisecond) { // what is waited for tells nobody
		if deaf.Load() && time.Since(began) > 2500*time.Millisecond { // more than eight checks
			deaf.Store(false)
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("silent: %d in ICE, %d in DTLS", m.checking.Load(), m.agreeing.Load())
		}
	}
}

// lossyFront is an address that leads to the server unless lost says that all is lost.
func lossyFront(t *testing.T, server netip.AddrPort, lost *atomic.Bool) netip.AddrPort {
	t.Helper()
	listen := func() *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	inside, outside := listen(), listen()
	var peer atomic.Pointer[netip.AddrPort]
	carry := func(from, via *net.UDPConn, to func(sender netip.AddrPort) netip.AddrPort) {
		buf := make([]byte, 2048)
		for {
			n, sender, err := from.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if address := to(sender); !lost.Load() {
				_, _ = via.WriteToUDPAddrPort(buf[:n], address)
			}
		}
	}
	go carry(inside, outside, func(sender netip.AddrPort) netip.AddrPort { peer.Store(&sender); return server })
	go carry(outside, inside, func(netip.AddrPort) netip.AddrPort { return *peer.Load() })
	return inside.LocalAddr().(*net.UDPAddr).AddrPort()
}
