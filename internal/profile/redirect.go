package profile

import (
	"errors"
	"fmt"

	"github.com/talkpath/talkpath/sip"
)

var errNoContact = errors.New("profile: no address to redirect to")

// Redirect implements call.Leg: 302 Moved Temporarily with the contacts in order, RFC 3261 §21.3.3.
func (l *leg) Redirect(contacts []string) error {
	var headers []sip.Header
	for _, c := range contacts {
		uri, err := sip.ParseURI(c)
		if err != nil {
			return fmt.Errorf("profile: redirect: %w", err)
		}
		headers = append(headers, sip.NewHeader("Contact", "<"+uri.String()+">"))
	}
	if len(headers) == 0 {
		return errNoContact
	}
	s, err := l.live()
	if err != nil {
		return err
	}
	if err := s.Reject(302, "", headers...); err != nil {
		return fmt.Errorf("profile: redirect: %w", err)
	}
	l.mu.Lock()
	l.over()
	l.mu.Unlock()
	return nil
}

// Refer implements call.Leg: REFER within the dialog, RFC 3515. What becomes of it arrives as the peer's BYE.
func (l *leg) Refer(target string) error {
	uri, err := sip.ParseURI(target)
	if err != nil {
		return fmt.Errorf("profile: refer: %w", err)
	}
	s, err := l.live()
	if err != nil {
		return err
	}
	l.follow(s)
	to := []sip.Header{sip.NewHeader("Refer-To", "<"+uri.String()+">")}
	if err := s.Send("REFER", "", nil, to, func(*sip.Response) {}); err != nil {
		return fmt.Errorf("profile: refer: %w", err)
	}
	return nil
}
