package registrar

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// Config of a Registrar. Zero values mean the defaults named.
type Config struct {
	// Store keeps registrations over UDP and TCP across restarts. nil: nothing is kept. Close closes it.
	Store  Store
	Logger *slog.Logger // nil: discarded
	// Grace is how long a binding still rings after its granted time. 0: 60 s, as FreeSWITCH. Negative: none.
	Grace time.Duration
	// MinExpires is the shortest time granted; less is refused with 423. 0: no minimum, as FreeSWITCH.
	MinExpires time.Duration
	// MaxExpires caps the time granted. 0: 24 h.
	MaxExpires time.Duration
	// DefaultExpires is granted when the client names none. 0: 3600 s.
	DefaultExpires time.Duration
	// MaxContacts bounds the contacts of one address of record; the one longest without a REGISTER makes room. 0: 10.
	MaxContacts int
	// MaxBindings bounds all bindings together; beyond it a new contact is refused with 503. 0: 100 000.
	MaxBindings int
	// StrictWildcard makes "Contact: *" remove every binding of the address of record, as RFC 3261 §10.2.2 says. Otherwise it removes
	// only those of the connection (or Call-ID) it came by, so that one browser tab cannot sign off the user's other devices.
	StrictWildcard bool
	// OnEvent is called for each change, one at a time and in order, while no lock is held that Lookup needs. See also Notify.
	OnEvent func(Event)
}

// ErrClosed is returned by a Registrar after Close.
var ErrClosed = errors.New("registrar: closed")

// Registrar holds the bindings of all profiles.
type Registrar struct {
	cfg Config
	log *slog.Logger

	// mu guards all below. Handlers run outside it.
	mu                sync.Mutex
	aors              map[string]*record
	count             int
	replaced, refused uint64
	expiry            expiryHeap
	timer             *time.Timer
	next              time.Time // when timer ends; zero: it does not run
	flows             map[string]*flowWatch
	suspended         map[string]bool // profiles
	closed            bool
	stop              chan struct{}
	watchers          sync.WaitGroup
	unsaved           unsaved

	// events keeps the order of events: it is locked before mu is released and unlocked when the handlers are done.
	events sync.Mutex
	// date is the Date header of dateSecond, guarded by events.
	date       sip.Header
	dateSecond int64

	handlersM sync.Mutex
	handlers  []*handler

	store *writer
}

type handler struct{ f func(Event) }

// record is one address of record. Its entries are in order of first registration.
type record struct {
	key     string
	entries []*entry
}

// New makes a Registrar and restores what the store holds.
func New(cfg Config) (*Registrar, error) {
	cfg = cfg.withDefaults()
	r := &Registrar{
		cfg:   cfg,
		log:   cfg.Logger,
		aors:  make(map[string]*record),
		flows: make(map[string]*flowWatch), suspended: make(map[string]bool),
		stop: make(chan struct{}),
	}
	if cfg.OnEvent != nil {
		r.handlers = append(r.handlers, &handler{cfg.OnEvent})
	}
	if cfg.Store != nil {
		if err := r.restore(cfg.Store); err != nil {
			return nil, err
		}
		r.store = newWriter(cfg.Store, cfg.Logger, r.takeUnsaved)
	}
	return r, nil
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Grace == 0 {
		c.Grace = 60 * time.Second
	}
	c.Grace = max(c.Grace, 0)
	if c.MaxExpires <= 0 {
		c.MaxExpires = 24 * time.Hour
	}
	if c.DefaultExpires <= 0 {
		c.DefaultExpires = 3600 * time.Second
	}
	if c.MaxContacts <= 0 {
		c.MaxContacts = 10
	}
	if c.MaxBindings <= 0 {
		c.MaxBindings = 100_000
	}
	return c
}

// aorKey makes the map key of an address of record: the user part is case-sensitive, the domain is not (RFC 3261 §19.1.4).
func aorKey(user, domain string) string { return user + "@" + strings.ToLower(domain) }

