package call

import (
	"slices"
	"strings"
	"time"

	"github.com/talkpath/talkpath/media"
)

// confirmTime is how long the caller's ACK may take before its codec is changed.
const confirmTime = 5 * time.Second

// ringTone is what the caller hears while somebody is rung: transfer_ringback once it is answered, else ringback; "" for nothing.
func (ch *Channel) ringTone() string {
	value := func(name string) string {
		return first(ch.ringing.value(name), ch.ownVar(name))
	}
	name := ""
	if ch.isAnswered {
		name = value("transfer_ringback")
	}
	name = strings.TrimSpace(first(name, value("ringback")))
	switch {
	case strings.EqualFold(name, "silence"):
		return ""
	case !strings.Contains(name, "://") && strings.Contains(name, "%("):
		return "tone_stream://" + name
	}
	return name
}

// ringBack tells the caller that a called leg rings: by a sound of the dialplan's choice, as early media when the caller is not answered
// yet, else by 180. Browsers ignore early media and make a tone of their own.
func (ch *Channel) ringBack() {
	name := ch.ringTone()
	if name == "" || ch.sound.background != nil || !ch.earlyFor() {
		ch.ring()
		return
	}
	ch.playBehind(name, false)
}

// earlyFor opens early media for a sound; false when the caller cannot have any.
func (ch *Channel) earlyFor() bool {
	if ch.isAnswered || ch.early {
		return true
	}
	if ch.direction != inbound || ch.offerless() || ch.media.Kind() == media.KindWebRTC {
		return false
	}
	for _, c := range audioOf(ch.prefs) {
		if !media.Generable(c) {
			continue
		}
		if ch.profile.Times.Progress.IsZero() {
			ch.ownProfile().Times.Progress = time.Now() // it rings, though nobody is told by 180
		}
		if err := ch.answerWith(c, false); err != nil {
			ch.log.Info("no early media", "error", err)
			return false
		}
		ch.sound.movable = true
		return true
	}
	return false
}

// joinMedia connects the media of this leg and another one that was answered. One that got a codec of its own, for a ringing tone or because
// it was called by itself, is asked to change to the other's where it may have that: nothing is transcoded.
func (ch *Channel) joinMedia(p peer) error {
	err := ch.core.media.bridge(ch.media, p.media)
	may := ch.sound.movable || slices.ContainsFunc(ch.prefs, p.codec.Same)
	if err == nil || !may || !ch.isAnswered || ch.codec.Same(p.codec) {
		return err
	}
	if err := ch.moveTo(p.codec); err != nil {
		return err
	}
	return ch.core.media.bridge(ch.media, p.media)
}

// moveTo offers the peer another codec in a re-INVITE and waits for its answer.
func (ch *Channel) moveTo(c media.Codec) error {
	ch.wait(func() bool { return ch.sound.confirmed || ch.direction == outbound || ch.isDown() }, confirmTime) // a re-INVITE before the ACK is a fault, RFC 3261 §14.1
	sdp, err := ch.media.Offer(ch.media.Kind(), append([]media.Codec{c}, eventsOf(ch.prefs)...))
	if err != nil {
		return err
	}
	var answer []byte
	answered := false
	if err := ch.leg.Reoffer(sdp, func(sdp []byte, failed error) {
		ch.box.put(func() { answered, answer, err = true, sdp, failed })
	}); err != nil {
		return err
	}
	ch.wait(func() bool { return answered || ch.isDown() }, 0) // the transaction has an end
	if ch.isDown() {
		return errGone
	}
	if err != nil {
		return err
	}
	if err := ch.media.SetRemoteAnswer(answer); err != nil {
		return err
	}
	if !ch.negotiated(answer) {
		return errNoCodec
	}
	ch.emitCodec()
	return nil
}

// ownOffer are the codecs of this leg that a called one may be offered: its own alone once it has one, because nothing is transcoded,
// and the others too where it can be moved to them.
func (ch *Channel) ownOffer() []media.Codec {
	if ch.codec.Name == "" {
		return ch.allowed(ch.prefs)
	}
	own := []media.Codec{ch.codec}
	if ch.sound.movable {
		own = append(own, filter(audioOf(ch.prefs), func(c media.Codec) bool { return !c.Same(ch.codec) })...)
	}
	return append(own, ch.besides(ch.media.RemoteCodecs())...)
}
