package call

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// defaultRing is how long called legs ring when nothing says otherwise.
const defaultRing = 60 * time.Second

// maxForks bounds the legs that are rung at once for one caller.
const maxForks = 64

// caller is who called a leg and hears of it: a channel, or the command originate. The methods child… run on its goroutine.
type caller interface {
	// post hands work to the goroutine; false when it has ended.
	post(f func()) bool
	// childRinging: a called leg rings. childEarly: it sends media before it answers. childAnswered, childEnded: it answered, it is over.
	childRinging(b *Channel, p peer)
	childEarly(b *Channel, p peer)
	childAnswered(b *Channel, p peer)
	childEnded(b *Channel, end legResult)
	// childLeft: it is part of another call now. childGone: it was destroyed.
	childLeft(b *Channel)
	childGone(b *Channel)
}

// origin is for whom a dial string is rung: a channel with its bridge application (originate_channel.go), or the command originate
// (originate_command.go). All of it runs on its goroutine.
type origin interface {
	caller
	wait(stop func() bool, limit time.Duration) bool
	await(stop func() bool) bool
	// isDown: it wants nobody any more. whyGone is what the legs are told then.
	isDown() bool
	whyGone() (result legResult, cause Cause)
	// begin: it has a dial string rung. logger is where what is odd about it goes.
	begin(r *race)
	logger() *slog.Logger
	// variable is what it says where the dial string says nothing.
	variable(name string) string
	// newLeg makes the channel of a called leg of a group, or says why there is none.
	newLeg(o *originating, d Destination, t target) (*Channel, Cause)
	// exports are its variables that the legs get.
	exports() []Variable
	// dialsUser: it is about to ring a user of the directory. legsMade: the legs of a group are about to be rung. groupFailed: nobody of it answered.
	// groupOver: whatever came of it.
	dialsUser(user, domain string)
	legsMade(o *originating)
	groupFailed(o *originating)
	groupOver()
	// place is where a loopback leg goes when it does not say.
	place() (context string)
}

// target is one target of a dial string with its variables.
type target struct {
	endpoint, dest string
	parts          dialplan.Expanded // dest: what of it came from outside
	list           []Variable
	vars           map[string]string
	found          []Destination // what it was resolved to, when it was
}

// peer is what a called leg tells its caller about itself.
type peer struct {
	media   mediaSession
	codec   media.Codec
	profile callerProfile
}

// legResult is how a called leg ended.
type legResult struct {
	cause  Cause
	status int
	phrase string
	left   bool // it did not: it goes on elsewhere
}

// fork is one called leg as the caller sees it.
type fork struct {
	ch       *Channel
	dest     Destination
	endpoint string
	ended    bool
	end      legResult
	early    *peer // what it has before the answer, when that is enough
}

// originating rings the targets of one group of a dial string.
type originating struct {
	race   *race
	core   *Core
	log    *slog.Logger
	by     origin
	forks  []*fork
	failed legResult // of targets that had nothing to ring
	reject bool      // one leg's end ends the others
	vars   map[string]string
}

func (o *originating) find(b *Channel) *fork {
	if o == nil {
		return nil
	}
	for _, f := range o.forks {
		if f.ch == b {
			return f
		}
	}
	return nil
}

// toCaller tells who called this leg something, with what it may need of the leg.
func (ch *Channel) toCaller(f func(c caller, b peer)) {
	if c := ch.caller; c != nil {
		b := peer{media: ch.media, codec: ch.codec, profile: *ch.profile}
		c.post(func() { f(c, b) })
	}
}

func lose(b *Channel) {
	b.box.put(func() { b.hangup(HangupReason{Cause: LoseRace, Silent: true}) })
}

// ended: a leg is over.
func (o *originating) ended(f *fork, end legResult) {
	f.ended, f.end = true, end
	o.reject = o.reject || o.rejects(end.cause)
}

// option reads a variable: from the dial string, else of the caller.
func (o *originating) option(name string) string {
	if v, ok := o.vars[name]; ok {
		return v
	}
	return o.by.variable(name)
}

// startForks resolves the targets of a group and calls what they come to.
func (o *originating) startForks(group []target) {
	defer func() { // after a panic too: a channel that is in the table must run to leave it
		for _, f := range o.forks {
			o.core.start(f.ch)
		}
	}()
	for _, tg := range group {
		o.options(tg)
		dests, cause := o.core.resolve(o.by, tg)
		if len(dests) == 0 {
			o.fail(legResult{cause: cause})
		}
		for _, d := range dests {
			if o.race.count() >= maxForks {
				o.log.Warn("too many legs to ring", "limit", maxForks)
				break
			}
			o.startFork(d, tg)
		}
	}
	if len(o.forks) > 0 {
		o.by.legsMade(o)
	}
}

