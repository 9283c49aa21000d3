package call

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// A channel as an origin: what its bridge application does for the legs it rings.

// originate rings what a dial string names. ringing is set from then on, until who asked for it sets it back.
func (ch *Channel) originate(d *dialplan.DialString) (win *fork, failed legResult) {
	return ch.core.ringAll(ch, d)
}

// begin implements origin.
func (ch *Channel) begin(r *race) { ch.ringing = r }

func (ch *Channel) logger() *slog.Logger { return ch.log }

func (ch *Channel) post(f func()) bool { return ch.box.put(f) }

// variable implements origin.
func (ch *Channel) variable(name string) string { return ch.vars.value(name) }

// place implements origin.
func (ch *Channel) place() string { return ch.profile.Context }

// exports implements origin: the variables that export named.
func (ch *Channel) exports() []Variable {
	var list []Variable
	for _, name := range strings.Split(ch.vars.value("export_vars"), ",") {
		if v, ok := ch.vars.lookup(strings.TrimSpace(name)); ok {
			list = append(list, v)
		}
	}
	return list
}

// dialsUser implements origin.
func (ch *Channel) dialsUser(user, domain string) {
	if globals := ch.core.cfg.Globals; domain == "" && globals != nil {
		domain, _ = globals("domain")
	}
	ch.vars.set(Variable{Name: "dialed_user", Value: user, Wire: true})
	ch.vars.set(Variable{Name: "dialed_domain", Value: domain, Wire: true})
}

// newLeg implements origin.
func (ch *Channel) newLeg(o *originating, d Destination, t target) (*Channel, Cause) {
	if ch.maxForwards() <= 1 {
		return nil, ExchangeRoutingError
	}
	b, err := ch.newOutbound(d, t)
	if err != nil {
		ch.log.Warn("called leg refused", "error", err)
		return nil, SwitchCongestion
	}
	p := ch.ownProfile()
	p.CalleeName, p.CalleeNumber = b.profile.CalleeName, b.profile.CalleeNumber
	if o.race.isEnterprise() {
		b.set("ent_originate_aleg_uuid", ch.uuid)
	}
	ch.children[b] = struct{}{}
	return b, ""
}

// legsMade implements origin.
func (ch *Channel) legsMade(o *originating) {
	if ch.isAnswered {
		ch.emitCallState(callRingWait)
	}
	ch.set("originate_disposition", "failure")
	ch.set("DIALSTATUS", "INVALIDARGS")
	ch.set("originate_signal_bond", o.forks[0].ch.uuid)
	for _, f := range o.forks {
		ch.vars.push("originated_legs", f.label())
	}
	if isTrue(o.option("instant_ringback")) || slices.ContainsFunc(o.forks, (*fork).silent) {
		ch.ringBack()
	}
}

// groupFailed implements origin.
func (ch *Channel) groupFailed(o *originating) { ch.noteFailure(o) }

// groupOver implements origin.
func (ch *Channel) groupOver() { ch.stopBehind() }

// whyGone is what a leg that this one called is told when it is left: how the call ended, or why it goes on elsewhere.
func (ch *Channel) whyGone() (legResult, Cause) {
	if ch.hungUp {
		return ch.legEndOf(), OriginatorCancel
	}
	cause := OriginatorCancel
	if ch.next != nil && ch.leaving == PickedOff {
		cause = PickedOff
	}
	return legResult{cause: ch.leaving.orNormal(), left: true}, cause
}

// legEndOf is how this channel's own leg ended, for the legs it called.
func (ch *Channel) legEndOf() legResult {
	return legResult{cause: ch.cause, status: ch.legEnd.Status, phrase: ch.legEnd.Phrase}
}

// childRinging implements caller.
func (ch *Channel) childRinging(b *Channel, _ peer) {
	if _, f := ch.ringing.find(b); f != nil && !ch.hungUp {
		ch.ringBack()
	}
}

// ring tells the caller that it rings, without media: browsers make their own tone.
func (ch *Channel) ring() {
	if ch.direction != inbound || ch.ringReady || ch.early || ch.isAnswered {
		return
	}
	ch.tellHeaders()
	if err := ch.leg.Ring(nil); err != nil {
		ch.log.Info("ringing not sent", "error", err)
	}
	ch.markRinging()
}

// childEarly implements caller: media before the answer is passed on when the leg is the only one and this one's peer has a use for it.
func (ch *Channel) childEarly(b *Channel, p peer) {
	o, f := ch.ringing.find(b)
	if f == nil || ch.hungUp {
		return
	}
	if ch.heir != nil {
		return // it hears music
	}
	noUse := (ch.offerless() || ch.media.Kind() == media.KindWebRTC) && !ch.isAnswered // browsers ignore media before the answer
	other := ch.codec.Name != "" && !ch.codec.Same(p.codec)                            // of the ringing tone; it can be changed when it is answered
	if len(o.forks) > 1 || noUse || other || o.ignoresEarly() {
		ch.ringBack()
		return
	}
	f.early = &p
}

// ignoresEarly is ignore_early_media: true, or what to do instead (ring_ready, consume).
func (o *originating) ignoresEarly() bool {
	v := o.option("ignore_early_media")
	return v != "" && !isNo(v)
}

// childAnswered implements caller.
func (ch *Channel) childAnswered(b *Channel, p peer) {
	_, f := ch.ringing.find(b)
	switch {
	case f == nil && ch.bridgedTo == b: // after early media
		ch.farAnswered(p)
	case f == nil || ch.hungUp:
		lose(b)
	default:
		ch.ringing.answered(f, p)
	}
}

// childEnded implements caller.
func (ch *Channel) childEnded(b *Channel, end legResult) {
	if o, f := ch.ringing.find(b); f != nil && !f.ended {
		o.ended(f, end)
	}
	if j := ch.join; j != nil && j.with == b && ch.bridgedTo != b {
		j.failed = &end
	}
	if ch.bridgedTo == b {
		ch.bridgedTo = nil
		ch.farEnd = &end
	}
}

// childLeft implements caller.
func (ch *Channel) childLeft(b *Channel) {
	delete(ch.children, b)
	ch.childEnded(b, legResult{cause: NormalClearing, left: true})
}

// childGone implements caller.
func (ch *Channel) childGone(b *Channel) { delete(ch.children, b) }
