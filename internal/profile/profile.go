// Package profile runs a SIP profile: the only place where SIP meets calls. It owns the profile's sockets (through sip.Stack),
// authentication, the translation between INVITE dialogs and call legs in both directions, the gateways (accounts at other servers), and
// the resolution of dial targets.
//
// It does not route (internal/dialplan does), relays no media, and knows no event socket: what belongs there leaves by Config.Events.
// Handlers run on the stack's goroutines and never block; a leg's state is guarded by its own mutex.
//
// RFC 3261, RFC 3263 without NAPTR, RFC 3326, RFC 3398, RFC 3428, RFC 3515, RFC 3891, RFC 5626, RFC 6086, RFC 7118, RFC 8760.
package profile

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/digest"
)

// farewellTime bounds how long Close waits for peers to take their BYE.
const farewellTime = 500 * time.Millisecond

// Core is what a profile needs of the call core; *call.Core is one.
type Core interface {
	NewInbound(in call.Inbound) (call.LegHandler, error)
	Busy() bool // no further call would be taken now
}

// Config of a Profile.
type Config struct {
	Name      string                  // "internal"; the view is Snapshot().Profiles[…].Name == Name
	Snapshot  func() *config.Snapshot // the current configuration; called for each request
	Core      Core
	Registrar *registrar.Registrar // shared by all profiles
	TLS       *tls.Config          // for tls and wss; nil: those listeners are left out
	ClientTLS *tls.Config          // for connections to gateways and other servers; nil: the system's roots
	HTTP      http.Handler         // what ws and wss listeners answer to plain HTTP; nil: 426
	// Events gets what happens to registrations, gateways and the profile itself: events.go. It must not block. nil: none.
	Events func(Event)
	// Wants says whether anybody listens to an event, so that others are not built. nil: always.
	Wants  func(name, subclass string) bool
	Logger *slog.Logger // bound to the profile already; nil: discarded
	// Version is used in the User-Agent header, "Talkpath/VERSION", unless the profile's user-agent-string is set.
	Version string
	// Resolver looks up the names of gateways and of addresses that are dialled; nil: the system's.
	Resolver Resolver
	// Timers and Limits of the SIP stack; zero: its defaults.
	Timers sip.Timers
	Limits sip.Limits
}

// Profile is a running SIP profile.
type Profile struct {
	cfg    Config
	log    *slog.Logger
	stack  *sip.Stack
	digest atomic.Pointer[digest.Server]
	lock   *lockout
	last   atomic.Pointer[config.Profile] // the view last seen, in case a reload dropped the profile
	cancel func()                         // of the registrar's notifications

	draining atomic.Bool
	calls    callCounters
	refusals refusalCounters
	trace    tracer
	messages atomic.Int64 // relayed and not answered, see maxMessages
	mark     string       // of relayed messages

	began atomic.Pointer[config.Profile] // the view its sockets were made from

	dialogsMu sync.Mutex                           // guards dialogs
	dialogs   map[string]map[*sip.Session]struct{} // of users' browsers, by user@domain

	known places // where names lead
	pings pings

	gatewaysMu sync.Mutex // guards gateways
	gateways   map[string]*gateway

	// ctx ends with Close; dials counts the goroutines that open connections. mu keeps Close and Add apart.
	ctx    context.Context
	stop   context.CancelFunc
	mu     sync.Mutex
	closed bool
	dials  sync.WaitGroup
}

