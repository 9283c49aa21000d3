//go:build linux && !talkpath_portable

package media

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// TestAnswersFromTheAddressThatWasHit: 127.0.0.2 is this host as well, but the system would answer from 127.0.0.1.
func TestAnswersFromTheAddressThatWasHit(t *testing.T) {
	for _, listen := range []string{"0.0.0.0", "::"} {
		t.Run(listen, func(t *testing.T) {
			e := newTestEngine(t, func(c *Config) {
				c.ListenIP, c.AdvertisedIPs = netip.MustParseAddr(listen), []netip.Addr{loopback}
			})
			target := netip.MustParseAddr("127.0.0.2")
			var log eventLog
			s, p := connect(t, e, KindRTP, true, &log)
			conn := udpConn(t) // another port of the phone, which is latched: the phone reads its own
			defer conn.Close()
			s.Echo(true)
			var raw [2][]byte // the first one teaches the source
			for i := range raw {
				var err error
				if raw[i], err = audioPacket(0, i, 7).Marshal(); err != nil {
					t.Fatal(err)
				}
			}
			from := hit(t, conn, netip.AddrPortFrom(target, p.(*phone).to.Port()), raw[:]...)
			if from.Addr() != target {
				t.Errorf("RTP came from %v", from)
			}

			w := e.NewSession(SessionConfig{})
			local, err := w.Offer(KindWebRTC, nil)
			if err != nil {
				t.Fatal(err)
			}
			c := newICEClient(t, e, local)
			m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(c.user()), attr{attrUseCandidate, nil}, c.integrity(), stun.Fingerprint)
			if err != nil {
				t.Fatal(err)
			}
			if from := hit(t, c.conn, netip.AddrPortFrom(target, e.MuxAddr().Port()), m.Raw); from.Addr() != target {
				t.Errorf("STUN came from %v", from)
			}
			w.inLoop(func(l *leg) {
				if l.ice.selected.local != target || len(l.ice.paths) != 1 {
					t.Errorf("selected %+v of %d", l.ice.selected, len(l.ice.paths))
				}
				// What follows on the path leaves from there, too: batched and at once.
				e.all.list[0].sendNow(l.ice.selected, []byte("now"))
				e.all.list[0].send(l.ice.selected, []byte("batched"))
				e.all.list[0].loop.flush()
			})
			for _, want := range []string{"now", "batched"} {
				buf := make([]byte, 100)
				n, from, err := c.conn.ReadFromUDPAddrPort(buf)
				if err != nil || string(buf[:n]) != want || from.Addr().Unmap() != target {
					t.Errorf("%q from %v, %v", buf[:n], from, err)
				}
			}
		})
	}
}

// hit sends to an address and reports where the answer came from.
func hit(t *testing.T, conn *net.UDPConn, to netip.AddrPort, raw ...[]byte) netip.AddrPort {
	t.Helper()
	for _, r := range raw {
		if _, err := conn.WriteToUDPAddrPort(r, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, from, err := conn.ReadFromUDPAddrPort(make([]byte, 2048))
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}
