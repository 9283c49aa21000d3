package media

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Config configures an Engine. The zero value listens on all IPv4 addresses on ephemeral ports.
type Config struct {
	// ListenIP is what sockets bind to; zero = 0.0.0.0. "::" takes both families.
	ListenIP netip.Addr
	// AdvertisedIPs go into SDP, the first one into c=; empty = ListenIP, or the interfaces' addresses when that is unspecified. A session may tell its
	// peer another one.
	AdvertisedIPs []netip.Addr
	// MuxPort is the one UDP port of all ICE legs; 0 = ephemeral.
	MuxPort int
	// MuxTCPPort is the one TCP port of ICE-TCP (RFC 6544, passive); 0 = ephemeral, -1 = off.
	MuxTCPPort int
	// PortMin and PortMax bound the ports of plain RTP legs, both included; 0,0 = ephemeral ports.
	PortMin, PortMax int
	// Certificate is the DTLS identity; zero = a self-signed ECDSA P-256 one is generated.
	Certificate tls.Certificate
	Logger      *slog.Logger
	// Codecs is what sessions offer and accept when not told otherwise; nil = DefaultCodecs.
	Codecs []Codec
	// Shards is the number of packet loops, at most one a processor is of use; 0 = one less than GOMAXPROCS. Elsewhere than on Linux there is one.
	Shards int
}

// Bounds of the engine's queues.
const (
	eventQueue   = 4096    // events that wait for OnEvent; more are lost and counted
	maxCommands  = 16384   // commands that wait for the loop before DTLS datagrams are dropped
	muxBuffer    = 4 << 20 // socket buffers of the shared port
	maxAdvertise = 8
	maxShards    = 256
)

// Engine owns the media sockets and the packet loop.
type Engine struct {
	cfg         Config
	log         *slog.Logger
	all         *shards
	group       group
	ports       *ports
	fingerprint Fingerprint
	muxAddr     netip.AddrPort
	tcpAddr     netip.AddrPort
	events      chan sessionEvent
	pacer       *pacer

	mu       sync.Mutex // guards closed and sessions
	closed   bool
	sessions map[*Session]struct{}
}

type sessionEvent struct {
	s  *Session
	ev Event
}

// NewEngine binds the shared ports and starts the packet loop.
func NewEngine(cfg Config) (*Engine, error) {
	e := &Engine{cfg: cfg, log: cfg.Logger, events: make(chan sessionEvent, eventQueue), sessions: map[*Session]struct{}{}}
	e.pacer = newPacer(e)
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if err := e.defaults(); err != nil {
		return nil, err
	}
	var err error
	if e.ports, err = newPorts(e.cfg.ListenIP, cfg.PortMin, cfg.PortMax); err != nil {
		return nil, err
	}
	if err := e.listen(); err != nil {
		return nil, err
	}
	for _, sh := range e.all.list {
		e.group.start(sh.loop.run)
	}
	e.group.start(e.dispatch)
	return e, nil
}

// defaults fills in what the configuration leaves open.
func (e *Engine) defaults() error {
	c := &e.cfg
	if !c.ListenIP.IsValid() {
		c.ListenIP = netip.IPv4Unspecified()
	}
	c.ListenIP = c.ListenIP.Unmap()
	if len(c.AdvertisedIPs) == 0 {
		c.AdvertisedIPs = []netip.Addr{c.ListenIP}
		if c.ListenIP.IsUnspecified() {
			c.AdvertisedIPs = interfaceIPs(c.ListenIP.Is6())
		}
	}
	if len(c.Codecs) == 0 {
		c.Codecs = DefaultCodecs()
	}
	if len(c.Certificate.Certificate) == 0 {
		var err error
		if c.Certificate, err = generateCertificate(); err != nil {
			return err
		}
	}
	e.fingerprint = CertificateFingerprint(c.Certificate.Certificate[0])
	return nil
}

