package profile

import (
	"crypto/rand"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// maxMessages bounds the relayed messages that nobody has answered yet: a browser of Rocket.Chat never answers one, and each is kept for
// 64*T1.
const maxMessages = 5000

// sendingMessage marks what a profile relays, so that a message which comes back is not relayed again.
const sendingMessage = "X-FS-Sending-Message"

// newMark makes the value of sendingMessage.
func newMark() string { return rand.Text() }

// serveMessage relays a MESSAGE outside of a dialog (RFC 3428) from a user to the contacts of another. There is no other way for it: it
// reaches no command and no dialplan, and users who are not registered here get nothing.
func (p *Profile) serveMessage(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile) {
	id := p.authenticate(tx, snap, view, true)
	if id == nil {
		return
	}
	to := tx.Request().Recipient
	domain := p.domain(snap, view, to.Host)
	u, ok := snap.Directory.User(unescape(to.User), domain)
	if !ok {
		p.respond(tx, 404, "")
		return
	}
	p.relay(tx, tx.Request().From().Address, u.ID, u.Domain, 480)
}

// message relays a MESSAGE of a dialog to the contacts of the party of the call, outside of any dialog as mod_sofia does: that is where
// clients look for it.
func (l *leg) message(tx *sip.ServerTx) {
	l.mu.Lock()
	h := l.handler
	l.mu.Unlock()
	if h != nil && l.p.view(l.p.cfg.Snapshot()).ProxyMessage {
		h.LegPass(passedMessage(tx.Request()), func(passed bool) {
			if passed {
				l.p.respond(tx, 202, "")
				return
			}
			l.relayMessage(h, tx)
		})
		return
	}
	l.relayMessage(h, tx)
}

// passedMessage is a MESSAGE as it goes on in the dialog of the other party (proxy-message).
func passedMessage(req *sip.Request) call.Request {
	r := call.Request{Method: "MESSAGE", ContentType: contentType(req), Body: req.Body()}
	for _, h := range req.Headers() {
		if relayed(h.Name()) {
			r.Headers = append(r.Headers, call.Variable{Name: h.Name(), Value: h.Value()})
		}
	}
	return r
}

// relayMessage relays a MESSAGE of a user to the contacts of the other party.
func (l *leg) relayMessage(h call.LegHandler, tx *sip.ServerTx) {
	if h == nil || l.user == nil { // only users have somebody to write to
		l.p.respond(tx, 403, "")
		return
	}
	from := tx.Request().From().Address
	if from.User != l.user.ID { // a called phone's From is its contact
		from = sip.Uri{Scheme: "sip", User: escapeUser(l.user.ID), Host: l.user.Domain}
	}
	user, domain, _ := cutLast(h.LegPeer(), "@")
	l.p.relay(tx, from, user, domain, 202)
}

// relay sends a message on and answers it: 202 when it went out, missing when there was nobody to send it to.
func (p *Profile) relay(tx *sip.ServerTx, from sip.Uri, user, domain string, missing int) {
	req := tx.Request()
	if headerValue(req, sendingMessage) != "" && headerValue(req, sendingMessage) == p.mark {
		p.respond(tx, 503, "") // our own, as mod_sofia answers it
		return
	}
	p.tellMessage(tx, from, user, domain)
	var ways []registrar.Binding
	if user != "" {
		for _, b := range p.cfg.Registrar.Lookup(user, domain) {
			if b.Profile == p.cfg.Name {
				ways = append(ways, b)
			}
		}
	}
	if len(ways) == 0 {
		p.noRecipient(from, user+"@"+domain, string(req.Body()))
		p.respond(tx, missing, "")
		return
	}
	if p.messages.Add(int64(len(ways))) > maxMessages {
		p.messages.Add(-int64(len(ways)))
		p.refusals.messages.Add(1)
		p.respond(tx, 503, "", sip.NewHeader("Retry-After", retryAfter))
		return
	}
	p.respond(tx, 202, "")
	for i := range ways {
		p.deliver(&ways[i], req, from)
	}
}

// deliver sends a message to one contact. What comes back, or that nothing does, changes nothing.
func (p *Profile) deliver(b *registrar.Binding, in *sip.Request, from sip.Uri) {
	err := p.sendMessage(b, in, from)
	if err != nil {
		p.messages.Add(-1)
		p.log.Debug("message not sent", "to", b.Contact, "err", err)
	}
}

func (p *Profile) sendMessage(b *registrar.Binding, in *sip.Request, from sip.Uri) error {
	target, err := sip.ParseURI(b.Contact)
	if err != nil {
		return err
	}
	target.Headers = nil
	flow, err := p.flowOf(b)
	if err != nil {
		return err
	}
	req := sip.NewRequest(sip.MESSAGE, target)
	from.Headers = nil
	req.AppendHeader(&sip.FromHeader{Address: from, Params: sip.HeaderParams{}})
	req.AppendHeader(&sip.ToHeader{Address: *target.Clone(), Params: sip.HeaderParams{}})
	kind := headerValue(in, "Content-Type")
	if kind == "" {
		kind = "text/plain"
	}
	req.AppendHeader(sip.NewHeader("Content-Type", clean(kind)))
	req.AppendHeader(sip.NewHeader(sendingMessage, p.mark))
	for _, h := range in.Headers() {
		if relayed(h.Name()) {
			req.AppendHeader(sip.NewHeader(h.Name(), clean(h.Value())))
		}
	}
	req.SetBody(in.Body())
	return p.stack.Send(req, flow, func(res *sip.Response) {
		if res.StatusCode >= 200 {
			p.messages.Add(-1)
		}
	})
}

// relayed says which headers of a message go on.
func relayed(name string) bool {
	if strings.EqualFold(name, "User-to-User") || strings.EqualFold(name, "Content-Disposition") {
		return true
	}
	return len(name) > 2 && strings.EqualFold(name[:2], "X-") && token(name) && !strings.EqualFold(name, sendingMessage)
}

// tellMessage publishes the event MESSAGE, with the headers and in the order of sofia_presence.c.
func (p *Profile) tellMessage(tx *sip.ServerTx, from sip.Uri, user, domain string) {
	if !p.wants("MESSAGE", "") {
		return
	}
	req, remote := tx.Request(), tx.Flow().RemoteAddr()
	view := p.view(p.cfg.Snapshot())
	to := req.To().Address
	if user == "" {
		user, domain = to.User, to.Host
	}
	kind := contentType(req)
	if kind == "" {
		kind = "text/plain"
	}
	hs := [][2]string{
		{"login", p.url(view)}, {"proto", "sip"}, {"to_proto", "sip"},
		{"from", clean(userHost(&from))}, {"from_user", clean(from.User)}, {"from_host", clean(from.Host)},
		{"to_user", clean(user)}, {"to_host", clean(domain)},
		{"from_sip_ip", remote.Addr().Unmap().String()}, {"from_sip_port", strconv.Itoa(int(remote.Port()))},
		{"to", clean(user + "@" + domain)}, {"subject", "SIMPLE MESSAGE"}, {"context", view.Context}, {"type", clean(kind)},
		{"from_full", clean(req.From().Value())}, {"sip_profile", p.cfg.Name},
	}
	for _, h := range req.Headers() {
		if relayed(h.Name()) && !strings.EqualFold(h.Name(), "Content-Disposition") {
			hs = append(hs, [2]string{"sip_h_" + h.Name(), clean(h.Value())})
		}
	}
	hs = append(hs, [2]string{"dest_proto", "sip"}, [2]string{"Nonblocking-Delivery", "true"})
	p.cfg.Events(Event{
		Name: "MESSAGE", Origin: Origin{"sofia_presence.c", "sofia_presence_handle_sip_i_message", 4894}, Headers: hs, Body: string(req.Body()),
	})
}

// noRecipient publishes that a message reached nobody.
func (p *Profile) noRecipient(from sip.Uri, to, body string) {
	if !p.wanted("error") {
		return
	}
	p.cfg.Events(Event{Name: custom, Subclass: "sofia::error", Origin: Origin{"sofia_presence.c", "sofia_presence_chat_send", 276}, Headers: [][2]string{
		{"Error-Type", "chat"}, {"Error-Reason", "no recipient"}, {"Chat-Send-To", clean(to)}, {"Chat-Send-From", clean("<" + from.String() + ">")},
		{"Chat-Send-Profile", p.cfg.Name},
	}, Body: body})
}
