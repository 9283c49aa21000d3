package registrar

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
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

func (b *Binding) stored() *stored {
	return &stored{
		Profile: b.Profile, User: b.User, Domain: b.Domain, Contact: b.Contact, ContactUser: b.ContactUser, ContactHost: b.ContactHost,
		Params: b.Params, Expires: b.Expires, Deadline: b.Deadline, Since: b.Since, Updated: b.Updated, Granted: b.Granted,
		Transport: b.Transport, Remote: b.Remote, CallID: b.CallID, CSeq: b.CSeq, UserAgent: b.UserAgent, Instance: b.Instance,
		RegID: b.RegID, Listable: b.listable,
	}
}

func (b *Binding) storeKey() string {
	return aorKey(b.User, b.Domain) + "\x00" + b.Contact + "\x00" + b.Remote.String() + "\x00" + b.CallID
}

// unsaved is what the store does not know yet. What waits is bounded by the bindings there are plus those that left since the last write.
type unsaved struct {
	changed map[*entry]struct{}
	gone    map[string]struct{} // keys
}

// remember queues e for the store. Called with mu held.
func (r *Registrar) remember(e *entry) {
	if r.store == nil || !e.durable() {
		return
	}
	if r.unsaved.changed == nil {
		r.unsaved.changed = map[*entry]struct{}{}
	}
	r.unsaved.changed[e] = struct{}{}
	r.store.soon()
}

// forget queues the removal of e from the store. Called with mu held.
func (r *Registrar) forget(e *entry) {
	if r.store == nil || !e.durable() {
		return
	}
	if r.unsaved.gone == nil {
		r.unsaved.gone = map[string]struct{}{}
	}
	r.unsaved.gone[e.storeKey()] = struct{}{}
	delete(r.unsaved.changed, e)
	r.store.soon()
}

// writeAtMost bounds how many bindings are copied for the store at a time, since REGISTERs wait meanwhile.
const writeAtMost = 1000

// takeUnsaved hands out what the store does not know yet, and whether that is all of it. A binding that is there wins over one that left under the
// same key.
func (r *Registrar) takeUnsaved() (changed []Binding, gone map[string]struct{}, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gone, r.unsaved.gone = r.unsaved.gone, nil
	for e := range r.unsaved.changed {
		if len(changed) == writeAtMost {
			return changed, gone, false
		}
		changed = append(changed, e.Binding)
		delete(r.unsaved.changed, e)
	}
	r.unsaved.changed = nil
	return changed, gone, true
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

// writer applies changes to the store behind the REGISTERs: a REGISTER never waits for the disk. Of several changes of a binding only the last is
// written.
type writer struct {
	store  Store
	log    *slog.Logger
	failed atomic.Uint64 // writes
	take   func() (changed []Binding, gone map[string]struct{}, all bool)

	wake chan struct{}
	stop chan struct{}
	done chan error
}

// writeDelay gathers the changes of a burst into one transaction, which costs one fsync. A process that is killed forgets so much.
const writeDelay = time.Second

func newWriter(s Store, log *slog.Logger, take func() ([]Binding, map[string]struct{}, bool)) *writer {
	w := &writer{store: s, log: log, take: take, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan error, 1)}
	go w.run()
	return w
}

// soon tells that there is something to write.
func (w *writer) soon() {
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
	changes := map[string][]byte{}
	for all := false; !all; {
		var changed []Binding
		var gone map[string]struct{}
		changed, gone, all = w.take()
		for key := range gone {
			changes[key] = nil
		}
		for i := range changed {
			value, err := json.Marshal(changed[i].stored())
			if err != nil {
				return fmt.Errorf("registrar: store: %w", err)
			}
			changes[changed[i].storeKey()] = value
		}
	}
	if len(changes) == 0 {
		return nil
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
