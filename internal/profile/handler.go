package profile

import (
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// retryAfter is what a refused call is told to wait, in seconds.
const retryAfter = "30"

// drainExpires is how long registrations are granted while the profile drains: the clients notice soon that the server is gone.
const drainExpires = time.Minute

// ServeSIP answers the requests outside of dialogs. Everything but OPTIONS needs a password; what is not served is refused.
func (p *Profile) ServeSIP(tx *sip.ServerTx) {
	snap := p.cfg.Snapshot()
	view := p.view(snap)
	switch tx.Request().Method {
	case sip.REGISTER:
		p.serveRegister(tx, snap, view)
	case sip.INVITE:
		p.serveInvite(tx, snap, view)
	case sip.OPTIONS:
		p.serveOptions(tx, view)
	case sip.MESSAGE:
		p.serveMessage(tx, snap, view)
	case sip.SUBSCRIBE:
		if p.authenticate(tx, snap, view, true) != nil {
			p.respond(tx, 489, "") // no event package is served; RFC 6665 §4.2.1.3
		}
	default:
		p.respond(tx, 405, "", sip.NewHeader("Allow", allow()))
	}
}

// serveRegister registers a phone whose address and password allow it.
func (p *Profile) serveRegister(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile) {
	if view.DisableRegister || !mayRegister(tx, snap, view) {
		p.log.Warn("registration refused", "peer", tx.Flow().RemoteAddr(), "off", view.DisableRegister)
		p.respond(tx, 403, "")
		return
	}
	q := registrar.Request{
		Profile: p.cfg.Name, MaxContacts: view.MaxRegistrationsPerExtension,
		// FreeSWITCH has no limit unless one is configured, and then refuses; ours, without one, makes room.
		Refuse:         view.Params["max-registrations-per-extension"] != "",
		StrictWildcard: view.StrictWildcard,
	}
	var user *config.User
	if view.AcceptBlindReg { // anybody, as anybody
		q.User, q.Domain = tx.Request().To().Address.User, p.domain(snap, view, tx.Request().To().Address.Host)
		user, _ = snap.Directory.User(q.User, q.Domain)
	} else {
		id := p.authenticate(tx, snap, view, false)
		if id == nil {
			return
		}
		user, q.User, q.Domain = id.user, id.user.ID, id.domain
	}
	if q.User == "" || user != nil && user.ForbidRegister() {
		p.respond(tx, 403, "")
		return
	}
	if !view.MultipleRegistrations {
		q.MaxContacts, q.Refuse = 1, false
	}
	q.Expires = func(asked time.Duration) time.Duration {
		return time.Duration(view.Expires(user, int(asked/time.Second))) * time.Second
	}
	if p.draining.Load() {
		q.MaxExpires = drainExpires
	}
	p.cfg.Registrar.Serve(tx, q)
}

// serveOptions tells what we can do, to anybody: FreeSWITCH does, and load balancers ask. RFC 3261 §11.2.
func (p *Profile) serveOptions(tx *sip.ServerTx, view *config.Profile) {
	if view.Respond503OnBusy && (p.draining.Load() || p.cfg.Core.Busy()) {
		p.respond(tx, 503, "Maximum Calls In Progress", sip.NewHeader("Retry-After", "300"))
		return
	}
	p.respond(tx, 200, "", sip.NewHeader("Accept", "application/sdp"))
}

func allow() string { return strings.Join(allowed(), ", ") }

func (p *Profile) respond(tx *sip.ServerTx, status int, phrase string, hs ...sip.Header) {
	if err := tx.Reply(status, phrase, hs...); err != nil {
		p.log.Debug("response not sent", "status", status, "peer", tx.Flow().RemoteAddr(), "err", err)
	}
}
