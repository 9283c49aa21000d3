package media

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"

	"github.com/talkpath/talkpath/srtp"
)

// Bounds of the DTLS side of a leg.
const (
	dtlsTimeout  = 30 * time.Second
	dtlsInterval = 400 * time.Millisecond // first retransmission
	dtlsTries    = 5                      // handshakes that may fail before the leg counts as failed
	dtlsHeld     = 4                      // datagrams kept while the peer's fingerprint is not known yet
	dtlsRepeat   = 100 * time.Millisecond // least time between two repetitions of our last flight
)

// dtlsConfig is what the descriptions say about DTLS.
type dtlsConfig struct {
	role        Setup // ours: SetupActive or SetupPassive; SetupNone before the answer
	fingerprint Fingerprint
	certificate *tls.Certificate
}

func (c dtlsConfig) known() bool { return c.role != SetupNone && len(c.fingerprint.Value) > 0 }

// dtlsState is the DTLS-SRTP association of a leg, RFC 5764. The handshake runs in its own goroutine, fed by the packet loop from paths that
// ICE has validated only; when it is over nothing of it remains but the keys and our last flight.
type dtlsState struct {
	cfg     dtlsConfig
	assoc   *handshake // running
	done    bool
	held    [][]byte
	flight  [][]byte  // our last flight as the server: the peer may have missed it; nil when its media proved that it has not
	heard   uint64    // packets of the peer when the handshake was over
	repeats time.Time // when the flight was repeated last
	tries   int
	retryAt time.Time
}

// DTLS record header, RFC 6347 §4.1.
const (
	recordHeader     = 13
	recordCCS        = 20
	recordAlert      = 21
	recordHandshake  = 22
	clientHello      = 1
	exporterDTLSSRTP = "EXTRACTOR-dtls_srtp" // RFC 5764 §4.2
)

// setDTLS takes what the descriptions say. A new fingerprint or role is a new association (RFC 8842 §4), anything else changes nothing.
func (l *leg) setDTLS(cfg dtlsConfig) {
	if !cfg.known() {
		return
	}
	old := l.dtls.cfg
	if old.known() && old.role == cfg.role && old.fingerprint.Equal(cfg.fingerprint) {
		return
	}
	held := l.dtls.held
	if old.known() {
		l.resetDTLS()
		held = nil
	}
	l.dtls.cfg = cfg
	l.dtls.held = nil
	for _, pkt := range held {
		l.dtlsRecord(pkt)
	}
}

// resetDTLS forgets the association and its keys.
func (l *leg) resetDTLS() {
	if l.iceSide == nil {
		return
	}
	if l.dtls.assoc != nil {
		l.dtls.assoc.cancel()
	}
	l.dtls = dtlsState{}
	l.in, l.out = nil, nil
}

// dtlsIn takes a DTLS datagram from a validated path.
func (l *leg) dtlsIn(_ path, buf []byte) {
	if l.kind != KindWebRTC {
		l.sh.stats.DropDTLS++
		return
	}
	if !l.dtls.cfg.known() { // the peer is faster than its answer
		if len(l.dtls.held) < dtlsHeld && isClientHello(buf) {
			l.dtls.held = append(l.dtls.held, append([]byte(nil), buf...))
		} else {
			l.sh.stats.DropDTLS++
		}
		return
	}
	if l.dtls.done {
		l.resendFlight(buf)
		return
	}
	l.dtlsRecord(append([]byte(nil), buf...))
}

// dtlsRecord hands a datagram to the handshake and starts it when we are the server. Alerts in the clear are anyone's: they never end a
// call, a handshake that fails does so by its time limit.
func (l *leg) dtlsRecord(pkt []byte) {
	if pkt[0] == recordAlert && pkt[3] == 0 && pkt[4] == 0 {
		l.sh.stats.DropDTLS++
		return
	}
	if l.dtls.assoc == nil {
		if l.dtls.cfg.role != SetupPassive || !isClientHello(pkt) || l.sh.now.Before(l.dtls.retryAt) || l.dtls.tries >= dtlsTries {
			l.sh.stats.DropDTLS++
			return
		}
		l.handshake()
	}
	if l.dtls.assoc == nil || !l.dtls.assoc.deliver(pkt) {
		l.sh.stats.DropDTLS++
	}
}

func isClientHello(b []byte) bool {
	return len(b) > recordHeader && b[0] == recordHandshake && b[recordHeader] == clientHello
}

// startDTLS begins the handshake as client once there is a path.
func (l *leg) startDTLS() {
	d := &l.dtls
	if d.cfg.role == SetupActive && d.cfg.known() && !d.done && d.assoc == nil && d.tries < dtlsTries && !l.sh.now.Before(d.retryAt) {
		l.handshake()
	}
}

// dtlsTick starts a client's handshake again after a failure, and forgets a flight that has arrived.
func (l *leg) dtlsTick() {
	if l.kind != KindWebRTC {
		return
	}
	if l.ice.active() {
		l.startDTLS()
	}
	if d := &l.dtls; d.flight != nil && l.src.packets > d.heard {
		d.flight = nil
	}
}

// resendFlight answers a retransmission of the peer's last flight with ours, RFC 6347 §4.2.4: for as long as the peer misses it, but not for each of
// its datagrams. Only the server's flight is the last one of a handshake: a client that repeated its own would go on for ever with a server that does.
func (l *leg) resendFlight(buf []byte) {
	if buf[0] != recordHandshake && buf[0] != recordCCS || len(l.dtls.flight) == 0 || l.sh.now.Sub(l.dtls.repeats) < dtlsRepeat {
		return
	}
	l.dtls.repeats = l.sh.now
	for _, pkt := range l.dtls.flight {
		l.sendDTLS(pkt)
	}
}

