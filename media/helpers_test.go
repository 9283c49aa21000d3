package media

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// newTestEngine starts an engine on loopback and checks at the end that nothing of it is left.
func newTestEngine(t testing.TB, change func(*Config)) *Engine {
	t.Helper()
	cfg := Config{ListenIP: loopback}
	if change != nil {
		change(&cfg)
	}
	e, err := NewEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if n := e.ports.used(); n != 0 {
			t.Errorf("%d ports left", n)
		}
		assertNoGoroutine(t)
	})
	return e
}

// assertNoGoroutine fails when a goroutine of this package's engine is left.
func assertNoGoroutine(t testing.TB) {
	buf := make([]byte, 1<<20)
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, f := range []string{"(*loop).run(", "(*Engine).dispatch(", "(*handshake).run(", "(*pacer).run(", "(*recordWriter).run(", "(*Unicast).receive("} {
			if strings.Contains(g, f) {
				t.Errorf("goroutine left:\n%s", g)
			}
		}
	}
}

// waitFor polls in the engine's own rhythm until ok.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("timed out waiting for %s", what)
		case <-tick.C:
		}
	}
}

// eventLog records a session's events.
type eventLog struct {
	mu     sync.Mutex
	events []Event
}

func (l *eventLog) add(ev Event) {
	l.mu.Lock()
	l.events = append(l.events, ev)
	l.mu.Unlock()
}

func (l *eventLog) find(t EventType) (Event, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Type == t {
			return e, true
		}
	}
	return Event{}, false
}

func (l *eventLog) digits() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := ""
	for _, e := range l.events {
		if e.Type == EventDTMF {
			s += string(e.Digit)
		}
	}
	return s
}

// peer is a far end of a leg: a phone or a browser. It sends numbered packets and collects what it hears.
type peer interface {
	send(t testing.TB, p *rtp.Packet)
	heard() []rtp.Packet
	close()
}

// inbox collects packets.
type inbox struct {
	mu   sync.Mutex
	pkts []rtp.Packet
}

func (b *inbox) add(raw []byte) {
	var p rtp.Packet
	if p.Unmarshal(append([]byte(nil), raw...)) != nil {
		return
	}
	b.mu.Lock()
	b.pkts = append(b.pkts, p)
	b.mu.Unlock()
}

func (b *inbox) heard() []rtp.Packet {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]rtp.Packet(nil), b.pkts...)
}

func udpConn(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.UDPAddr).AddrPort() }

// assertNoHandshake fails when a goroutine of a DTLS handshake of ours is left although all legs are connected.
func assertNoHandshake(t testing.TB) {
	t.Helper()
	waitFor(t, "handshake goroutines to end", func() bool {
		buf := make([]byte, 4<<20)
		return !strings.Contains(string(buf[:runtime.Stack(buf, true)]), "media.(*dtlsPipe)")
	})
}

// assertNothingLeft fails when the shards of an engine without sessions still know one.
func assertNothingLeft(t testing.TB, e *Engine) {
	t.Helper()
	if a, u := e.all.addrs.len(), e.all.ufrags.len(); a+u != 0 {
		t.Errorf("%d addresses and %d fragments left", a, u)
	}
	for i, sh := range e.all.list {
		sh.loop.do(func() {
			if n, d := len(sh.legs), len(sh.dtmf); n+d+int(sh.load.Load()) != 0 {
				t.Errorf("shard %d: %d legs, %d digit senders, load %d left", i, n, d, sh.load.Load())
			}
		})
	}
}
