//go:build linux && !talkpath_portable

package media

import (
	"sync"
	"testing"
	"time"
)

// Who borrows a loop that sleeps is alone with it, comes behind what was posted before, and wakes it when there is something due sooner than it knew.
func TestBorrowedLoop(t *testing.T) {
	e := newTestEngine(t, nil)
	l := e.all.list[0].loop
	asleep := func() { waitFor(t, "the loop to sleep", l.asleep.Load) }
	var inside, ran, posted int // by the loop only
	enter := func() {
		if inside++; inside != 1 {
			t.Error("two have the loop")
		}
		ran++
		inside--
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				var before int
				l.post(func() { enter(); posted++; before = posted })
				l.do(func() {
					enter()
					if before == 0 {
						t.Error("came before what was posted before it")
					}
				})
			}
		})
	}
	all.Wait()
	if !l.do(func() {}) || ran != 8*2*2000 {
		t.Errorf("%d commands ran", ran)
	}
	asleep()
	if !l.do(func() { panic("of a command") }) {
		t.Error("ended by a panic")
	}
	asleep()
	due := time.Now().Add(5 * time.Millisecond)
	l.do(func() { l.sh.dtmf = append(l.sh.dtmf, &leg{sh: l.sh, digits: &digitQueue{next: due}}) })
	waitFor(t, "what is due", func() bool {
		l.hands.Lock() // and do nothing, unlike do
		defer l.hands.Unlock()
		return len(l.sh.dtmf) == 0
	})
	if time.Now().Before(due) {
		t.Error("too early")
	}
}
