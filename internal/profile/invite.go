package profile

import (
	"cmp"
	"errors"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// serveInvite turns an INVITE into a call.
func (p *Profile) serveInvite(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile) {
	if p.draining.Load() {
		p.respond(tx, 503, "", sip.NewHeader("Retry-After", retryAfter))
		return
	}
	a := p.screen(tx, snap, view)
	if a.refused {
		p.log.Warn("call refused by access list", "peer", tx.Flow().RemoteAddr(), "list", a.list)
		p.respond(tx, 403, "")
		return
	}
	a.looped = ownAddress(tx.Flow())
	a.gateway, a.known = p.gatewayOf(tx, view)
	if a.gateway != nil && !a.gateway.admits(tx, snap) {
		a.gateway, a.known = nil, false
	}
	trusted := a.trusted || a.known || a.looped
	if !trusted && view.AuthCalls && view.AuthCallsACLOnly {
		p.log.Warn("call refused: no access list allows the address", "peer", tx.Flow().RemoteAddr())
		p.respond(tx, 403, "")
		return
	}
	if !trusted && view.AuthCalls && !view.AcceptBlindAuth { // blind: nobody is known then, and has the profile's context
		if a.user = p.authenticate(tx, snap, view, true); a.user == nil {
			return
		}
		a.context, a.gateway = "", nil // who has a password is a user
	}
	req := tx.Request()
	if maxForwards(req) == 0 {
		p.respond(tx, 483, "") // RFC 3261 §16.3 step 3, which a back-to-back user agent does well to follow
		return
	}
	sdp := sdpOf(req)
	if sdp == nil && len(req.Body()) > 0 {
		p.respond(tx, 415, "", sip.NewHeader("Accept", "application/sdp"))
		return
	}
	p.accept(tx, snap, view, a, sdp)
}

// ownAddress says whether a request came from the very socket it came to: the profile called itself. Nobody else can send from there; a
// datagram from outside with an address of ours is dropped by the system.
func ownAddress(f *sip.Flow) bool {
	local, remote := f.LocalAddr(), f.RemoteAddr()
	return !f.Reliable() && local.Port() == remote.Port() && local.Addr().Unmap() == remote.Addr().Unmap()
}

// accept hands the INVITE over to the call core.
func (p *Profile) accept(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile, a access, sdp []byte) {
	l := &leg{p: p, log: p.log.With("call", callID(tx.Request()))}
	in := p.inbound(tx, snap, view, a, sdp)
	in.Leg = l
	if !p.takeReplaces(tx, a, &in) {
		return
	}
	if a.user != nil {
		l.user = a.user.user
	}
	l.gateway = a.gateway
	l.began()
	l.mu.Lock() // what the session reports waits until there is somebody to report to
	defer l.mu.Unlock()
	session, err := p.stack.AcceptSession(tx, l)
	if err != nil {
		l.ended = true
		if !errors.Is(err, sip.ErrCancelled) {
			l.log.Warn("INVITE not accepted", "err", err)
			p.respond(tx, 503, "", sip.NewHeader("Retry-After", retryAfter))
		}
		return
	}
	l.begin(session)
	if a.gateway != nil && a.known {
		a.gateway.credentials().prove(session)
	}
	h, err := p.cfg.Core.NewInbound(in)
	if err != nil {
		l.over()
		l.log.Warn("call refused", "peer", tx.Flow().RemoteAddr(), "err", err)
		if !errors.Is(err, call.ErrSessionLimit) && !errors.Is(err, call.ErrRateLimit) && !errors.Is(err, call.ErrDraining) {
			_ = session.Reject(500, "")
			return
		}
		_ = session.Reject(503, "", sip.NewHeader("Retry-After", retryAfter))
		return
	}
	l.handler = h
}

// inbound describes the call.
func (p *Profile) inbound(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile, a access, sdp []byte) call.Inbound {
	req, id := tx.Request(), a.user
	from := req.From()
	number := from.Address.User
	if number == "" {
		number = "unknown"
	}
	name := clean(unquoteName(from.DisplayName))
	if name == "" {
		name = number
	}
	var told asserted
	if id == nil && (a.trusted || a.known) {
		told = assertedBy(req)
		number, name = cmp.Or(told.number, number), cmp.Or(told.name, told.number, name)
	}
	in := call.Inbound{
		ChannelName: "sofia/" + p.cfg.Name + "/" + userHost(&from.Address),
		Profile:     p.cfg.Name,
		CallerName:  name,
		CallerNum:   number,
		Username:    number,
		ANI:         number,
		NetworkAddr: tx.Flow().RemoteAddr().Addr().Unmap().String(),
		Destination: destination(req, view.FullIDInDialplan),
		Dialplan:    view.Dialplan,
		Context:     view.Context,
		SDP:         sdp,
		CodecPrefs:  view.InboundCodecPrefs,
		DTMFType:    view.DTMFType,
		RequireSRTP: view.RequireSecureRTP, SuppressCNG: view.SuppressCNG,
		RTPTimeout:  view.RTPTimeout,
		HoldTimeout: view.RTPHoldTimeout,
		HoldMusic:   view.HoldMusic,
		MediaIP:     mediaIP(snap, view, tx.Flow().RemoteAddr().Addr()),
		Vars:        p.inboundVars(tx, snap, view, a),
	}
	in.HideName, in.HideNumber = told.hidden.name, told.hidden.number
	in.Vars = append(in.Vars, told.vars...)
	if in.Dialplan == "" {
		in.Dialplan = "XML"
	}
	if sdp == nil {
		in.WebRTC, in.SDES = p.offers(tx, view, a)
	}
	if a.context != "" {
		in.Context = a.context
	}
	if a.gateway != nil {
		a.gateway.describe(&in, req, a.known, isNamed(a.gateway, &req.Recipient))
	}
	if in.Context == "" {
		in.Context = "default"
	}
	if id != nil {
		in.PresenceID = id.user.ID + "@" + id.user.Domain
		in.Username = id.user.ID
		if c := id.user.Context(); c != "" {
			in.Context = c
		}
		in.Vars = append(in.Vars, call.Variable{Name: "presence_id", Value: in.PresenceID})
	}
	return in
}

// offers says which media a caller is offered that left the offer to us: what a user or a gateway at its address would be offered when called.
func (p *Profile) offers(tx *sip.ServerTx, view *config.Profile, a access) (webrtc, sdes bool) {
	flow := tx.Flow()
	if t := flow.Transport(); t == "ws" || t == "wss" {
		return true, false
	}
	variable := func(string) string { return "" }
	if a.user != nil {
		variable = a.user.user.Variable
	} else if g := p.gatewayAt(flow.RemoteAddr().Addr()); g != nil {
		variable = func(name string) string { return value(g.outVariables(), name, "") }
	}
	webrtc = variable("media_webrtc") == "true"
	return webrtc, !webrtc && (view.RequireSecureRTP || secure(variable("rtp_secure_media")))
}

// destination is the number dialled: the user part of the Request-URI, else of To, else "service", as in FreeSWITCH. full
// (full-id-in-dialplan) wants user@host.
func destination(req *sip.Request, full bool) string {
	if full && req.Recipient.User != "" {
		return clean(userHost(&req.Recipient))
	}
	if u := clean(req.Recipient.User); u != "" {
		return u
	}
	if u := clean(req.To().Address.User); u != "" {
		return u
	}
	return "service"
}