// New binds the profile's listeners and serves them.
func New(cfg Config) (*Profile, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Resolver == nil {
		cfg.Resolver = DNS{Resolver: net.DefaultResolver}
	}
	p := &Profile{cfg: cfg, log: cfg.Logger, lock: newLockout(), mark: newMark(), dialogs: make(map[string]map[*sip.Session]struct{}),
		gateways: make(map[string]*gateway)}
	p.trace.queue = make(chan traced, traceQueue)
	view := p.view(cfg.Snapshot())
	if view == nil {
		return nil, fmt.Errorf("profile: %s: not configured", cfg.Name)
	}
	p.apply(view)
	p.ctx, p.stop = context.WithCancel(context.Background())
	// Requests may arrive before NewStack returns, and handlers use p.stack only through calls made later; ready holds them back.
	ready := make(chan struct{})
	stack, err := sip.NewStack(sip.Config{
		Listeners:     listeners(view, cfg.TLS != nil),
		TLS:           cfg.TLS,
		ClientTLS:     cfg.ClientTLS,
		VerifyClients: view.VerifyClients,
		UserAgent:     p.agent(view),
		Handler:       sip.HandlerFunc(func(tx *sip.ServerTx) { <-ready; p.ServeSIP(tx) }),
		Allow:         allowed(),
		Supported:     []string{"outbound", "replaces", "timer", "100rel"},
		Reliable:      view.Require100rel,
		SessionTimers: sip.SessionTimers{On: view.SessionTimers, Expires: view.SessionTimeout, MinSE: view.MinSessionExpires},
		HTTP:          cfg.HTTP,
		Timers:        timers(cfg.Timers, view),
		Limits:        limits(cfg.Limits, view),
		Logger:        p.log,
		Trace:         p.trace.see,
		ContactHost:   p.contactHost,
	})
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("profile: %s: %w", cfg.Name, err)
	}
	p.stack = stack
	p.Trace(view.SIPTrace)
	cfg.Registrar.Resume(cfg.Name)
	p.cancel = cfg.Registrar.Notify(p.registration)
	close(ready)
	p.spawn(p.pinging)
	p.emitStarted()
	p.updateGateways(cfg.Snapshot(), false)
	return p, nil
}

// apply takes over what a view says beyond its sockets.
func (p *Profile) apply(view *config.Profile) {
	p.began.Store(view)
	p.digest.Store(digest.New(digest.Config{
		Lifetime: view.NonceTTL, SHA256: strings.Contains(strings.ToUpper(view.Params["rfc8760-auth-algorithms"]), "SHA-256"),
	}))
}

// agent is the User-Agent header.
func (p *Profile) agent(view *config.Profile) string {
	switch {
	case view.UserAgent != "":
		return view.UserAgent
	case p.cfg.Version != "":
		return "Talkpath/" + p.cfg.Version
	}
	return "Talkpath"
}

// timers are those of the profile's timer-t1, -t2 and -t4 where the server's own say nothing.
func timers(t sip.Timers, view *config.Profile) sip.Timers {
	t.T1, t.T2, t.T4 = cmp.Or(t.T1, view.T1), cmp.Or(t.T2, view.T2), cmp.Or(t.T4, view.T4)
	return t
}

// limits adds max-proceeding and max-recv-requests-per-second to the server's own.
func limits(l sip.Limits, view *config.Profile) sip.Limits {
	l.Proceeding, l.RequestsPerSecond = view.MaxProceeding, view.MaxRequestsPerSecond
	return l
}

