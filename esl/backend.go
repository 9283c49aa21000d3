package esl

import (
	"context"
	"errors"
)

// ErrOverflow is returned by Subscription.Next when its reader was too slow: the queue reached its bound and events were lost.
var ErrOverflow = errors.New("event queue overflow")

// ErrClosed is returned by Subscription.Next after Close, and by a Client whose connection is gone.
var ErrClosed = errors.New("closed")

// ErrRefused is told to Outbound.Over when there is no room for another connection, or nobody to connect to.
var ErrRefused = errors.New("refused")

// Backend is what a Server serves: who executes commands and where events come from and go to. Methods are called concurrently.
type Backend interface {
	// Execute runs an API command line and returns its output; "" is no reply. An unknown command yields
	// "-ERR NAME Command not found!\n".
	Execute(ctx context.Context, command string) string
	// Subscribe returns a subscription to nothing yet.
	Subscribe() Subscription
	// Publish puts an event that NewEvent made on the bus, which stamps its sequence.
	Publish(e *Event)
	// NewEvent returns an event with the headers every event has.
	NewEvent(name string) *Event
}

// Subscription is an ordered, bounded queue of the events one connection wants.
type Subscription interface {
	// Select replaces what is wanted.
	Select(sel Selection)
	// Next waits for an event. Errors: ErrOverflow, ErrClosed, the context's.
	Next(ctx context.Context) (*Event, error)
	Close()
}

// Finisher is implemented by a Subscription that can be read to its end, so that the last events of a server that stops arrive.
type Finisher interface {
	// Finish adds no further events; Next returns ErrClosed after those that are queued.
	Finish()
}

// ErrNoChannel is what a Messenger says of a channel that it does not have.
var ErrNoChannel = errors.New("no such channel")

// Messenger is implemented by a Backend whose channels take sendmsg.
type Messenger interface {
	// SendMessage hands a message to a channel. ErrNoChannel: there is no such channel; any other error: too many messages wait at it.
	SendMessage(ctx context.Context, uuid string, headers []Header, body string) error
}
