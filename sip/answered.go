package sip

import (
	"sync"
	"time"
)

// transaction is what a request is matched to: a ServerTx, or what is left of one.
type transaction interface {
	requestAgain() // a retransmission came
	merges() bool
	terminate()
}

// answered is what is left of a server transaction other than INVITE's when its final response has been sent over UDP: the response, for as long
// as retransmissions of the request may come (timer J). The request is not kept.
type answered struct {
	flow        *Flow
	key, merged txKey // merged: zero for none
	response    []byte
	until       time.Time
}

func (a *answered) requestAgain() { _ = a.flow.send(a.response) }
func (a *answered) merges() bool  { return !isChallenge(a.response) }

func (a *answered) terminate() {
	a.flow.stack.serverTxs.remove(a.key, a)
	if a.merged != (txKey{}) {
		a.flow.stack.merged.remove(a.merged, a)
	}
}

// isChallenge says whether a response is a 401 or 407.
func isChallenge(response []byte) bool {
	return len(response) > 11 && (string(response[8:11]) == "401" || string(response[8:11]) == "407")
}

// lingering ends answered transactions when their time is over. All wait equally long, so a queue is in order of time, and one timer serves all.
type lingering struct {
	mu     sync.Mutex // guards what follows
	queue  []*answered
	timer  *time.Timer
	closed bool
}

// add lets a end after a time that is the same for all. The timer runs at most twice a T1: a storm of requests must not be followed by one of
// timers.
func (l *lingering) add(a *answered, t Timers) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	a.until = time.Now().Add(t.timeout())
	l.queue = append(l.queue, a)
	switch {
	case l.timer == nil:
		l.timer = time.AfterFunc(t.timeout(), func() { l.end(t) })
	case len(l.queue) == 1:
		l.timer.Reset(t.timeout())
	}
}

func (l *lingering) end(t Timers) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, n := time.Now(), 0
	for n < len(l.queue) && !l.queue[n].until.After(now) {
		l.queue[n].terminate()
		l.queue[n] = nil
		n++
	}
	l.queue = l.queue[n:]
	if len(l.queue) == 0 {
		l.queue = nil // with the array that a storm has made
		return
	}
	if !l.closed {
		l.timer.Reset(max(time.Until(l.queue[0].until), t.T1/2))
	}
}

// close ends all.
func (l *lingering) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	for _, a := range l.queue {
		a.terminate()
	}
	l.queue = nil
}
