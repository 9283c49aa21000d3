package bench

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/logging"

	"github.com/talkpath/talkpath/srtp"
)

// keyExchange is the DTLS-SRTP handshake of a browser leg, RFC 5764. It is the packet connection that pion/dtls works on: the leg delivers
// what comes, and what DTLS writes goes to the ICE connection.
type keyExchange struct {
	to     net.Conn
	in     chan []byte
	closed chan struct{}
	close  func()
	conn   *dtls.Conn // stays until end: the peer may ask for our last flight again, RFC 6347 §4.2.4
}

const (
	keyQueue       = 32                     // datagrams; more are dropped, DTLS repeats them
	flightInterval = 200 * time.Millisecond // before the first repetition; browsers wait for 50 ms, which a generator of hundreds would take for loss
)

func newKeyExchange(to net.Conn) *keyExchange {
	k := &keyExchange{to: to, in: make(chan []byte, keyQueue), closed: make(chan struct{})}
	k.close = sync.OnceFunc(func() { close(k.closed) })
	return k
}

// deliver hands in a datagram, which is copied.
func (k *keyExchange) deliver(data []byte) {
	select {
	case k.in <- append([]byte(nil), data...):
	default:
	}
}

// run makes the contexts of what we send and what we receive.
func (k *keyExchange) run(ctx context.Context, id *identity, client bool, theirs string) (out, in *srtp.Context, err error) {
	opts := []dtls.Option{
		dtls.WithCertificates(id.certificate), dtls.WithInsecureSkipVerify(true), // by its fingerprint, RFC 5763 §5
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error { return matches(raw, theirs) }),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80), // Chromium's order
		dtls.WithFlightInterval(flightInterval),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}),
	}
	if k.conn, err = k.dtls(client, opts); err != nil {
		return nil, nil, err
	}
	if err := k.conn.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	ours, others, err := export(k.conn)
	if client {
		return ours, others, err
	}
	return others, ours, err
}

// end ends what run began, without a word to the peer; run has returned.
func (k *keyExchange) end() {
	k.close()
	if k.conn != nil {
		_ = k.conn.Close()
	}
}

func (k *keyExchange) dtls(client bool, opts []dtls.Option) (*dtls.Conn, error) {
	if client {
		all := make([]dtls.ClientOption, len(opts))
		for i, o := range opts {
			all[i] = o
		}
		return dtls.ClientWithOptions(k, k.to.RemoteAddr(), all...)
	}
	all := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range opts {
		all = append(all, o)
	}
	return dtls.ServerWithOptions(k, k.to.RemoteAddr(), all...)
}

// matches compares a certificate with the a=fingerprint of the description, RFC 8122 §5.
func matches(raw [][]byte, theirs string) error {
	name, want, _ := strings.Cut(theirs, " ")
	if len(raw) == 0 {
		return errors.New("no certificate")
	}
	certificate, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return err
	}
	hash, err := fingerprint.HashFromString(name)
	if err != nil {
		return err
	}
	got, err := fingerprint.Fingerprint(certificate, hash)
	if err == nil && !strings.EqualFold(got, want) {
		err = errors.New("the server's certificate is not the one of its SDP")
	}
	return err
}

// export makes the contexts of what the client and what the server sends, RFC 5764 §4.2.
func export(conn *dtls.Conn) (client, server *srtp.Context, err error) {
	state, ok := conn.ConnectionState()
	selected, chosen := conn.SelectedSRTPProtectionProfile()
	if !ok || !chosen {
		return nil, nil, errors.New("no SRTP profile")
	}
	p := srtp.Profile(selected)
	k, s := p.KeyLen(), p.SaltLen()
	if k == 0 {
		return nil, nil, fmt.Errorf("SRTP profile %d", selected)
	}
	raw, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(k+s))
	if err != nil {
		return nil, nil, err
	}
	if client, err = srtp.NewContext(p, raw[:k], raw[2*k:2*k+s]); err != nil {
		return nil, nil, err
	}
	server, err = srtp.NewContext(p, raw[k:2*k], raw[2*k+s:])
	return client, server, err
}

func (k *keyExchange) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case data := <-k.in:
		return copy(b, data), k.to.RemoteAddr(), nil
	case <-k.closed:
		return 0, nil, net.ErrClosed
	}
}

func (k *keyExchange) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case <-k.closed:
		return len(b), nil
	default:
		return k.to.Write(b)
	}
}

func (k *keyExchange) Close() error {
	k.close()
	return nil
}

func (k *keyExchange) LocalAddr() net.Addr { return k.to.LocalAddr() }

// Deadlines are not needed: the handshake's context ends it.
func (k *keyExchange) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (k *keyExchange) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (k *keyExchange) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
