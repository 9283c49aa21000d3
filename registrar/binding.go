// Package registrar keeps which contacts each address of record has, answers REGISTER and remembers the registrations of phones
// that a restart must not lose.
//
// It owns the bindings and their expiry. It does not authenticate (the caller has done that) and does not route calls. All methods
// are safe for concurrent use.
//
// RFC 3261 §10, RFC 5626 §6. GRUUs (RFC 5627) are left out.
package registrar

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// Binding is one contact of an address of record. Bindings handed out are copies.
type Binding struct {
	Profile string // SIP profile that took the REGISTER
	User    string
	Domain  string

	Contact     string // the URI as registered, without <>
	ContactUser string
	ContactHost string  // host[:port]
	Params      []Param // header parameters other than expires, in order

	// Expires is when the granted time ends. The binding still rings until Deadline, which is what FreeSWITCH shows as its expiry.
	Expires  time.Time
	Deadline time.Time
	Granted  time.Duration // what the client was told

	Flow      *sip.Flow // nil for a registration restored from the store
	FlowID    string
	Transport string // "udp" "tcp" "tls" "ws" "wss"
	Remote    netip.AddrPort
	CallID    string
	CSeq      uint32
	UserAgent string
	Instance  string // +sip.instance with its quotes and <>, "" when absent
	RegID     string
	Since     time.Time // first REGISTER of this binding
	Updated   time.Time // last REGISTER of this binding

	listable bool // safe to show to strict parsers
}

// own makes the texts of a new binding its own: they are parts of its REGISTER, which it would keep in memory. Those that have not changed stay
// what they were.
func (b *Binding) own(old *Binding) {
	for _, t := range [...]struct{ now, was *string }{
		{&b.User, &old.User}, {&b.Domain, &old.Domain}, {&b.Contact, &old.Contact}, {&b.ContactUser, &old.ContactUser},
		{&b.ContactHost, &old.ContactHost}, {&b.CallID, &old.CallID}, {&b.UserAgent, &old.UserAgent}, {&b.Instance, &old.Instance}, {&b.RegID, &old.RegID},
	} {
		if *t.now == *t.was {
			*t.now = *t.was
		} else {
			*t.now = strings.Clone(*t.now)
		}
	}
	if slices.Equal(b.Params, old.Params) {
		b.Params = old.Params
		return
	}
	for i, p := range b.Params {
		b.Params[i] = Param{strings.Clone(p.Name), strings.Clone(p.Value)}
	}
}

// Param is a header parameter; Value keeps its quotes.
type Param struct {
	Name, Value string
}

// Expired says whether the granted time is over: the binding is kept only by the grace period.
func (b *Binding) Expired(now time.Time) bool { return !now.Before(b.Expires) }

// WebSocket says whether the contact is reached over a WebSocket, so that WebRTC media is assumed.
func (b *Binding) WebSocket() bool { return b.Transport == "ws" || b.Transport == "wss" }

// EventType is what happened to a binding.
type EventType int

// The things that happen to a binding.
const (
	Registered EventType = iota + 1
	Refreshed
	Unregistered
	Expired
	FlowClosed // its connection closed
	Replaced   // pushed out by MaxContacts
)

func (t EventType) String() string {
	names := [...]string{"", "registered", "refreshed", "unregistered", "expired", "flow-closed", "replaced"}
	if t < 0 || int(t) >= len(names) {
		return "unknown"
	}
	return names[t]
}

// Event tells what happened to a binding, after the fact.
type Event struct {
	Type    EventType
	Binding Binding
	// Request is the REGISTER that caused it; nil when time or the network did.
	Request *sip.Request
}
