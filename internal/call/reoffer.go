package call

import (
	"errors"
	"time"

	"github.com/talkpath/talkpath/media"
)

// ErrOfferPending is what Leg.Reoffer returns while another offer is under way on the leg, from either side.
var ErrOfferPending = errors.New("call: another offer is under way")

// offerPause is how long after ErrOfferPending an offer is tried again: a round trip or two.
const offerPause = 200 * time.Millisecond

// offers are the re-INVITEs of ours that change nothing but the direction. One is under way at a time; of what is wanted meanwhile the last counts.
type offers struct {
	holding bool // the peer is to be held
	busy    bool // an answer, or another try, is waited for
	again   bool // with something else by now

	settled []func(error) // told what came of it, once none is under way
}

// offerAnew offers the peer what the call has again, with the direction that is wanted now.
func (ch *Channel) offerAnew() error {
	if ch.bypass.strayed {
		return errAside
	}
	if ch.offers.busy {
		ch.offers.again = true
		return nil
	}
	direction := media.SendRecv
	if ch.offers.holding {
		direction = media.SendOnly
	}
	sdp, err := ch.media.Reoffer(direction)
	if err != nil {
		return err
	}
	err = ch.leg.Reoffer(sdp, func(answer []byte, failed error) {
		ch.box.put(func() { ch.reoffered(answer, failed) })
	})
	if errors.Is(err, ErrOfferPending) {
		ch.offers.busy, ch.offers.again, err = true, true, nil
		time.AfterFunc(offerPause, func() { ch.box.put(ch.offerNext) })
	} else {
		ch.offers.busy = err == nil
	}
	return err
}

// reoffered takes the answer.
func (ch *Channel) reoffered(answer []byte, failed error) {
	if ch.hungUp {
		return
	}
	if failed == nil {
		failed = ch.media.SetRemoteAnswer(answer)
	}
	if failed != nil {
		ch.log.Info("the peer did not take the new offer", "error", failed)
	} else {
		ch.negotiated(answer)
	}
	ch.offerNext()
	if !ch.offers.busy {
		ch.offersSettled(failed)
	}
}

// offersSettled tells who waits for it.
func (ch *Channel) offersSettled(err error) {
	waiting := ch.offers.settled
	ch.offers.settled = nil
	for _, fn := range waiting {
		fn(err)
	}
}

// offerNext sends what waited.
func (ch *Channel) offerNext() {
	ch.offers.busy = false
	if !ch.offers.again || ch.hungUp {
		return
	}
	ch.offers.again = false
	if err := ch.offerAnew(); err != nil {
		ch.log.Info("the peer is not made another offer", "error", err)
		ch.offersSettled(err)
	}
}
