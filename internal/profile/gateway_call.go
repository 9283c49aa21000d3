package profile

import (
	"net/netip"
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// resolveGateway makes the destination of sofia/gateway/NAME/number or sofia/gateway/PROFILE::NAME/number.
func (s Set) resolveGateway(dest string, vars []call.Variable) ([]call.Destination, call.Cause) {
	name, number, ok := strings.Cut(dest, "/")
	if !ok || number == "" {
		return nil, call.InvalidURL
	}
	profile, own, ok := strings.Cut(name, "::")
	if !ok {
		profile, own = "", name
	}
	g := s.gateway(profile, own)
	if g == nil {
		return nil, call.InvalidGateway
	}
	g.mu.Lock()
	up := g.up
	if !up {
		g.calls.failedOut++
	}
	g.mu.Unlock()
	if !up {
		return nil, call.GatewayDown
	}
	vars = append(g.outVariables(), vars...) // the last of a name counts: the dial string's own
	r, err := g.dialRoute(number, vars)
	if err != nil {
		return nil, call.InvalidURL
	}
	snap := g.p.cfg.Snapshot()
	d := r.destination(snap, vars)
	d.ChannelName = "sofia/" + g.p.cfg.Name + "/" + clean(number)
	d.Vars = append(d.Vars, call.Variable{Name: "sip_gateway_name", Value: g.cfg.Name})
	d.Vars = append(d.Vars, g.outVariables()...)
	dial := d.Dial
	d.Dial = func(o call.Outbound, h call.LegHandler) (call.Leg, error) {
		g.count(func(c *gatewayCalls) { c.out++ })
		return dial(o, h)
	}
	return []call.Destination{d}, ""
}

// outVariables are the gateway's <variables> for calls to it. They act as if the dial string had them: media_webrtc, rtp_secure_media,
// sip_cid_type and others.
func (g *gateway) outVariables() []call.Variable {
	var vars []call.Variable
	for _, v := range g.cfg.OutVariables {
		vars = append(vars, call.Variable{Name: v.Name, Value: v.Value})
	}
	return vars
}

// dialRoute is the way of a call by the gateway: always to its own proxy, whatever host the number carries, so that nobody else is
// told its account.
func (g *gateway) dialRoute(number string, vars []call.Variable) (*route, error) {
	user, host, foreign := strings.Cut(strings.TrimPrefix(number, "sip:"), "@")
	target, err := addressOf(g.cfg.Proxy)
	if err != nil {
		return nil, err
	}
	proxy := target
	target.User, target.Headers = escapeUser(g.cfg.DestinationPrefix+user), nil
	if foreign {
		u, err := addressOf(host)
		if err != nil {
			return nil, err
		}
		target.Host, target.Port = u.Host, u.Port
	}
	if g.cfg.Transport != "udp" && !target.UriParams.Has("transport") {
		target.UriParams = append(target.UriParams.Clone(), sip.HeaderKV{K: "transport", V: g.cfg.Transport})
	}
	r, err := g.way(target, g.cfg.OutboundProxy)
	if err != nil {
		return nil, err
	}
	if foreign && r.hop == nil {
		r.through(&proxy)
	}
	r.gateway, r.vars, r.url = g, vars, "sip:"+userHost(&target)
	r.credentials = g.credentials()
	from, err := sip.ParseURI(g.cfg.FromURI())
	if err != nil {
		return nil, err
	}
	r.domain = value(vars, "sip_invite_domain", from.Host)
	addParams(&r.target, value(vars, "sip_invite_params", ""))
	return r, nil
}

func (g *gateway) count(f func(*gatewayCalls)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.calls)
}

// gatewayOf finds the gateway a call comes from: the one whose contact it is for (gw+NAME, or the parameter gw), or, on a profile that
// asks nobody for a password, whose server sent it. known says that the address is the gateway's: anybody can write gw+NAME.
func (p *Profile) gatewayOf(tx *sip.ServerTx, view *config.Profile) (g *gateway, known bool) {
	uri, addr := &tx.Request().Recipient, tx.Flow().RemoteAddr().Addr()
	name, ok := strings.CutPrefix(uri.User, "gw+")
	if !ok {
		name, ok = uri.UriParams.Get("gw")
	}
	if ok {
		if g = p.gateway(name); g != nil {
			return g, g.owns(addr)
		}
	}
	if view.AuthCalls { // phones may share the address
		return nil, false
	}
	p.gatewaysMu.Lock()
	defer p.gatewaysMu.Unlock()
	for _, candidate := range p.gateways {
		if candidate.owns(addr) && (g == nil || candidate.cfg.ContactUser() == uri.User || candidate.cfg.Name < g.cfg.Name && g.cfg.ContactUser() != uri.User) {
			g = candidate
		}
	}
	return g, g != nil
}

// gatewayAt is a gateway whose proxy has an address; of several the first by name.
func (p *Profile) gatewayAt(addr netip.Addr) (g *gateway) {
	p.gatewaysMu.Lock()
	defer p.gatewaysMu.Unlock()
	for _, candidate := range p.gateways {
		if candidate.owns(addr) && (g == nil || candidate.cfg.Name < g.cfg.Name) {
			g = candidate
		}
	}
	return g
}

// describe gives a call from the gateway what it has of it. One whose address is not the gateway's has its number and variables, but stays
// in the profile's context: that of the gateway may be open to more.
func (g *gateway) describe(in *call.Inbound, req *sip.Request, known, named bool) {
	if known {
		in.Context = g.cfg.Context
	}
	switch {
	case !named: // sent to a number of its own
	case !g.cfg.ExtensionSet:
		in.Destination = g.cfg.Extension
	case strings.EqualFold(g.cfg.Extension, "auto_to_user"):
		if u := clean(req.To().Address.User); u != "" {
			in.Destination = u
		}
	case strings.EqualFold(g.cfg.Extension, "auto"):
		if u := clean(req.From().Address.User); u != "" {
			in.Destination = u
		}
	default:
		in.Destination = g.cfg.Extension
	}
	in.Vars = append(in.Vars, call.Variable{Name: "sip_gateway", Value: g.cfg.Name})
	for _, v := range g.cfg.InVariables {
		in.Vars = append(in.Vars, call.Variable{Name: v.Name, Value: v.Value})
	}
}

// isNamed says whether a request is for a gateway's contact rather than for a number.
func isNamed(g *gateway, uri *sip.Uri) bool {
	return strings.HasPrefix(uri.User, "gw+") || uri.UriParams.Has("gw") || uri.User == g.cfg.ContactUser()
}

// admits applies a gateway's gw-auth-acl.
func (g *gateway) admits(tx *sip.ServerTx, snap *config.Snapshot) bool {
	if g.cfg.ACL == "" {
		return true
	}
	remote := tx.Flow().RemoteAddr()
	ok, _ := snap.Allowed([]string{g.cfg.ACL}, remote.Addr().Unmap(), int(remote.Port()))
	return ok
}