// interfaceIPs are the addresses of this host, IPv4 first; loopback only when there is nothing else.
func interfaceIPs(v6 bool) []netip.Addr {
	var out []netip.Addr
	addrs, _ := net.InterfaceAddrs() // an error leaves loopback
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if ip = ip.Unmap(); !ok || !ip.IsGlobalUnicast() || ip.Is6() && !v6 {
			continue
		}
		out = append(out, ip)
	}
	slices.SortStableFunc(out, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	if len(out) > maxAdvertise {
		out = out[:maxAdvertise]
	}
	if len(out) == 0 {
		out = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return out
}

// listen makes the shards and the shared ports.
func (e *Engine) listen() error {
	c := &e.cfg
	if c.MuxPort < 0 || c.MuxPort > 65535 || c.MuxTCPPort > 65535 {
		return fmt.Errorf("media: port out of range")
	}
	n := shardCount(c.Shards)
	if n < 1 || n > maxShards {
		return fmt.Errorf("media: %d shards", n)
	}
	e.all = newShards(e.log, &e.group, e.post)
	var err error
	e.muxAddr, e.tcpAddr, err = e.all.open(n, netip.AddrPortFrom(c.ListenIP, uint16(c.MuxPort)),
		netip.AddrPortFrom(c.ListenIP, uint16(max(c.MuxTCPPort, 0))), c.MuxTCPPort >= 0)
	return err
}

// post queues an event; called by the loop of the shard.
func (e *Engine) post(sh *shard, s *Session, ev Event) {
	select {
	case e.events <- sessionEvent{s, ev}:
	default:
		sh.stats.EventsLost++
	}
}

// dispatch delivers events, in order, until the first loop has ended: Close ends it last.
func (e *Engine) dispatch() {
	for {
		select {
		case se := <-e.events:
			se.s.deliver(se.ev)
		case <-e.all.list[0].loop.done:
			return
		}
	}
}

// Close ends all sessions, closes all sockets and returns when all goroutines have ended. It must not be called from OnEvent.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	sessions := make([]*Session, 0, len(e.sessions))
	for s := range e.sessions {
		sessions = append(sessions, s)
	}
	e.mu.Unlock()
	for _, s := range sessions {
		s.Close()
	}
	e.pacer.close()
	for _, sh := range slices.Backward(e.all.list) {
		sh.loop.do(func() {
			for _, l := range slices.Clone(sh.legs) { // of a session whose own Close has not come so far
				sh.removeLeg(l)
			}
			for c := range sh.tcp {
				sh.closeTCP(c)
			}
			sh.loop.closeListener()
			sh.loop.removeUDP(sh.mux)
		})
		sh.loop.stop()
	}
	e.group.close()
	return nil
}

// MuxAddr is the bound address of the UDP port of ICE legs.
func (e *Engine) MuxAddr() netip.AddrPort { return e.muxAddr }

// MuxTCPAddr is the bound address of the ICE-TCP port; zero when off.
func (e *Engine) MuxTCPAddr() netip.AddrPort { return e.tcpAddr }

// Stats returns the counters of the engine.
func (e *Engine) Stats() EngineStats {
	var st EngineStats
	for _, sh := range e.all.list {
		sh.loop.do(func() {
			st.add(&sh.stats)
			st.Legs += len(sh.legs)
			st.DropQueue += sh.gone + sh.mux.overflowed()
			st.TCPConnections += len(sh.tcp)
		})
	}
	st.PortsInUse = e.ports.used()
	e.pacer.stats(&st)
	return st
}

// NewSession makes one leg's media. It takes no port before it must.
func (e *Engine) NewSession(cfg SessionConfig) *Session {
	s := newSession(e, cfg)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		s.closed = true // every method that needs the engine says ErrClosed
		return s
	}
	e.sessions[s] = struct{}{}
	return s
}

// forget drops a closed session.
func (e *Engine) forget(s *Session) {
	e.mu.Lock()
	delete(e.sessions, s)
	e.mu.Unlock()
}

// reaches tells whether our sockets can send to the address: they have one family, or both when bound to "::".
func (e *Engine) reaches(a netip.Addr) bool {
	if !a.IsValid() {
		return true
	}
	return e.cfg.ListenIP == netip.IPv6Unspecified() || e.cfg.ListenIP.Is4() == a.Unmap().Is4()
}

// advertised is the addresses that go into descriptions for a session's peer, and the one of them for c=: the first of the family of like.
func (s *Session) advertised(like netip.Addr) ([]netip.Addr, netip.Addr) {
	all := s.e.cfg.AdvertisedIPs
	if s.cfg.AdvertisedIP.IsValid() {
		all = []netip.Addr{s.cfg.AdvertisedIP}
	}
	for _, a := range all {
		if like.IsValid() && a.Is4() == like.Unmap().Is4() {
			return all, a
		}
	}
	return all, all[0]
}
