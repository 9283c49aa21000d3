package registrar

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Store keeps registrations across restarts. Its methods are called from one goroutine at a time.
type Store interface {
	// Load gives every value that was put and not deleted, by key.
	Load() (map[string][]byte, error)
	// Apply writes all changes or none; a nil value deletes.
	Apply(changes map[string][]byte) error
	Close() error
}

// stored is a Binding as the store keeps it.
type stored struct {
	Profile, User, Domain             string
	Contact, ContactUser, ContactHost string
	Params                            []Param `json:",omitempty"`
	Expires, Deadline, Since, Updated time.Time
	Granted                           time.Duration
	Transport                         string
	Remote                            netip.AddrPort
	CallID                            string
	CSeq                              uint32
	UserAgent, Instance, RegID        string
	Listable                          bool
}

// durable says whether a binding can be reached again after a restart: a phone on UDP or TCP can be called at its address, a
// WebSocket or TLS connection cannot be opened towards the client.
func (b *Binding) durable() bool { return b.Transport == "udp" || b.Transport == "tcp" }

func (b *Binding) storeKey() string {
	return aorKey(b.User, b.Domain) + "\x00" + b.Contact + "\x00" + b.Remote.String() + "\x00" + b.CallID
}

// remember queues e for the store. Called with mu held.
func (r *Registrar) remember(e *entry) {
	if r.store == nil || !e.durable() {
		return
	}
	b := &e.Binding
	r.store.put(b.storeKey(), &stored{
		Profile: b.Profile, User: b.User, Domain: b.Domain, Contact: b.Contact, ContactUser: b.ContactUser, ContactHost: b.ContactHost,
		Params: b.Params, Expires: b.Expires, Deadline: b.Deadline, Since: b.Since, Updated: b.Updated, Granted: b.Granted,
		Transport: b.Transport, Remote: b.Remote, CallID: b.CallID, CSeq: b.CSeq, UserAgent: b.UserAgent, Instance: b.Instance,
		RegID: b.RegID, Listable: b.listable,
	})
}

// forget queues the removal of e from the store. Called with mu held.
func (r *Registrar) forget(e *entry) {
	if r.store != nil && e.durable() {
		r.store.put(e.storeKey(), nil)
	}
}

// restore reads what the store holds. Bindings that ran out meanwhile are dropped from it.
func (r *Registrar) restore(s Store) error {
	values, err := s.Load()
	if err != nil {
		return fmt.Errorf("registrar: restore: %w", err)
	}
	now := time.Now()
	stale := map[string][]byte{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, value := range values {
		var v stored
		if err := json.Unmarshal(value, &v); err != nil || !v.Deadline.After(now) || v.User == "" || r.count >= r.cfg.MaxBindings {
			stale[key] = nil
			continue
		}
		r.insert(Binding{
			Profile: v.Profile, User: v.User, Domain: v.Domain, Contact: v.Contact, ContactUser: v.ContactUser, ContactHost: v.ContactHost,
			Params: v.Params, Expires: v.Expires, Deadline: v.Deadline, Since: v.Since, Updated: v.Updated, Granted: v.Granted,
			Transport: v.Transport, Remote: v.Remote, CallID: v.CallID, CSeq: v.CSeq, UserAgent: v.UserAgent, Instance: v.Instance,
			RegID: v.RegID, listable: v.Listable,
		})
	}
	r.schedule()
	if len(stale) > 0 {
		if err := s.Apply(stale); err != nil {
			return fmt.Errorf("registrar: restore: %w", err)
		}
	}
	r.log.Info("registrations restored", "count", r.count, "dropped", len(stale))
	return nil
}

// writer applies changes to the store behind the REGISTERs: a REGISTER never waits for the disk. Only the last change of a key is
// kept, so what waits is bounded by the bindings there are plus those that left since the last write.
type writer struct {
	store  Store
	log    *slog.Logger
	failed atomic.Uint64 // writes

	mu      sync.Mutex
	pending map[string]*stored // nil value: delete

	wake chan struct{}
	stop chan struct{}
	done chan error
}

// writeDelay gathers the changes of a burst into one transaction, which costs one fsync.
const writeDelay = 100 * time.Millisecond

func newWriter(s Store, log *slog.Logger) *writer {
	w := &writer{
		store: s, log: log, pending: make(map[string]*stored),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan error, 1),
	}
	go w.run()
	return w
}

func (w *writer) put(key string, v *stored) {
	w.mu.Lock()
	w.pending[key] = v
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run is the writer's goroutine; it ends at close.
func (w *writer) run() {
	for {
		select {
		case <-w.wake:
		case <-w.stop:
			w.done <- w.flush()
			return
		}
		timer := time.NewTimer(writeDelay)
		select {
		case <-timer.C:
		case <-w.stop:
		}
		timer.Stop()
		if err := w.flush(); err != nil {
			w.failed.Add(1)
			w.log.Error("registrations not stored", "err", err)
		}
	}
}

func (w *writer) flush() error {
	w.mu.Lock()
	pending := w.pending
	w.pending = make(map[string]*stored)
	w.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	changes := make(map[string][]byte, len(pending))
	for key, v := range pending {
		changes[key] = nil
		if v == nil {
			continue
		}
		value, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("registrar: store: %w", err)
		}
		changes[key] = value
	}
	return w.store.Apply(changes)
}

func (w *writer) close() error {
	close(w.stop)
	err := <-w.done
	if cerr := w.store.Close(); err == nil {
		err = cerr
	}
	return err
}
