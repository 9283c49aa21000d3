package call

import (
	"strings"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// A channel takes over another one that exists (intercept, uuid_bridge): both leave what they are doing, the one that takes over is the
// caller of the new bridge, the other one its called leg.

// joining is a take-over in progress, as the channel that takes over sees it.
type joining struct {
	with   *Channel
	peer   *peer // set when it is ready
	failed *legResult
}

// offerToJoin is what the one that takes over asks of the other.
type offerToJoin struct {
	by      *Channel
	profile callerProfile
	codec   media.Codec
	cause   Cause // what those learn that the other leaves behind
	bare    bool  // only one that is in no bridge
	ringing bool  // only one that was not answered
}

// Bridge connects two channels that exist, as uuid_bridge does: each leaves what it is doing. Both must have been answered or be
// callers that wait.
func (ch *Channel) Bridge(other *Channel) {
	ch.box.put(func() { ch.takeOver(other, offerToJoin{cause: NormalClearing}) })
}

// appIntercept is intercept [-bleg] UUID: it takes over the call of that channel. Who rang for it is called no more.
func appIntercept(ch *Channel, data dialplan.Expanded) string {
	text, far := strings.CutPrefix(strings.TrimSpace(data.String()), "-bleg ")
	other, ok := ch.core.Channel(strings.TrimSpace(text))
	if !ok || other == ch {
		ch.log.Info("nobody to intercept", "channel", headerText(text))
		return responseNone
	}
	if far {
		if other = other.farNow(); other == nil || other == ch {
			ch.log.Info("the channel to intercept is in no bridge")
			return responseNone
		}
	}
	ch.answerLike(other.Snapshot().ReadCodec)
	ch.takeOver(other, offerToJoin{cause: PickedOff, bare: isTrue(ch.vars.value("intercept_unbridged_only")),
		ringing: isTrue(ch.vars.value("intercept_unanswered_only"))})
	return responseNone
}

// answerLike answers the call with the codec of that name if it can, because nothing is transcoded.
func (ch *Channel) answerLike(codec string) {
	for _, c := range audioOf(ch.prefs) {
		if c.Name == codec && !ch.isAnswered && ch.codec.Name == "" && ch.answerWith(c, true) == nil {
			ch.set("endpoint_disposition", "ANSWER")
		}
	}
	ch.accept(true)
}

// consent is the other channel's answer: which one joins, nil for none.
type consent struct {
	from    *Channel
	profile callerProfile
}

// takeOver asks the other channel to join this one and waits for its consent, which takes no longer than a message there and back.
func (ch *Channel) takeOver(other *Channel, o offerToJoin) {
	if ch.isDown() || ch.profile == nil || ch.taking || !ch.isAnswered {
		return
	}
	ch.taking = true
	defer func() { ch.taking = false }()
	o.by, o.profile, o.codec = ch, *ch.profile, ch.codec
	var answer *consent
	late := false
	reply := func(c consent) bool {
		return ch.box.put(func() {
			answer = &c
			switch {
			case c.from == nil:
			case late || ch.hungUp:
				c.from.Hangup(NormalClearing)
			default:
				ch.children[c.from] = struct{}{}
			}
		})
	}
	if other == ch || !other.box.put(func() { other.yield(o, reply) }) {
		return
	}
	ch.await(func() bool { return answer != nil || ch.isDown() })
	if answer == nil || answer.from == nil || ch.isDown() {
		if late = true; answer != nil && answer.from != nil {
			answer.from.Hangup(NormalClearing)
		}
		ch.log.Info("the channel cannot be taken over", "other", other.uuid)
		return
	}
	ch.set("uuid_bridge", answer.from.uuid)
	ch.joins(answer.profile)
	if ch.direction == outbound && ch.parent != nil {
		ch.flipCallerID()
	}
	ch.other, ch.otherType = answer.profile.asOriginatee(), originatee
	ch.requested, ch.leaving, ch.callUUID = csHibernate, o.cause, ch.uuid
	ch.depart()
	ch.join = &joining{with: answer.from}
	ch.next = ch.lead
}

// yield is the other channel's part: it consents unless it is busy with such a thing itself. For a leg that rings its caller is meant.
func (ch *Channel) yield(o offerToJoin, reply func(consent) bool) {
	a := ch.parent
	switch {
	case ch.isDown() || ch.taking || ch.profile == nil || ch.media == nil || a == o.by || ch.bridgedTo == o.by || ch == o.by,
		o.bare && ch.bridgedTo != nil, o.ringing && ch.isAnswered:
		reply(consent{})
		return
	case ch.direction == outbound && !ch.isAnswered:
		if a == nil || !a.box.put(func() { a.yield(o, reply) }) {
			reply(consent{})
		}
		return
	}
	if !reply(consent{ch, *ch.profile}) {
		return
	}
	ch.joins(o.profile)
	ch.requested, ch.leaving = csHibernate, o.cause
	ch.depart()
	ch.caller, ch.parent = o.by, o.by
	ch.other, ch.otherType = o.profile.asOriginator(), originator
	ch.next = func() { ch.follow(o) }
}

// joins begins the chapter of the call in which this channel is bridged to that one.
func (ch *Channel) joins(far callerProfile) {
	own := *ch.profile
	ch.set("bridge_channel", far.Channel)
	ch.set("bridge_uuid", far.UUID)
	ch.set("signal_bond", far.UUID)
	ch.vars.set(Variable{Name: "original_destination_number", Value: own.Destination, Wire: true})
	ch.vars.set(Variable{Name: "original_caller_id_name", Value: own.CallerName, Wire: true})
	ch.vars.set(Variable{Name: "original_caller_id_number", Value: own.CallerNumber, Wire: true})
	ch.newProfile("uuid_br:" + far.UUID)
}

// wake takes a channel through the states in which FreeSWITCH begins such a bridge.
func (ch *Channel) wake(far *Channel) {
	for _, s := range []state{csHibernate, csReset, csSoftExecute} {
		ch.state, ch.requested = s, s
		ch.emitState()
	}
	ch.vars.del("uuid_bridge")
	ch.emitExecute("uuid_bridge", far.uuid, "")
}

// lead is the rest of the life of the channel that takes over.
func (ch *Channel) lead() {
	j := ch.join
	defer func() { ch.join = nil }()
	ch.wake(j.with)
	ch.await(func() bool { return j.peer != nil || j.failed != nil || ch.isDown() })
	switch {
	case ch.isDown() || j.peer == nil && j.failed == nil:
		why, _ := ch.whyGone()
		j.with.box.put(func() { j.with.farHungUp(ch, why) })
		return
	case j.failed != nil:
		ch.hangup(HangupReason{Cause: j.failed.cause})
		return
	}
	if err := ch.joinMedia(*j.peer); err != nil {
		ch.log.Info("legs have nothing in common", "error", err)
		j.with.Hangup(IncompatibleDest)
		ch.hangup(HangupReason{Cause: IncompatibleDest})
		return
	}
	ch.standBridge(j.with, *j.peer)
	ch.talk(j.with)
}

// follow is the rest of the life of the channel that was taken over.
func (ch *Channel) follow(o offerToJoin) {
	ch.wake(o.by)
	ch.callUUID = o.by.uuid
	ch.state, ch.requested = csConsumeMedia, csConsumeMedia
	ch.emitState()
	if err := ch.answerWith(o.codec, true); err != nil {
		ch.log.Info("legs have nothing in common", "error", err)
		ch.hangup(HangupReason{Cause: IncompatibleDest})
		return
	}
	p := peer{media: ch.media, codec: ch.codec, profile: *ch.profile}
	if !o.by.box.put(func() { o.by.joined(ch, p) }) {
		return
	}
	ch.wait(ch.isDown, 0)
}

// joined: the other channel is ready for the bridge.
func (ch *Channel) joined(with *Channel, p peer) {
	if ch.join != nil && ch.join.with == with {
		ch.join.peer = &p
	}
}