// allowed is the methods the profile serves, in FreeSWITCH's order.
func allowed() []string {
	return []string{"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "MESSAGE", "INFO", "PRACK", "UPDATE", "REGISTER", "REFER", "NOTIFY", "SUBSCRIBE"}
}

// listeners gives the addresses of a profile. A binding ":port" is on the profile's own address, as in FreeSWITCH.
func listeners(view *config.Profile, haveTLS bool) []sip.Listener {
	at := func(port int) string { return net.JoinHostPort(view.SIPIP, strconv.Itoa(port)) }
	binding := func(b string) string {
		if strings.HasPrefix(b, ":") {
			return net.JoinHostPort(view.SIPIP, b[1:])
		}
		return b
	}
	var ls []sip.Listener
	if !view.TLSOnly {
		ls = []sip.Listener{{Transport: "udp", Addr: at(view.SIPPort)}, {Transport: "tcp", Addr: at(view.SIPPort)}}
	}
	if view.TLS && haveTLS {
		ls = append(ls, sip.Listener{Transport: "tls", Addr: at(view.TLSPort)})
	}
	if view.WSBinding != "" {
		ls = append(ls, sip.Listener{Transport: "ws", Addr: binding(view.WSBinding)})
	}
	if view.WSSBinding != "" && haveTLS {
		ls = append(ls, sip.Listener{Transport: "wss", Addr: binding(view.WSSBinding)})
	}
	return ls
}

// view is the profile's part of a configuration.
func (p *Profile) view(snap *config.Snapshot) *config.Profile {
	for i := range snap.Profiles {
		if snap.Profiles[i].Name == p.cfg.Name {
			p.last.Store(&snap.Profiles[i])
			return &snap.Profiles[i]
		}
	}
	return p.last.Load()
}

// contactHost is what Contact and Via name on a flow: ext-sip-ip when it is set, otherwise the local address.
func (p *Profile) contactHost(flow *sip.Flow) string {
	local := flow.LocalAddr()
	addr := local.Addr().Unmap()
	port := local.Port()
	if bound, err := netip.ParseAddrPort(addrString(p.stack, flow.Transport())); err == nil {
		port = bound.Port() // an outgoing connection's own port accepts nobody
	}
	snap := p.cfg.Snapshot()
	view := p.view(snap)
	if ext, err := netip.ParseAddr(view.ExtSIPIP); err == nil && !(isLocal(snap, view, flow.RemoteAddr().Addr()) && !addr.IsUnspecified()) {
		addr = ext
		if view.ExtSIPPort > 0 && (flow.Transport() == "udp" || flow.Transport() == "tcp") {
			port = uint16(view.ExtSIPPort)
		}
	} else if addr.IsUnspecified() {
		if ip, err := netip.ParseAddr(snap.Vars["local_ip_v4"]); err == nil {
			addr = ip
		}
	}
	return netip.AddrPortFrom(addr, port).String()
}

func addrString(s *sip.Stack, transport string) string {
	if s == nil {
		return ""
	}
	if a := s.Addr(transport); a != nil {
		return a.String()
	}
	return ""
}

// url is the profile's own address, as FreeSWITCH's sofia_profile_url.
func (p *Profile) url(view *config.Profile) string {
	host := view.ExtSIPIP
	if host == "" {
		host = view.SIPIP
	}
	port := view.SIPPort
	if bound, err := netip.ParseAddrPort(addrString(p.stack, "udp")); err == nil {
		port = int(bound.Port())
	}
	return "sip:mod_sofia@" + net.JoinHostPort(host, strconv.Itoa(port))
}

// Name gives the profile's name.
func (p *Profile) Name() string { return p.cfg.Name }

// URL gives the profile's address as FreeSWITCH shows it: sip:mod_sofia@10.0.0.1:5060.
func (p *Profile) URL() string { return p.url(p.view(p.cfg.Snapshot())) }

// Addr gives the bound address of a transport ("udp" "tcp" "tls" "ws" "wss"), nil when it has none.
func (p *Profile) Addr(transport string) net.Addr { return p.stack.Addr(transport) }

// Refusals counts what a profile refused or left out since it was started; Stats has what its SIP stack did.
type Refusals struct {
	Credentials   uint64 // requests with wrong ones, the next included
	Locked        uint64 // those not looked at, since the user failed too often from there
	Messages      uint64 // MESSAGE answered 503: too many without an answer
	TraceMessages uint64 // SIP messages that a trace left out, since the log was too slow
}

type refusalCounters struct{ credentials, locked, messages atomic.Uint64 }

// Refusals gives the counters.
func (p *Profile) Refusals() Refusals {
	c := &p.refusals
	return Refusals{Credentials: c.credentials.Load(), Locked: c.locked.Load(), Messages: c.messages.Load(), TraceMessages: p.trace.all.Load()}
}

// Stats gives the counters of the SIP stack.
func (p *Profile) Stats() sip.Stats { return p.stack.Stats() }

// Drain refuses new calls with 503 from now on; calls in progress go on, and registrations are granted for a short time.
func (p *Profile) Drain() { p.draining.Store(true) }

// Undrain ends Drain.
func (p *Profile) Undrain() { p.draining.Store(false) }

// Close closes the sockets. Calls must have been ended before. Bindings in the registrar survive it.
func (p *Profile) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.cfg.Registrar.Suspend(p.cfg.Name)
	p.stop()
	p.dials.Wait()
	p.farewell()
	return p.stack.Close()
}

// farewell gives the last BYEs and CANCELs a moment to be written and answered before the sockets close: the stack keeps a session of
// a leg that is over until then.
func (p *Profile) farewell() {
	ticker, deadline := time.NewTicker(5*time.Millisecond), time.NewTimer(farewellTime)
	defer ticker.Stop()
	defer deadline.Stop()
	for more := true; more; more = p.stack.Departing() > 0 {
		select {
		case <-ticker.C:
		case <-deadline.C:
			return
		}
	}
}

// spawn runs f, which ends with p.ctx, unless the profile is closed.
func (p *Profile) spawn(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.dials.Go(f)
	return true
}
