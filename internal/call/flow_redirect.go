package call

import (
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// appRespond refuses the call with a SIP status and phrase of the dialplan's own; with a 3xx the phrase is where to call instead.
func appRespond(ch *Channel, data dialplan.Expanded) string {
	code, phrase, _ := strings.Cut(strings.TrimSpace(data.String()), " ")
	status, err := strconv.Atoi(code)
	if err != nil || status < 300 || status > 699 || ch.isAnswered {
		ch.log.Warn("respond needs a status from 300 to 699 before the answer", "data", data.String())
		return responseNone
	}
	if status < 400 {
		return appRedirect(ch, dialplan.Literal(phrase, data.Wire()))
	}
	ch.hangup(HangupReason{Cause: NormalClearing, Status: status, Phrase: phrase})
	return responseNone
}

// appRedirect is redirect URI[,URI…]: the caller shall call there instead (302).
func appRedirect(ch *Channel, data dialplan.Expanded) string {
	var contacts []string
	for _, c := range strings.FieldsFunc(data.String(), func(r rune) bool { return r == ',' || r == ' ' }) {
		contacts = append(contacts, ch.sipAddress(c))
	}
	if len(contacts) == 0 || ch.leg == nil || ch.direction != inbound || ch.isAnswered {
		ch.log.Warn("redirect needs an address and a call that was not answered", "data", data.String())
		return responseNone
	}
	if err := ch.leg.Redirect(contacts); err != nil {
		ch.log.Info("not redirected", "error", err)
		return responseNone
	}
	ch.vars.set(Variable{Name: "sip_redirected_to", Value: contacts[0], Wire: data.Wire()})
	ch.set("sip_hangup_disposition", "send_refuse")
	ch.hangup(HangupReason{Cause: Redirection})
	return responseNone
}

// appDeflect is deflect URI: the peer shall call there instead, by REFER on a call that stands and by a redirection before the answer.
// The peer ends the call when it does.
func appDeflect(ch *Channel, data dialplan.Expanded) string {
	if !ch.isAnswered {
		return appRedirect(ch, data)
	}
	target := strings.TrimSpace(data.String())
	if target == "" || ch.leg == nil {
		return responseNone
	}
	if err := ch.leg.Refer(ch.sipAddress(target)); err != nil {
		ch.log.Info("not deflected", "error", err)
	}
	return responseNone
}

// sipAddress completes what is no URI: a number becomes one of the call's domain.
func (ch *Channel) sipAddress(s string) string {
	switch {
	case strings.Contains(s, ":"):
		return s
	case strings.Contains(s, "@"):
		return "sip:" + s
	}
	return "sip:" + s + "@" + ch.ownDomain()
}

// appPrivacy is privacy off|on|name|number|full: who is called shall not see who calls.
func appPrivacy(ch *Channel, data dialplan.Expanded) string {
	name, number := false, false
	switch what := strings.ToLower(strings.TrimSpace(data.String())); {
	case what == "name":
		name = true
	case what == "number":
		number = true
	case what == "full" || isTrue(what):
		name, number = true, true
	}
	p := ch.ownProfile()
	p.HideName, p.HideNumber = name, number
	return responseNone
}
