package event

import (
	"context"
	"sync"

	"github.com/talkpath/talkpath/esl"
)

// Limit bounds a subscription's queue. When either bound would be passed the queue is dropped, the subscription ends with
// esl.ErrOverflow and Stats.Overflows counts it. Zero fields mean the default.
type Limit struct {
	Events int // default 100 000
	Bytes  int // default 64 MiB
}

func (l Limit) withDefaults() Limit {
	if l.Events <= 0 {
		l.Events = 100_000
	}
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	return l
}

// Subscription is one subscriber's queue of the events it selected. Next is for one goroutine, the rest for any.
type Subscription struct {
	bus   *Bus
	limit Limit
	// selection is guarded by bus.mu.
	selection esl.Selection
	// ready holds a token when Next may have something to return.
	ready chan struct{}

	mu    sync.Mutex // guards the queue; never held while waiting
	queue []queued
	head  int
	bytes int
	err   error // why there is nothing more
	last  bool  // nothing is added any more
}

// queued is an event, or a notice of one.
type queued struct {
	event  *esl.Event
	notice *posted
	size   int
}

// Select replaces what is wanted; it applies to events published after it returns.
func (s *Subscription) Select(sel esl.Selection) {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	s.bus.settle()
	s.mu.Lock()
	ended := s.err != nil || s.last
	s.mu.Unlock()
	if !ended {
		s.bus.replace(s, sel.Clone())
	}
}

// push queues those events that are wanted; false means the queue overflowed and the subscription is over. Called by the bus, with its lock
// held.
func (s *Subscription) push(events []queued) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || s.last {
		return true // closed, about to be removed
	}
	before := len(s.queue)
	for i := range events {
		q := &events[i]
		if !q.wantedBy(&s.selection) {
			continue
		}
		if len(s.queue)-s.head >= s.limit.Events || s.bytes+q.size > s.limit.Bytes {
			s.end(esl.ErrOverflow)
			return false
		}
		s.queue = append(s.queue, *q)
		s.bytes += q.size
	}
	if len(s.queue) > before {
		s.signal()
	}
	return true
}

// end drops the queue for the reason given. s.mu is held.
func (s *Subscription) end(err error) {
	s.err, s.queue, s.head, s.bytes = err, nil, 0, 0
	s.signal()
}

func (s *Subscription) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Next waits for the next event. It returns esl.ErrOverflow when the reader was too slow, esl.ErrClosed after Close, or the context's
// error.
func (s *Subscription) Next(ctx context.Context) (*esl.Event, error) {
	for {
		q, err := s.pop()
		switch {
		case err != nil:
			return nil, err
		case q.notice != nil:
			return q.notice.read(), nil
		case q.event != nil:
			return q.event, nil
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pop takes the oldest of the queue; nothing when it is empty.
func (s *Subscription) pop() (queued, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return queued{}, s.err
	}
	if s.head == len(s.queue) {
		if s.last {
			s.err = esl.ErrClosed
		}
		return queued{}, s.err
	}
	q := s.queue[s.head]
	s.queue[s.head] = queued{}
	s.head++
	s.bytes -= q.size
	switch {
	case s.head == len(s.queue):
		s.queue, s.head = s.queue[:0], 0
		if cap(s.queue) > 1024 {
			s.queue = nil // a burst is over
		}
	case s.head >= 1024 && s.head > len(s.queue)/2:
		n := copy(s.queue, s.queue[s.head:])
		clear(s.queue[n:])
		s.queue, s.head = s.queue[:n], 0
	}
	return q, nil
}

func (s *Subscription) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) - s.head
}

// Finish implements esl.Finisher: what is queued can still be read, and esl.ErrClosed follows it.
func (s *Subscription) Finish() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	s.bus.settle()
	s.mu.Lock()
	s.last = true
	s.signal()
	s.mu.Unlock()
	s.bus.remove(s)
}

// Close ends the subscription; a waiting Next returns esl.ErrClosed. Idempotent.
func (s *Subscription) Close() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	s.bus.settle()
	s.mu.Lock()
	if s.err == nil {
		s.end(esl.ErrClosed)
	}
	s.mu.Unlock()
	s.bus.remove(s)
}
