package media

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/pion/stun/v4"
)

// clientHelloPacket is a DTLS record that begins like a ClientHello.
func clientHelloPacket() []byte {
	p := make([]byte, 60)
	p[0], p[1], p[2] = recordHandshake, 254, 253
	p[12], p[13] = 47, clientHello
	return p
}

func TestS03DTLSFromUnvalidatedAddress(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s := e.NewSession(SessionConfig{OnEvent: log.add})
	b := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
	defer b.close()
	if err := s.SetRemoteOffer(b.offerSDP(t, true)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Answer(nil); err != nil {
		t.Fatal(err)
	}
	attacker := udpConn(t)
	defer attacker.Close()
	alert := []byte{recordAlert, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40}
	const n = 100
	for range n {
		for _, p := range [][]byte{clientHelloPacket(), alert} {
			if _, err := attacker.WriteToUDPAddrPort(p, e.MuxAddr()); err != nil {
				t.Fatal(err)
			}
		}
	}
	waitFor(t, "drops", func() bool { return e.Stats().DropDTLS == 2*n })
	if h := e.Stats().DTLSHandshakes; h != 0 {
		t.Errorf("%d handshakes begun", h)
	}
}

func TestAlertFromPeerDoesNotEndCall(t *testing.T) {
	e := newTestEngine(t, nil)
	s := e.NewSession(SessionConfig{})
	b := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
	defer b.close()
	if err := s.SetRemoteOffer(active(b.offerSDP(t, true))); err != nil {
		t.Fatal(err)
	}
	ans, err := s.Answer(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newICEClient(t, e, ans)
	c.check(t, c.user(), c.integrity(), stun.Fingerprint)
	waitFor(t, "check", func() bool { return e.Stats().STUNRequests == 1 })
	c.write(t, clientHelloPacket()) // nonsense inside: pion gives it up or waits
	for range 50 {
		c.write(t, []byte{recordAlert, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40})
	}
	waitFor(t, "drops", func() bool { return e.Stats().DropDTLS >= 50 })
	failed := true
	s.inLoop(func(l *leg) { failed = l.closed || l.dtls.tries >= dtlsTries })
	if failed {
		t.Error("alerts ended the leg")
	}
}

func TestS04WrongFingerprintFails(t *testing.T) {
	other, err := generateCertificate()
	if err != nil {
		t.Fatal(err)
	}
	wrong := CertificateFingerprint(other.Certificate[0]).String()
	for _, caller := range []bool{true, false} {
		name := "we are DTLS server"
		if !caller {
			name = "we are DTLS client"
		}
		t.Run(name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			var log eventLog
			s := e.NewSession(SessionConfig{OnEvent: log.add})
			b := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
			defer b.close()
			if caller {
				offer := replaceFingerprint(t, active(b.offerSDP(t, false)), wrong)
				if err := s.SetRemoteOffer(offer); err != nil {
					t.Fatal(err)
				}
				ans, err := s.Answer(nil)
				if err != nil {
					t.Fatal(err)
				}
				setAnswer(t, b, ans)
			} else {
				offer, err := s.Offer(KindWebRTC, pcmu())
				if err != nil {
					t.Fatal(err)
				}
				ans := replaceFingerprint(t, b.answerSDP(t, active(offer)), wrong)
				if err := s.SetRemoteAnswer(ans); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "failure", func() bool { _, ok := log.find(EventFailed); return ok })
			if ev, _ := log.find(EventFailed); !errors.Is(ev.Err, ErrFingerprint) {
				t.Errorf("err %v", ev.Err)
			}
			if got := s.Secure(); got != "" {
				t.Errorf("keys in spite of it: %s", got)
			}
			if _, ok := log.find(EventConnected); ok {
				t.Error("connected")
			}
		})
	}
}

func TestDTLSClientRole(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s := e.NewSession(SessionConfig{OnEvent: log.add})
	b := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
	defer b.close()
	offer, err := s.Offer(KindWebRTC, pcmu())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetRemoteAnswer(b.answerSDP(t, active(offer))); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "connected", func() bool { _, ok := log.find(EventConnected); return ok })
	s.inLoop(func(l *leg) {
		if l.dtls.cfg.role != SetupActive {
			t.Errorf("role %v", l.dtls.cfg.role)
		}
	})
	s.Echo(true)
	talk(t, b, b, 0x3333, 10)
}

// active makes the offerer the DTLS client.
func active(offer []byte) []byte {
	return []byte(strings.Replace(string(offer), "a=setup:actpass", "a=setup:active", 1))
}

func replaceFingerprint(t *testing.T, sdp []byte, with string) []byte {
	t.Helper()
	lines := strings.SplitAfter(string(sdp), "\r\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "a=fingerprint:") {
			lines[i] = "a=fingerprint:" + with + "\r\n"
		}
	}
	return []byte(strings.Join(lines, ""))
}

func TestGivenCertificateIsUsed(t *testing.T) {
	cert, err := generateCertificate()
	if err != nil {
		t.Fatal(err)
	}
	e := newTestEngine(t, func(c *Config) { c.Certificate = tls.Certificate(cert) })
	local, err := e.NewSession(SessionConfig{}).Offer(KindWebRTC, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseDescription(local)
	if err != nil || !d.Fingerprint.Matches(cert.Certificate[0]) {
		t.Errorf("fingerprint %v, %v", d.Fingerprint, err)
	}
}

func TestGarbageIsCountedAndHarmless(t *testing.T) {
	e := newTestEngine(t, nil)
	var la eventLog
	s, p := connect(t, e, KindWebRTC, true, &la)
	s.Echo(true)
	c := udpConn(t)
	defer c.Close()
	garbage := [][]byte{{}, {0}, {4, 4, 4}, []byte("GET / HTTP/1.1\r\n\r\n"), {128, 0}, {200, 1, 2, 3}, make([]byte, 2000), {255, 255}, {1, 1, 0, 0},
		append([]byte{0, 1, 0xff, 0xff}, make([]byte, 16)...), append([]byte{128, 0}, make([]byte, 100)...), {22, 254, 253}}
	for _, g := range garbage {
		if _, err := c.WriteToUDPAddrPort(g, e.MuxAddr()); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "counters", func() bool {
		st := e.Stats()
		return st.DropGarbage+st.DropSTUN+st.DropUnknown+st.DropDTLS >= uint64(len(garbage))
	})
	talk(t, p, p, 0x4444, 10)
}

func TestGarbageOnTCP(t *testing.T) {
	e := newTestEngine(t, nil)
	c, err := net.Dial("tcp", e.MuxTCPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte{0xff, 0xff, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("read %d, %v; want the connection closed", n, err)
	}
	waitFor(t, "close", func() bool { return e.Stats().TCPConnections == 0 })
}
