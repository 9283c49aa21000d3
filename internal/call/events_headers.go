package call

import (
	"context"
	"slices"
	"strconv"
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

// emit builds and publishes an event of this channel when somebody wants it. The snapshot is published first, so that who reacts to
// the event by a query sees the same state.
func (ch *Channel) emit(s eventSpec) {
	ch.publish()
	bus := ch.core.cfg.Bus
	if bus == nil || !bus.Wants(s.name, s.subclass) {
		return
	}
	e := bus.NewEvent(s.name, s.origin)
	ch.fill(e, s)
	bus.Publish(e)
}

// ownHeaders is about how many headers a channel event has besides the base ones and variables: its own and those of two caller profiles.
const ownHeaders = 96

// fill writes an event's headers after the base ones.
func (ch *Channel) fill(e *esl.Event, s eventSpec) {
	if s.vars {
		e.Headers = slices.Grow(e.Headers, ownHeaders+len(ch.vars.list))
	}
	s.before.add(e)
	ch.addBasic(e)
	if ch.profile != nil {
		ch.profile.addOwn(e)
	}
	if ch.other != nil {
		e.Add("Other-Type", ch.otherType)
		ch.other.addOther(e)
	}
	if s.vars {
		for _, v := range ch.vars.list {
			addVariable(e, v)
		}
	}
	s.after.add(e)
	if s.body != "" {
		e.SetBody(s.body)
	}
}

// emitBare publishes an event that says of the channel no more than the headers given.
func (ch *Channel) emitBare(name, subclass string, o event.Origin, headers extra) {
	bus := ch.core.cfg.Bus
	if bus == nil || !bus.Wants(name, subclass) {
		return
	}
	e := bus.NewEvent(name, o)
	if subclass != "" {
		e.Headers = slices.Insert(e.Headers, 0, esl.Header{Name: "Event-Subclass", Value: subclass})
	}
	headers.add(e)
	bus.Publish(e)
}

// Describe adds to an event all that events of the channel say, and its variables.
func (ch *Channel) Describe(ctx context.Context, e *esl.Event) error {
	about := &esl.Event{}
	err := ch.Ask(ctx, func() error {
		ch.fill(about, eventSpec{vars: true})
		return nil
	})
	if err == nil {
		e.Headers = append(e.Headers, about.Headers...)
	}
	return err
}

// addVariable writes a variable_ header, an array when the variable has several values. A peer cannot make one: each value of an array
// costs more memory than it has bytes on the wire.
func addVariable(e *esl.Event, v Variable) {
	values := arrayValues(v.Value)
	if values == nil || v.Wire && v.Name != dialplanMatch {
		e.Add("variable_"+v.Name, v.Value)
		return
	}
	for _, value := range values {
		e.Push("variable_"+v.Name, value)
	}
}

// addBasic writes the headers of switch_channel_event_set_basic_data before the caller profile.
func (ch *Channel) addBasic(e *esl.Event) {
	e.Add("Channel-State", ch.state.String())
	e.Add("Channel-Call-State", ch.callState.String())
	e.Add("Channel-State-Number", strconv.Itoa(int(ch.requested)))
	e.Add("Channel-Name", ch.name)
	e.Add("Unique-ID", ch.uuid)
	e.Add("Call-Direction", ch.direction)
	e.Add("Presence-Call-Direction", ch.direction)
	e.Add("Channel-HIT-Dialplan", strconv.FormatBool(ch.direction == inbound || ch.flipped))
	if id := ch.vars.value("presence_id"); id != "" {
		e.Add("Channel-Presence-ID", id)
	}
	e.Add("Channel-Call-UUID", ch.callUUID)
	e.Add("Answer-State", ch.answerState)
	if ch.cause != "" {
		e.Add("Hangup-Cause", string(ch.cause))
	}
	if ch.codec.Name == "" {
		return
	}
	rate, bits := strconv.Itoa(ch.codec.SampleRate()), strconv.Itoa(bitRate(ch.codec))
	e.Add("Channel-Read-Codec-Name", ch.codec.Name)
	e.Add("Channel-Read-Codec-Rate", rate)
	e.Add("Channel-Read-Codec-Bit-Rate", bits)
	e.Add("Channel-Write-Codec-Name", ch.codec.Name)
	e.Add("Channel-Write-Codec-Rate", rate)
	e.Add("Channel-Write-Codec-Bit-Rate", bits)
}

// headerText is text that may come from a peer, fit for one header line.
func headerText(s string) string { return strings.Map(dropControl, s) }

func dropControl(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7f {
		return -1
	}
	return r
}
