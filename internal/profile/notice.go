package profile

import (
	"errors"
	"strings"

	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// Notice is a NOTIFY outside of a dialog for the contacts of a user, as an event NOTIFY asks for it: a phone that is to read its configuration again
// (check-sync), a lamp for messages.
type Notice struct {
	User, Domain string
	// CallID picks one contact, by the Call-ID of its registration; "" is all contacts.
	CallID string
	// Event, ContentType and Body are those of the request.
	Event, ContentType string
	Body               []byte
}

// maxNotice bounds a notice: it has to fit into a datagram.
const maxNotice = 32 << 10

// Errors of Notify.
var (
	ErrNoContact     = errors.New("profile: the user has no contact on the profile")
	ErrNoticeTooLong = errors.New("profile: the notice is too long")
	errManyMessages  = errors.New("profile: too many messages without an answer")
)

// Notify sends a notice and does not wait for what the phones answer. The errors are ErrNoContact, ErrNoticeTooLong, and why none could be sent.
func (p *Profile) Notify(n Notice) error {
	if len(n.Body) > maxNotice {
		return ErrNoticeTooLong
	}
	err := ErrNoContact
	sent := false
	for _, b := range p.cfg.Registrar.Lookup(n.User, n.Domain) {
		if b.Profile != p.cfg.Name || n.CallID != "" && n.CallID != b.CallID {
			continue
		}
		if failed := p.notify(&b, n); failed != nil {
			err = failed
		} else {
			sent = true
		}
	}
	if sent {
		return nil
	}
	return err
}

func (p *Profile) notify(b *registrar.Binding, n Notice) error {
	target, err := sip.ParseURI(b.Contact)
	if err != nil {
		return err
	}
	target.Headers = nil
	flow, err := p.flowOf(b)
	if err != nil {
		return err
	}
	user := sip.Uri{Scheme: "sip", User: escapeUser(b.User), Host: b.Domain}
	req := sip.NewRequest(sip.NOTIFY, target)
	req.AppendHeader(&sip.FromHeader{Address: user, Params: sip.HeaderParams{}})
	req.AppendHeader(&sip.ToHeader{Address: *user.Clone(), Params: sip.HeaderParams{}})
	req.AppendHeader(p.contact(flow))
	req.AppendHeader(sip.NewHeader("Event", clean(n.Event)))
	req.AppendHeader(sip.NewHeader("Subscription-State", "terminated;reason=noresource"))
	if kind := strings.TrimSpace(clean(n.ContentType)); kind != "" {
		req.AppendHeader(sip.NewHeader("Content-Type", kind))
	}
	req.SetBody(n.Body)
	if p.messages.Add(1) > maxMessages {
		p.messages.Add(-1)
		p.refusals.messages.Add(1)
		return errManyMessages
	}
	err = p.stack.Send(req, flow, func(res *sip.Response) {
		if res.StatusCode >= 200 {
			p.messages.Add(-1)
		}
	})
	if err != nil {
		p.messages.Add(-1)
	}
	return err
}

// Notify has a profile of the set send a notice; without such a profile it is ErrNoContact.
func (s Set) Notify(profile string, n Notice) error {
	for _, p := range s {
		if p.cfg.Name == profile {
			return p.Notify(n)
		}
	}
	return ErrNoContact
}
