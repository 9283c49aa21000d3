package call

import (
	"github.com/talkpath/talkpath/media"
)

// Identifier is a Leg that can show its peer whom it talks to now, after a transfer. It calls offer for the description that goes with it, unless
// the peer has no use for it; what comes of it arrives as with Reoffer.
type Identifier interface {
	Identify(name, number string, offer func() ([]byte, error), done func(answer []byte, err error)) error
}

// defaultCallee is the name of a called leg that nothing named.
const defaultCallee = "Outbound Call"

// identify shows a peer with browsers' media that somebody else is at the far end. The first party of a call it knows: it called it, or was
// called by it. Who hides is not shown, and a peer that holds the call is not bothered: its re-INVITE ends the hold.
func (ch *Channel) identify(name, number string) {
	before := ch.shown
	ch.shown = number
	leg, able := ch.leg.(Identifier)
	hides := ch.other != nil && (ch.other.HideName || ch.other.HideNumber)
	if before == "" || before == number || !able || hides || ch.held || ch.media == nil || ch.media.Kind() != media.KindWebRTC {
		return
	}
	if name == "" || name == defaultCallee {
		name = number
	}
	offer := func() ([]byte, error) {
		return ch.media.Offer(ch.media.Kind(), append([]media.Codec{ch.codec}, ch.besides(ch.prefs)...))
	}
	err := leg.Identify(name, number, offer, func(answer []byte, err error) {
		ch.box.put(func() { ch.identified(answer, err) })
	})
	if err != nil {
		ch.log.Info("the peer is not shown whom it talks to", "error", err)
	}
}

// identified takes the peer's answer, which changes nothing but what the peer wants to.
func (ch *Channel) identified(answer []byte, err error) {
	if err == nil && !ch.hungUp {
		err = ch.media.SetRemoteAnswer(answer)
	}
	if err != nil {
		ch.log.Info("the peer was not shown whom it talks to", "error", err)
		return
	}
	if !ch.hungUp {
		ch.negotiated(answer)
	}
}
