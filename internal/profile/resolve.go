package profile

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// Set is all profiles of a server; it implements call.Dialer.
type Set []*Profile

// Resolve implements call.Dialer for this profile alone.
func (p *Profile) Resolve(endpoint, dest string, vars []call.Variable) ([]call.Destination, call.Cause) {
	return Set{p}.Resolve(endpoint, dest, vars)
}

// Resolve implements call.Dialer: user/ID@DOMAIN rings every contact of a user (or what its dial-string says), group/NAME@DOMAIN those of
// all its members, sofia/PROFILE/ADDRESS one address, sofia/gateway/NAME/NUMBER a number at a provider, error/CAUSE nobody.
func (s Set) Resolve(endpoint, dest string, vars []call.Variable) ([]call.Destination, call.Cause) {
	return s.resolve(endpoint, dest, vars, 0)
}

// resolve is Resolve; depth is how many dial strings of users led here.
func (s Set) resolve(endpoint, dest string, vars []call.Variable, depth int) ([]call.Destination, call.Cause) {
	if len(s) == 0 {
		return nil, call.InvalidProfile
	}
	switch strings.ToLower(endpoint) {
	case "user":
		return s.resolveUser(dest, vars, depth)
	case "group":
		return s.resolveGroup(dest, vars, depth)
	case "sofia":
		name, address, ok := strings.Cut(dest, "/")
		if !ok || address == "" {
			return nil, call.InvalidURL
		}
		if strings.EqualFold(name, "gateway") {
			return s.resolveGateway(address, vars)
		}
		p := s.named(name)
		if p == nil {
			return nil, call.InvalidProfile
		}
		return s.resolveAddress(p, address, vars)
	case "error":
		if c, ok := call.ParseCause(dest); ok {
			return nil, c
		}
		return nil, call.NormalClearing
	}
	return nil, call.ChanNotImplemented
}

// named finds a profile by name or alias; "*" is the first.
func (s Set) named(name string) *Profile {
	for _, p := range s {
		if name == "*" || p.cfg.Name == name {
			return p
		}
	}
	for _, p := range s {
		if p.alias(name) {
			return p
		}
	}
	return nil
}

// alias says whether the profile has another name: one of its <aliases>, or a domain of its <domains> that is one.
func (p *Profile) alias(name string) bool {
	snap := p.cfg.Snapshot()
	view := p.view(snap)
	for _, alias := range view.Aliases {
		if strings.EqualFold(alias, name) {
			return true
		}
	}
	for _, d := range view.Domains {
		if d.Alias && strings.EqualFold(d.Name, name) {
			return true
		}
		if _, known := snap.Directory.Domain(name); d.Alias && d.Name == "all" && known {
			return true
		}
	}
	return false
}

// resolveUser finds the contacts of a user of the directory.
func (s Set) resolveUser(dest string, vars []call.Variable, depth int) ([]call.Destination, call.Cause) {
	p := s[0]
	snap := p.cfg.Snapshot()
	id, domain, ok := cutLast(dest, "@")
	if !ok {
		domain = snap.Vars["domain"]
	}
	u, ok := snap.Directory.User(id, domain)
	if !ok {
		u, ok = snap.Directory.User(id, p.domain(snap, p.view(snap), domain))
	}
	if !ok {
		return nil, call.SubscriberAbsent
	}
	return s.dialString(p, snap, u, vars, depth)
}

// contacts makes a destination of each binding of a user.
func (s Set) contacts(p *Profile, snap *config.Snapshot, u *config.User, vars []call.Variable) ([]call.Destination, call.Cause) {
	var out []call.Destination
	for _, b := range p.cfg.Registrar.Lookup(u.ID, u.Domain) {
		owner := s.named(b.Profile)
		if owner == nil {
			owner = p
		}
		target, err := sip.ParseURI(b.Contact)
		if err != nil {
			continue
		}
		target.Headers = nil // no part of a Request-URI (RFC 3261 §19.1.1)
		r := route{
			profile: owner, target: target, domain: value(vars, "sip_invite_domain", u.Domain), user: u, flow: b.Flow, transport: b.Transport,
			url: b.URI(), webrtc: b.WebSocket(), vars: vars,
		}
		r.credentials.user, r.credentials.password = u.ReverseAuth()
		addParams(&r.target, value(vars, "sip_invite_params", ""))
		r.towards(&b)
		out = append(out, r.destination(snap, vars))
	}
	if len(out) == 0 {
		return nil, call.UserNotRegistered
	}
	return out, ""
}

