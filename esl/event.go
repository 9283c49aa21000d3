// Package esl is the event socket: FreeSWITCH's line protocol over TCP by which programs give commands and hear events. It owns the
// Event type with its three encodings, the server side, and clients. It does not know what a command does or where events come from: that
// is a Backend's business.
//
// A program that steers or watches an exchange, Talkpath or FreeSWITCH, takes one of these:
//
//   - Dial makes a Client: commands (API, BGAPI), events (Subscribe, Events), messages to channels (Execute, Hangup), log lines (Log).
//   - Reconnector keeps a Client through restarts of the exchange, subscribes anew and tells about the gap.
//   - OutboundServer is called by the exchange for each call that reaches the dialplan's socket application, and gives it to a handler as a
//     Session.
//
// Server offers an event socket, to any program that has a Backend.
//
// Server, Client and the others are safe for concurrent use. An Event is not while it is built, and is immutable once published. Every queue is
// bounded; Close and Shutdown return when no goroutine is left.
//
// The protocol has no standard; its source is FreeSWITCH's mod_event_socket as recorded from version 1.11.2.
package esl

import "strings"

// Header is one header of an event.
type Header struct {
	Name, Value string
	// Array is non-nil for a header that occurs several times; Value is then FreeSWITCH's joined form, "ARRAY::a|:b".
	Array []string
}

// Event is one event: headers in the order they were added, and a body. Its zero value is an event without a name.
type Event struct {
	Headers []Header
	Body    string
	// HasBody tells an empty body, which JSON shows, from none.
	HasBody bool

	// name is the event's name where its header does not come first; "" where it does.
	name string
	// owner is the connection whose background job an event is the result of; a clone has none.
	owner *conn
	// diverted is the channel whose controller alone gets the event, see divert_events.
	diverted string
	// shared are the event's encodings, when it has several readers.
	shared *frames
}

// NewEvent returns an event with its Event-Name header.
func NewEvent(name string) *Event {
	e := &Event{Headers: make([]Header, 0, 64)}
	e.Add("Event-Name", name)
	return e
}

// Name returns the event's name, such as CHANNEL_CREATE.
func (e *Event) Name() string {
	if e.name != "" {
		return e.name
	}
	return e.Value("Event-Name")
}

// Subclass returns the subclass of a CUSTOM event, such as sofia::register.
func (e *Event) Subclass() string { return e.Value("Event-Subclass") }

// concerns says whether an event is one of a channel, or the result of a job of who controls it.
func (e *Event) concerns(uuid string) bool {
	return e.Value("Unique-ID") == uuid || e.diverted == uuid || e.Value("Job-Owner-UUID") == uuid
}

// index finds a header by name. FreeSWITCH's header names are case-insensitive.
func (e *Event) index(name string) int {
	for i := range e.Headers {
		if strings.EqualFold(e.Headers[i].Name, name) {
			return i
		}
	}
	return -1
}

// Add appends a header, whether or not one of that name exists.
func (e *Event) Add(name, value string) {
	e.Headers = append(e.Headers, Header{Name: name, Value: value})
}

// Set replaces the value of a header in place, or appends it.
func (e *Event) Set(name, value string) {
	if i := e.index(name); i >= 0 {
		e.Headers[i].Value, e.Headers[i].Array = value, nil
		return
	}
	e.Add(name, value)
}

// Push appends a value to a header that may occur several times. The first value makes a plain header, the second an array of both.
func (e *Event) Push(name, value string) {
	i := e.index(name)
	if i < 0 {
		e.Add(name, value)
		return
	}
	h := &e.Headers[i]
	if h.Array == nil {
		h.Array = []string{h.Value}
	}
	h.Array = append(h.Array, value)
	h.Value = joinArray(h.Array)
}

// Del removes every header of that name.
func (e *Event) Del(name string) {
	kept := e.Headers[:0]
	for _, h := range e.Headers {
		if !strings.EqualFold(h.Name, name) {
			kept = append(kept, h)
		}
	}
	clear(e.Headers[len(kept):])
	e.Headers = kept
}

// Value returns a header's value, "" when there is none.
func (e *Event) Value(name string) string {
	v, _ := e.Lookup(name)
	return v
}

// Lookup returns a header's value and whether there is one.
func (e *Event) Lookup(name string) (string, bool) {
	if i := e.index(name); i >= 0 {
		return e.Headers[i].Value, true
	}
	return "", false
}

// SetBody gives the event a body, which may be empty.
func (e *Event) SetBody(body string) { e.Body, e.HasBody = body, true }

// Clone returns a deep copy.
func (e *Event) Clone() *Event {
	c := &Event{Headers: make([]Header, len(e.Headers)), Body: e.Body, HasBody: e.HasBody}
	copy(c.Headers, e.Headers)
	for i := range c.Headers {
		if a := c.Headers[i].Array; a != nil {
			c.Headers[i].Array = append([]string(nil), a...)
		}
	}
	return c
}

// Size is about what the event takes in memory; bounded queues count with it.
func (e *Event) Size() int {
	n := 64 + len(e.Body)
	for i := range e.Headers {
		h := &e.Headers[i]
		n += 56 + len(h.Name) + len(h.Value)
		for _, v := range h.Array {
			n += 16 + len(v)
		}
	}
	return n
}
