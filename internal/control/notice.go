package control

import (
	"errors"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/profile"
)

// errNoNotice is an event NOTIFY that says too little.
var errNoNotice = errors.New("control: uuid, or profile, user and host, with event-string and content-type are needed")

// notify does what mod_sofia does with an event NOTIFY that a program sent (mod_sofia.c general_event_handler): with the header uuid it tells the peer
// of that channel, with profile, user and host (and call-id) the contacts of a user. The form with to-uri and from-uri, for any address, is not served.
func (c *Control) notify(e *esl.Event) error {
	event, kind := e.Value("event-string"), e.Value("content-type")
	if event == "" || kind == "" {
		return errNoNotice
	}
	if uuid := e.Value("uuid"); uuid != "" {
		ch, ok := c.steered(uuid)
		if !ok {
			return esl.ErrNoChannel
		}
		ch.SendNotify(event, kind, e.Body)
		return nil
	}
	n := profile.Notice{User: e.Value("user"), Domain: e.Value("host"), CallID: e.Value("call-id"), Event: event, ContentType: kind, Body: []byte(e.Body)}
	name := e.Value("profile")
	if name == "" || n.User == "" || n.Domain == "" || c.deps.Notify == nil {
		return errNoNotice
	}
	if p, ok := c.profileConfig(name); ok {
		name = p.Name
	}
	return c.deps.Notify(name, n)
}
