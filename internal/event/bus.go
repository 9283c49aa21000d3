// Package event is the bus on which calls, registrations and commands announce what happens.
package event

import (
	"context"

	"github.com/talkpath/talkpath/esl"
)

// Identity is who this switch is, in the headers every event carries.
type Identity struct {
	CoreUUID, Hostname, Switchname, IPv4, IPv6 string
}

// Origin is the place an event is said to come from: Event-Calling-File and so on.
type Origin struct {
	File, Function string
	Line           int
}

// Limit bounds a subscription's queue; zero fields mean the default.
type Limit struct {
	Events int // default 100 000
	Bytes  int // default 64 MiB
}

// Bus delivers events.
type Bus struct{}

// NewBus returns a bus.
func NewBus(id Identity) *Bus { return &Bus{} }

// NewEvent returns an event with the base headers.
func (b *Bus) NewEvent(name string, o Origin) *esl.Event { return esl.NewEvent(name) }

// Wants reports whether anyone wants such an event.
func (b *Bus) Wants(name, subclass string) bool { return false }

// Publish stamps and delivers.
func (b *Bus) Publish(e *esl.Event) {}

// Subscribe returns a subscription to nothing yet.
func (b *Bus) Subscribe(limit Limit) *Subscription { return &Subscription{} }

// Subscription is one subscriber's queue.
type Subscription struct{}

// Select replaces what is wanted.
func (s *Subscription) Select(sel esl.Selection) {}

// Next waits for an event.
func (s *Subscription) Next(ctx context.Context) (*esl.Event, error) { return nil, esl.ErrClosed }

// Close ends the subscription.
func (s *Subscription) Close() {}
