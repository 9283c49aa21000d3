package call

import (
	"strings"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// askMedia asks another channel for its media and for that of the leg it is bridged to, and to be told of its end. It says false when
// the channel is gone.
func (ch *Channel) askMedia(other *Channel, atEnd func()) (own, far mediaSession, ok bool) {
	answered := false
	asked := other.box.put(func() {
		other.relayed()
		if !other.hungUp {
			other.sound.atEnd = append(other.sound.atEnd, atEnd)
		}
		m, p, down := other.media, other.bridgedTo, other.hungUp
		reply := func(far2 mediaSession) {
			ch.box.put(func() { answered, own, far, ok = true, m, far2, m != nil && !down })
		}
		if p == nil || !p.box.put(func() { reply(p.media) }) {
			reply(nil)
		}
	})
	if !asked {
		return nil, nil, false
	}
	ch.await(func() bool { return answered || ch.isDown() })
	return own, far, ok
}

// appThreeWay joins the call of another channel: all hear each other until one of the first two is gone.
func appThreeWay(ch *Channel, data dialplan.Expanded) string {
	other, ok := ch.core.Channel(strings.TrimSpace(data.String()))
	if !ok || other == ch {
		ch.log.Info("nobody to join", "channel", headerText(data.String()))
		return responseNone
	}
	if !ch.openMedia(true) {
		return responseNone
	}
	over := false
	own, far, ok := ch.askMedia(other, func() { ch.box.put(func() { over = true }) })
	if !ok || ch.isDown() {
		return responseNone
	}
	legs := []mediaSession{ch.media, own}
	if far != nil && far != ch.media {
		legs = append(legs, far)
	}
	m, err := ch.core.media.mix(legs...)
	if err != nil {
		ch.log.Info("the calls cannot be mixed", "error", err)
		return responseNone
	}
	defer m.Close()
	ch.wait(func() bool { return over || ch.isDown() }, 0)
	return responseNone
}
