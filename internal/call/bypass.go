package call

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/talkpath/talkpath/media"
)

// A bridge whose media goes straight from one peer to the other (switch_ivr.c switch_ivr_nomedia and switch_ivr_media): each is offered the other's
// description by a re-INVITE. The caller of the bridge leads: it has the legs make the offers, one after the other, and decides. A leg that leaves
// the bridge takes its peer back by itself.

// bypassTime bounds a change of the media's way, as in FreeSWITCH; reclaimTime a leg's wait for a peer that it takes back.
const (
	bypassTime  = 10 * time.Second
	reclaimTime = 5 * time.Second
)

// Errors of Bypass.
var (
	errNoBridge  = errors.New("call: not in a bridge of two answered legs")
	errMoving    = errors.New("call: the media's way is being changed")
	errRelayed   = errors.New("call: the media goes through here")
	errAside     = errors.New("call: the media does not go through here")
	errUsed      = errors.New("call: the media is played to, recorded or on hold here")
	errUnsteady  = errors.New("call: a peer answers each offer with another address")
	errNoAnswer  = errors.New("call: a peer did not answer in time")
	errNotSettle = errors.New("call: the bridge ended")
	errNoPeer    = errors.New("call: a leg has no peer outside")
)

// bypass is what a leg knows of the way of its media.
type bypass struct {
	strayed bool   // the peer was offered the far peer's description
	away    bool   // and has agreed, as has the far one: nothing of it comes here
	said    []byte // strayed: how the peer describes itself
	epoch   int    // counts the times the peer was taken back: an offer of before is void
	move    *move  // of the leg that leads: a change of the way
}

// move is a change of the media's way, of the leg that leads the bridge.
type move struct {
	lead, far *Channel
	off       bool // out of here
	over      bool
	timer     *time.Timer
	done      []func(error)
}