// Notify calls f for each event from now on, until cancel is called. f must not block and must not call Serve.
func (r *Registrar) Notify(f func(Event)) (cancel func()) {
	h := &handler{f}
	r.handlersM.Lock()
	r.handlers = append(r.handlers, h)
	r.handlersM.Unlock()
	return func() {
		r.handlersM.Lock()
		defer r.handlersM.Unlock()
		r.handlers = slices.DeleteFunc(slices.Clone(r.handlers), func(o *handler) bool { return o == h })
	}
}

// emit delivers events; the caller holds r.events and not r.mu.
func (r *Registrar) emit(events []Event) {
	if len(events) == 0 {
		return
	}
	r.handlersM.Lock()
	handlers := r.handlers
	r.handlersM.Unlock()
	for _, ev := range events {
		for _, h := range handlers {
			h.f(ev)
		}
	}
}

// Lookup gives the contacts that ring for user, in order of first registration. The port of domain is ignored.
func (r *Registrar) Lookup(user, domain string) []Binding {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.aors[aorKey(user, domain)]
	if rec == nil {
		return nil
	}
	out := make([]Binding, len(rec.entries))
	for i, e := range rec.entries {
		out[i] = e.Binding
	}
	return out
}

// All gives every binding, ordered by first registration.
func (r *Registrar) All() []Binding {
	r.mu.Lock()
	out := make([]Binding, 0, r.count)
	for _, rec := range r.aors {
		for _, e := range rec.entries {
			out = append(out, e.Binding)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(out, func(a, b Binding) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Contact, b.Contact)
	})
	return out
}

// Count gives the number of bindings.
func (r *Registrar) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// Stats counts bindings, and how often a bound was hit.
type Stats struct {
	Bindings int    // now
	Replaced uint64 // pushed out by MaxContacts
	Refused  uint64 // new contacts refused by MaxBindings or, where they must not replace others, MaxContacts
	Unstored uint64 // writes to the store that failed: what they held is lost at a restart
}

// Stats gives the counters.
func (r *Registrar) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := Stats{Bindings: r.count, Replaced: r.replaced, Refused: r.refused}
	if r.store != nil {
		st.Unstored = r.store.failed.Load()
	}
	return st
}

// Flush removes the bindings of a profile, all of them or those whose Call-ID or user@domain is which, and says how many they were. Their
// owners register again when their time is up.
func (r *Registrar) Flush(profile, which string) int {
	r.events.Lock()
	defer r.events.Unlock()
	r.mu.Lock()
	var gone []*entry
	for _, rec := range r.aors {
		for _, e := range rec.entries {
			if e.Profile == profile && (which == "" || e.CallID == which || strings.EqualFold(e.User+"@"+e.Domain, which)) {
				gone = append(gone, e)
			}
		}
	}
	events := make([]Event, 0, len(gone))
	for _, e := range gone {
		r.remove(e)
		events = append(events, Event{Type: Expired, Binding: e.Binding})
	}
	r.schedule()
	r.mu.Unlock()
	r.emit(events)
	return len(gone)
}

// Expire ends one binding before its time, because its contact has stopped to answer; false when it is not there any more.
func (r *Registrar) Expire(b *Binding) bool {
	r.events.Lock()
	defer r.events.Unlock()
	r.mu.Lock()
	var gone *entry
	if rec := r.aors[aorKey(b.User, b.Domain)]; rec != nil {
		for _, e := range rec.entries {
			if e.Profile == b.Profile && e.CallID == b.CallID && e.Contact == b.Contact {
				gone = e
			}
		}
	}
	if gone == nil {
		r.mu.Unlock()
		return false
	}
	r.remove(gone)
	r.schedule()
	r.mu.Unlock()
	r.emit([]Event{{Type: Expired, Binding: gone.Binding}})
	return true
}

// Close stops all timers and writes what is pending to the store.
func (r *Registrar) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	close(r.stop)
	r.mu.Unlock()
	r.watchers.Wait()
	if r.store == nil {
		return nil
	}
	return r.store.close()
}
