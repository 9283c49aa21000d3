package media

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
)

// toEngine sends to the engine whatever address DTLS names.
type toEngine struct {
	*net.UDPConn
	to netip.AddrPort
}

func (c toEngine) WriteTo(b []byte, _ net.Addr) (int, error) { return c.WriteToUDPAddrPort(b, c.to) }

// TestSetupWaitsForNoTimer: from the first ICE check to the keys nothing may wait for a retransmission, in either role.
func TestSetupWaitsForNoTimer(t *testing.T) {
	for _, role := range []Setup{SetupActpass, SetupActive} {
		t.Run("peer offers "+role.String(), func(t *testing.T) {
			e := newTestEngine(t, nil)
			best := time.Hour
			for range 5 {
				s := e.NewSession(SessionConfig{})
				best = min(best, setup(t, e, s, role))
				s.Close()
			}
			if best >= dtlsInterval/2 {
				t.Errorf("%v from the ICE check to the keys", best)
			}
			t.Logf("%v from the ICE check to the keys", best)
		})
	}
}

func setup(t *testing.T, e *Engine, s *Session, role Setup) time.Duration {
	t.Helper()
	cert, err := generateCertificate()
	if err != nil {
		t.Fatal(err)
	}
	d := bareOffer(KindWebRTC, netip.AddrPort{})
	d.Setup, d.Fingerprint = role, CertificateFingerprint(cert.Certificate[0])
	if err := s.SetRemoteOffer(d.Marshal()); err != nil {
		t.Fatal(err)
	}
	ans, err := s.Answer(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newICEClient(t, e, ans)
	began := time.Now()
	c.check(t, c.user(), c.integrity(), stun.Fingerprint)
	if c.answer(t, 5*time.Second) == nil {
		t.Fatal("no answer")
	}
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	opts := []dtls.Option{
		dtls.WithCertificates(cert), dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM),
		dtls.WithFlightInterval(10 * time.Second), dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard}),
	}
	pipe := toEngine{c.conn, c.to}
	var conn *dtls.Conn
	if role == SetupActive {
		var client []dtls.ClientOption
		for _, o := range opts {
			client = append(client, o)
		}
		conn, err = dtls.ClientWithOptions(pipe, net.UDPAddrFromAddrPort(c.to), client...)
	} else {
		server := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true)}
		for _, o := range opts {
			server = append(server, o)
		}
		conn, err = dtls.ServerWithOptions(pipe, net.UDPAddrFromAddrPort(c.to), server...)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "keys", func() bool { return s.Secure() == "srtp:dtls:AEAD_AES_128_GCM" })
	return time.Since(began)
}

func TestRefusedTransports(t *testing.T) {
	e := newTestEngine(t, nil)
	lite := bareOffer(KindWebRTC, netip.AddrPort{})
	lite.ICELite = true
	cases := []struct {
		name string
		sdp  []byte
	}{
		{"ICE-lite, as we are", lite.Marshal()},
		{"IPv6 where there is only IPv4", bareOffer(KindRTP, netip.MustParseAddrPort("[2001:db8::1]:4000")).Marshal()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := e.NewSession(SessionConfig{})
			defer s.Close()
			var sdpErr *SDPError
			if err := s.SetRemoteOffer(c.sdp); !errors.As(err, &sdpErr) || sdpErr.Status() != 488 {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("ICE-lite answer", func(t *testing.T) {
		s := e.NewSession(SessionConfig{})
		defer s.Close()
		if _, err := s.Offer(KindWebRTC, pcmu()); err != nil {
			t.Fatal(err)
		}
		var sdpErr *SDPError
		if err := s.SetRemoteAnswer(lite.Marshal()); !errors.As(err, &sdpErr) {
			t.Errorf("%v", err)
		}
	})
}
