package call

import (
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// race is a dial string that is being rung. Its parts go their ways independently; the first leg that answers wins, whichever part it is of.
// It belongs to the goroutine of its origin.
type race struct {
	core   *Core
	by     origin
	parts  []*part
	win    *fork // who answered first, or has early media to pass on
	winner *fork // win, once it answered
	peer   peer  // of win
}

// part is one part of a dial string under way: it rings its groups one after the other, as often as its variables say. What it does next it does
// when ready holds, or the time is until.
type part struct {
	race   *race
	dial   dialplan.Part
	again  int           // how often it is tried yet
	pause  time.Duration // between two tries
	left   [][]target    // the groups of this try that have their turn yet
	group  *originating  // the latest
	rings  bool          // group is being rung
	done   bool
	failed legResult // why nobody answered so far
	ready  func() bool
	until  time.Time
	next   func(inTime bool)
}

// ringAll rings a dial string until a leg answers or has early media to pass on. The result is nil when none did; then failed says why.
func (c *Core) ringAll(by origin, d *dialplan.DialString) (win *fork, failed legResult) {
	r := &race{core: c, by: by}
	by.begin(r)
	for _, dial := range d.Parts {
		p := &part{race: r, dial: dial}
		p.again, p.pause = retries(by, dial)
		r.parts = append(r.parts, p)
	}
	for _, p := range r.parts {
		p.try()
	}
	for !r.over() {
		by.wait(func() bool { return r.over() || r.someReady() }, r.patience())
		for _, p := range r.parts {
			p.proceed()
		}
	}
	if by.isDown() {
		r.giveUp()
		return nil, r.failed()
	}
	if r.win != nil {
		by.groupOver()
		return r.win, legResult{}
	}
	return nil, r.failed()
}

func (r *race) over() bool {
	if r.by.isDown() || r.win != nil {
		return true
	}
	for _, p := range r.parts {
		if !p.done {
			return false
		}
	}
	return true
}

func (r *race) someReady() bool {
	for _, p := range r.parts {
		if !p.done && p.ready() {
			return true
		}
	}
	return false
}

// patience is how long it is until a part has something to do, whatever happens.
func (r *race) patience() time.Duration {
	var least time.Time
	for _, p := range r.parts {
		if !p.done && (least.IsZero() || p.until.Before(least)) {
			least = p.until
		}
	}
	return max(time.Until(least), 1)
}

// giveUp ends what still rings for an origin that wants nobody any more.
func (r *race) giveUp() {
	caller, cause := r.by.whyGone()
	for _, p := range r.parts {
		if p.rings {
			p.group.cancel(caller, cause)
		}
	}
	r.by.await(func() bool {
		for _, p := range r.parts {
			if p.rings && !p.group.over() {
				return false
			}
		}
		return true
	})
	for _, p := range r.parts {
		if p.rings {
			p.silent()
		}
	}
}

// failed is why nobody answered. Of several parts the last one's cause counts, as in FreeSWITCH.
func (r *race) failed() legResult {
	if len(r.parts) == 1 {
		return r.parts[0].failed
	}
	var last legResult
	for _, p := range r.parts {
		if p.failed.cause != "" && p.failed.cause != LoseRace && p.failed.cause != NoPickup {
			last = p.failed
		}
	}
	if last.cause == "" && !r.by.isDown() {
		last.cause = NoAnswer
	}
	return last
}

// isEnterprise says whether there is more than one part.
func (r *race) isEnterprise() bool { return len(r.parts) > 1 }

// find is a leg that is being rung, with its group.
func (r *race) find(b *Channel) (*originating, *fork) {
	if r == nil {
		return nil, nil
	}
	for _, p := range r.parts {
		if f := p.group.find(b); f != nil {
			return p.group, f
		}
	}
	return nil, nil
}

// forks are the legs of the groups that the parts have come to.
func (r *race) forks() []*fork {
	var all []*fork
	for _, p := range r.parts {
		if p.group != nil {
			all = append(all, p.group.forks...)
		}
	}
	return all
}

// count is how many legs ring.
func (r *race) count() int {
	n := 0
	for _, p := range r.parts {
		if p.rings {
			n += len(p.group.forks)
		}
	}
	return n
}

// value is a variable of the dial string.
func (r *race) value(name string) string {
	if r == nil {
		return ""
	}
	for _, p := range r.parts {
		if p.group != nil && p.group.vars[name] != "" {
			return p.group.vars[name]
		}
	}
	return ""
}

// answered: the first leg that answers wins, the others lose without a word.
func (r *race) answered(f *fork, p peer) {
	if r.winner != nil || r.win != nil && r.win != f {
		lose(f.ch)
		return
	}
	r.winner, r.win, r.peer = f, f, p
	r.loseOthers(f)
}

// ahead: a leg has early media to pass on, and that is enough.
func (r *race) ahead(f *fork) {
	r.win, r.peer = f, *f.early
	r.loseOthers(f)
}

func (r *race) loseOthers(f *fork) {
	for _, other := range r.forks() {
		if other != f && !other.ended {
			lose(other.ch)
		}
	}
}

// await sets what the part waits for, at most limit, and what it does then.
func (p *part) await(ready func() bool, limit time.Duration, next func(inTime bool)) {
	p.ready, p.until, p.next = ready, time.Now().Add(limit), next
}

// proceed does what is next when it is time.
func (p *part) proceed() {
	if p.race.over() || p.done {
		return
	}
	if inTime := p.ready(); inTime || !time.Now().Before(p.until) {
		p.next(inTime)
	}
}

// try begins with the first group.
func (p *part) try() {
	p.left = p.race.core.inOrder(p.race.by, p.dial)
	p.ringNext()
}

// ringNext rings the next group. After the last one it begins again, or is done.
func (p *part) ringNext() {
	for !p.race.by.isDown() && len(p.left) > 0 {
		group := p.left[0]
		p.left = p.left[1:]
		p.group = &originating{race: p.race, core: p.race.core, log: p.race.by.logger(), by: p.race.by, vars: map[string]string{}}
		p.rings = true
		p.group.startForks(group)
		if len(p.group.forks) > 0 {
			p.await(p.group.settled, p.group.ringTime(), p.rang)
			return
		}
		p.nobody()
	}
	if p.failed.cause == "" && !p.race.by.isDown() {
		p.failed.cause = DestinationOutOfOrder
	}
	if p.again == 0 || p.race.by.isDown() {
		p.done = true
		return
	}
	p.again--
	p.await(func() bool { return false }, p.pause, func(bool) { p.try() })
}

// rang: the group has nobody to wait for any more, or its time is over. Who still rings is cancelled.
func (p *part) rang(inTime bool) {
	if f := p.group.enough(); f != nil {
		p.race.ahead(f)
		return
	}
	caller, cause := p.race.by.whyGone()
	if !inTime {
		cause = NoAnswer
	}
	p.group.cancel(caller, cause)
	p.await(p.group.over, guardTime, func(bool) {
		p.nobody()
		p.ringNext()
	})
}

// nobody: nobody of the group answered.
func (p *part) nobody() {
	p.silent()
	p.failed = p.group.result()
}

// silent ends the ringing of the group, for which nobody answered.
func (p *part) silent() {
	p.rings = false
	quiet := true
	for _, other := range p.race.parts {
		quiet = quiet && !other.rings
	}
	if quiet {
		p.race.by.groupOver()
	}
	p.race.by.groupFailed(p.group)
}
