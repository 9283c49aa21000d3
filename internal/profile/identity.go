package profile

import (
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// invite sends the INVITE. Callbacks wait for the lock, so they find the session set.
func (r *route) invite(l *leg, o call.Outbound, flow *sip.Flow) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	session, err := r.profile.stack.Invite(r.request(o, flow), flow, l)
	if l.abandon = nil; err == nil {
		if l.session == nil {
			l.begin(session)
		} else {
			l.session = session // at the callee's next place
		}
		l.proofs = 0
		l.awaitSign(session)
		r.credentials.prove(session)
		l.again = func(s *sip.Session, h sip.Header) error { return r.inviteAgain(l, o, s, h) }
	}
	l.mu.Unlock()
	if err != nil {
		r.failed(l, err)
	}
}

// inviteAgain repeats an INVITE that was challenged, with the proof of the password. Called with l.mu held.
func (r *route) inviteAgain(l *leg, o call.Outbound, old *sip.Session, proof sip.Header) error {
	first := old.Request()
	req := r.request(o, old.Flow())
	id := sip.CallIDHeader(old.CallID())
	req.RemoveHeader("Call-ID")
	req.RemoveHeader("CSeq")
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: first.CSeq().SeqNo + 1, MethodName: sip.INVITE})
	req.From().Params = sip.HeaderParams{{K: "tag", V: old.LocalTag()}}
	req.AppendHeader(proof)
	s, err := r.profile.stack.Invite(req, old.Flow(), l)
	if err == nil {
		l.session = s
		r.credentials.prove(s)
	}
	return err
}

// challenged answers a callee's question for a password once (and once more when only the nonce was too old). It says whether it did.
// Whoever we called by an account of ours is asked by nobody else: the answer goes out on the flow of the INVITE, to the server that is
// configured. Other legs have no credentials and answer nothing.
func (l *leg) challenged(s *sip.Session, res *sip.Response) bool {
	if res.StatusCode != 401 && res.StatusCode != 407 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.again == nil || l.ended || l.session != s || l.proofs > 1 || l.proofs == 1 && !stale(res) {
		return false
	}
	h, ok := l.credentials.answer(&l.client, res, "INVITE", s.Request().Recipient.String())
	if !ok {
		if l.gateway != nil {
			l.log.Warn("challenge not answered: its realm is neither the one the gateway registered in nor the one configured", "gateway", l.gateway.cfg.Name)
		}
		return false
	}
	l.proofs++
	if err := l.again(s, h); err != nil {
		l.log.Warn("INVITE not repeated", "err", err)
		return false
	}
	return true
}

// tooBrief repeats an INVITE once whose session interval the callee finds too small (RFC 4028 §7.3). It says whether it did.
func (l *leg) tooBrief(s *sip.Session, res *sip.Response) bool {
	least := headerValue(res, "Min-SE")
	if res.StatusCode != 422 || seconds(least) == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.again == nil || l.ended || l.session != s || l.longer {
		return false
	}
	l.longer = true
	return l.again(s, sip.NewHeader("Session-Expires", clean(least))) == nil
}

// request builds the INVITE as FreeSWITCH addresses it: From is the caller's name and number at the dialled domain, or the gateway's
// account, To the callee's contact.
func (r *route) request(o call.Outbound, flow *sip.Flow) *sip.Request {
	req := sip.NewRequest(sip.INVITE, *r.target.Clone())
	hidden := r.hidden(o)
	from, name := r.from(o, hidden)
	to := *r.target.Clone()
	if v := r.option("sip_invite_to_uri"); v != "" {
		if u, err := addressOf(v); err == nil {
			to = u
		}
	}
	req.AppendHeader(&sip.FromHeader{DisplayName: quoteName(name), Address: from, Params: sip.HeaderParams{}})
	req.AppendHeader(&sip.ToHeader{Address: to, Params: sip.HeaderParams{}})
	hops, media := sip.MaxForwardsHeader(clamp(o.MaxForwards)), sip.ContentTypeHeader("application/sdp")
	req.AppendHeader(&hops)
	req.AppendHeader(r.contact(flow))
	given := map[string]bool{}
	for _, h := range o.Headers {
		if token(h.Name) && free(h.Name) {
			given[strings.ToLower(h.Name)] = true
			req.AppendHeader(sip.NewHeader(h.Name, passedValue(h)))
		}
	}
	req.AppendHeader(&media)
	req.AppendHeader(sip.NewHeader("Content-Disposition", "session"))
	for _, h := range r.identity(o, hidden) {
		if !given[strings.ToLower(h.Name())] {
			req.AppendHeader(h)
		}
	}
	req.SetBody(o.SDP)
	return req
}

// passedValue is the value of a header that goes on. Referred-By takes the one form that all clients read.
func passedValue(h call.Variable) string {
	if strings.EqualFold(h.Name, "Referred-By") {
		if u, ok := partyIn(h.Value); ok {
			return partyText(&u)
		}
	}
	return clean(h.Value)
}

