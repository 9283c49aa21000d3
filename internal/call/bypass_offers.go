package call

import (
	"errors"
	"time"

	"github.com/talkpath/talkpath/media"
)

// offerTries is how often an offer of the far peer's description is tried while another one is under way on the leg.
const offerTries = 10

// offerOther offers the peer what the peer of the far leg says of itself. done gets the answer, on this channel's goroutine.
func (ch *Channel) offerOther(far *Channel, sdp []byte, tries int, done func(answer []byte, err error)) {
	if ch.hungUp || ch.bridgedTo != far {
		done(nil, errNoBridge)
		return
	}
	offer, err := ch.media.CrossOffer(sdp)
	if err != nil {
		done(nil, err)
		return
	}
	before, epoch := ch.bypass.strayed, ch.bypass.epoch
	ch.bypass.strayed = true
	err = ch.leg.Reoffer(offer, func(answer []byte, failed error) {
		ch.box.put(func() {
			switch {
			case ch.bypass.epoch != epoch:
				failed = errNotSettle
			case failed == nil:
				ch.saidAnew(answer)
			case !ch.bypass.away:
				ch.bypass.strayed = before // a refusal changes nothing
			}
			done(answer, failed)
		})
	})
	if err == nil {
		return
	}
	ch.bypass.strayed = before
	if tries--; !errors.Is(err, ErrOfferPending) || tries <= 0 {
		done(nil, err)
		return
	}
	again := func() {
		if ch.bypass.epoch != epoch {
			done(nil, errNotSettle)
			return
		}
		ch.offerOther(far, sdp, tries, done)
	}
	time.AfterFunc(offerPause, func() { ch.box.put(again) })
}

// saidAnew notes how the peer describes itself to the far one.
func (ch *Channel) saidAnew(sdp []byte) {
	ch.bypass.said = sdp
	ch.vars.set(Variable{Name: "switch_r_sdp", Value: string(sdp), Wire: true})
}

// passesOffers says whether the peer's offers are for the far one, or must wait until that is decided.
func (ch *Channel) passesOffers() bool { return ch.bypass.strayed || ch.bypass.move != nil }

// passOffer passes the peer's offer to the far one and its answer back: hold, resume, another address. An offer of a peer that is just being moved
// would cross ours.
func (ch *Channel) passOffer(sdp []byte, respond func(answer []byte, err error)) {
	far := ch.bridgedTo
	if !ch.bypass.away || ch.bypass.move != nil || far == nil {
		respond(nil, ErrOfferPending)
		return
	}
	if len(sdp) == 0 { // it wants an offer: what the far peer last said, RFC 3725 §4.1
		if !far.box.put(func() {
			said := far.bypass.said
			if !ch.box.put(func() { respond(ch.media.CrossOffer(said)) }) {
				respond(nil, errGone)
			}
		}) {
			respond(nil, errGone)
		}
		return
	}
	answered := func(answer []byte, err error) {
		if !ch.box.put(func() { ch.passedOffer(sdp, answer, err, respond) }) {
			respond(nil, errGone)
		}
	}
	if !far.box.put(func() { far.offerOther(ch, sdp, 1, answered) }) {
		respond(nil, errGone)
	}
}

// passedOffer gives the peer the far one's answer.
func (ch *Channel) passedOffer(offer, answer []byte, err error, respond func(answer []byte, err error)) {
	if err == nil && (ch.hungUp || !ch.bypass.strayed) {
		err = errGone
	}
	if err == nil {
		answer, err = ch.media.CrossAnswer(offer, answer)
	}
	if err != nil {
		respond(nil, err)
		return
	}
	respond(answer, nil)
	ch.saidAnew(offer)
	if d, err := media.ParseDescription(offer); err == nil {
		if on := d.Direction == media.SendOnly || d.Direction == media.Inactive; on != ch.held {
			ch.markHold(on)
		}
	}
	ch.emitReinvite()
	if ch.callState == callUnheld {
		ch.emitCallState(callActive)
	}
}

// passAnswer passes on the peer's answer to the far one's description, if it says anything new.
func (ch *Channel) passAnswer(sdp []byte) {
	far := ch.bridgedTo
	if !ch.bypass.away || far == nil || media.SamePlace(ch.bypass.said, sdp) {
		return
	}
	ch.saidAnew(sdp)
	far.box.put(func() {
		far.offerOther(ch, sdp, offerTries, func(_ []byte, err error) {
			if err != nil {
				far.log.Info("the peer is not told where the far one is now", "error", err)
			}
		})
	})
}
