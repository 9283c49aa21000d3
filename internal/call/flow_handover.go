package call

import "github.com/talkpath/talkpath/internal/dialplan"

// An attended transfer to somebody who still rings: the leg that rings goes on without its peer, on behalf of the party that shall get the call.
// That one hears music until the answer.

// ringFor lets this leg ring for far, whom by talks to, in place of its own peer, which is told goodbye.
func (ch *Channel) ringFor(by, far *Channel, r Referral) {
	to := ch.profile.Destination
	if !by.box.put(func() { by.gaveWaiting(far, ch, to, r) }) {
		r.Done(false)
		return
	}
	ch.set("transfer_to", "satt:"+far.uuid)
	ch.set("holding_uuid", far.uuid)
	ch.heir = far
	if ch.leg != nil {
		ch.leg.Hangup(HangupReason{Cause: AttendedTransfer, Status: 487})
	}
}

// gaveWaiting is the part of the call whose far party shall wait.
func (ch *Channel) gaveWaiting(far, ringing *Channel, to string, r Referral) {
	if ch.hungUp || ch.farLeg() != far || !far.box.put(func() { far.waitFor(ringing, to) }) {
		r.Done(false)
		ringing.box.put(func() {
			ringing.heir = nil // it goes on elsewhere
			ringing.hangup(HangupReason{Cause: OriginatorCancel})
		})
		return
	}
	ch.givenAway = true
	r.Done(true)
}

// waitFor has this leg wait, with music, for whom another one rings.
func (ch *Channel) waitFor(ringing *Channel, to string) {
	if ch.hungUp {
		ringing.Hangup(OriginatorCancel)
		return
	}
	ch.testator = ringing
	ch.set("att_xfer_kill_uuid", ringing.uuid)
	ch.setWire("att_xfer_destination_number", to)
	program := "park"
	if music := ch.musicOnHold(); music != "" {
		program = "m:\":endless_playback:" + music + "\"park"
	}
	ch.transfer(place{dest: dialplan.Literal(program, false), dialplan: inlineDialplan})
}

// handOver gives who answered to the one that waits, and ends.
func (ch *Channel) handOver(third *Channel, ended func() bool) {
	heir, done, refused := ch.heir, false, false
	taken := heir.box.put(func() {
		heir.whenThere(func() {
			heir.testator = nil
			heir.set("hangup_after_bridge", "true")
			heir.takeOver(third, offerToJoin{cause: AttendedTransfer})
			took := heir.join != nil && heir.join.with == third
			ch.box.put(func() { done, refused = true, !took })
		})
	})
	if taken {
		ch.await(func() bool { return done || ended() })
	}
	if !taken || refused {
		third.Hangup(AttendedTransfer)
	} else {
		ch.heir = nil
	}
	ch.await(ended) // it has left this leg, or hung up
	ch.hangup(HangupReason{Cause: AttendedTransfer})
}

// whenThere runs fn at once, or when the transfer that is under way has been made.
func (ch *Channel) whenThere(fn func()) {
	if ch.next == nil {
		fn()
		return
	}
	ch.atNext = append(ch.atNext, fn)
}

// endHandover tells the other side of a handover that was not completed.
func (ch *Channel) endHandover() {
	if ch.heir != nil {
		ch.heir.Hangup(NormalUnspecified)
	}
	if ch.testator != nil {
		ch.testator.Hangup(OriginatorCancel)
	}
}