// contact is ours in the INVITE.
func (r *route) contact(flow *sip.Flow) *sip.ContactHeader {
	c := r.profile.contact(flow)
	if r.gateway != nil {
		c = r.gateway.contact(flow)
	}
	if v := r.option("sip_contact_user"); v != "" {
		c.Address.User = escapeUser(v)
	}
	addParams(&c.Address, r.option("sip_invite_contact_params"))
	return c
}

// addParams adds a;b=c to a URI.
func addParams(u *sip.Uri, list string) {
	for kv := range strings.SplitSeq(clean(list), ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(kv), "="); token(k) && !strings.ContainsAny(v, "<>, \"@?") {
			u.UriParams.Remove(k)
			u.UriParams = append(u.UriParams, sip.HeaderKV{K: k, V: v})
		}
	}
}

// option reads a variable of the dial string.
func (r *route) option(name string) string { return value(r.vars, name, "") }

// hiding is what the caller does not want to be shown.
type hiding struct{ name, number bool }

// hidden is what the application privacy, origination_privacy (hide_name, hide_number, full or true), privacy_hide_name or
// privacy_hide_number hide.
func (r *route) hidden(o call.Outbound) hiding {
	h := hiding{o.HideName || isTrue(r.option("privacy_hide_name")), o.HideNumber || isTrue(r.option("privacy_hide_number"))}
	privacy := strings.ToLower(r.option("origination_privacy"))
	for _, word := range strings.FieldsFunc(privacy, func(c rune) bool { return strings.ContainsRune(":,+| ", c) }) {
		switch word {
		case "hide_name", "name":
			h.name = true
		case "hide_number", "number", "id":
			h.number = true
		case "full", "true", "yes":
			h.name, h.number = true, true
		}
	}
	return h
}

// from is the From of the INVITE. A gateway's account stays in it whatever is hidden: it is no caller's number.
func (r *route) from(o call.Outbound, hidden hiding) (sip.Uri, string) {
	name := o.CallerName
	if v := r.option("sip_from_display"); v != "" {
		name = v
	}
	if hidden.name || hidden.number {
		name = "Anonymous"
	}
	for _, variable := range []string{"sip_invite_from_uri", "sip_from_uri"} {
		if u, err := addressOf(r.option(variable)); err == nil && r.option(variable) != "" {
			return u, name
		}
	}
	account := r.gateway != nil && !r.gateway.cfg.CallerIDInFrom
	switch {
	case account:
		u, _ := sip.ParseURI(r.gateway.cfg.FromURI())
		return u, name
	case hidden.number:
		return sip.Uri{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}, name // RFC 3323 §4.1.1.3
	}
	return sip.Uri{Scheme: "sip", User: escapeUser(o.CallerNum), Host: r.domain}, name
}

// identity is the caller's number for those who may know it: Remote-Party-ID or P-Asserted-Identity (RFC 3325), as sip_cid_type, the
// gateway or the profile say. A hidden number goes only to a gateway, whose operator must know it and is told not to show it.
func (r *route) identity(o call.Outbound, hidden hiding) []sip.Header {
	kind := r.profile.view(r.profile.cfg.Snapshot()).CallerIDType
	if r.gateway != nil && r.gateway.cfg.CallerIDType != "" {
		kind = r.gateway.cfg.CallerIDType
	}
	kind = strings.ToLower(value(r.vars, "sip_cid_type", kind))
	secret := hidden.name || hidden.number
	if kind == "none" || secret && r.gateway == nil {
		return nil
	}
	uri := sip.Uri{Scheme: "sip", User: escapeUser(o.CallerNum), Host: r.domain}
	party := `"` + quoteName(o.CallerName) + `" <` + uri.String() + ">"
	if kind == "pid" || kind == "p-asserted-identity" {
		hs := []sip.Header{sip.NewHeader("P-Asserted-Identity", party)}
		if secret {
			hs = append(hs, sip.NewHeader("Privacy", "id"))
		}
		return hs
	}
	privacy := "off"
	switch hidden {
	case hiding{true, true}:
		privacy = "full"
	case hiding{true, false}:
		privacy = "name"
	case hiding{false, true}:
		privacy = "uri"
	}
	return []sip.Header{sip.NewHeader("Remote-Party-ID", party+";party=calling;screen=yes;privacy="+privacy)}
}

// free says whether a header may be set by sip_h_NAME: not those that make a message what it is.
func free(name string) bool {
	switch strings.ToLower(name) {
	case "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards", "route", "record-route", "authorization",
		"proxy-authorization", "www-authenticate", "proxy-authenticate", "content-type", "c", "content-length", "l", "content-disposition",
		"content-encoding", "e", "allow", "supported", "k", "require", "proxy-require", "user-agent", "server", "expires", "rseq", "rack",
		"session-expires", "x", "min-se", "event", "o", "subscription-state", "refer-to", "r", "replaces", "date", "timestamp", "mime-version":
		return false
	}
	return true
}
