package call

import (
	"fmt"
	"slices"
	"time"

	"github.com/talkpath/talkpath/media"
)

// reoffer answers a peer's new offer within the call: hold, resume, mute (which changes nothing), another address. Only the codec of
// the call is accepted then, because nothing is transcoded; a leg that is on its own may take another one. The far leg is not asked; on hold it
// hears music where its codec can be made, else silence.
func (ch *Channel) reoffer(sdp []byte, respond func(answer []byte, err error)) {
	if ch.hungUp || ch.media == nil {
		respond(nil, errGone)
		return
	}
	if ch.passesOffers() {
		ch.passOffer(sdp, respond)
		return
	}
	if len(sdp) == 0 {
		ch.offerAgain(respond)
		return
	}
	if err := ch.media.SetRemoteOffer(sdp); err != nil {
		respond(nil, fmt.Errorf("call: new offer: %w", err))
		return
	}
	before := ch.codec
	answer, err := ch.media.Answer(ch.anewCodecs())
	if err != nil {
		respond(nil, fmt.Errorf("call: answer to new offer: %w", err))
		return
	}
	respond(answer, nil)
	ch.negotiated(sdp)
	if before.Name != "" && !before.Same(ch.codec) {
		ch.emitCodec()
	}
	d := ch.media.RemoteDirection()
	ch.hold(d == media.SendOnly || d == media.Inactive)
	ch.emitReinvite()
	if ch.callState == callUnheld {
		ch.emitCallState(callActive)
	}
}

// offerAgain answers a re-INVITE without an offer with one: what the call has, nothing else.
func (ch *Channel) offerAgain(respond func(offer []byte, err error)) {
	if !ch.isAnswered || ch.codec.Name == "" {
		respond(nil, errNoCodec)
		return
	}
	offer, err := ch.media.Offer(ch.media.Kind(), ch.keepCodec())
	if err != nil {
		err = fmt.Errorf("call: another offer: %w", err)
	}
	respond(offer, err)
}

// reofferAnswered takes the answer to it. One that does not fit, or none, leaves the call as it was.
func (ch *Channel) reofferAnswered(sdp []byte) {
	if ch.hungUp || ch.media == nil || len(sdp) == 0 {
		return
	}
	if ch.bypass.away {
		ch.passAnswer(sdp)
		return
	}
	if err := ch.media.SetRemoteAnswer(sdp); err != nil {
		ch.log.Info("answer to another offer refused", "error", err)
		return
	}
	ch.negotiated(sdp)
	d := ch.media.RemoteDirection()
	ch.hold(d == media.SendOnly || d == media.Inactive)
}

// keepCodec is what a re-offer may be answered with: the codec of the call and what goes with it, or what the leg may use when none is agreed on.
func (ch *Channel) keepCodec() []media.Codec {
	if ch.codec.Name == "" {
		return ch.allowed(ch.prefs)
	}
	return append([]media.Codec{ch.codec}, ch.besides(ch.media.RemoteCodecs())...)
}

// anewCodecs is what a peer's new offer may be answered with: keepCodec, or on a leg that is on its own and is not offered its codec any more what it
// may use at all.
func (ch *Channel) anewCodecs() []media.Codec {
	alone := ch.bridgedTo == nil && ch.ringing == nil && ch.parent == nil && ch.join == nil
	if alone && !slices.ContainsFunc(ch.media.RemoteCodecs(), ch.codec.Same) {
		return ch.prefs
	}
	return ch.keepCodec()
}

// maxHolds bounds what hold_events lists, the last ones.
const maxHolds = 100

// hold reports that the peer put the call on hold or took it back, and has the far leg hear of it.
func (ch *Channel) hold(on bool) {
	if ch.held == on || !ch.isAnswered {
		return
	}
	ch.markHold(on)
	ch.holdMusic(on)
}

// markHold reports that the call is on hold on this leg, or no longer.
func (ch *Channel) markHold(on bool) {
	ch.held = on
	if on {
		ch.emitCallState(callHeld)
		ch.heldSince = time.Now()
		ch.ownProfile().Times.LastHold = ch.heldSince
		ch.emitHold()
		ch.emitPresence("hold", presenceOfHold)
		return
	}
	ch.emitCallState(callUnheld)
	now := time.Now()
	ch.ownProfile().Times.HoldAccum += now.Sub(ch.heldSince)
	if ch.holds = append(ch.holds, "{"+micros(ch.heldSince)+","+micros(now)+"}"); len(ch.holds) > maxHolds {
		ch.holds = ch.holds[1:]
	}
	ch.emitUnhold()
	ch.emitPresence("unhold", presenceOfUnhold)
}
