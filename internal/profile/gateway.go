package profile

import (
	"context"
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// GatewayState is the state of a gateway's registration in FreeSWITCH's words (reg_state_t of mod_sofia.h).
type GatewayState string

// The states of a gateway.
const (
	GatewayUnregistered GatewayState = "UNREGED"   // about to register
	GatewayTrying       GatewayState = "TRYING"    // REGISTER sent
	GatewayRegister     GatewayState = "REGISTER"  // 200 came
	GatewayRegistered   GatewayState = "REGED"     // and calls go out
	GatewayFailed       GatewayState = "FAILED"    // refused, or no answer
	GatewayFailWait     GatewayState = "FAIL_WAIT" // until retry-seconds are over
	GatewayExpired      GatewayState = "EXPIRED"   // could not be refreshed in time
	GatewayNoRegister   GatewayState = "NOREG"     // register is false
	GatewayKilled       GatewayState = "DOWN"      // taken away
)

// refreshMargin is how long before its end a registration is refreshed: a tenth of it, within bounds.
const (
	refreshLeast  = time.Second
	refreshMost   = 60 * time.Second
	lookupEvery   = 5 * time.Minute // names of proxies
	farewellLimit = time.Second     // for the REGISTER that signs off
)

// gateway is one account at a provider. One goroutine registers, refreshes and pings; run owns what it alone uses.
type gateway struct {
	p   *Profile
	cfg config.Gateway

	stop  context.CancelFunc
	order chan bool // register now, or sign off and stay so
	done  chan struct{}

	callID  string
	cseq    uint32        // of REGISTER and OPTIONS; owned by run
	expires time.Duration // asked for
	retry   time.Duration

	mu         sync.Mutex // guards all below
	state      GatewayState
	up         bool
	since      time.Time     // of up
	until      time.Time     // of the registration
	retryAt    time.Time     // of the next try
	granted    time.Duration // of the registration
	pings      int           // good ones in a row, at most ping-max
	pinging    bool
	pingTime   time.Duration
	addresses  addressSet // of its proxies
	calls      gatewayCalls
	contactURI string         // last sent
	peer       netip.AddrPort // who answered the last REGISTER
	realm      string         // in which the provider took our password; "": it has not yet
}

// gatewayCalls counts a gateway's calls.
type gatewayCalls struct{ in, out, failedIn, failedOut uint64 }

// startGateway makes a gateway run, as soon as one of its name that is about to end (nil: none) has signed off. Called with p.gatewaysMu
// held.
func (p *Profile) startGateway(cfg config.Gateway, before *gateway) {
	ctx, stop := context.WithCancel(p.ctx)
	g := &gateway{
		p: p, cfg: cfg, stop: stop, order: make(chan bool, 1), done: make(chan struct{}), callID: rand.Text(), expires: time.Duration(cfg.ExpireSeconds) * time.Second,
		retry: time.Duration(cfg.RetrySeconds) * time.Second,
		state: GatewayNoRegister, up: true, since: time.Now(),
	}
	if cfg.Register {
		g.state, g.up = GatewayUnregistered, false
	} else if cfg.Ping > 0 {
		g.up = false
	}
	if !p.spawn(func() {
		defer close(g.done)
		if before != nil {
			<-before.done
		}
		g.run(ctx)
	}) {
		stop()
		close(g.done)
		return
	}
	p.gateways[cfg.Name] = g
}

// run registers, refreshes and pings until ctx ends, then signs off.
func (g *gateway) run(ctx context.Context) {
	never := time.Now().Add(100 * 365 * 24 * time.Hour)
	registerAt, pingAt, lookupAt := never, never, time.Now()
	if g.cfg.Register {
		registerAt = time.Now()
	}
	if g.cfg.Ping > 0 {
		pingAt = time.Now()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			g.signOff(GatewayKilled)
			return
		case on := <-g.order:
			registerAt = time.Now()
			if !on {
				registerAt = never
				g.signOff(GatewayUnregistered)
			}
		case <-timer.C:
		}
		if !time.Now().Before(lookupAt) {
			g.lookup(ctx)
			lookupAt = time.Now().Add(lookupEvery)
		}
		if !time.Now().Before(registerAt) {
			registerAt = time.Now().Add(g.register(ctx))
		}
		if !time.Now().Before(pingAt) {
			if g.pingOnce(ctx) && registerAt.Before(never) { // it went down: its registration cannot be relied on
				registerAt = time.Now()
			}
			pingAt = time.Now().Add(g.cfg.Ping)
		}
		next := registerAt
		for _, at := range []time.Time{pingAt, lookupAt} {
			if at.Before(next) {
				next = at
			}
		}
		timer.Reset(time.Until(next))
	}
}

