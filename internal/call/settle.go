package call

import "time"

// restAfter is how long a bridge stands, or since something happened on it, before its legs take the least room that they need. All that a call
// begins with is over by then.
const restAfter = time.Second

// restLater has a channel that talks come to rest: it may do nothing else for hours. It runs when there is nothing to do.
func (ch *Channel) restLater() {
	if ch.bridgedTo == nil || ch.restDue || ch.vars.rest != "" {
		return
	}
	ch.restDue = true
	time.AfterFunc(restAfter, func() { ch.box.put(ch.rest) })
}

// rest packs what is read rarely.
func (ch *Channel) rest() {
	ch.restDue = false
	if ch.bridgedTo != nil && !ch.isDown() {
		ch.vars.pack()
	}
}
