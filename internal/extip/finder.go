// Package extip finds the addresses that this machine has for peers outside: what ext-sip-ip and ext-rtp-ip ask a STUN server or the DNS for. It asks
// beside everything else, so that a server starts without a network, and goes on asking, since such addresses change.
//
// A Finder's methods may be called from any goroutine; Found is called from its own, one at a time.
//
// RFC 8489.
package extip

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/talkpath/talkpath/internal/config"
)

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Config of a Finder.
type Config struct {
	// Found is told each address that is new or another than before.
	Found    func(q config.Question, addr netip.Addr)
	Resolver Resolver     // nil: net.DefaultResolver
	Logger   *slog.Logger // nil: discarded
	// Timeout bounds one question, names included: 5 s. After a failure the next one comes after Retry, 5 s at first and doubling up to Refresh;
	// after an answer, after Refresh: 5 min.
	Timeout, Retry, Refresh time.Duration
}

// Finder asks a set of questions again and again.
type Finder struct {
	cfg   Config
	group sync.WaitGroup
	told  sync.Mutex // one Found at a time

	mu     sync.Mutex // guards what follows
	closed bool
	asking map[config.Question]context.CancelFunc
	known  map[config.Question]netip.Addr
}

// New makes a Finder that asks nothing yet.
func New(cfg Config) *Finder {
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	cfg.Refresh = cmp.Or(cfg.Refresh, 5*time.Minute)
	cfg.Retry = min(cmp.Or(cfg.Retry, 5*time.Second), cfg.Refresh)
	return &Finder{cfg: cfg, asking: map[config.Question]context.CancelFunc{}, known: map[config.Question]netip.Addr{}}
}

// Ask makes the questions those given: new ones are asked at once, others no longer. It does not wait.
func (f *Finder) Ask(questions []config.Question) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	wanted := make(map[config.Question]bool, len(questions))
	for _, q := range questions {
		wanted[q] = true
		if f.asking[q] == nil {
			ctx, cancel := context.WithCancel(context.Background())
			f.asking[q] = cancel
			f.group.Go(func() { f.follow(ctx, q) })
		}
	}
	for q, cancel := range f.asking {
		if !wanted[q] {
			cancel()
			delete(f.asking, q)
			delete(f.known, q)
		}
	}
}

// Known is what has been found so far.
func (f *Finder) Known() map[config.Question]netip.Addr {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := make(map[config.Question]netip.Addr, len(f.known))
	for q, a := range f.known {
		known[q] = a
	}
	return known
}

// Close ends all questions and returns when the last has ended.
func (f *Finder) Close() {
	f.mu.Lock()
	f.closed = true
	for _, cancel := range f.asking {
		cancel()
	}
	f.mu.Unlock()
	f.group.Wait()
}

// follow asks one question until ctx is done. An address that was found stays when a later question fails. A row of failures is logged once.
func (f *Finder) follow(ctx context.Context, q config.Question) {
	pause, failing := f.cfg.Retry, false
	for {
		addr, err := f.answer(ctx, q)
		wait := f.cfg.Refresh
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				f.cfg.Logger.Warn("external address not found, asking on", "question", q.String(), "error", err)
			}
			failing, wait = true, pause
			pause = min(2*pause, f.cfg.Refresh)
		default:
			failing, pause = false, f.cfg.Retry
			f.found(ctx, q, addr)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// found keeps an address and tells it when it is new.
func (f *Finder) found(ctx context.Context, q config.Question, addr netip.Addr) {
	f.told.Lock()
	defer f.told.Unlock()
	f.mu.Lock()
	before := f.known[q]
	if ctx.Err() == nil {
		f.known[q] = addr
	}
	f.mu.Unlock()
	if before == addr || ctx.Err() != nil {
		return
	}
	f.cfg.Logger.Info("external address", "question", q.String(), "address", addr)
	if f.cfg.Found != nil {
		f.cfg.Found(q, addr)
	}
}

// answer asks once.
func (f *Finder) answer(ctx context.Context, q config.Question) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	if q.STUN != "" {
		return f.stun(ctx, q)
	}
	return f.lookup(ctx, q.Host, q.IPv6)
}

// lookup finds the first address of a family that a name has.
func (f *Finder) lookup(ctx context.Context, host string, v6 bool) (netip.Addr, error) {
	network := "ip4"
	if v6 {
		network = "ip6"
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr, nil
	}
	addrs, err := f.cfg.Resolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range addrs {
		if a = a.Unmap(); a.Is6() == v6 {
			return a, nil
		}
	}
	return netip.Addr{}, &net.DNSError{Err: "no address of the family", Name: host, IsNotFound: true}
}
