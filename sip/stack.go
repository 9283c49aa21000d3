package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Errors that methods of this package return.
var (
	ErrClosed      = errors.New("sip: stack closed")
	ErrFlowClosed  = errors.New("sip: connection closed")
	ErrTransport   = errors.New("sip: transport not available")
	ErrAnswered    = errors.New("sip: transaction already answered")
	ErrCancelled   = errors.New("sip: transaction cancelled")
	ErrState       = errors.New("sip: not possible in this state of the session")
	ErrPending     = errors.New("sip: another INVITE is pending on this session")
	ErrLimit       = errors.New("sip: limit reached")
	ErrHeaderValue = errors.New("sip: CR, LF or NUL in a header")
	ErrMessage     = errors.New("sip: incomplete message")
)

// Stack is a SIP endpoint with its listeners and connections.
type Stack struct {
	cfg       Config
	log       *slog.Logger
	parser    *headParser
	count     counters
	serverTxs *table[txKey, transaction]
	merged    *table[txKey, transaction] // by Call-ID, From tag, CSeq: RFC 3261 §8.2.2.2
	linger    lingering                  // transactions that are answered
	clientTxs *table[string, *clientTx]
	sessions  *table[string, *Session] // by Call-ID and our tag

	// Headers of what is sent, nil for none, and where it is put together.
	agent            atomic.Pointer[agentHeader] // User-Agent
	scratch          sync.Pool                   // of *[]byte, where messages are written
	allow, supported Header
	rates            *rates
	// INVITEs without a final response, and how many there may be: Limits.Proceeding.
	proceeding, mostProceeding atomic.Int64
	seed                       maphash.Seed    // of tags of stateless responses
	seeds                      [2]maphash.Seed // of keys of transactions

	listeners atomic.Pointer[[]*listener] // changed by SetListeners
	listening sync.Mutex                  // guards retired, and held while listeners change
	retired   []*listener                 // UDP sockets that only sessions still use
	tls       atomic.Pointer[serverTLS]   // of new connections; nil: none
	done      chan struct{}
	base      context.Context // ends with the stack
	stop      context.CancelFunc
	wg        sync.WaitGroup

	mu     sync.Mutex // guards what follows, and wg.Add against Close
	closed bool
	conns  map[*Flow]struct{} // stream connections
	perIP  map[netip.Addr]int
	dials  map[string]*dial
}

// listener is one bound address.
type listener struct {
	asked     Listener
	transport string
	addr      netip.AddrPort
	udp       *net.UDPConn
	socket    *udpSocket   // of udp
	flows     udpFlows     // by udp
	tcp       net.Listener // also under tls, ws and wss
	http      *http.Server
}

// NewStack binds every listener, or none and fails, and starts to serve.
func NewStack(cfg Config) (*Stack, error) {
	s := newStack(cfg)
	if err := s.SetListeners(cfg.Listeners); err != nil {
		s.Close()
		return nil, err
	}
	s.spawn(s.pingIdle)
	return s, nil
}

// newStack makes a stack without listeners.
func newStack(cfg Config) *Stack {
	cfg.Timers = cfg.Timers.withDefaults()
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	base, stop := context.WithCancel(context.Background())
	s := &Stack{
		base: base, stop: stop, cfg: cfg, log: cfg.Logger, parser: newHeadParser(), serverTxs: newTable[txKey, transaction](txKey.hash),
		merged: newTable[txKey, transaction](txKey.hash), clientTxs: newTable[string, *clientTx](textHash(maphash.MakeSeed())), sessions: newTable[string, *Session](textHash(maphash.MakeSeed())),
		rates: &rates{perSecond: float64(cfg.Limits.RequestsPerIP), buckets: map[netip.Addr]*bucket{}}, seed: maphash.MakeSeed(), seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, done: make(chan struct{}),
		conns: map[*Flow]struct{}{}, perIP: map[netip.Addr]int{}, dials: map[string]*dial{},
	}
	s.SetTLS(cfg.TLS, cfg.VerifyClients)
	s.SetUserAgent(cfg.UserAgent)
	s.setOptions(cfg.Allow, cfg.Supported)
	s.SetLoad(cfg.Limits.Proceeding, cfg.Limits.RequestsPerSecond)
	return s
}

