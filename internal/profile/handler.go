package profile

import (
	"strings"
	"time"

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
		if id := p.authenticate(tx, snap, view, false); id != nil {
			q := registrar.Request{Profile: p.cfg.Name, User: id.user.ID, Domain: id.domain, MaxContacts: view.MaxRegistrationsPerExtension}
			if p.draining.Load() {
				q.MaxExpires = drainExpires
			}
			p.cfg.Registrar.Serve(tx, q)
		}
	case sip.INVITE:
		p.serveInvite(tx, snap, view)
	case sip.OPTIONS:
		p.serveOptions(tx)
	case sip.SUBSCRIBE:
		if p.authenticate(tx, snap, view, true) != nil {
			p.respond(tx, 489, "") // no event package is served; RFC 6665 §4.2.1.3
		}
	default:
		p.respond(tx, 405, "", sip.NewHeader("Allow", allow()))
	}
}

// serveOptions tells what we can do, to anybody: FreeSWITCH does, and load balancers ask. RFC 3261 §11.2.
func (p *Profile) serveOptions(tx *sip.ServerTx) {
	p.respond(tx, 200, "", sip.NewHeader("Accept", "application/sdp"))
}

func allow() string { return strings.Join(allowed(), ", ") }

func (p *Profile) respond(tx *sip.ServerTx, status int, phrase string, hs ...sip.Header) {
	if err := tx.Respond(tx.NewResponse(status, phrase, hs...)); err != nil {
		p.log.Debug("response not sent", "status", status, "peer", tx.Flow().RemoteAddr(), "err", err)
	}
}