// silent says whether who is called sends no sign that it rings: instant_ringback of its gateway.
func (f *fork) silent() bool {
	return slices.ContainsFunc(f.dest.Vars, func(v Variable) bool { return v.Name == "instant_ringback" && isTrue(v.Value) })
}

func (f *fork) label() string {
	return headerText(f.ch.uuid + ";Outbound Call;" + strings.ReplaceAll(f.dest.CalleeNum, "|", ""))
}

// resolve turns a target into destinations. The endpoint "error" is a cause by itself.
func (c *Core) resolve(by origin, t target) ([]Destination, Cause) {
	if t.found != nil {
		return t.found, ""
	}
	switch t.endpoint {
	case "error":
		if c, ok := ParseCause(t.dest); ok {
			return nil, c
		}
		return nil, NormalClearing
	case "null":
		return []Destination{nowhere(t.dest)}, ""
	case "loopback":
		return []Destination{c.loopback(t, by.place())}, ""
	}
	dialer := c.dialer()
	if dialer == nil {
		return nil, DestinationOutOfOrder
	}
	dests, cause := dialer.Resolve(t.endpoint, t.dest, slices.Concat(by.exports(), t.list))
	if t.endpoint == "user" && cause != SubscriberAbsent {
		user, domain, _ := strings.Cut(t.dest, "@")
		by.dialsUser(user, domain)
	}
	if len(dests) == 0 && (cause == "" || cause == None) {
		cause = DestinationOutOfOrder
	}
	return dests, cause
}

func (o *originating) startFork(d Destination, t target) {
	b, refused := o.by.newLeg(o, d, t)
	if b == nil {
		o.fail(legResult{cause: refused})
		return
	}
	o.forks = append(o.forks, &fork{ch: b, dest: d, endpoint: t.endpoint})
}

// settled says whether there is nothing to wait for any more.
func (o *originating) settled() bool { return o.over() || o.reject || o.enough() != nil }

// cancel ends the legs that still ring.
func (o *originating) cancel(caller legResult, cause Cause) {
	for _, f := range o.forks {
		f.ch.box.put(func() { f.ch.cancelled(caller, cause) })
	}
}

// enough is the leg whose state before an answer is what the caller waits for.
func (o *originating) enough() *fork {
	for _, f := range o.forks {
		if f.early != nil && !f.ended {
			return f
		}
	}
	return nil
}

// cancelled ends a leg that still rings, because the caller went away or did not want to wait longer.
func (ch *Channel) cancelled(caller legResult, cause Cause) {
	if ch.hungUp {
		return
	}
	if cause == OriginatorCancel && ch.parent != nil {
		ch.noteFarEnd(caller)
	}
	// Of a call that was answered elsewhere browsers show a reason as an error.
	ch.hangup(HangupReason{Cause: cause, Silent: cause == PickedOff})
}

// ringTime is call_timeout, or originate_timeout in the dial string.
func (o *originating) ringTime() time.Duration {
	for _, name := range []string{"originate_timeout", "call_timeout"} {
		if n, err := strconv.Atoi(strings.TrimSpace(o.option(name))); err == nil && n > 0 {
			return time.Duration(n) * time.Second
		}
	}
	return defaultRing
}

func (o *originating) over() bool {
	for _, f := range o.forks {
		if !f.ended {
			return false
		}
	}
	return true
}

func (o *originating) fail(r legResult) { o.failed = worse(o.failed, r) }

// result is why nobody answered: the most telling of the legs' causes.
func (o *originating) result() legResult {
	if len(o.forks) == 0 {
		return o.failed
	}
	var r legResult
	for _, f := range o.forks {
		r = worse(r, f.end)
	}
	return r
}

// worse picks the cause that says more to the caller: busy, then declined, then no answer; else the first.
func worse(a, b legResult) legResult {
	if a.cause == "" || rank(b.cause) < rank(a.cause) {
		return b
	}
	return a
}

func rank(c Cause) int {
	switch c {
	case UserBusy:
		return 0
	case CallRejected:
		return 1
	case NoAnswer:
		return 2
	case IncompatibleDest:
		return 3
	case UserNotRegistered, LoseRace:
		return 5
	}
	return 4
}