// SetUserAgent changes the User-Agent header of everything sent from now on; "" sends none.
func (s *Stack) SetUserAgent(value string) {
	a := &agentHeader{}
	if value != "" {
		a.header = NewHeader("User-Agent", value)
	}
	s.agent.Store(a)
}

// setOptions sets Config.Allow and Config.Supported, before the stack serves.
func (s *Stack) setOptions(allow, supported []string) {
	s.cfg.Allow, s.cfg.Supported = allow, supported
	s.allow, s.supported = nil, nil
	if len(allow) > 0 {
		s.allow = NewHeader("Allow", strings.Join(allow, ", "))
	}
	if len(supported) > 0 {
		s.supported = NewHeader("Supported", strings.Join(supported, ", "))
	}
}

// agentHeader is the User-Agent header, nil for none.
type agentHeader struct{ header Header }

// SetLoad changes Limits.Proceeding and Limits.RequestsPerSecond.
func (s *Stack) SetLoad(proceeding, requestsPerSecond int) {
	s.mostProceeding.Store(int64(proceeding))
	s.rates.limitAll(requestsPerSecond)
}

// bind opens a listener's socket.
func (s *Stack) bind(l Listener) (*listener, error) {
	ln := &listener{asked: l, transport: strings.ToLower(l.Transport)}
	switch ln.transport {
	case "udp":
		addr, err := net.ResolveUDPAddr("udp", l.Addr)
		if err != nil {
			return nil, fmt.Errorf("sip: listen on %s: %w", l.Addr, err)
		}
		if ln.udp, err = net.ListenUDP("udp", addr); err != nil {
			return nil, fmt.Errorf("sip: %w", err)
		}
		if ln.socket, err = newUDPSocket(ln.udp); err != nil {
			ln.udp.Close()
			return nil, fmt.Errorf("sip: %w", err)
		}
		ln.socket.widen(4 << 20) // bursts of registrations, floods
		ln.addr = addrPort(ln.udp.LocalAddr())
	case "tcp", "tls", "ws", "wss":
		if (ln.transport == "tls" || ln.transport == "wss") && s.tls.Load() == nil {
			return nil, fmt.Errorf("%w: %s without a TLS configuration", ErrTransport, ln.transport)
		}
		var err error
		if ln.tcp, err = net.Listen("tcp", l.Addr); err != nil {
			return nil, fmt.Errorf("sip: %w", err)
		}
		ln.addr = addrPort(ln.tcp.Addr())
	default:
		return nil, fmt.Errorf("%w: %q", ErrTransport, l.Transport)
	}
	return ln, nil
}

func (s *Stack) serve(l *listener) {
	switch l.transport {
	case "udp":
		s.spawn(func() { s.readUDP(l) })
	case "tcp", "tls":
		s.spawn(func() { s.acceptStreams(l) })
	default:
		s.serveHTTP(l)
	}
}

// Addr is the address a transport is bound to (the first, when there are several), nil when it is not configured.
func (s *Stack) Addr(transport string) net.Addr {
	for _, l := range s.bound() {
		switch {
		case l.transport != transport:
		case l.udp != nil:
			return l.udp.LocalAddr()
		default:
			return l.tcp.Addr()
		}
	}
	return nil
}

// Close closes sockets and connections, ends transactions and sessions without a word to the peers, and returns when every goroutine
// of the stack has ended. It must not be called from a callback.
func (s *Stack) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	var flows []*Flow
	for f := range s.conns {
		flows = append(flows, f)
	}
	s.mu.Unlock()
	if first {
		close(s.done)
		s.stop()
		s.listening.Lock()
		for _, l := range slices.Concat(s.bound(), s.retired) {
			l.close()
		}
		s.listening.Unlock()
		for _, f := range flows {
			f.Close()
		}
		s.endAll()
	}
	s.wg.Wait()
	if first {
		s.endAll() // what a reader made meanwhile
	}
	return nil
}

func (s *Stack) endAll() {
	s.linger.close()
	for _, tx := range s.serverTxs.all() {
		tx.terminate()
	}
	for _, tx := range s.clientTxs.all() {
		tx.terminate()
	}
	for _, session := range s.sessions.all() {
		session.discard()
	}
}