func (l *leg) sendDTLS(pkt []byte) {
	if l.ice.active() {
		l.sh.sendNow(l.ice.selected, pkt)
	}
}

// handshake is one run of pion/dtls.
type handshake struct {
	leg    *leg
	cfg    dtlsConfig
	pipe   *dtlsPipe
	ctx    context.Context
	cancel context.CancelFunc
}

// handshake starts one.
func (l *leg) handshake() {
	h := &handshake{leg: l, cfg: l.dtls.cfg}
	h.ctx, h.cancel = context.WithTimeout(context.Background(), dtlsTimeout)
	h.pipe = newDTLSPipe(func(pkt []byte) {
		if l.home.Load().loop.queued() < maxCommands {
			l.post(func() {
				if l.dtls.assoc == h {
					l.sendDTLS(pkt)
				}
			})
		}
	})
	l.dtls.tries++
	l.sh.stats.DTLSHandshakes++
	if !l.sh.all.group.start(h.run) {
		h.cancel()
		return
	}
	l.dtls.assoc = h
}

func (h *handshake) deliver(pkt []byte) bool { return h.pipe.deliver(pkt) }

// run does the handshake and posts the result to the loop.
func (h *handshake) run() {
	defer h.cancel()
	in, out, err := h.keys()
	h.leg.post(func() { h.leg.dtlsDone(h, in, out, err) })
}

// keys runs the handshake and derives the SRTP contexts.
func (h *handshake) keys() (in, out *srtp.Context, err error) {
	defer h.pipe.Close()
	verify := func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 || !h.cfg.fingerprint.Matches(raw[0]) {
			return ErrFingerprint
		}
		return nil
	}
	// The peer is known by its fingerprint, not by a chain (RFC 5763 §5).
	opts := []dtls.Option{
		dtls.WithCertificates(*h.cfg.certificate), dtls.WithInsecureSkipVerify(true), dtls.WithVerifyPeerCertificate(verify),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithFlightInterval(dtlsInterval),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}),
	}
	var conn *dtls.Conn
	if h.cfg.role == SetupActive {
		client := make([]dtls.ClientOption, len(opts))
		for i, o := range opts {
			client[i] = o
		}
		conn, err = dtls.ClientWithOptions(h.pipe, pipeAddr{}, client...)
	} else {
		// ICE has proved the address already: a HelloVerifyRequest would cost a round trip for nothing (RFC 9147 §5.1 leaves it out then).
		server := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true)}
		for _, o := range opts {
			server = append(server, o)
		}
		conn, err = dtls.ServerWithOptions(h.pipe, pipeAddr{}, server...)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("media: dtls: %w", err)
	}
	// Close would send close_notify, which ends the peer's transport: the pipe swallows it.
	defer func() { h.pipe.mute(); _ = conn.Close() }()
	if err := conn.HandshakeContext(h.ctx); err != nil {
		return nil, nil, fmt.Errorf("media: dtls: %w", err)
	}
	return h.export(conn)
}

// export derives the contexts of both directions, RFC 5764 §4.2.
func (h *handshake) export(conn *dtls.Conn) (in, out *srtp.Context, err error) {
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, nil, errors.New("media: dtls: no state")
	}
	if len(state.PeerCertificates) == 0 || !h.cfg.fingerprint.Matches(state.PeerCertificates[0]) {
		return nil, nil, ErrFingerprint
	}
	selected, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, nil, errors.New("media: dtls: no use_srtp")
	}
	p := srtp.Profile(selected) // both are IANA's numbers
	k, s := p.KeyLen(), p.SaltLen()
	if k == 0 {
		return nil, nil, srtp.ErrProfile
	}
	raw, err := state.ExportKeyingMaterial(exporterDTLSSRTP, nil, 2*(k+s))
	if err != nil {
		return nil, nil, fmt.Errorf("media: dtls: %w", err)
	}
	client, err := srtp.NewContext(p, raw[:k], raw[2*k:2*k+s])
	if err != nil {
		return nil, nil, err
	}
	server, err := srtp.NewContext(p, raw[k:2*k], raw[2*k+s:])
	if err != nil {
		return nil, nil, err
	}
	if h.cfg.role == SetupActive {
		return server, client, nil
	}
	return client, server, nil
}

// dtlsDone takes the result of a handshake in the loop.
func (l *leg) dtlsDone(h *handshake, in, out *srtp.Context, err error) {
	d := &l.dtls
	if d.assoc != h || l.closed {
		return // replaced or closed meanwhile
	}
	d.assoc = nil
	if err == nil {
		l.in = in
		l.setOut(out)
		if d.done, d.heard = true, l.src.packets; h.cfg.role == SetupPassive {
			d.flight = h.pipe.lastFlight()
		}
		l.setConnected()
		return
	}
	l.sh.stats.DTLSFailures++
	l.sh.all.log.Warn("DTLS handshake failed", "leg", l.session.cfg.Label, "err", err)
	d.retryAt = l.sh.now.Add(time.Second)
	if errors.Is(err, ErrFingerprint) {
		d.tries = dtlsTries
	}
	if d.tries >= dtlsTries {
		l.event(Event{Type: EventFailed, Err: err})
	}
}

// pipeAddr is the address of either end of a dtlsPipe; the real one may change during the handshake.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "udp" }
func (pipeAddr) String() string  { return "ice" }

var _ net.PacketConn = (*dtlsPipe)(nil)
