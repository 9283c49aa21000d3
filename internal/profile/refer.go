package profile

import (
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// farewellWait is how long a BYE after REFER waits for the answer to the NOTIFY before it: browsers send a last MESSAGE in the dialog when
// they see their REFER accepted.
const farewellWait = time.Second

// refer serves a REFER in the dialog (RFC 3515, 5589): the other party of the call shall go on at the target. Who asks is left as soon as
// that party has gone; that it rings there is not waited for, as in FreeSWITCH.
func (l *leg) refer(h call.LegHandler, s *sip.Session, tx *sip.ServerTx) {
	req := tx.Request()
	targets := headers(req, "Refer-To")
	l.mu.Lock()
	answered := l.answered
	l.mu.Unlock()
	switch {
	case !l.mayRefer(tx):
		l.p.respond(tx, 403, "")
		return
	case len(targets) != 1: // RFC 3515 §2.4.1
		l.p.respond(tx, 400, "Exactly One Refer-To Is Needed")
		return
	case !answered:
		l.p.respond(tx, 403, "Not Answered Yet")
		return
	}
	to, ok := referTarget(targets[0].Value())
	if !ok {
		l.p.respond(tx, 400, "Bad Refer-To")
		return
	}
	r := call.Referral{
		Target: to.User, Params: to.UriParams.ToString(';'), ReferTo: targets[0].Value(), ReferredBy: l.referredBy(req),
		Fallback: req.From().Address.User,
	}
	if l.p.view(l.p.cfg.Snapshot()).FullIDInDialplan {
		r.Target = clean(to.User + "@" + to.Host)
	}
	if v, attended := to.Headers.Get("Replaces"); attended {
		r.Replaces = unescape(v)
		if other := l.sibling(r.Replaces); other != nil {
			r.Replaced, _ = other.report()
		}
	}
	if err := tx.Respond(tx.NewResponse(202, "", sip.NewHeader("Expires", "60"))); err != nil {
		l.log.Debug("REFER not answered", "err", err)
		return
	}
	event := "refer;id=" + strconv.FormatUint(uint64(req.CSeq().SeqNo), 10)
	var once sync.Once
	r.Done = func(accepted bool) { once.Do(func() { l.tellTransfer(s, event, accepted) }) }
	if r.Replaces != "" && r.Replaced == nil {
		l.log.Info("transfer with a dialog that is not the peer's", "replaces", clean(r.Replaces))
		r.Done(false)
		return
	}
	h.LegRefer(r)
}

// tellTransfer ends the subscription that a REFER makes (RFC 3515 §2.4.7) with what came of it.
func (l *leg) tellTransfer(s *sip.Session, event string, accepted bool) {
	status := "SIP/2.0 200 OK\r\n"
	if !accepted {
		status = "SIP/2.0 403 Forbidden\r\n"
	}
	l.follow(s)
	told := make(chan struct{})
	if accepted {
		l.mu.Lock()
		l.told = told
		l.mu.Unlock()
	}
	hs := []sip.Header{sip.NewHeader("Event", event), sip.NewHeader("Subscription-State", "terminated;reason=noresource")}
	err := s.Send("NOTIFY", "message/sipfrag;version=2.0", []byte(status), hs, func(*sip.Response) { close(told) })
	if err != nil {
		close(told)
		l.log.Debug("NOTIFY not sent", "err", err)
	}
}

// goodbye ends an answered session, after the NOTIFY that is under way.
func (l *leg) goodbye(s *sip.Session, reason []sip.Header) {
	l.mu.Lock()
	told := l.told
	l.mu.Unlock()
	bye := func() {
		l.follow(s)
		if err := s.Hangup(reason...); err != nil {
			l.log.Debug("BYE not sent", "err", err)
		}
	}
	if told == nil || !l.p.spawn(func() {
		t := time.NewTimer(farewellWait)
		defer t.Stop()
		select {
		case <-told:
		case <-t.C:
		case <-l.p.ctx.Done():
		}
		bye()
	}) {
		bye()
	}
}

// referTarget reads Refer-To: a SIP URI, bare or in a name-addr, with a user part.
func referTarget(value string) (sip.Uri, bool) {
	value = strings.TrimSpace(value)
	if i := strings.IndexByte(value, '<'); i >= 0 {
		end := strings.IndexByte(value[i:], '>')
		if end < 0 {
			return sip.Uri{}, false
		}
		value = value[i+1 : i+end]
	}
	u, err := sip.ParseURI(value)
	if err != nil || u.User == "" || u.Host == "" || u.Scheme != "sip" && u.Scheme != "sips" {
		return u, false
	}
	u.User = clean(unescape(u.User))
	return u, u.User != ""
}

// unescape undoes %XX; what cannot be read so stays.
func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// referredBy is the Referred-By that the target of a transfer gets: always a URI in <> and nothing else, which is the only form that all
// clients read. A user is named as who it is, whatever it says.
func (l *leg) referredBy(req *sip.Request) string {
	u, ok := partyIn(headerValue(req, "Referred-By"))
	if l.user != nil && !ok {
		u = sip.Uri{Scheme: "sip", Host: l.user.Domain}
	} else if !ok {
		return ""
	}
	if l.user != nil && u.User != aliasOf(l.user) {
		u.User = l.user.ID
	}
	return partyText(&u)
}

// partyIn reads the URI of a header that names somebody, bare or in a name-addr.
func partyIn(value string) (sip.Uri, bool) {
	if i := strings.IndexByte(value, '<'); i >= 0 {
		value, _, _ = strings.Cut(value[i+1:], ">")
	} else {
		value, _, _ = strings.Cut(value, ";")
	}
	u, err := sip.ParseURI(strings.TrimSpace(value))
	return u, err == nil && u.Host != ""
}

// partyText writes <sip:user@host[:port]>.
func partyText(u *sip.Uri) string {
	return "<" + clean(u.Scheme) + ":" + userHost(&sip.Uri{User: escapeUser(u.User), Host: clean(u.Host), Port: u.Port}) + ">"
}

// mayRefer says whether the peer of a leg may move its call: users, gateways, and addresses that an access list lets in. Nobody else, since
// where the call goes is then dialled in the name of who is moved.
func (l *leg) mayRefer(tx *sip.ServerTx) bool {
	snap := l.p.cfg.Snapshot()
	view := l.p.view(snap)
	return !view.DisableTransfer && (l.user != nil || l.gateway != nil || l.p.screen(tx, snap, view).trusted)
}

// owner is whose call a leg is: a user of the directory, a gateway, or an address.
func (l *leg) owner() string {
	var flow *sip.Flow
	if s, err := l.live(); err == nil {
		flow = s.Flow()
	}
	return ownerOf(l.user, l.gateway, flow)
}

func ownerOf(user *config.User, gw *gateway, flow *sip.Flow) string {
	switch {
	case user != nil:
		return "user " + user.ID + "@" + user.Domain
	case gw != nil:
		return "gateway " + gw.cfg.Name
	case flow != nil:
		return "address " + flow.RemoteAddr().Addr().Unmap().String()
	}
	return ""
}

// sibling finds the leg of another dialog of the same peer, as a Replaces of its names it.
func (l *leg) sibling(replaces string) *leg {
	r, ok := sip.ParseReplaces(replaces)
	if !ok {
		return nil
	}
	other, _ := l.p.replaced(r)
	if other == nil { // clients exist that name the tags from their own side
		r.ToTag, r.FromTag = r.FromTag, r.ToTag
		other, _ = l.p.replaced(r)
	}
	if other == nil || other == l || l.owner() == "" || other.owner() != l.owner() {
		return nil
	}
	return other
}

// replaced finds the leg of a dialog.
func (p *Profile) replaced(r sip.Replaces) (l *leg, early bool) {
	s, early := p.stack.Replaced(r)
	if s == nil {
		return nil, false
	}
	l, _ = s.Handler().(*leg)
	return l, early
}

// takeReplaces lets an INVITE with Replaces (RFC 3891 §3) take the place of a call of the same peer. It says whether the INVITE goes on;
// otherwise it has been answered.
func (p *Profile) takeReplaces(tx *sip.ServerTx, a access, in *call.Inbound) bool {
	values := headers(tx.Request(), "Replaces")
	if len(values) == 0 {
		return true
	}
	r, ok := sip.ParseReplaces(values[0].Value())
	if !ok || len(values) > 1 {
		p.respond(tx, 400, "Bad Replaces")
		return false
	}
	l, early := p.replaced(r)
	if l == nil {
		p.respond(tx, 481, "")
		return false
	}
	var user *config.User
	if a.user != nil {
		user = a.user.user
	}
	h, live := l.report()
	switch {
	case !live, early && !l.outbound: // a call that rings at the other side is not this one's to pick up
		p.respond(tx, 481, "")
	case user == nil && a.gateway == nil && !a.trusted, l.owner() != ownerOf(user, a.gateway, tx.Flow()):
		p.respond(tx, 403, "")
	case r.EarlyOnly && !early:
		p.respond(tx, 486, "")
	case !in.Replace(h, early):
		p.respond(tx, 481, "")
	default:
		return true
	}
	return false
}
