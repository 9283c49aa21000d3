// Package event is the bus on which calls, registrations and commands announce what happens. It owns the headers every event
// carries, the sequence number, and the subscribers' queues.
//
// All subscribers see the events in one order, that of their sequence numbers. Publish never blocks: a subscriber whose queue is full
// loses its subscription instead. Everything here is safe for concurrent use.
package event

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// firstSequence gives every sequence number the same count of digits: a Rocket.Chat that compares them as text sorts them right.
const firstSequence = 1_000_000_000

// Identity is who this switch is, in the headers every event carries.
type Identity struct {
	CoreUUID, Hostname, Switchname, IPv4, IPv6 string
}

// Origin is the place an event is said to come from: Event-Calling-File, -Function and -Line-Number.
type Origin struct {
	File, Function string
	Line           int
}

// Bus delivers events to subscribers.
type Bus struct {
	id Identity
	// wanted is the union of all subscribers' selections, replaced as a whole when it changes.
	wanted atomic.Pointer[esl.Selection]

	mu sync.Mutex // guards what follows, and orders sequence numbers and deliveries
	// next is the next event's sequence number.
	next uint64
	subs []*Subscription
	// pending are events in their order that the subscribers do not have yet. They are handed over by a goroutine that goes on as long as there are
	// any (handing), or a little later, so that who publishes does not pay for each subscriber.
	pending []queued
	handing bool
	later   *time.Timer
	// interest counts who wants what, so that wanted changes only when a count comes from or goes to zero.
	interest interest

	encodings            esl.Encodings
	published, overflows atomic.Uint64
}

// Stats counts what a bus did since it began.
type Stats struct {
	Published   uint64 // events stamped, wanted or not
	Overflows   uint64 // subscriptions ended because their reader was too slow
	Subscribers int    // now
	Queued      int    // events waiting in queues, now
}

// NewBus returns a bus whose events carry the given identity.
func NewBus(id Identity) *Bus {
	b := &Bus{id: id, next: firstSequence}
	b.wanted.Store(&esl.Selection{})
	b.later = time.AfterFunc(maxGather, b.handOverGathered)
	b.later.Stop()
	return b
}

// NewEvent returns an event with the headers every event begins with, in FreeSWITCH's order. Event-Sequence is a placeholder until
// Publish.
func (b *Bus) NewEvent(name string, o Origin) *esl.Event {
	e := esl.NewEvent(name)
	b.addBase(e, o, time.Now(), 0)
	return e
}

const (
	// baseHeaders is how many headers every event begins with, headerSize about what a header takes beside its text.
	baseHeaders = 13
	headerSize  = 56
)

func (b *Bus) addBase(e *esl.Event, o Origin, at time.Time, sequence uint64) {
	e.Add("Core-UUID", b.id.CoreUUID)
	e.Add("FreeSWITCH-Hostname", b.id.Hostname)
	e.Add("FreeSWITCH-Switchname", b.id.Switchname)
	e.Add("FreeSWITCH-IPv4", b.id.IPv4)
	e.Add("FreeSWITCH-IPv6", b.id.IPv6)
	e.Add("Event-Date-Local", at.Format(time.DateTime))
	e.Add("Event-Date-GMT", at.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	e.Add("Event-Date-Timestamp", strconv.FormatInt(at.UnixMicro(), 10))
	e.Add("Event-Calling-File", o.File)
	e.Add("Event-Calling-Function", o.Function)
	e.Add("Event-Calling-Line-Number", strconv.Itoa(o.Line))
	e.Add("Event-Sequence", strconv.FormatUint(sequence, 10))
}

// Wants reports whether any subscriber wants such an event; builders skip the work when none does. It costs one atomic load and at
// most two map look-ups.
func (b *Bus) Wants(name, subclass string) bool { return b.wanted.Load().Wants(name, subclass) }

// Publish stamps the event's sequence number and hands it to every subscriber that wants it, without ever waiting for one. An event
// that was not made by NewEvent gets the base headers appended. The event is immutable from here on.
func (b *Bus) Publish(e *esl.Event) {
	if _, ok := e.Lookup("Core-UUID"); !ok {
		b.addBase(e, Origin{}, time.Now(), 0)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Set("Event-Sequence", strconv.FormatUint(b.next, 10))
	b.enter(queued{event: e})
}

// Stamp gives an event that goes to one reader only, and not over the bus, a sequence number of its own.
func (b *Bus) Stamp(e *esl.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Set("Event-Sequence", strconv.FormatUint(b.next, 10))
	b.next++
}

// Subscribe returns a subscription that wants nothing yet.
func (b *Bus) Subscribe(limit Limit) *Subscription {
	s := &Subscription{bus: b, limit: limit.withDefaults(), ready: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
	b.subs = append(b.subs, s)
	return s
}

// Stats returns the counters.
func (b *Bus) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
	st := Stats{Published: b.published.Load(), Overflows: b.overflows.Load(), Subscribers: len(b.subs)}
	for _, s := range b.subs {
		st.Queued += s.queued()
	}
	return st
}

// replace changes a subscriber's selection. b.mu is held, and nothing is pending.
func (b *Bus) replace(s *Subscription, sel esl.Selection) {
	changed := b.interest.add(sel, 1)
	changed = b.interest.add(s.selection, -1) || changed
	s.selection = sel
	if changed {
		b.wanted.Store(b.interest.selection())
	}
}

// remove forgets a subscriber. b.mu is held. The order of subscribers does not matter.
func (b *Bus) remove(s *Subscription) {
	for i, other := range b.subs {
		if other == s {
			last := len(b.subs) - 1
			b.subs[i] = b.subs[last]
			b.subs[last] = nil
			b.subs = b.subs[:last]
			b.replace(s, esl.Selection{})
			return
		}
	}
}