func (l *listener) close() {
	if l.udp != nil {
		l.udp.Close()
	}
	if l.http != nil {
		l.http.Close()
	}
	if l.tcp != nil {
		l.tcp.Close()
	}
}

// enter counts a goroutine in; it fails when the stack is closed. Each success is paired with s.wg.Done.
func (s *Stack) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// spawn runs f on a goroutine of the stack, unless it is closed.
func (s *Stack) spawn(f func()) bool {
	if !s.enter() {
		return false
	}
	go func() {
		defer s.wg.Done()
		f()
	}()
	return true
}

// after runs f after d, unless the stack is closed by then.
func (s *Stack) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		if s.enter() {
			defer s.wg.Done()
			f()
		}
	})
}

// dial is a connection being opened; later callers for the same address wait for it.
type dial struct {
	done chan struct{}
	flow *Flow
	err  error
}

// FlowTo finds a flow to an address: for UDP through the first socket of its family, otherwise an open connection, or a new one.
// It waits for the network when it opens a connection, so it must not be called on a callback without a short ctx.
func (s *Stack) FlowTo(ctx context.Context, transport string, addr netip.AddrPort) (*Flow, error) {
	return s.FlowToHost(ctx, transport, addr, "")
}

// FlowToHost is FlowTo to a server that was found under a name: over TLS it must show a certificate for that (RFC 5922 §7.3), else one for its
// address.
func (s *Stack) FlowToHost(ctx context.Context, transport string, addr netip.AddrPort, host string) (*Flow, error) {
	transport = strings.ToLower(transport)
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if transport == "udp" {
		return s.udpFlowTo(addr)
	}
	if transport != "tls" && transport != "wss" {
		host = ""
	}
	key := transport + " " + addr.String() + " " + host
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	for f := range s.conns {
		if f.transport == transport && f.remote == addr && (host == "" || f.host == host) {
			s.mu.Unlock()
			return f, nil
		}
	}
	d, running := s.dials[key]
	if !running {
		d = &dial{done: make(chan struct{})}
		s.dials[key] = d
	}
	s.mu.Unlock()
	// On a goroutine of its own, since others may wait for it when this caller gives up.
	if !running && !s.spawn(func() { s.runDial(d, key, transport, addr, host) }) {
		return nil, ErrClosed
	}
	select {
	case <-d.done:
		return d.flow, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.done:
		return nil, ErrClosed
	}
}

func (s *Stack) runDial(d *dial, key, transport string, addr netip.AddrPort, host string) {
	ctx, cancel := context.WithTimeout(s.base, 2*s.cfg.Limits.Handshake)
	defer cancel()
	d.flow, d.err = s.dial(ctx, transport, addr, host)
	s.mu.Lock()
	delete(s.dials, key)
	s.mu.Unlock()
	close(d.done)
}

func (s *Stack) dial(ctx context.Context, transport string, addr netip.AddrPort, host string) (*Flow, error) {
	switch transport {
	case "ws", "wss":
		return s.dialWebSocket(ctx, transport+"://"+addr.String()+"/", host)
	case "tcp", "tls":
	default:
		return nil, fmt.Errorf("%w: %q", ErrTransport, transport)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("sip: %w", err)
	}
	if transport == "tls" {
		name := host
		if name == "" {
			name = addr.Addr().String()
		}
		tc := tls.Client(conn, s.clientTLS(name))
		if err := tc.HandshakeContext(ctx); err != nil {
			conn.Close()
			s.count.failedHandshakes.Add(1)
			return nil, fmt.Errorf("sip: tls to %s: %w", addr, err)
		}
		conn = tc
	}
	f, err := s.addConn(transport, addrPort(conn.LocalAddr()), addr, host, &netWire{conn: conn, timeout: s.cfg.Limits.Write}, false)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if !s.spawn(func() { s.readStream(f, conn, false) }) {
		f.Close()
		return nil, ErrClosed
	}
	return f, nil
}

func (s *Stack) clientTLS(host string) *tls.Config {
	cfg := s.cfg.ClientTLS.Clone()
	if cfg == nil {
		cfg = &tls.Config{}
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	return cfg
}

// addrPort converts a net.Addr; IPv4 in IPv6 becomes IPv4.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
