package call

import "github.com/talkpath/talkpath/media"

// offerless says whether the caller left the offer to us, as some gateways and click-to-dial programs do.
func (ch *Channel) offerless() bool { return ch.incoming != nil && len(ch.incoming.SDP) == 0 }

// answerByOffer answers a caller that made no offer with one of ours, of one codec since nothing is transcoded, and waits for its answer in the ACK.
// Without ACK the signalling side ends the call.
func (ch *Channel) answerByOffer(c media.Codec) error {
	codecs := ch.allowed(ch.prefs)
	if c.Name != "" {
		codecs = append([]media.Codec{c}, ch.besides(ch.prefs)...)
	}
	kind := media.KindRTP
	switch {
	case ch.incoming.WebRTC:
		kind = media.KindWebRTC
	case ch.incoming.SDES:
		kind = media.KindSDES
	}
	sdp, err := ch.media.Offer(kind, codecs)
	if err != nil {
		return err
	}
	ch.set("rtp_local_sdp_str", string(sdp))
	if err := ch.leg.Answer(sdp); err != nil {
		return err
	}
	ch.markAnswered()
	ch.wait(func() bool { return ch.sound.confirmed || ch.hungUp }, 0)
	if ch.hungUp {
		return errGone
	}
	if err := ch.media.SetRemoteAnswer(ch.ackSDP); err != nil {
		return err
	}
	if !ch.negotiated(ch.ackSDP) {
		return errNoCodec
	}
	ch.emitCodec()
	return nil
}
