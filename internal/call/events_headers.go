package call

import (
	"context"
	"slices"
	"strings"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/event"
)

// extra are headers that an event has besides those of every channel event.
type extra [][2]string

func (x extra) add(e *esl.Event) {
	for _, h := range x {
		e.Add(h[0], h[1])
	}
}

// eventSpec is one channel event to send.
type eventSpec struct {
	name string
	// subclass is that of a CUSTOM event.
	subclass string
	origin   event.Origin
	before   extra // between the base headers and the channel's
	vars     bool  // with variables
	after    extra // at the end
	body     string
}

// emit sends an event of this channel when somebody wants it: what the channel is now goes to the bus, and is written by who reads it. It is
// published first, so that who reacts to the event by a query sees the same state.
func (ch *Channel) emit(s eventSpec) {
	v := ch.publish()
	if !ch.wanted(s.name, s.subclass) {
		return
	}
	ch.core.cfg.Bus.Post(event.Notice{Name: s.name, Subclass: s.subclass, Origin: s.origin, Channel: ch.uuid, Source: ch.moment(v, s)})
}

// wanted says whether somebody wants such an event.
func (ch *Channel) wanted(name, subclass string) bool {
	bus := ch.core.cfg.Bus
	return bus != nil && bus.Wants(name, subclass)
}

// moment is what an event says.
func (ch *Channel) moment(v *view, s eventSpec) *channelEvent {
	return &channelEvent{view: v, ch: ch, before: s.before, after: s.after, withVars: s.vars, body: s.body}
}

// emitBare publishes an event that says of the channel no more than the headers given.
func (ch *Channel) emitBare(name, subclass string, o event.Origin, headers extra) {
	if !ch.wanted(name, subclass) {
		return
	}
	bus := ch.core.cfg.Bus
	e := bus.NewEvent(name, o)
	if subclass != "" {
		e.Headers = slices.Insert(e.Headers, 0, esl.Header{Name: "Event-Subclass", Value: subclass})
	}
	headers.add(e)
	bus.Publish(e)
}

// Describe adds to an event all that events of the channel say, and its variables.
func (ch *Channel) Describe(ctx context.Context, e *esl.Event) error {
	var now *channelEvent
	err := ch.Ask(ctx, func() error {
		now = ch.moment(ch.publish(), eventSpec{vars: true})
		return nil
	})
	if err == nil {
		now.WriteEvent(e)
	}
	return err
}

// headerText is text that may come from a peer, fit for one header line.
func headerText(s string) string { return strings.Map(dropControl, s) }

func dropControl(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7f {
		return -1
	}
	return r
}