// register sends a REGISTER, with the password if asked for it, and gives the time until the next one.
func (g *gateway) register(ctx context.Context) time.Duration {
	refresh := g.State() == GatewayRegistered
	if !refresh {
		g.change(GatewayTrying, 0, "")
	}
	res := g.exchangeTimed(ctx)
	if ctx.Err() != nil {
		return time.Hour
	}
	if least := seconds(headerValue(res, "Min-Expires")); res.StatusCode == 423 && least > g.expires && least <= 24*time.Hour {
		g.expires = least // RFC 3261 §10.2.8
		res = g.exchangeTimed(ctx)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		granted := g.grantedBy(res)
		g.mu.Lock()
		g.granted, g.until, g.retryAt = granted, time.Now().Add(granted), time.Time{}
		g.mu.Unlock()
		if !refresh {
			g.change(GatewayRegister, res.StatusCode, res.Reason)
			g.change(GatewayRegistered, 0, "")
		}
		return granted - min(max(granted/10, refreshLeast), refreshMost, granted/2)
	}
	g.p.log.Warn("gateway not registered", "gateway", g.cfg.Name, "status", res.StatusCode, "phrase", res.Reason, "retry", g.retry)
	g.mu.Lock()
	expired := refresh && !time.Now().Before(g.until)
	g.retryAt = time.Now().Add(g.retry)
	g.mu.Unlock()
	if expired {
		g.change(GatewayExpired, 0, "")
	}
	g.change(GatewayFailed, res.StatusCode, res.Reason)
	g.change(GatewayFailWait, 0, "")
	return g.retry
}

// exchangeTimed gives up after the gateway's timeout-seconds.
func (g *gateway) exchangeTimed(ctx context.Context) *sip.Response {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(g.cfg.TimeoutSeconds)*time.Second)
	defer cancel()
	return g.exchange(ctx, g.expires)
}

// signOff removes the registration, without waiting long for the answer.
func (g *gateway) signOff(then GatewayState) {
	if g.State() == GatewayRegistered {
		ctx, cancel := context.WithTimeout(context.Background(), farewellLimit)
		defer cancel()
		g.exchange(ctx, 0)
	}
	g.change(then, 0, "")
}

// grantedBy is the time a 200 grants our contact: in the Contact, else in Expires, else what was asked for.
func (g *gateway) grantedBy(res *sip.Response) time.Duration {
	granted := g.expires
	if d := seconds(headerValue(res, "Expires")); d > 0 {
		granted = d
	}
	for h := range sip.FindHeaders(res, "Contact") {
		if c, ok := h.(*sip.ContactHeader); ok && c.Address.User == g.cfg.ContactUser() {
			if v, ok := c.Params.Get("expires"); ok {
				if d := seconds(v); d > 0 {
					granted = d
				}
			}
		}
	}
	return min(granted, 24*time.Hour)
}

// pingOnce sends OPTIONS; it says whether the gateway went down by its answer, or by the lack of one.
func (g *gateway) pingOnce(ctx context.Context) (wentDown bool) {
	g.mu.Lock()
	g.pinging = true
	g.mu.Unlock()
	begin := time.Now()
	res := g.options(ctx)
	if ctx.Err() != nil {
		return false
	}
	good := res.StatusCode >= 200 && res.StatusCode < 500 && res.StatusCode != 408
	g.mu.Lock()
	g.pinging, g.pingTime = false, time.Since(begin)
	if good {
		g.pings = min(g.pings+1, max(g.cfg.PingMax, g.cfg.PingMin))
	} else {
		g.pings = max(g.pings-1, 0)
	}
	up := g.pings >= g.cfg.PingMin
	changed := false
	switch {
	case up && !g.up && (g.state == GatewayNoRegister || g.state == GatewayRegistered):
		g.up, g.since, changed = true, time.Now(), true
	case !up && g.up:
		g.up, changed = false, true
		if g.state == GatewayRegistered {
			g.state = GatewayUnregistered
		}
	}
	g.mu.Unlock()
	if changed {
		g.emit(res.StatusCode, res.Reason)
	}
	return changed && !up
}

// change sets the state and tells of it.
func (g *gateway) change(to GatewayState, status int, phrase string) {
	g.mu.Lock()
	if g.state == to {
		g.mu.Unlock()
		return
	}
	g.state = to
	up := to == GatewayRegistered || to == GatewayNoRegister
	if up && !g.up {
		g.since = time.Now()
	}
	g.up = up
	g.mu.Unlock()
	g.emit(status, phrase)
}

// State is the state now.
func (g *gateway) State() GatewayState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// emit tells of the state.
func (g *gateway) emit(status int, phrase string) {
	g.mu.Lock()
	state, up, peer := g.state, g.up, g.peer
	g.mu.Unlock()
	g.p.emitGatewayState(g.cfg.Name, state, up, peer, status, phrase)
}

func upDown(up bool) string {
	if up {
		return "UP"
	}
	return "DOWN"
}
