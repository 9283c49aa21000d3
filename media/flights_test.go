package media

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// records are the types of the DTLS records of a datagram, and of the handshake messages in the clear (plus 256).
func records(pkt []byte) map[int]bool {
	found := map[int]bool{}
	for len(pkt) > recordHeader && classify(pkt) == classDTLS {
		found[int(pkt[0])] = true
		if pkt[0] == recordHandshake && binary.BigEndian.Uint16(pkt[3:]) == 0 {
			found[256+int(pkt[recordHeader])] = true
		}
		pkt = pkt[min(recordHeader+int(binary.BigEndian.Uint16(pkt[11:])), len(pkt)):]
	}
	return found
}

// TestLostFlights: whatever gets lost while a browser connects, both sides have keys in the end and hear each other.
func TestLostFlights(t *testing.T) {
	hello, rnd := 256+clientHello, rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		name   string
		active bool // the browser is the DTLS client
		times  int
		lost   func(toPeer bool, pkt []byte) bool
	}{
		{"checks", false, 4, func(toPeer bool, pkt []byte) bool { return !toPeer && classify(pkt) == classSTUN }},
		{"answers to checks", false, 4, func(toPeer bool, pkt []byte) bool { return toPeer && classify(pkt) == classSTUN }},
		{"our hello", false, 2, func(toPeer bool, pkt []byte) bool { return toPeer && records(pkt)[hello] }},
		{"our last flight as client", false, 2, func(toPeer bool, pkt []byte) bool { return toPeer && records(pkt)[recordCCS] }},
		{"the answer to it", false, 2, func(toPeer bool, pkt []byte) bool { return !toPeer && records(pkt)[recordCCS] }},
		{"the browser's hello", true, 3, func(toPeer bool, pkt []byte) bool { return !toPeer && records(pkt)[hello] }},
		{"the browser's last flight", true, 3, func(toPeer bool, pkt []byte) bool { return !toPeer && records(pkt)[recordCCS] }},
		{"our last flight as server", true, 4, func(toPeer bool, pkt []byte) bool { return toPeer && records(pkt)[recordCCS] }},
		{"half of the handshake's datagrams", true, 8, func(_ bool, pkt []byte) bool { return classify(pkt) == classDTLS && rnd.IntN(2) == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, func(c *Config) { c.MuxTCPPort = -1 })
			var offer func([]byte) []byte
			if c.active {
				offer = active
			}
			lost := 0
			s, w, n := browserBehind(t, e, func(n *badNetwork) {
				n.drop = func(toPeer bool, pkt []byte) bool {
					if lost < c.times && c.lost(toPeer, pkt) {
						lost++
						return true
					}
					return false
				}
			}, offer)
			s.Echo(true)
			heard := 0
			waitFor(t, "sound", func() bool { // nothing is heard before the browser has keys, too
				w.send(t, audioPacket(0, heard, 0x100))
				heard++
				return len(w.heard()) > 10
			})
			n.mu.Lock()
			defer n.mu.Unlock()
			if lost == 0 {
				t.Error("nothing was lost")
			}
			if st := e.Stats(); st.DTLSFailures != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestFlightRepeated: our last flight is repeated as often as the peer asks for it, but not for each datagram of its own, and only as the server.
func TestFlightRepeated(t *testing.T) {
	for _, server := range []bool{true, false} {
		name, offer := "server", active
		if !server {
			name, offer = "client", func(sdp []byte) []byte { return sdp }
		}
		t.Run(name, func(t *testing.T) {
			e := newTestEngine(t, func(c *Config) { c.MuxTCPPort = -1 })
			s, _, _ := browserBehind(t, e, nil, offer)
			theirs := make([]byte, 60)
			theirs[0] = recordHandshake
			var flight int
			var sent uint64
			s.inLoop(func(l *leg) {
				flight = len(l.dtls.flight)
				before := l.sh.stats.PacketsOut
				for range 3 * 20 {
					l.dtlsIn(l.ice.selected, theirs)
				}
				l.dtls.repeats = l.sh.now.Add(-dtlsRepeat - time.Millisecond)
				l.dtlsIn(l.ice.selected, theirs)
				sent = l.sh.stats.PacketsOut - before
			})
			if server && (flight == 0 || sent != uint64(2*flight)) || !server && sent != 0 {
				t.Errorf("%d packets for a flight of %d", sent, flight)
			}
		})
	}
}
