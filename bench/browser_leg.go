package bench

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"

	"github.com/talkpath/talkpath/srtp"
)

// browserLeg is a browser's media: an ICE agent and a DTLS handshake, both pion's, and SRTP. A PeerConnection would do the same with three
// times the memory and goroutines.
type browserLeg struct {
	plane  *mediaPlane
	driver *driver
	voice  *voice
	ear    ear // the reader's
	agent  *ice.Agent
	setup  string // our a=setup, RFC 8842 §5
	ctx    context.Context
	stop   context.CancelFunc
	done   sync.WaitGroup
	keys   *keyExchange // of the goroutine that connects, then of close

	// What follows is the driver's.
	conn *ice.Conn // nil until the key exchange is over
	out  *srtp.Context
	room []byte
}

// checks is how often an ICE check is repeated, five times a second: for longer than any set-up may take.
const checks = 500

// identity is the certificate of all browser legs of a run; browsers make one for each call, which costs the server nothing more.
type identity struct {
	certificate tls.Certificate
	fingerprint string
}

func newIdentity() (*identity, error) {
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return nil, err
	}
	print, err := fingerprint.Fingerprint(parsed, crypto.SHA256)
	return &identity{certificate, print}, err
}

func newBrowserLeg(m *mediaPlane, d *driver) (*browserLeg, error) {
	l := &browserLeg{plane: m, driver: d, ear: ear{streams: &m.streams}, setup: "actpass"}
	local := d.socket.local.Addr()
	network := ice.NetworkTypeUDP4
	if local.Is6() {
		network = ice.NetworkTypeUDP6
	}
	var err error
	l.agent, err = ice.NewAgentWithOptions(
		ice.WithNetworkTypes([]ice.NetworkType{network}), ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithMaxBindingRequests(checks), // pion gives a server up that does not answer for 1.6 s; browsers do after 15
		ice.WithIncludeLoopback(), ice.WithDisableActiveTCP(), ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithIPFilter(func(ip net.IP) bool { a, ok := netip.AddrFromSlice(ip); return ok && a.Unmap() == local }),
	)
	if err != nil {
		return nil, fmt.Errorf("ICE: %w", err)
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.voice = newVoice(m.streams.add(), m.o.ptime, l.write)
	l.room = make([]byte, cap(l.voice.packet))
	return l, nil
}

func (l *browserLeg) offer(ctx context.Context) ([]byte, error) { return l.description(ctx) }

func (l *browserLeg) answer(ctx context.Context, offer []byte) ([]byte, error) {
	remote, err := readBrowser(offer)
	if err != nil {
		return nil, err
	}
	if l.setup = "active"; remote.setup == "active" {
		l.setup = "passive"
	}
	answer, err := l.description(ctx)
	if err != nil {
		return nil, err
	}
	l.connect(remote, remote.lite)
	return answer, nil
}

func (l *browserLeg) accept(answer []byte) error {
	remote, err := readBrowser(answer)
	if err != nil {
		return err
	}
	if l.setup = "active"; remote.setup == "active" {
		l.setup = "passive"
	}
	l.connect(remote, true)
	return nil
}

// description gathers our candidates and puts them into SDP: nothing is trickled.
func (l *browserLeg) description(ctx context.Context) ([]byte, error) {
	candidates, err := l.gather(ctx)
	if err != nil {
		return nil, fmt.Errorf("ICE: %w", err)
	}
	ufrag, pwd, err := l.agent.GetLocalUserCredentials()
	if err != nil {
		return nil, fmt.Errorf("ICE: %w", err)
	}
	var lines strings.Builder
	for _, c := range candidates {
		fmt.Fprintf(&lines, "a=candidate:%s\r\n", c.Marshal())
	}
	family, local := "IP4", l.driver.socket.local.Addr()
	if local.Is6() {
		family = "IP6"
	}
	return fmt.Appendf(nil, "v=0\r\no=- %d 1 IN %s %s\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio %d UDP/TLS/RTP/SAVPF %d\r\nc=IN %[2]s %[3]s\r\n"+
		"a=mid:0\r\na=rtcp-mux\r\na=rtpmap:%[5]d PCMU/8000\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:%s\r\n%sa=end-of-candidates\r\na=sendrecv\r\n",
		l.voice.ssrc, family, local, candidates[0].Port(), payloadPCMU, ufrag, pwd, l.plane.identity.fingerprint, l.setup, &lines), nil
}

func (l *browserLeg) gather(ctx context.Context) ([]ice.Candidate, error) {
	complete := make(chan struct{})
	err := l.agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(complete)
		}
	})
	if err == nil {
		err = l.agent.GatherCandidates()
	}
	if err != nil {
		return nil, err
	}
	select {
	case <-complete:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	all, err := l.agent.GetLocalCandidates()
	if err == nil && len(all) == 0 {
		err = errors.New("no candidate on " + l.driver.socket.local.Addr().String())
	}
	return all, err
}