// towards says how a binding is reached. A connection is used again. A UDP phone is called at its contact, or, behind a NAT, where its
// REGISTER came from. A TCP phone whose registration was restored is called at its contact's port.
func (r *route) towards(b *registrar.Binding) {
	switch nat := b.NAT(); {
	case b.Transport != "udp" && b.Flow != nil:
	case b.Transport == "udp" && nat:
		r.addr = b.Remote
	case nat:
		r.flow, r.host = nil, b.Remote.Addr().String()
	default:
		r.flow, r.host = nil, r.target.Host
	}
}

// resolveAddress makes a destination of user@host, sip:uri or user%domain.
func (s Set) resolveAddress(p *Profile, address string, vars []call.Variable) ([]call.Destination, call.Cause) {
	snap := p.cfg.Snapshot()
	if id, domain, ok := strings.Cut(address, "%"); ok && !strings.Contains(address, "@") {
		u, ok := snap.Directory.User(id, p.domain(snap, p.view(snap), domain))
		if !ok {
			return nil, call.SubscriberAbsent
		}
		return s.contacts(p, snap, u, vars)
	}
	if !hasScheme(address) {
		address = "sip:" + address
	}
	target, err := sip.ParseURI(address)
	if err != nil || target.Host == "" || clean(address) != address {
		return nil, call.InvalidURL
	}
	target.Headers = nil
	addParams(&target, value(vars, "sip_invite_params", ""))
	r := route{profile: p, target: target, transport: "udp", url: address, vars: vars}
	r.credentials = credentials{user: value(vars, "sip_auth_username", ""), password: value(vars, "sip_auth_password", "")}
	r.domain = value(vars, "sip_invite_domain", snap.Vars["domain"])
	if t, ok := target.UriParams.Get("transport"); ok {
		r.transport = strings.ToLower(t)
	} else if strings.EqualFold(target.Scheme, "sips") {
		r.transport = "tls"
	} else {
		r.anyTransport = true
	}
	if flow, ok := p.fsPath(&r.target); ok {
		if flow == nil {
			return nil, call.UserNotRegistered
		}
		r.flow, r.transport, r.webrtc = flow, flow.Transport(), flow.Transport() == "ws" || flow.Transport() == "wss"
	} else if _, local := snap.Directory.Domain(target.Host); local && target.Port == 0 {
		if u, ok := snap.Directory.User(target.User, target.Host); ok {
			return s.contacts(p, snap, u, vars)
		}
	}
	r.host = target.Host
	if hop, err := addressOf(value(vars, "sip_route_uri", "")); err == nil {
		r.through(&hop)
	}
	return []call.Destination{r.destination(snap, vars)}, ""
}

func hasScheme(address string) bool {
	l := strings.ToLower(address)
	return strings.HasPrefix(l, "sip:") || strings.HasPrefix(l, "sips:")
}

// fsPath takes FreeSWITCH's fs_nat and fs_path parameters off a URI, as sofia_contact gives them out, and finds the flow that fs_path
// means; ok says whether there was one.
func (p *Profile) fsPath(target *sip.Uri) (flow *sip.Flow, ok bool) {
	path, ok := target.UriParams.Get("fs_path")
	if !ok {
		return nil, false
	}
	target.UriParams.Remove("fs_path")
	target.UriParams.Remove("fs_nat")
	raw, err := url.PathUnescape(path)
	if err != nil {
		return nil, true
	}
	u, err := sip.ParseURI(raw)
	if err != nil {
		return nil, true
	}
	addr, err := netip.ParseAddr(u.Host)
	if err != nil {
		return nil, true
	}
	want := target.String()
	for _, b := range p.cfg.Registrar.All() {
		if b.Contact == want && b.Remote.Addr().Unmap() == addr && int(b.Remote.Port()) == u.Port && b.Flow != nil {
			return b.Flow, true
		}
	}
	return nil, true
}

// cutLast cuts around the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// value looks a variable up; the last of a name counts.
func value(vars []call.Variable, name, otherwise string) string {
	for i := len(vars) - 1; i >= 0; i-- {
		if vars[i].Name == name && vars[i].Value != "" {
			return vars[i].Value
		}
	}
	return otherwise
}

