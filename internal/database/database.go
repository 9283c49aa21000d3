// Package database keeps what the application db and its command store, by realm and key, in one file of the state directory: in memory for reading,
// and written behind, many changes at a time, so that a call never waits for a disk. What was stored less than Delay before a crash may be lost;
// Close loses nothing.
//
// A DB's methods may be called from any goroutine.
package database

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Bounds of what is stored. Beyond them Put fails.
const (
	MaxEntries = 100_000
	MaxValue   = 64 << 10
	MaxKey     = 1 << 10 // realm and key each
	MaxBytes   = 256 << 20
)

// Delay is how long changes may wait for others to be written with.
const Delay = 100 * time.Millisecond

// Errors of Put and Delete.
var (
	ErrFull   = errors.New("database: full")
	ErrTooBig = errors.New("database: realm, key or value is too long")
	ErrClosed = errors.New("database: closed")
)

var bucketName = []byte("db-1")

type place struct{ realm, key string }

// DB is an open database.
type DB struct {
	file   *bbolt.DB
	log    *slog.Logger
	writer sync.WaitGroup
	kick   chan struct{} // there are changes; closed by Close

	mu      sync.Mutex // guards what follows
	closed  bool
	entries map[place]string
	bytes   int
	changed map[place]bool
}

// Open opens or creates the file at path. It fails rather than waits when another process has it open.
func Open(path string, log *slog.Logger) (*DB, error) {
	file, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("database: open %s: %w", path, err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &DB{file: file, log: log, kick: make(chan struct{}, 1), entries: map[place]string{}, changed: map[place]bool{}}
	if err := d.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("database: open %s: %w", path, err), file.Close())
	}
	d.writer.Go(d.write)
	return d, nil
}

// load reads the whole file.
func (d *DB) load() error {
	var made bool
	err := d.file.View(func(tx *bbolt.Tx) error { // looking costs no write to the disk
		made = tx.Bucket(bucketName) != nil
		return nil
	})
	if err != nil {
		return err
	}
	if !made {
		return d.file.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(bucketName)
			return err
		})
	}
	return d.file.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketName).ForEach(func(k, v []byte) error {
			if realm, key, ok := bytes.Cut(k, []byte{0}); ok && len(d.entries) < MaxEntries {
				d.entries[place{string(realm), string(key)}] = string(v)
				d.bytes += len(k) + len(v)
			}
			return nil
		})
	})
}

// Put stores a value.
func (d *DB) Put(realm, key, value string) error {
	if len(realm) > MaxKey || len(key) > MaxKey || len(value) > MaxValue || strings.ContainsRune(realm, 0) {
		return ErrTooBig
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at := place{realm, key}
	old, ok := d.entries[at]
	grows := len(value) - len(old)
	if !ok {
		grows += len(realm) + len(key) + 1
	}
	switch {
	case d.closed:
		return ErrClosed
	case !ok && len(d.entries) >= MaxEntries, d.bytes+grows > MaxBytes:
		return ErrFull
	}
	d.entries[at] = value
	d.bytes += grows
	d.change(at)
	return nil
}

// Delete removes an entry; one that is not there is no error.
func (d *DB) Delete(realm, key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	at := place{realm, key}
	if old, ok := d.entries[at]; ok {
		delete(d.entries, at)
		d.bytes -= len(old) + len(realm) + len(key) + 1
		d.change(at)
	}
	return nil
}

// change notes that an entry has to be written. Called with d.mu held.
func (d *DB) change(at place) {
	d.changed[at] = true
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// Find looks an entry up.
func (d *DB) Find(realm, key string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	value, ok := d.entries[place{realm, key}]
	return value, ok
}

// Each calls f for every entry of a realm ("": of all), in order of realm and key, until f says false.
func (d *DB) Each(realm string, f func(realm, key, value string) bool) {
	type entry struct {
		place
		value string
	}
	d.mu.Lock()
	var all []entry
	for at, value := range d.entries {
		if realm == "" || at.realm == realm {
			all = append(all, entry{at, value})
		}
	}
	d.mu.Unlock()
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.realm, b.realm), strings.Compare(a.key, b.key))
	})
	for _, e := range all {
		if !f(e.realm, e.key, e.value) {
			return
		}
	}
}

// write is the goroutine that owns writing. A disk that fails is told once a row of failures, and what could not be written is tried again.
func (d *DB) write() {
	failing := false
	for open := true; open; {
		if _, open = <-d.kick; open {
			time.Sleep(Delay)
		}
		err := d.flush()
		if err != nil && !failing {
			d.log.Error("database not written, trying again with the next change", "error", err)
		}
		failing = err != nil
	}
}

// flush writes what has changed.
func (d *DB) flush() error {
	d.mu.Lock()
	changed := d.changed
	d.changed = map[place]bool{}
	values := make(map[place][]byte, len(changed))
	for at := range changed {
		if value, ok := d.entries[at]; ok {
			values[at] = []byte(value)
		}
	}
	d.mu.Unlock()
	if len(changed) == 0 {
		return nil
	}
	err := d.file.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketName)
		for at := range changed {
			name := []byte(at.realm + "\x00" + at.key)
			value, ok := values[at]
			var err error
			if ok {
				err = b.Put(name, value)
			} else {
				err = b.Delete(name)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.mu.Lock()
		for at := range changed {
			d.changed[at] = true
		}
		d.mu.Unlock()
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// Close writes what is left and closes the file.
func (d *DB) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	close(d.kick)
	d.mu.Unlock()
	d.writer.Wait()
	if err := d.file.Close(); err != nil {
		return fmt.Errorf("database: close: %w", err)
	}
	return nil
}
