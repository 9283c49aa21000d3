package talkpath

import (
	"slices"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/event"
	"github.com/talkpath/talkpath/internal/profile"
)

// publishProfile puts an event of a profile on the bus. Event-Subclass comes first of all, as in FreeSWITCH.
func (ex *exchange) publishProfile(p profile.Event) {
	e := ex.bus.NewEvent(p.Name, event.Origin(p.Origin))
	if p.Subclass != "" {
		e.Headers = slices.Insert(e.Headers, 0, esl.Header{Name: "Event-Subclass", Value: p.Subclass})
	}
	for _, h := range p.Headers {
		e.Add(h[0], h[1])
	}
	if p.Body != "" {
		e.SetBody(p.Body)
	}
	ex.bus.Publish(e)
}
