package profile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// maxRedirects bounds the contacts of a redirection, either way.
const maxRedirects = 16

// errTarget says that a redirection or transfer names no SIP address.
var errTarget = errors.New("profile: no SIP address to go to")

// Redirect implements call.Leg: 302 with one contact, 300 with several (RFC 3261 §21.3.1), each less preferred than the one before it.
func (l *leg) Redirect(contacts []string) error {
	s, err := l.live()
	if err != nil {
		return err
	}
	var hs []sip.Header
	for i, c := range contacts {
		uri, err := addressOf(c)
		if err != nil || len(hs) == maxRedirects {
			continue
		}
		value := "<" + uri.String() + ">"
		if len(contacts) > 1 {
			value += ";q=" + strconv.FormatFloat(max(1-float64(i)*0.05, 0.1), 'f', 2, 64)
		}
		hs = append(hs, sip.NewHeader("Contact", value))
	}
	if len(hs) == 0 {
		return errTarget
	}
	l.mu.Lock()
	ready := !l.outbound && !l.answered && !l.ended
	if ready {
		l.over()
	}
	l.mu.Unlock()
	if !ready {
		return errEnded
	}
	status := 302
	if len(hs) > 1 {
		status = 300
	}
	if err := s.Reject(status, "", hs...); err != nil {
		return fmt.Errorf("profile: redirect: %w", err)
	}
	return nil
}

// Refer implements call.Leg: the peer is asked to call target (RFC 3515), and its NOTIFYs are taken until it hangs up. Whoever refuses
// stays in the call.
func (l *leg) Refer(target string) error {
	s, err := l.live()
	if err != nil {
		return err
	}
	uri, err := addressOf(target)
	if err != nil {
		return err
	}
	l.mu.Lock()
	ready := l.answered && !l.ended
	l.referred = l.referred || ready
	l.mu.Unlock()
	if !ready {
		return errEnded
	}
	l.follow(s)
	local := s.Request().To().Address
	if l.outbound {
		local = s.Request().From().Address
	}
	hs := []sip.Header{
		sip.NewHeader("Refer-To", "<"+uri.String()+">"),
		sip.NewHeader("Referred-By", "<"+local.String()+">"),
	}
	err = s.Send("REFER", "", nil, hs, func(res *sip.Response) {
		if res.StatusCode >= 300 {
			l.log.Warn("transfer refused by the peer", "status", res.StatusCode, "phrase", res.Reason)
		}
	})
	if err != nil {
		return fmt.Errorf("profile: REFER: %w", err)
	}
	return nil
}

// notified takes what a peer tells about the call we asked it to make (RFC 3515 §2.4.4).
func (l *leg) notified(tx *sip.ServerTx) {
	l.mu.Lock()
	ours := l.referred
	l.mu.Unlock()
	event, _, _ := strings.Cut(headerValue(tx.Request(), "Event"), ";")
	if !ours || !strings.EqualFold(strings.TrimSpace(event), "refer") {
		l.p.respond(tx, 481, "") // no subscription is ours: RFC 6665 §4.1.3
		return
	}
	l.p.respond(tx, 200, "")
	status, _, _ := strings.Cut(string(tx.Request().Body()), "\n")
	l.log.Info("transfer by the peer", "status", clean(status))
}

// addressOf reads a SIP URI with or without its scheme and <>.
func addressOf(s string) (sip.Uri, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") {
		s = s[1 : len(s)-1]
	}
	if !hasScheme(s) {
		s = "sip:" + s
	}
	uri, err := sip.ParseURI(s)
	if err != nil || uri.Host == "" || uri.Host == "tel" || clean(s) != s || strings.ContainsAny(s, "<> ,\"") {
		return uri, fmt.Errorf("%w: %q", errTarget, s)
	}
	return uri, nil
}

// redirectVars says where a callee wants to be called instead, in FreeSWITCH's names. Nobody is called there: where a call may go is
// the dialplan's to say, not a callee's.
func redirectVars(res *sip.Response) []call.Variable {
	var v vars
	n := 0
	for h := range sip.FindHeaders(res, "Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || c.Address.Wildcard || n == maxRedirects {
			continue
		}
		suffix := "_" + strconv.Itoa(n)
		v.wire("sip_redirect_contact"+suffix, "<"+c.Address.String()+">")
		v.wire("sip_redirect_contact_user"+suffix, c.Address.User)
		v.wire("sip_redirect_contact_host"+suffix, c.Address.Host)
		if len(c.Address.UriParams) > 0 {
			v.wire("sip_redirect_contact_params"+suffix, c.Address.UriParams.ToString(';'))
		}
		if n == 0 {
			v.wire("sip_redirected_to", "<"+c.Address.String()+">")
		}
		n++
	}
	if n > 0 {
		v.own("sip_redirect_count", strconv.Itoa(n))
	}
	return v
}
