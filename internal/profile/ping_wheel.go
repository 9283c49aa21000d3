package profile

import "time"

// Bounds of the pings to registered contacts.
const (
	pingSlots   = 256  // of the wheel, a second each; what is due later goes round more than once
	pingsAtMost = 1000 // a second; more contacts than that times ping-mean-interval are asked less often
)

// pingKey is one registered contact.
type pingKey struct{ user, domain, callID, contact string }

// pinged is what OPTIONS have shown of a contact.
type pinged struct {
	key     pingKey
	due     int64         // second
	count   int           // of answers in a row, down by one for each that failed
	waiting bool          // for an answer
	lost    bool          // "Unreachable"
	took    time.Duration // of the last answer
}

// pingWheel says whose turn it is. One wheel serves all contacts, so that ten thousand need no timer each. Its owner guards it.
type pingWheel struct {
	slots    [pingSlots][]*pinged
	contacts map[pingKey]*pinged
	now      int64 // the second last served
}

// add takes a contact in, to be asked at a second; one that is there already keeps its turn.
func (w *pingWheel) add(key pingKey, at int64) *pinged {
	if c := w.contacts[key]; c != nil {
		return c
	}
	c := &pinged{key: key}
	if w.contacts == nil {
		w.contacts = map[pingKey]*pinged{}
	}
	w.contacts[key] = c
	w.put(c, at)
	return c
}

func (w *pingWheel) put(c *pinged, at int64) {
	c.due = max(at, w.now+1)
	slot := &w.slots[c.due%pingSlots]
	*slot = append(*slot, c)
}

// turn moves the wheel on to a second and hands out at most n contacts that are due; those beyond are due a second later. What is handed out is off
// the wheel until it is put on again.
func (w *pingWheel) turn(now int64, n int) (due []*pinged, late int) {
	if w.now == 0 || now-w.now > pingSlots { // the first turn, or the machine slept
		w.now = now - min(pingSlots, now)
	}
	for w.now < now {
		w.now++
		slot := &w.slots[w.now%pingSlots]
		all := *slot
		*slot = nil
		for _, c := range all {
			switch {
			case c.due > w.now:
				*slot = append(*slot, c)
			case len(due) < n:
				due = append(due, c)
			default:
				late++
				w.put(c, w.now+1)
			}
		}
	}
	return due, late
}

// drop forgets a contact that is off the wheel.
func (w *pingWheel) drop(c *pinged) { delete(w.contacts, c.key) }