// secure says whether rtp_secure_media asks for SDES: true, mandatory or mandatory:SUITES.
func secure(v string) bool {
	v, _, _ = strings.Cut(strings.ToLower(v), ":")
	return v == "true" || v == "mandatory"
}

// value looks a variable up that decides on the callee's media: the dial string's, else the callee's own from the directory.
func (r *route) value(vars []call.Variable, name string) string {
	if r.user != nil {
		return value(vars, name, r.user.Variable(name))
	}
	return value(vars, name, "")
}

func (r *route) destination(snap *config.Snapshot, vars []call.Variable) call.Destination {
	view := r.profile.view(snap)
	d := call.Destination{
		ChannelName: "sofia/" + r.profile.cfg.Name + "/" + userHost(&r.target),
		CalleeNum:   r.target.User,
		NetworkAddr: r.networkAddr(),
		WebRTC:      r.webrtc || r.value(vars, "media_webrtc") == "true",
		CodecPrefs:  view.OutboundCodecPrefs,
		SuppressCNG: view.SuppressCNG,
		DTMFType:    view.DTMFType,
		RTPTimeout:  view.RTPTimeout,
		HoldTimeout: view.RTPHoldTimeout,
		HoldMusic:   view.HoldMusic,
		MediaIP:     r.mediaIP(snap, view),
		Dial:        r.dial,
	}
	d.SDES = !d.WebRTC && (view.RequireSecureRTP || secure(r.value(vars, "rtp_secure_media")))
	intercom := isTrue(value(vars, "sip_auto_answer", "")) // asks the phone to answer by itself, both ways there are (mod_sofia.c)
	if intercom {
		addParams(&r.target, "intercom=true")
	}
	r.describe(&d, view, vars)
	if intercom {
		d.Vars = append(d.Vars, call.Variable{Name: "sip_h_Call-Info", Value: "<sip:" + bracket(view.SIPIP) + ">;answer-after=0"})
	}
	return d
}

// networkAddr is the IP address signalling goes to; "" when a name has to be resolved first.
func (r *route) networkAddr() string {
	if r.flow != nil {
		return r.flow.RemoteAddr().Addr().Unmap().String()
	}
	if addr, ok := r.address(); ok {
		return addr.Addr().Unmap().String()
	}
	return ""
}

// mediaIP is what the callee is told. One whose name has to be resolved first counts as outside, as in FreeSWITCH.
func (r *route) mediaIP(snap *config.Snapshot, view *config.Profile) netip.Addr {
	addr, _ := netip.ParseAddr(r.networkAddr())
	return mediaIP(snap, view, addr)
}

// describe adds the variables FreeSWITCH gives the new channel, in its order.
func (r *route) describe(d *call.Destination, view *config.Profile, given []call.Variable) {
	var v vars
	local := view.SIPIP
	if r.flow != nil {
		local = r.profile.localIP(r.flow, view)
	}
	v.own("sip_local_network_addr", local)
	v.own("sip_profile_name", r.profile.cfg.Name)
	if d.WebRTC {
		v.own("media_webrtc", "true")
	}
	v.wire("sip_destination_url", r.url)
	if r.user != nil {
		d.PresenceID = value(given, "presence_id", r.user.ID+"@"+r.user.Domain)
		v.own("dialed_user", r.user.ID)
		v.own("dialed_domain", r.user.Domain)
		v.own("sip_invite_domain", r.domain)
		v.own("presence_id", d.PresenceID)
		v = append(v, dialVariables(r.user)...)
	}
	v.own("sip_outgoing_contact_uri", "<"+r.profile.url(view)+">")
	v.wire("sip_req_uri", strings.TrimPrefix(strings.TrimPrefix(r.target.String(), "sip:"), "sips:"))
	v.wire("sip_to_host", hostPort(&r.target))
	v.own("sip_from_host", r.domain)
	if r.flow != nil && d.WebRTC {
		v.own("sip_nat_detected", "true")
	}
	v.own("sofia_profile_name", r.profile.cfg.Name)
	v.own("recovery_profile_name", r.profile.cfg.Name)
	v.own("sofia_profile_url", r.profile.url(view))
	d.Vars = v
}

var _ call.Dialer = Set{}
var _ call.Leg = (*leg)(nil)
var _ sip.SessionHandler = (*leg)(nil)
