package registrar

import (
	"container/heap"
	"time"
)

// entry is a binding in the maps. Guarded by Registrar.mu.
type entry struct {
	Binding
	rec   *record
	index int       // in the heap
	due   time.Time // its place in the heap: when to look at it, not after its Deadline
}

// expiryHeap orders entries by when they are due. A REGISTER that prolongs a binding, as nearly all do, leaves it where it is.
type expiryHeap []*entry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *expiryHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}
func (h *expiryHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}

// insert adds b to its address of record. Called with mu held.
func (r *Registrar) insert(b Binding) *entry {
	key := aorKey(b.User, b.Domain)
	rec := r.aors[key]
	if rec == nil {
		rec = &record{key: key}
		r.aors[key] = rec
	}
	e := &entry{Binding: b, rec: rec, due: b.Deadline}
	rec.entries = append(rec.entries, e)
	r.count++
	heap.Push(&r.expiry, e)
	return e
}

// replace gives e new contents. Called with mu held.
func (r *Registrar) replace(e *entry, b Binding) {
	r.unwatch(e)
	if e.Contact != b.Contact || e.Remote != b.Remote || e.CallID != b.CallID || e.durable() != b.durable() {
		r.forget(e) // the store has it under another key
	}
	e.Binding = b
	if b.Deadline.Before(e.due) {
		e.due = b.Deadline
		heap.Fix(&r.expiry, e.index)
	}
}

// remove takes e out of everything. Called with mu held.
func (r *Registrar) remove(e *entry) {
	rec := e.rec
	for i, o := range rec.entries {
		if o == e {
			rec.entries = append(rec.entries[:i:i], rec.entries[i+1:]...)
			break
		}
	}
	if len(rec.entries) == 0 {
		delete(r.aors, rec.key)
	}
	r.count--
	heap.Remove(&r.expiry, e.index)
	r.unwatch(e)
	r.forget(e)
}

// schedule sets the one timer to when the next is due. Called with mu held.
func (r *Registrar) schedule() {
	if r.closed {
		return
	}
	if len(r.expiry) == 0 {
		if r.timer != nil {
			r.timer.Stop()
		}
		r.next = time.Time{}
		return
	}
	if r.next.Equal(r.expiry[0].due) {
		return
	}
	r.next = r.expiry[0].due
	wait := max(time.Until(r.next), 0)
	if r.timer == nil {
		r.timer = time.AfterFunc(wait, r.expire)
		return
	}
	r.timer.Reset(wait)
}

// expire removes what is due.
func (r *Registrar) expire() {
	r.events.Lock()
	defer r.events.Unlock()
	var events []Event
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	now := time.Now()
	r.next = time.Time{}
	for len(r.expiry) > 0 && !r.expiry[0].due.After(now) {
		e := r.expiry[0]
		if e.Deadline.After(now) { // prolonged since
			e.due = e.Deadline
			heap.Fix(&r.expiry, e.index)
			continue
		}
		r.remove(e)
		events = append(events, Event{Type: Expired, Binding: e.Binding})
	}
	r.schedule()
	r.mu.Unlock()
	r.emit(events)
}