// Bypass has the media of a bridge go straight from peer to peer, or come back here, as uuid_media does. When a peer refuses, does not answer or
// cannot be reached without us, the call goes on as it was.
func (ch *Channel) Bypass(ctx context.Context, on bool) error {
	done := make(chan error, 1)
	if !ch.box.put(func() { ch.setBypass(on, func(err error) { done <- err }) }) {
		return ErrChannelGone
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noMedia is the message of that name: the media of the call that it names goes straight from now on.
func (ch *Channel) noMedia(m Message) {
	for _, h := range m.Headers {
		if !strings.EqualFold(h.Name, "nomedia-uuid") {
			continue
		}
		if other, ok := ch.core.Channel(h.Value); ok {
			other.box.put(func() { other.setBypass(true, other.bypassSet) })
		}
		return
	}
}

// bypassAfterBridge does so when the variable of that name says so and both are answered.
func (ch *Channel) bypassAfterBridge() {
	if v, ok := (env{ch}).Var("bypass_media_after_bridge"); ok && isTrue(v.Text) && ch.isAnswered {
		ch.setBypass(true, ch.bypassSet)
	}
}

func (ch *Channel) bypassSet(err error) {
	if err != nil {
		ch.log.Info("the media goes on through here", "reason", err)
	}
}

// setBypass asks the leg that leads the bridge. done is called once, on the goroutine of either leg.
func (ch *Channel) setBypass(on bool, done func(error)) {
	far := ch.bridgedTo
	switch {
	case ch.hungUp || far == nil:
		done(errNoBridge)
	case far != ch.parent:
		ch.moveMedia(far, on, done)
	case !far.box.put(func() { far.moveMedia(ch, on, done) }):
		done(errNoBridge)
	}
}

// moveMedia is the part of the leg that leads.
func (ch *Channel) moveMedia(far *Channel, off bool, done func(error)) {
	m := ch.bypass.move
	switch {
	case ch.hungUp || ch.bridgedTo != far || ch.parent == far:
		done(errNoBridge)
	case m != nil && m.off == off:
		m.done = append(m.done, done)
	case m != nil:
		done(errMoving)
	case off == ch.bypass.away && off:
		done(nil)
	case off == ch.bypass.away:
		done(errRelayed)
	default:
		m = &move{lead: ch, far: far, off: off, done: []func(error){done}}
		m.timer = time.AfterFunc(bypassTime, func() { ch.box.put(func() { m.end(errNoAnswer) }) })
		ch.bypass.move = m
		if off {
			m.leave()
		} else {
			m.comeBack()
		}
	}
}

// leave tells each peer the other's description: the called one first, then the caller's what the called one answered. A caller that then
// describes itself otherwise than the called one was told costs one more offer.
func (m *move) leave() {
	own, err := m.lead.straight()
	if err != nil {
		m.end(err)
		return
	}
	m.offer(m.far, own, func(theirs []byte) {
		m.offer(m.lead, theirs, func(now []byte) {
			if media.SamePlace(own, now) {
				m.stand()
				return
			}
			m.offer(m.far, now, func(again []byte) {
				if media.SamePlace(theirs, again) {
					m.stand()
					return
				}
				m.end(errUnsteady)
			})
		})
	})
}

// offer has a leg offer its peer the description of the other one, and goes on with the answer.
func (m *move) offer(to *Channel, sdp []byte, then func(answer []byte)) {
	other := m.far
	if to == m.far {
		other = m.lead
	}
	answered := func(answer []byte, err error) {
		m.lead.box.put(func() {
			switch {
			case m.over:
			case err != nil:
				m.end(err)
			default:
				then(answer)
			}
		})
	}
	ask := func() {
		if _, err := to.straight(); err != nil && !to.bypass.strayed {
			answered(nil, err)
			return
		}
		to.offerOther(other, sdp, offerTries, answered)
	}
	switch {
	case to == m.lead:
		ask()
	case !to.box.put(ask):
		m.end(errNoBridge)
	}
}

// stand has both legs let go.
func (m *move) stand() {
	lead, far := m.lead, m.far
	if lead.usesMedia() {
		m.end(errUsed)
		return
	}
	lead.standAside()
	far.box.put(func() {
		if far.bridgedTo != lead || far.hungUp {
			return
		}
		far.standAside()
		if far.usesMedia() { // since a moment ago
			far.setBypass(false, far.bypassSet)
		}
	})
	m.end(nil)
}

func (ch *Channel) standAside() {
	ch.bypass.away = true
	ch.media.StandAside(true)
}

// comeBack has each peer talk to us again, and relays.
func (m *move) comeBack() {
	lead, far := m.lead, m.far
	left, failed := 2, error(nil)
	back := func(err error) {
		if failed = errors.Join(failed, err); m.over {
			return
		}
		if left--; left == 0 {
			m.end(failed)
		}
	}
	lead.takeBack(back)
	if !far.box.put(func() { far.takeBack(func(err error) { lead.box.put(func() { back(err) }) }) }) {
		back(errNoBridge)
	}
}

// end ends the change. One that failed leaves a call that is relayed.
func (m *move) end(err error) {
	if m.over {
		return
	}
	m.over = true
	m.timer.Stop()
	lead, far := m.lead, m.far
	lead.bypass.move = nil
	switch {
	case lead.hungUp || lead.bridgedTo != far:
	case !m.off:
		if e := lead.core.media.bridge(lead.media, far.media); e != nil {
			err = errors.Join(err, e)
		}
	case err != nil:
		lead.restore()
		far.box.put(far.restore)
	}
	for _, fn := range m.done {
		fn(err)
	}
}

// restore takes a peer back that was offered the far one's description in vain.
func (ch *Channel) restore() {
	ch.bypass.epoch++
	if ch.bypass.strayed {
		ch.takeBack(func(error) {})
	}
}

// takeBack offers the peer our own description again.
func (ch *Channel) takeBack(done func(error)) {
	if ch.hungUp {
		done(errGone)
		return
	}
	ch.bypass.strayed, ch.bypass.away, ch.bypass.said = false, false, nil
	ch.bypass.epoch++
	ch.media.StandAside(false)
	ch.offers.settled = append(ch.offers.settled, done)
	if err := ch.offerAnew(); err != nil {
		ch.offersSettled(err)
	}
}

// relayed sees to it that the media of a leg goes through here before it is played to, recorded or held: check_media of switch_ivr_broadcast and
// of applications that need media.
func (ch *Channel) relayed() {
	if !ch.bypass.strayed || ch.hungUp {
		return
	}
	done := false
	ch.setBypass(false, func(error) { ch.box.put(func() { done = true }) })
	ch.box.wait(func() bool { return done || ch.hungUp }, bypassTime, ch.show, func() bool { return false })
}

// reclaim takes the peer back on a leg whose bridge is over, and waits for it: what comes next wants to be heard.
func (ch *Channel) reclaim() {
	if !ch.bypass.strayed || ch.hungUp || ch.bridgedTo != nil {
		return
	}
	done := false
	ch.takeBack(func(err error) {
		if done = true; err != nil {
			ch.log.Info("the peer does not send its media here", "error", err)
		}
	})
	ch.box.wait(func() bool { return done || ch.hungUp }, reclaimTime, ch.show, func() bool { return false })
}

// bypassOver ends a change of a bridge that has ended.
func (ch *Channel) bypassOver() {
	if m := ch.bypass.move; m != nil {
		m.end(errNotSettle)
	}
}

// straight is the peer's description when its media may go straight now.
func (ch *Channel) straight() ([]byte, error) {
	switch {
	case ch.hungUp || !ch.isAnswered || ch.bridgedTo == nil || ch.media == nil || ch.leg == nil:
		return nil, errNoBridge
	case ch.usesMedia():
		return nil, errUsed
	}
	switch ch.leg.(type) {
	case nullLeg, *loopLeg:
		return nil, errNoPeer
	}
	return ch.media.Straight()
}

// usesMedia says whether something here hears the peer or is heard by it.
func (ch *Channel) usesMedia() bool {
	s := &ch.sound
	return s.sounds > 0 || s.background != nil || len(s.recordings) > 0 || s.unicast != nil || ch.offers.holding || ch.offers.busy || ch.held
}
