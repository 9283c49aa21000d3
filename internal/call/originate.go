package call

import (
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// defaultRing is how long called legs ring when nothing says otherwise.
const defaultRing = 60 * time.Second

// maxForks bounds the legs that one bridge rings at once.
const maxForks = 64

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
}

// fork is one called leg as the caller sees it.
type fork struct {
	ch    *Channel
	dest  Destination
	ended bool
	end   legResult
	early *peer // its media before the answer
}

// originating is the ringing part of a bridge: the legs that ring and the one that won.
type originating struct {
	forks  []*fork
	winner *fork
	peer   peer
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

// toParent tells the caller's channel something, with what it may need of this leg.
func (ch *Channel) toParent(f func(p *Channel, b peer)) {
	if p := ch.parent; p != nil {
		b := peer{media: ch.media, codec: ch.codec, profile: *ch.profile}
		p.box.put(func() { f(p, b) })
	}
}

// childRinging: a called leg rings.
func (ch *Channel) childRinging(b *Channel, _ peer) {
	if ch.hungUp || ch.ringing.find(b) == nil {
		return
	}
	ch.ringBack()
}

// ring tells the caller that it rings, without media: browsers make their own tone.
func (ch *Channel) ring() {
	if ch.direction != inbound || ch.ringReady || ch.early || ch.isAnswered {
		return
	}
	if err := ch.leg.Ring(nil); err != nil {
		ch.log.Info("ringing not sent", "error", err)
	}
	ch.markRinging()
}

// childEarly: a called leg sends media before it answers. It is passed on when it is the only one and the caller has a use for it.
func (ch *Channel) childEarly(b *Channel, p peer) {
	f := ch.ringing.find(b)
	if f == nil || ch.hungUp {
		return
	}
	noUse := ch.media.Kind() == media.KindWebRTC && !ch.isAnswered // browsers ignore media before the answer
	ignore := ch.option("ignore_early_media")                      // true, or what to do instead: ring_ready, consume
	other := ch.codec.Name != "" && !ch.codec.Same(p.codec)        // of the ringing tone; it can be changed when it is answered
	if len(ch.ringing.forks) > 1 || noUse || other || ignore != "" && (isTrue(ignore) || !isNo(ignore)) {
		ch.ringBack()
		return
	}
	f.early = &p
}

// childAnswered: the first leg that answers wins, the others lose without a word.
func (ch *Channel) childAnswered(b *Channel, p peer) {
	o := ch.ringing
	f := o.find(b)
	switch {
	case f == nil && ch.bridgedTo == b: // after early media
		ch.farAnswered(p)
		return
	case f == nil || ch.hungUp || o.winner != nil:
		lose(b)
		return
	}
	o.winner, o.peer = f, p
	for _, other := range o.forks {
		if other != f && !other.ended {
			lose(other.ch)
		}
	}
}

func lose(b *Channel) {
	b.box.put(func() { b.hangup(HangupReason{Cause: LoseRace, Silent: true}) })
}

// childEnded: a called leg is over.
func (ch *Channel) childEnded(b *Channel, end legResult) {
	if f := ch.ringing.find(b); f != nil && !f.ended {
		f.ended, f.end = true, end
		ch.ringing.reject = ch.ringing.reject || ch.rejects(end.cause)
	}
	if j := ch.join; j != nil && j.with == b && ch.bridgedTo != b {
		j.failed = &end
	}
	if ch.bridgedTo == b {
		ch.bridgedTo = nil
		ch.farEnd = &end
	}
}

// option reads a variable of the bridge: from the dial string's {}, else the channel's.
func (ch *Channel) option(name string) string {
	if ch.ringing != nil {
		if v, ok := ch.ringing.vars[name]; ok {
			return v
		}
	}
	return ch.vars.value(name)
}

// originate rings the groups of a dial string one after the other until a leg answers or has early media to pass on. The result is
// nil when none did; then failed says why.
func (ch *Channel) originate(d *dialplan.DialString) (win *fork, failed legResult) {
	again, pause := ch.retries(d)
	for {
		if win, failed = ch.tryGroups(ch.inOrder(d)); win != nil || again == 0 || ch.isDown() {
			return win, failed
		}
		again--
		ch.wait(ch.isDown, pause)
		if ch.isDown() {
			return nil, failed
		}
	}
}

// tryGroups rings each group once.
func (ch *Channel) tryGroups(groups [][]target) (win *fork, failed legResult) {
	for _, group := range groups {
		o := &originating{vars: map[string]string{}}
		ch.ringing = o
		ch.startForks(o, group)
		win = ch.ringForks(o)
		ch.stopBehind()
		if win != nil {
			return win, failed
		}
		ch.noteFailure(o)
		if ch.isDown() {
			return nil, failed
		}
		failed = o.result()
		ch.ringing = nil
	}
	if failed.cause == "" {
		failed.cause = DestinationOutOfOrder
	}
	return nil, failed
}

// startForks resolves the targets of a group and calls what they come to.
func (ch *Channel) startForks(o *originating, group []target) {
	defer func() { // after a panic too: a channel that is in the table must run to leave it
		for _, f := range o.forks {
			ch.core.start(f.ch)
		}
	}()
	for _, tg := range group {
		o.options(tg)
		dests, cause := ch.resolve(tg)
		if len(dests) == 0 {
			o.fail(legResult{cause: cause})
		}
		for _, d := range dests {
			if len(o.forks) == maxForks {
				ch.log.Warn("too many legs to ring", "limit", maxForks)
				break
			}
			ch.startFork(o, d, tg)
		}
	}
	if len(o.forks) == 0 {
		return
	}
	if ch.isAnswered {
		ch.emitCallState(callRingWait)
	}
	ch.set("originate_disposition", "failure")
	ch.set("DIALSTATUS", "INVALIDARGS")
	ch.set("originate_signal_bond", o.forks[0].ch.uuid)
	for _, f := range o.forks {
		ch.vars.push("originated_legs", f.label())
	}
	if isTrue(ch.option("instant_ringback")) {
		ch.ringBack()
	}
}

func (f *fork) label() string {
	return headerText(f.ch.uuid + ";Outbound Call;" + strings.ReplaceAll(f.dest.CalleeNum, "|", ""))
}

// resolve turns a target into destinations. The endpoint "error" is a cause by itself.
func (ch *Channel) resolve(t target) ([]Destination, Cause) {
	if t.found != nil {
		return t.found, ""
	}
	if t.endpoint == "error" {
		if c, ok := ParseCause(t.dest); ok {
			return nil, c
		}
		return nil, NormalClearing
	}
	if t.endpoint == "loopback" {
		return []Destination{ch.loopback(t)}, ""
	}
	dialer := ch.core.dialer()
	if dialer == nil {
		return nil, DestinationOutOfOrder
	}
	if t.endpoint == "user" {
		user, domain, _ := strings.Cut(t.dest, "@")
		ch.vars.set(Variable{Name: "dialed_user", Value: user, Wire: true})
		ch.vars.set(Variable{Name: "dialed_domain", Value: domain, Wire: true})
	}
	dests, cause := dialer.Resolve(t.endpoint, t.dest, t.list)
	if len(dests) == 0 && (cause == "" || cause == None) {
		cause = DestinationOutOfOrder
	}
	return dests, cause
}

func (ch *Channel) startFork(o *originating, d Destination, t target) {
	if ch.maxForwards() <= 1 {
		o.fail(legResult{cause: ExchangeRoutingError})
		return
	}
	b, err := ch.newOutbound(d, t)
	if err != nil {
		ch.log.Warn("called leg refused", "error", err)
		o.fail(legResult{cause: SwitchCongestion})
		return
	}
	ch.profile.CalleeName, ch.profile.CalleeNumber = b.profile.CalleeName, b.profile.CalleeNumber
	ch.children[b] = struct{}{}
	o.forks = append(o.forks, &fork{ch: b, dest: d})
}

// ringForks waits for the first answer. Who still rings when it is over is cancelled.
func (ch *Channel) ringForks(o *originating) *fork {
	if len(o.forks) == 0 {
		return nil
	}
	var early *fork
	settled := func() bool {
		if len(o.forks) == 1 && o.forks[0].early != nil {
			early = o.forks[0]
		}
		return ch.isDown() || o.winner != nil || o.over() || o.reject || early != nil
	}
	cause := OriginatorCancel
	if !ch.wait(settled, ch.ringTime()) {
		cause = NoAnswer
	}
	if !ch.isDown() && o.winner != nil {
		return o.winner
	}
	if !ch.isDown() && early != nil && !early.ended {
		o.peer = *early.early
		return early
	}
	caller := ch.whyGone()
	if !ch.hungUp && ch.next != nil && ch.leaving == PickedOff {
		cause = PickedOff
	}
	for _, f := range o.forks {
		f.ch.box.put(func() { f.ch.cancelled(caller, cause) })
	}
	ch.await(o.over)
	return nil
}

// legEndOf is how this channel's own leg ended, for the legs it called.
func (ch *Channel) legEndOf() legResult {
	return legResult{cause: ch.cause, status: ch.legEnd.Status, phrase: ch.legEnd.Phrase}
}

// cancelled ends a leg that still rings, because the caller went away or did not want to wait longer.
func (ch *Channel) cancelled(caller legResult, cause Cause) {
	if ch.hungUp {
		return
	}
	if cause == OriginatorCancel {
		ch.noteFarEnd(caller)
	}
	ch.hangup(HangupReason{Cause: cause})
}

// ringTime is call_timeout, or originate_timeout in the dial string.
func (ch *Channel) ringTime() time.Duration {
	for _, name := range []string{"originate_timeout", "call_timeout"} {
		if n, err := strconv.Atoi(strings.TrimSpace(ch.option(name))); err == nil && n > 0 {
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
