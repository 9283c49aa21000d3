package cdr

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
)

// queueLength is how many records may wait for the disk: 4,096 are ten seconds of 200 calls a second.
const queueLength = 4096

// complainEvery is how often a loss that goes on is told.
const complainEvery = time.Minute

// Identity is what every record says of the switch.
type Identity struct{ CoreUUID, Switchname string }

// Stats counts records since the start. A leg counts once for each format that it is written in.
type Stats struct {
	Written uint64
	Lost    uint64 // the queue was full
	Failed  uint64 // the disk refused
	Waiting int
}

// Writer writes call records. Its methods may be called from any goroutine; Configure, Reopen and Close are handed to the goroutine that owns the
// files.
type Writer struct {
	id    Identity
	log   *slog.Logger
	queue chan *call.Record
	steer chan func()
	stop  chan struct{}
	done  chan struct{}
	on    atomic.Bool // a format is configured

	written, lost, failed atomic.Uint64

	// Of the goroutine.
	json       *jsonSink // nil: not configured
	csv        *csvSink
	complained time.Time
	lostTold   uint64
	failedTold uint64
}

// NewWriter starts a writer without formats.
func NewWriter(id Identity, log *slog.Logger) *Writer {
	return newWriter(id, log, queueLength)
}

func newWriter(id Identity, log *slog.Logger, length int) *Writer {
	w := &Writer{id: id, log: log, queue: make(chan *call.Record, length), steer: make(chan func()), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// Take queues a record. It never waits: when the queue is full the record is lost and counted.
func (w *Writer) Take(r *call.Record) {
	if !w.on.Load() {
		return
	}
	select {
	case w.queue <- r:
	default:
		w.lost.Add(1)
	}
}

// Configure changes what is written and where. Files that stay the same stay open.
func (w *Writer) Configure(j config.JSONRecords, c config.CSVRecords) {
	w.do(func() {
		if w.json == nil || w.json.cfg != j {
			w.json = w.json.replace(w.id, j)
		}
		w.csv = w.csv.replace(c)
		w.on.Store(w.json != nil || w.csv != nil)
	})
}

// Reopen has the files opened again, renamed before when they are to be rotated: what SIGHUP does. It returns when that is done.
func (w *Writer) Reopen() {
	w.do(func() {
		w.note(w.json.reopen())
		w.note(w.csv.reopen())
	})
}

// Stats are the counters of now.
func (w *Writer) Stats() Stats {
	return Stats{Written: w.written.Load(), Lost: w.lost.Load(), Failed: w.failed.Load(), Waiting: len(w.queue)}
}

// do runs f on the goroutine that owns the files and waits for it; after Close it does nothing.
func (w *Writer) do(f func()) {
	finished := make(chan struct{})
	select {
	case w.steer <- func() { f(); close(finished) }:
		<-finished
	case <-w.done:
	}
}

// Close writes what is queued, as far as ctx lets it, and closes the files.
func (w *Writer) Close(ctx context.Context) error {
	close(w.stop)
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *Writer) run() {
	defer close(w.done)
	defer func() {
		w.json.close()
		w.csv.close()
	}()
	for {
		select {
		case r := <-w.queue:
			w.write(r)
		case f := <-w.steer:
			f()
		case <-w.stop:
			for {
				select {
				case r := <-w.queue:
					w.write(r)
				default:
					w.complain()
					return
				}
			}
		}
	}
}

// write writes one record in every format.
func (w *Writer) write(r *call.Record) {
	if w.json.wants(r) {
		w.count(w.json.write(r))
	}
	if w.csv.wants(r) {
		w.count(w.csv.write(r))
	}
	if w.lost.Load() != w.lostTold && time.Since(w.complained) > complainEvery {
		w.complain()
	}
}

func (w *Writer) count(err error) {
	if err == nil {
		w.written.Add(1)
		return
	}
	w.failed.Add(1)
	w.note(err)
}

// note tells an error, and what was lost meanwhile, once in a while.
func (w *Writer) note(err error) {
	if err == nil || time.Since(w.complained) < complainEvery {
		return
	}
	w.log.Error("call records are not written", "error", err)
	w.complain()
}

// complain tells how many records were lost since the last time.
func (w *Writer) complain() {
	w.complained = time.Now()
	lost, failed := w.lost.Load(), w.failed.Load()
	if lost > w.lostTold || failed > w.failedTold {
		w.log.Warn("call records were lost", "queue_full", lost-w.lostTold, "disk", failed-w.failedTold)
	}
	w.lostTold, w.failedTold = lost, failed
}