// browserRemote is what the other side's description says of ICE and DTLS.
type browserRemote struct {
	ufrag, pwd  string
	lite        bool
	setup       string
	fingerprint string // "sha-256 AB:…"
	candidates  []ice.Candidate
}

func readBrowser(description []byte) (r browserRemote, err error) {
	_, m, err := audioOf(description)
	if err != nil {
		return r, err
	}
	var d sdp.SessionDescription
	if err := d.Unmarshal(description); err != nil {
		return r, err
	}
	value := func(key string) string {
		if v, ok := m.Attribute(key); ok {
			return v
		}
		v, _ := d.Attribute(key)
		return v
	}
	r = browserRemote{ufrag: value("ice-ufrag"), pwd: value("ice-pwd"), setup: value("setup"), fingerprint: value("fingerprint")}
	_, r.lite = d.Attribute("ice-lite")
	for _, a := range m.Attributes {
		if a.Key != "candidate" {
			continue
		}
		if c, err := ice.UnmarshalCandidate(a.Value); err == nil && c.Component() == ice.ComponentRTP && !c.NetworkType().IsTCP() {
			r.candidates = append(r.candidates, c)
		}
	}
	if r.ufrag == "" || r.fingerprint == "" {
		return r, fmt.Errorf("the server wants %s without ICE and DTLS", strings.Join(m.MediaName.Protos, "/"))
	}
	return r, nil
}

// connect runs ICE and DTLS in the background; talk takes effect when they are over.
func (l *browserLeg) connect(r browserRemote, controlling bool) {
	l.done.Go(func() {
		if err := l.establish(r, controlling); err != nil && l.ctx.Err() == nil {
			l.plane.fail(err)
		}
	})
}

func (l *browserLeg) establish(r browserRemote, controlling bool) error {
	ctx, cancel := context.WithTimeout(l.ctx, 2*l.plane.o.timeout)
	defer cancel()
	stage := &l.plane.checking
	stage.Add(1)
	defer func() { stage.Add(-1) }()
	if err := l.agent.SetRemoteICELite(r.lite); err != nil {
		return fmt.Errorf("ICE: %w", err)
	}
	for _, c := range r.candidates {
		if err := l.agent.AddRemoteCandidate(c); err != nil {
			return fmt.Errorf("ICE: %w", err)
		}
	}
	connect := l.agent.Accept
	if controlling {
		connect = l.agent.Dial
	}
	conn, err := connect(ctx, r.ufrag, r.pwd)
	if err != nil {
		return fmt.Errorf("ICE: %w", err)
	}
	stage.Add(-1)
	stage = &l.plane.agreeing
	stage.Add(1)
	keys := newKeyExchange(conn)
	l.keys = keys
	in := make(chan *srtp.Context, 1)
	l.done.Go(func() { l.read(conn, keys, in) })
	out, theirs, err := keys.run(ctx, l.plane.identity, l.setup == "active", r.fingerprint)
	if err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}
	in <- theirs
	l.driver.post(func() { l.out, l.conn = out, conn })
	return nil
}

// read takes what comes until the agent closes, RFC 7983.
func (l *browserLeg) read(conn *ice.Conn, keys *keyExchange, ready <-chan *srtp.Context) {
	buf := make([]byte, 2048)
	var in *srtp.Context
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		at := time.Now()
		data := buf[:n]
		switch {
		case n == 0:
		case data[0] >= 20 && data[0] <= 63:
			keys.deliver(data)
		case n >= rtpHeader && data[0]>>6 == 2 && (data[1] < 192 || data[1] > 223):
			if in == nil {
				select {
				case in = <-ready:
				default:
					continue
				}
			}
			if n, err = in.UnprotectRTP(data); err == nil {
				l.ear.hear(data[:n], at)
			}
		}
	}
}

func (l *browserLeg) talk() { l.driver.post(func() { l.driver.start(l.voice) }) }

func (l *browserLeg) close() {
	l.voice.stream.close()
	l.driver.post(func() {
		l.driver.silence(l.voice)
		l.conn = nil
	})
	l.stop()
	_ = l.agent.Close()
	l.done.Wait()
	if l.keys != nil {
		l.keys.end()
	}
}

// write sends a packet of the voice. Driver only.
func (l *browserLeg) write(_ *driver, pkt []byte) {
	if l.conn == nil {
		return
	}
	if n, err := l.out.ProtectRTP(l.room, copy(l.room, pkt)); err == nil {
		_, _ = l.conn.Write(l.room[:n])
	}
}
