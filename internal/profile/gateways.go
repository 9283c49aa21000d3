package profile

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/config"
)

// GatewayStatus is a gateway as `sofia status gateway` shows it.
type GatewayStatus struct {
	Profile, Name string
	State         GatewayState
	Up            bool
	Since         time.Time     // of Up
	Expires       time.Time     // of the registration; zero when there is none
	Retry         time.Time     // of the next try to register; zero when none is due
	Granted       time.Duration // of the registration
	Pinging       bool
	PingTime      time.Duration // of the last OPTIONS
	PingCount     int
	Contact       string // the URI, without <>
	// Calls since the gateway was started.
	CallsIn, CallsOut, FailedCallsIn, FailedCallsOut uint64
	Config                                           config.Gateway
}

func (g *gateway) status() GatewayStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := GatewayStatus{
		Profile: g.p.cfg.Name, Name: g.cfg.Name, State: g.state, Up: g.up, Since: g.since, Expires: g.until, Retry: g.retryAt, Granted: g.granted,
		Pinging: g.pinging, PingTime: g.pingTime, PingCount: g.pings, Contact: g.contactURI,
		CallsIn: g.calls.in, CallsOut: g.calls.out, FailedCallsIn: g.calls.failedIn, FailedCallsOut: g.calls.failedOut, Config: g.cfg,
	}
	if s.Config.Password != "" {
		s.Config.Password = "yes" // whoever asks for the status is not to learn it
	}
	return s
}

// Gateways lists the gateways that run, by name.
func (p *Profile) Gateways() []GatewayStatus {
	p.gatewaysMu.Lock()
	all := make([]GatewayStatus, 0, len(p.gateways))
	for _, g := range p.gateways {
		all = append(all, g.status())
	}
	p.gatewaysMu.Unlock()
	slices.SortFunc(all, func(a, b GatewayStatus) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (p *Profile) gateway(name string) *gateway {
	p.gatewaysMu.Lock()
	defer p.gatewaysMu.Unlock()
	return p.gateways[name]
}

// SteerGateway makes a gateway register ("register"), sign off and stay so ("unregister"), or end until the next rescan ("killgw"). It
// says whether there was one to do it to. It does not wait for the provider.
func (p *Profile) SteerGateway(name, action string) bool {
	p.gatewaysMu.Lock()
	defer p.gatewaysMu.Unlock()
	g := p.gateways[name]
	if g == nil {
		return false
	}
	switch strings.ToLower(action) {
	case "killgw":
		p.endGateway(g)
		return true
	case "register", "unregister":
		if !g.cfg.Register {
			return false
		}
		on := strings.EqualFold(action, "register")
		select { // the latest order counts
		case <-g.order:
		default:
		}
		g.order <- on
		return true
	}
	return false
}

// RegisterAgain makes the gateways that register do so at once: their Contact has changed.
func (p *Profile) RegisterAgain() {
	p.gatewaysMu.Lock()
	defer p.gatewaysMu.Unlock()
	for _, g := range p.gateways {
		if !g.cfg.Register {
			continue
		}
		select {
		case g.order <- true:
		default: // an order waits already, and it counts
		}
	}
}

// endGateway takes a gateway away. Called with p.gatewaysMu held.
func (p *Profile) endGateway(g *gateway) {
	delete(p.gateways, g.cfg.Name)
	g.stop()
	p.emitGatewayGone(g.cfg.Name)
}

// updateGateways makes the gateways those of the configuration: new ones start, those that are gone or changed, or with again all, end;
// of these the ones that are still wanted start again.
func (p *Profile) updateGateways(snap *config.Snapshot, again bool) (started, ended int) {
	p.gatewaysMu.Lock()
	defer p.gatewaysMu.Unlock()
	before := map[string]*gateway{}
	wanted := map[string]config.Gateway{}
	for i := range snap.Gateways {
		if g := snap.Gateways[i]; g.Profile == p.cfg.Name {
			g.User, g.File, g.Line = nil, "", 0 // where it stands makes no difference
			wanted[g.Name] = g
		}
	}
	var order []config.Gateway
	for _, g := range p.gateways {
		if now, ok := wanted[g.cfg.Name]; again || !ok || !reflect.DeepEqual(now, g.cfg) {
			before[g.cfg.Name] = g
			p.endGateway(g)
			ended++
		}
	}
	for name, g := range wanted {
		if p.gateways[name] == nil {
			order = append(order, g)
		}
	}
	slices.SortFunc(order, func(a, b config.Gateway) int { return strings.Compare(a.Name, b.Name) })
	for _, g := range order {
		p.startGateway(g, before[g.Name])
		started++
		p.emitGatewayAdded(g.Name)
	}
	return started, ended
}

// Gateways lists the gateways of all profiles.
func (s Set) Gateways() []GatewayStatus {
	var all []GatewayStatus
	for _, p := range s {
		all = append(all, p.Gateways()...)
	}
	return all
}

// Gateway tells what a gateway does now; profile "" is any.
func (s Set) Gateway(profile, name string) (GatewayStatus, bool) {
	if g := s.gateway(profile, name); g != nil {
		return g.status(), true
	}
	return GatewayStatus{}, false
}

// SteerGateway is Profile.SteerGateway of a profile of the set.
func (s Set) SteerGateway(profile, name, action string) bool {
	for _, p := range s {
		if p.cfg.Name == profile {
			return p.SteerGateway(name, action)
		}
	}
	return false
}

func (s Set) gateway(profile, name string) *gateway {
	for _, p := range s {
		if profile == "" || p.cfg.Name == profile {
			if g := p.gateway(name); g != nil {
				return g
			}
		}
	}
	return nil
}

// With gives the set with p in place of the profile of its name, or added behind the others. The set itself stays as it is: others may
// be using it.
func (s Set) With(p *Profile) Set {
	out := slices.Clone(s)
	for i := range out {
		if out[i].cfg.Name == p.cfg.Name {
			out[i] = p
			return out
		}
	}
	return append(out, p)
}

// Without gives the set without the profile of a name.
func (s Set) Without(name string) Set {
	return slices.DeleteFunc(slices.Clone(s), func(p *Profile) bool { return p.cfg.Name == name })
}

// Named finds a profile by name or alias, nil when there is none.
func (s Set) Named(name string) *Profile { return s.named(name) }
