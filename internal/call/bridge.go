package call

import (
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// appBridge rings what a dial string names and connects the caller with who answers.
func appBridge(ch *Channel, data dialplan.Expanded) string {
	if ch.bridgedTo != nil || ch.ringing != nil {
		ch.log.Warn("the channel is in a bridge already")
		return responseNone
	}
	if far := ch.bridgeTo(data); far != nil {
		ch.talk(far)
	}
	return responseNone
}

// bridgeTo connects the channel; nil when nothing came of it.
func (ch *Channel) bridgeTo(data dialplan.Expanded) *Channel {
	d, err := dialplan.ParseDialString(data)
	if err != nil {
		ch.log.Warn("dial string", "error", err)
		ch.hangup(HangupReason{Cause: DestinationOutOfOrder})
		return nil
	}
	win, failed := ch.originate(d)
	switch {
	case ch.isDown():
		ch.dropWinner(win)
	case win == nil:
		ch.ringing = nil
		ch.ringOver(nil)
		ch.bridgeFailed(failed)
	case ch.heir != nil:
		ch.handOver(win.ch, func() bool { return win.ended })
		ch.ringing = nil
	case ch.connect(win):
		return win.ch
	}
	return nil
}

// dropWinner ends a leg that answered while the caller went away.
func (ch *Channel) dropWinner(win *fork) {
	if win != nil {
		why, _ := ch.whyGone()
		win.ch.Hangup(why.cause)
	}
	ch.ringing = nil
}

// ringOver takes an answered caller back from waiting for others to answer, RING_WAIT.
func (ch *Channel) ringOver(far *callerProfile) {
	if ch.callState != callRingWait {
		return
	}
	if far != nil {
		ch.other, ch.otherType = far, originatee
	}
	ch.emitCallState(callActive)
}

// bridgeFailed decides what a bridge that came to nothing means for the caller: the dialplan goes on after "no answer" and for the
// causes that continue_on_fail names, else the call ends with the cause.
func (ch *Channel) bridgeFailed(r legResult) {
	if ch.heir == nil && ch.continues(r.cause) {
		return
	}
	h := HangupReason{Cause: r.cause}
	if r.status >= 400 {
		h.Status, h.Phrase = r.status, r.phrase
	}
	ch.hangup(h)
}

// continues follows mod_dptools: continue_on_fail and failure_causes decide when they are set, else no answer is a reason to go on.
func (ch *Channel) continues(c Cause) bool {
	on, off := ch.vars.value("continue_on_fail"), ch.vars.value("failure_causes")
	if on == "" && off == "" {
		return c == NoAnswer || c == NoUserResponse || c == OriginatorCancel
	}
	if on != "" && (isTrue(on) || listed(on, c)) {
		return true
	}
	return off != "" && !isTrue(off) && !listed(off, c)
}

// listed finds a cause in a comma-separated list of names and numbers.
func listed(list string, c Cause) bool {
	for _, item := range strings.Split(list, ",") {
		if x, ok := ParseCause(item); ok && x == c {
			return true
		}
	}
	return false
}

// connect gives the caller its answer, or the early media, with the codec that the called leg chose, and joins the media.
func (ch *Channel) connect(win *fork) bool {
	r, b := ch.ringing, win.ch
	defer func() { ch.ringing = nil }()
	p, byAnswer := r.peer, r.winner != nil
	ch.talkedTo.Store(b) // its answer may be acted on before the bridge stands
	ch.vars.set(Variable{Name: "switch_m_sdp", Value: string(p.media.RemoteSDP()), Wire: true})
	err := ch.answerWith(p.codec, byAnswer)
	if err == nil {
		err = ch.joinMedia(p)
	}
	if err != nil {
		ch.log.Info("legs have nothing in common", "error", err)
		b.Hangup(IncompatibleDest)
		ch.hangup(HangupReason{Cause: IncompatibleDest})
		return false
	}
	ch.ringOver(p.profile.asOriginatee())
	a := *ch.profile
	// The called leg's second OUTGOING comes between the caller's answer and its BRIDGE.
	done := false
	b.box.put(func() {
		b.bridgeStarts(ch, a)
		ch.box.put(func() { done = true })
	})
	ch.await(func() bool { return done || ch.isDown() || win.ended })
	if !ch.beginBridge(r, win, p) {
		return false
	}
	if !byAnswer && r.winner != nil { // answered meanwhile
		ch.farAnswered(r.peer)
	}
	return true
}

// bridgeStarts is the called leg's part at the begin of a bridge.
func (ch *Channel) bridgeStarts(a *Channel, p callerProfile) {
	if ch.isDown() || ch.parent != a {
		return
	}
	ch.other = p.asOriginator()
	ch.emitOutgoing()
	ch.set("endpoint_disposition", map[bool]string{true: "ANSWER", false: "EARLY MEDIA"}[ch.isAnswered])
	again := []string{"max_forwards", "originator_codec", "originator"}
	if exported := ch.vars.value("export_vars"); exported != "" {
		again = append(append(again, "export_vars"), strings.Split(exported, ",")...)
	}
	again = append(again, "originate_early_media", "originating_leg_uuid", "originate_endpoint", "call_uuid")
	for _, name := range again {
		if v, ok := ch.vars.lookup(name); ok {
			ch.vars.set(v)
		}
	}
}

// beginBridge reports the bridge on both legs.
func (ch *Channel) beginBridge(r *race, win *fork, p peer) bool {
	if win.ended || ch.isDown() {
		if !ch.isDown() {
			ch.noteFarEnd(win.end)
			ch.afterBridge(win.end)
		} else {
			why, _ := ch.whyGone()
			win.ch.Hangup(why.cause)
		}
		ch.media.Unbridge()
		return false
	}
	ch.noteSuccess(r, win)
	ch.standBridge(win.ch, p)
	ch.bypassAfterBridge()
	return true
}

// standBridge reports the bridge with b on this leg, and has b do the same.
func (ch *Channel) standBridge(b *Channel, p peer) {
	now := time.Now()
	ch.bridgedTo, ch.bridgeBegan, ch.wasUsed, ch.farEnd = b, now, true, nil
	ch.talkedTo.Store(b)
	ch.ownProfile().Times.Bridged = now
	ch.other, ch.otherType = p.profile.asOriginatee(), originatee
	ch.set("signal_bond", b.uuid)
	ch.emitBridge(ch.uuid, b.uuid)
	ch.set("bridge_to", b.uuid)
	ch.set("last_bridge_to", b.uuid)
	ch.set("bridge_channel", b.name)
	ch.set("bridge_uuid", b.uuid)
	ch.set("signal_bond", b.uuid)
	name, number := first(ch.vars.value("effective_caller_id_name"), ch.profile.CallerName), first(ch.vars.value("effective_caller_id_number"), ch.profile.CallerNumber)
	aName := ch.name
	b.box.put(func() { b.bridged(ch, now, aName, [2]string{name, number}) })
	ch.bridgeStands()
}

// bridged is the called leg's part when the bridge stands.
func (ch *Channel) bridged(a *Channel, at time.Time, aName string, caller [2]string) {
	if ch.isDown() || ch.parent != a {
		return
	}
	ch.bridgedTo, ch.bridgeBegan, ch.wasUsed = a, at, true
	ch.talkedTo.Store(a)
	ch.state, ch.requested = csExchangeMedia, csExchangeMedia
	ch.ownProfile().Times.Bridged = at
	ch.emitState()
	ch.set("bridge_to", a.uuid)
	ch.set("last_bridge_to", a.uuid)
	ch.set("bridge_channel", aName)
	ch.set("bridge_uuid", a.uuid)
	ch.set("signal_bond", a.uuid)
	ch.sentCallee, ch.told = caller, false
	if ch.isAnswered {
		ch.exchangeIdentity()
	}
	ch.bridgeStands()
}

// exchangeIdentity reports on both legs of an answered bridge, once, the called one first, whom they were told to talk to.
func (ch *Channel) exchangeIdentity() {
	if ch.told || ch.bridgedTo == nil || ch.parent == nil {
		return
	}
	ch.told = true
	a := ch.parent
	ch.tellIdentity(ch.sentCallee[0], ch.sentCallee[1], a.uuid)
	name, number := ch.profile.CalleeName, ch.profile.CalleeNumber
	a.box.put(func() {
		if a.bridgedTo == ch && !a.hungUp {
			a.tellIdentity(name, number, ch.uuid)
		}
	})
}

func (ch *Channel) tellIdentity(name, number, to string) {
	ch.sentCallee = [2]string{name, number}
	ch.identify(name, number)
	ch.set("last_sent_callee_id_name", name)
	ch.set("last_sent_callee_id_number", number)
	ch.emitCallUpdate(name, number, to)
}

// farAnswered: the called leg of a bridge with early media answered.
func (ch *Channel) farAnswered(p peer) {
	if ch.hungUp {
		return
	}
	if b := ch.bridgedTo; b != nil && ch.heir != nil {
		ch.handOver(b, func() bool { return ch.farEnd != nil })
		return
	}
	if err := ch.answerWith(p.codec, true); err != nil {
		ch.log.Info("answer failed", "error", err)
		ch.hangup(HangupReason{Cause: IncompatibleDest})
		return
	}
	ch.set("endpoint_disposition", "ANSWER")
	if b := ch.bridgedTo; b != nil {
		b.box.put(func() {
			if !b.hungUp {
				b.exchangeIdentity()
			}
		})
		ch.bypassAfterBridge()
	}
}

// talk lasts as long as the bridge does.
func (ch *Channel) talk(b *Channel) {
	ch.wait(func() bool { return ch.isDown() || ch.farEnd != nil }, 0)
	ch.talkEnds(b)
}

// talkEnds takes a caller out of its bridge.
func (ch *Channel) talkEnds(b *Channel) {
	if ch.farEnd == nil {
		end, _ := ch.whyGone()
		b.box.put(func() { b.farHungUp(ch, end) })
		ch.await(func() bool { return ch.farEnd != nil })
	}
	ch.bridgedTo = nil
	ch.media.Unbridge()
	ch.bypassOver()
	end := legResult{cause: NormalClearing}
	if ch.farEnd != nil {
		end = *ch.farEnd
	}
	ch.unbridged(b, end)
}

// unbridged reports the end of a bridge and decides how the caller goes on.
func (ch *Channel) unbridged(b *Channel, end legResult) {
	ch.vars.del("bridge_to")
	if ch.hungUp {
		if ch.ended {
			ch.setDefault("sip_hangup_disposition", ch.legEnd.Disposition)
		}
	} else if ch.next == nil && !ch.givenAway {
		ch.noteFarEnd(end)
	}
	switch {
	case ch.givenAway:
		ch.gaveFar()
	case !end.left:
		ch.set("bridge_hangup_cause", string(end.cause))
	}
	ch.emitUnbridge(ch.uuid, b.uuid)
	if !ch.isDown() {
		ch.releaseHold()
		ch.afterBridge(end)
		ch.reclaim()
	}
}

// afterBridge ends the caller when hangup_after_bridge says so; otherwise the dialplan goes on.
func (ch *Channel) afterBridge(end legResult) {
	if ch.givenAway || isTrue(ch.vars.value("hangup_after_bridge")) {
		ch.hangup(HangupReason{Cause: end.cause})
	}
}

// farHungUp ends a called leg because the caller of its bridge is gone.
func (ch *Channel) farHungUp(a *Channel, caller legResult) {
	if ch.hungUp || ch.parent != a { // it went elsewhere meanwhile
		return
	}
	ch.vars.del("bridge_to")
	if caller.left {
		ch.vars.del("signal_bond")
	} else {
		ch.noteFarEnd(caller)
		ch.afterFar = caller.cause
	}
	if ch.bridgedTo == a { // else a bridge of its own is about to end, and waits for its far leg
		ch.bridgedTo = nil
	}
	ch.hangup(HangupReason{Cause: caller.cause})
}

// peerAnswers waits until the peer of a called leg can be heard: nobody else can answer it.
func (ch *Channel) peerAnswers() error {
	ch.wait(func() bool { return ch.isAnswered || ch.early || ch.isDown() }, 0)
	if ch.isDown() {
		return errGone
	}
	return nil
}

// answerWith answers the caller's offer with the given codec, as early media or for good. It is a no-op on a leg that is as far.
func (ch *Channel) answerWith(c media.Codec, final bool) error {
	if ch.isAnswered || (ch.early && !final) {
		return nil
	}
	if ch.direction == outbound {
		return ch.peerAnswers()
	}
	if ch.offerless() {
		if !final {
			ch.ring() // it can have no media before the answer
			return nil
		}
		return ch.answerByOffer(c)
	}
	var codecs []media.Codec
	if c.Name != "" {
		codecs = append([]media.Codec{c}, ch.besides(ch.prefs)...)
	} else {
		codecs = ch.allowed(ch.prefs)
	}
	sdp := ch.media.LocalSDP()
	if !ch.early || len(sdp) == 0 {
		var err error
		if sdp, err = ch.media.Answer(codecs); err != nil {
			return err
		}
		if !ch.negotiated(nil) {
			return errNoCodec
		}
		ch.emitCodec()
		ch.set("endpoint_disposition", "EARLY MEDIA")
		if !final {
			ch.tellHeaders()
			if err := ch.leg.Ring(sdp); err != nil {
				return err
			}
		}
		ch.markEarly()
	}
	if !final {
		ch.set("rtp_local_sdp_str", string(sdp))
		return nil
	}
	ch.set("rtp_local_sdp_str", string(sdp))
	ch.tellHeaders()
	if err := ch.leg.Answer(sdp); err != nil {
		return err
	}
	ch.markAnswered()
	return nil
}
