package registrar

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
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
}

var _ = fmt.Sprint

// writer applies changes to the store behind the REGISTERs: a REGISTER never waits for the disk. Pending changes are one a binding
// at most, so their number is bounded by the number of bindings.
type writer struct {
	store Store
	log   *slog.Logger

	mu      sync.Mutex
	pending map[string][]byte
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}
}

func newWriter(s Store, log *slog.Logger) *writer {
	w := &writer{store: s, log: log, pending: map[string][]byte{}, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *writer) run() {
	defer close(w.done)
	<-w.stop
}

func (w *writer) close(context.Context) error {
	close(w.stop)
	<-w.done
	return w.store.Close()
}

func (r *Registrar) restore(Store) error { return nil }

func (r *Registrar) forget(*entry) {}

// OpenBolt opens or creates the file at path as a Store.
func OpenBolt(path string) (Store, error) {
	return nil, fmt.Errorf("registrar: %s: not implemented", path)
}
