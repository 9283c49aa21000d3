package media

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// TestBrowserReoffers goes through mute, hold and resume by the browser, then hold by us: ICE, DTLS and SSRC stay, media goes on.
func TestBrowserReoffers(t *testing.T) {
	for _, we := range []string{"answer first", "offer first", "offer first as DTLS client"} {
		t.Run(we, func(t *testing.T) {
			e := newTestEngine(t, nil)
			var log, lp eventLog
			s := e.NewSession(SessionConfig{OnEvent: log.add})
			b := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
			defer b.close()
			if we == "answer first" {
				b.offer(t, s, nil, true)
			} else {
				offer, err := s.Offer(KindWebRTC, pcmu())
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(we, "client") {
					offer = active(offer)
				}
				if err := s.SetRemoteAnswer(b.answerSDP(t, offer)); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "connected", func() bool { _, ok := log.find(EventConnected); return ok })
			p, pp := connect(t, e, KindRTP, false, &lp)
			if err := Bridge(s, p); err != nil {
				t.Fatal(err)
			}
			talk(t, b, pp, 0x1001, 5)
			talk(t, pp, b, 0x1002, 5)
			before, err := ParseDescription(s.LocalSDP())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				b.offer(t, s, nil, true)
				after, err := ParseDescription(s.LocalSDP())
				if err != nil {
					t.Fatal(err)
				}
				if after.ICEUfrag != before.ICEUfrag || after.ICEPwd != before.ICEPwd || after.SSRC != before.SSRC || after.Mid != before.Mid {
					t.Error("the re-offer's answer changed the session")
				}
			}
			talk(t, b, pp, 0x3001, 5)
			talk(t, pp, b, 0x3002, 5)
			hold, err := s.Reoffer(SendOnly)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SetRemoteAnswer(b.answerSDP(t, hold)); err != nil {
				t.Fatalf("%v\n%s", err, hold)
			}
			talk(t, pp, b, 0x1003, 5)
			quiet := len(pp.heard())
			for i := range 5 { // pion answers sendrecv and sends on: what we did not ask for is not relayed
				b.send(t, audioPacket(0, 0x3001+1000+i, 0x3001))
			}
			talk(t, pp, b, 0x1004, 5)
			if len(pp.heard()) != quiet {
				t.Error("media from a leg that we put on hold was relayed")
			}
			resume, err := s.Reoffer(SendRecv)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SetRemoteAnswer(b.answerSDP(t, resume)); err != nil {
				t.Fatal(err)
			}
			talk(t, b, pp, 0x3004, 5)
			if n := e.Stats().DTLSHandshakes; n != 1 {
				t.Errorf("%d DTLS handshakes, want 1", n)
			}
			if b.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
				t.Errorf("browser is %v", b.pc.ConnectionState())
			}
		})
	}
}

func TestSDESReofferKeepsKeys(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, pa := connect(t, e, KindSDES, true, &la)
	b, pb := connect(t, e, KindSDES, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1001, 5)
	p := pa.(*phone)
	first, err := ParseDescription(a.LocalSDP())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SetRemoteOffer(p.desc.Marshal()); err != nil {
		t.Fatal(err)
	}
	ans, err := a.Answer(nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ParseDescription(ans)
	if err != nil {
		t.Fatal(err)
	}
	if string(first.Crypto[0].Key) != string(second.Crypto[0].Key) || first.Addr != second.Addr {
		t.Error("key or port changed")
	}
	talk(t, pa, pb, 0x1001+0x1000000, 5) // the phone's contexts go on as they are
	talk(t, pb, pa, 0x1002, 5)
}

// lossyDTLS is a client's packet connection beside ICE checks on the same socket; it loses the server's last flight once.
type lossyDTLS struct {
	*net.UDPConn
	to   netip.AddrPort
	lost bool
}

func (c *lossyDTLS) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(b)
		if err != nil {
			return n, from, err
		}
		if n > 0 && b[0] == recordCCS && !c.lost {
			c.lost = true
			continue
		}
		if classify(b[:n]) == classDTLS {
			return n, from, nil
		}
	}
}

func (c *lossyDTLS) WriteTo(b []byte, _ net.Addr) (int, error) {
	return c.UDPConn.WriteToUDPAddrPort(b, c.to)
}

func TestLostLastFlightIsRepeated(t *testing.T) {
	e := newTestEngine(t, nil)
	s := e.NewSession(SessionConfig{})
	cert, err := generateCertificate()
	if err != nil {
		t.Fatal(err)
	}
	d := NewOffer(KindWebRTC)
	d.Setup = SetupActive
	d.ICEUfrag, d.ICEPwd, d.Fingerprint, d.Codecs = "abcd", "abcdefghijklmnopqrstuvwx", CertificateFingerprint(cert.Certificate[0]), pcmu()
	if err := s.SetRemoteOffer(d.Marshal()); err != nil {
		t.Fatal(err)
	}
	ans, err := s.Answer(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newICEClient(t, e, ans)
	c.check(t, c.user(), c.integrity(), stun.Fingerprint)
	if c.answer(t, 5*time.Second) == nil {
		t.Fatal("no answer")
	}
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	pipe := &lossyDTLS{UDPConn: c.conn, to: c.to}
	conn, err := dtls.ClientWithOptions(pipe, net.UDPAddrFromAddrPort(c.to), dtls.WithCertificates(cert), dtls.WithInsecureSkipVerify(true),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80), dtls.WithFlightInterval(50*time.Millisecond),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	if !pipe.lost {
		t.Fatal("nothing was lost: the test proves nothing")
	}
	if got := s.Secure(); got != "srtp:dtls:AES_CM_128_HMAC_SHA1_80" {
		t.Errorf("Secure() = %q", got)
	}
}

func TestIPv6(t *testing.T) {
	for _, listen := range []string{"::1", "::"} {
		t.Run(listen, func(t *testing.T) {
			ip := netip.MustParseAddr(listen)
			e, err := NewEngine(Config{ListenIP: ip, AdvertisedIPs: []netip.Addr{netip.IPv6Loopback()}})
			if err != nil {
				t.Skipf("no IPv6 here: %v", err)
			}
			defer e.Close()
			s := e.NewSession(SessionConfig{})
			local, err := s.Offer(KindWebRTC, nil)
			if err != nil {
				t.Fatal(err)
			}
			targets := []string{"[::1]"}
			if listen == "::" {
				targets = append(targets, "127.0.0.1")
			}
			for _, target := range targets {
				network := "udp6"
				if target[0] != '[' {
					network = "udp4"
				}
				conn, err := net.ListenUDP(network, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				d, err := ParseDescription(local)
				if err != nil {
					t.Fatal(err)
				}
				_, port, _ := net.SplitHostPort(e.MuxAddr().String())
				c := &iceClient{conn: conn, to: netip.MustParseAddrPort(target + ":" + port), desc: d}
				c.check(t, c.user(), c.integrity(), stun.Fingerprint)
				m := c.answer(t, 5*time.Second)
				if m == nil {
					t.Fatalf("%s: no answer", target)
				}
				var mapped stun.XORMappedAddress
				if err := mapped.GetFrom(m); err != nil || mapped.Port != int(addrPort(conn.LocalAddr()).Port()) {
					t.Errorf("mapped %v, %v", mapped, err)
				}
			}
		})
	}
}
