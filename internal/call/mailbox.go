package call

import (
	"sync"
	"time"
)

// mailboxLimit bounds what the outside (signalling, media) may have waiting at a channel. A peer that exceeds it is hung up.
const mailboxLimit = 1000

// mailbox is a channel's FIFO of work. What channels and the core post is always accepted: it is bounded by what they are doing.
// What comes from a peer is bounded by mailboxLimit. Nothing is accepted after close.
type mailbox struct {
	ready chan struct{} // holds one token when something waits

	mu      sync.Mutex // guards what follows
	queue   []func()
	outside int // queued messages of the outside
	closed  bool
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

// put appends work; false when the channel has ended.
func (m *mailbox) put(fn func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.append(fn)
}

func (m *mailbox) append(fn func()) bool {
	if m.closed {
		return false
	}
	m.queue = append(m.queue, fn)
	select {
	case m.ready <- struct{}{}:
	default:
	}
	return true
}

// offer appends work of the outside; full says that the bound is hit, and then fn was not taken.
func (m *mailbox) offer(fn func()) (taken, full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.outside >= mailboxLimit {
		return false, true
	}
	taken = m.append(func() {
		m.mu.Lock()
		m.outside--
		m.mu.Unlock()
		fn()
	})
	if taken {
		m.outside++
	}
	return taken, false
}

// take removes the oldest work.
func (m *mailbox) take() (func(), bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		m.queue = nil
		return nil, false
	}
	fn := m.queue[0]
	m.queue[0] = nil
	m.queue = m.queue[1:]
	return fn, true
}

// wait handles what is posted until stop holds or the time is over (0: no limit); it says whether stop held. after runs behind each piece
// of work. idle is what to do when nothing is posted, and says whether there was something.
func (m *mailbox) wait(stop func() bool, limit time.Duration, after func(), idle func() bool) bool {
	var over <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		over = t.C
	}
	for {
		if stop() {
			return true
		}
		if fn, ok := m.take(); ok {
			fn()
			after()
			continue
		}
		if idle() {
			continue
		}
		if over == nil {
			<-m.ready
			continue
		}
		select {
		case <-m.ready:
		case <-over:
			return false
		}
	}
}

// close refuses further work and returns what is still waiting.
func (m *mailbox) close() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	rest := m.queue
	m.queue = nil
	return rest
}
