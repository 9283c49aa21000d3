package call

import (
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// consultation is an attended transfer in progress: this leg talks to a third party while the one it is bridged to hears music.
type consultation struct {
	held  *Channel
	media mediaSession // of the held leg
	win   *fork        // the third party, nil while it is rung
	key   byte         // the last key that means something here
	mixed mixer
}

// appAttXfer is att_xfer DIAL STRING, within a bridge: the far leg is held, somebody else is called. Hanging up connects the two; the keys # and *
// end the consultation, 0 lets all three talk.
func appAttXfer(ch *Channel, data dialplan.Expanded) string {
	held := ch.bridgedTo
	if held == nil || ch.ringing != nil {
		ch.log.Info("att_xfer needs a bridge")
		return responseNone
	}
	d, err := dialplan.ParseDialString(data)
	if err != nil {
		ch.log.Warn("dial string", "error", err)
		return responseNone
	}
	c := &consultation{held: held}
	var ok bool
	if c.media, _, ok = ch.askMedia(held, func() {}); !ok || ch.isDown() {
		return responseNone
	}
	music := ch.musicOnHold()
	held.box.put(func() { held.waitOnHold(music) })
	ch.sound.onDigit = func(digit byte, d time.Duration, relayed bool) bool { return ch.consultKey(c, digit, d, relayed) }
	defer func() { ch.sound.onDigit = nil }()
	win, _ := ch.originate(d)
	if win != nil {
		c.win = win
		ch.consult(c)
	}
	ch.ringing = nil
	ch.ringOver(nil)
	ch.endConsultation(c)
	return responseNone
}

// consultKey takes a digit within an attended transfer; those without a meaning go to the third party.
func (ch *Channel) consultKey(c *consultation, digit byte, d time.Duration, relayed bool) bool {
	switch cancel := ch.vars.value("origination_cancel_key"); {
	case c.win == nil && (digit == '#' || digit == '*' || cancel == string(digit)):
		if r := ch.ringing; r != nil {
			caller := ch.legEndOf()
			for _, f := range r.forks() {
				f.ch.box.put(func() { f.ch.cancelled(caller, OriginatorCancel) })
			}
		}
	case c.win != nil && (digit == '#' || digit == '*' || digit == '0'):
		c.key = digit
	case c.win != nil:
		third := c.win.ch
		third.box.put(func() { third.sendDigit(digit, d, relayed) })
	}
	return true
}

// consult lasts as long as the third party is on the line.
func (ch *Channel) consult(c *consultation) {
	third := ch.ringing.peer
	if err := ch.core.media.bridge(ch.media, third.media); err != nil {
		ch.log.Info("legs have nothing in common", "error", err)
		c.win.ch.Hangup(IncompatibleDest)
		ch.await(func() bool { return c.win.ended })
		return
	}
	for {
		ch.wait(func() bool { return c.win.ended || ch.isDown() || c.key != 0 }, 0)
		switch {
		case c.win.ended:
			return
		case ch.hungUp:
			ch.complete(c)
			return
		case ch.isDown(), c.key == '#', c.key == '*':
			c.win.ch.Hangup(NormalClearing)
			ch.await(func() bool { return c.win.ended })
			return
		}
		c.key = 0
		ch.threeParties(c, third.media)
	}
}

// threeParties lets all three talk.
func (ch *Channel) threeParties(c *consultation, third mediaSession) {
	if c.mixed != nil {
		return
	}
	m, err := ch.core.media.mix(ch.media, c.media, third)
	if err != nil {
		ch.log.Info("the calls cannot be mixed", "error", err)
		return
	}
	c.mixed = m
	c.held.box.put(c.held.releaseHold)
}

// complete connects the held party with the third one: this leg has hung up. It waits until both have left it, so that its end is not theirs.
func (ch *Channel) complete(c *consultation) {
	if c.mixed != nil {
		c.mixed.Close()
		c.mixed = nil
	}
	held, third := c.held, c.win.ch
	done, taken := false, false
	if !held.box.put(func() {
		held.releaseHold()
		held.takeOver(third, offerToJoin{cause: AttendedTransfer})
		agreed := held.join != nil && held.join.with == third
		ch.box.put(func() { done, taken = true, agreed })
	}) {
		return
	}
	ch.await(func() bool {
		_, mine := ch.children[third] // it says itself that it has left
		return done && !(taken && mine)
	})
}

// endConsultation takes the leg back to the one that was held.
func (ch *Channel) endConsultation(c *consultation) {
	if c.mixed != nil {
		c.mixed.Close()
	}
	c.held.box.put(c.held.releaseHold)
	if ch.isDown() || ch.bridgedTo != c.held {
		return
	}
	if err := ch.core.media.bridge(ch.media, c.media); err != nil {
		ch.log.Info("the bridge is not restored", "error", err)
		ch.hangup(HangupReason{Cause: IncompatibleDest})
	}
}
