package event

import (
	"time"

	"github.com/talkpath/talkpath/esl"
)

// maxPending is how many events may wait to be handed over; who publishes more does it himself.
const maxPending = 1000

const (
	// gatherEach and maxGather: with many subscribers an event waits a little for those that follow it, so that the events of a call's set-up, to
	// all of them, are not more work than the set-up itself. It bounds the wake-ups of subscribers to 4,000 a second.
	gatherEach = 250 * time.Microsecond
	maxGather  = 5 * time.Millisecond
)

// enter gives the next sequence number away: the event has it. b.mu is held.
func (b *Bus) enter(q queued) {
	b.next++
	b.published.Add(1)
	if !q.wantedBy(b.wanted.Load()) {
		return
	}
	b.pending = append(b.pending, q)
	switch wait := b.gathers(&q); {
	case len(b.pending) >= maxPending:
		b.settle()
	case wait == 0 && !b.handing:
		b.handing = true
		go b.handOver()
	case wait > 0 && len(b.pending) == 1:
		b.later.Reset(wait)
	}
}

// gathers is how long an event may wait for others. The result of a job, and what the program that controls a channel wants, go at once. b.mu is
// held.
func (b *Bus) gathers(q *queued) time.Duration {
	if len(b.subs) < 2 || q.name() == "BACKGROUND_JOB" {
		return 0
	}
	for _, s := range b.subs {
		if s.selection.Prompt && q.wantedBy(&s.selection) {
			return 0
		}
	}
	return min(time.Duration(len(b.subs)-1)*gatherEach, maxGather)
}

// handOver hands over what is pending until there is nothing more.
func (b *Bus) handOver() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.pending) > 0 {
		b.settle()
		b.mu.Unlock()
		b.mu.Lock()
	}
	b.handing = false
}

// handOverGathered hands over what has waited for long enough.
func (b *Bus) handOverGathered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
}

// settle gives every subscriber what it wants of what is pending. It comes before whatever changes who wants what. b.mu is held.
func (b *Bus) settle() {
	if len(b.pending) == 0 {
		return
	}
	for i := range b.pending {
		b.pending[i].prepare(b)
	}
	var slow []*Subscription
	for _, s := range b.subs {
		if !s.push(b.pending) {
			slow = append(slow, s)
		}
	}
	clear(b.pending)
	b.pending = b.pending[:0]
	for _, s := range slow {
		b.overflows.Add(1)
		b.remove(s)
	}
}

// prepare makes an event ready for its readers.
func (q *queued) prepare(b *Bus) {
	if q.notice == nil {
		q.size = q.event.Size()
	}
	readers := 0
	for _, s := range b.subs {
		if !q.wantedBy(&s.selection) {
			continue
		}
		if readers++; readers > 1 {
			q.share(b)
			return
		}
	}
}

// share lets several readers use one encoding.
func (q *queued) share(b *Bus) {
	if q.notice != nil {
		q.notice.shared = true
		return
	}
	b.encodings.Share(q.event)
}

func (q *queued) name() string {
	if q.notice != nil {
		return q.notice.Name
	}
	return q.event.Name()
}

// wantedBy says whether a selection matches.
func (q *queued) wantedBy(sel *esl.Selection) bool {
	if n := q.notice; n != nil {
		return (sel.Channel == "" || sel.Channel == n.Channel) && sel.Wants(n.Name, n.Subclass)
	}
	return sel.Match(q.event)
}
