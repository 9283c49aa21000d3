package call

import (
	"fmt"
	"strings"
	"time"
)

// Limits of a digit's length: a shorter one is not heard, a longer one blocks.
const (
	minDigit = 40 * time.Millisecond
	maxDigit = 8 * time.Second
)

// The values of dtmf-type beside rfc2833.
const (
	dtmfInfo = "info"
	dtmfNone = "none"
)

// dtmfType is the profile's.
func (ch *Channel) dtmfType() string {
	switch {
	case ch.dest != nil:
		return ch.dest.DTMFType
	case ch.incoming != nil:
		return ch.incoming.DTMFType
	}
	return ""
}

// dtmf reports a digit of this leg's peer and passes it on to the far leg. One that came as RTP passes through the media bridge by
// itself when the far leg can take it so.
func (ch *Channel) dtmf(digit byte, d time.Duration, byRTP bool) {
	if ch.hungUp || !strings.ContainsRune("0123456789*#ABCDabcd", rune(digit)) {
		return
	}
	d = min(max(d, minDigit), maxDigit)
	source, rate := "ENDPOINT", 8000
	if byRTP {
		source = "RTP"
		if ch.codec.ClockRate > 0 {
			rate = ch.codec.ClockRate
		}
	}
	ch.emitDTMF(digit, int(d.Milliseconds())*rate/1000, source)
	ch.dialled(digit, d, byRTP)
}

// maxDigits bounds what a peer may dial ahead.
const maxDigits = 100

// dialled takes a digit to whom it is for: an application that listens, a key bound for the time of a bridge, the far leg; else it is
// kept for the next application that asks.
func (ch *Channel) dialled(digit byte, d time.Duration, relayed bool) {
	far := ch.bridgedTo
	switch {
	case ch.sound.onDigit != nil && ch.sound.onDigit(digit, d, relayed):
	case ch.sound.listening == 0 && far != nil && ch.metaKey(digit):
	case ch.sound.listening == 0 && far != nil:
		far.box.put(func() { far.sendDigit(digit, d, relayed) })
	case len(ch.sound.digits) < maxDigits:
		ch.sound.digits = append(ch.sound.digits, digit)
	}
}

// nextDigit takes the oldest digit that nobody has taken. There must be one.
func (ch *Channel) nextDigit() byte {
	d := ch.sound.digits[0]
	ch.sound.digits = ch.sound.digits[1:]
	return d
}

// sendDigit sends a digit to this leg's peer, by RFC 4733 when that was negotiated, by INFO otherwise; on a profile with dtmf-type none not at all.
func (ch *Channel) sendDigit(digit byte, d time.Duration, relayed bool) {
	if ch.hungUp || ch.media == nil || ch.leg == nil || ch.dtmfType() == dtmfNone {
		return
	}
	if ch.takesEvents() && !ch.bypass.away {
		if relayed {
			return
		}
		if err := ch.media.SendDTMF(string(digit), int(d.Milliseconds())); err == nil {
			return
		}
	}
	body := fmt.Sprintf("Signal=%c\r\nDuration=%d\r\n", digit, d.Milliseconds())
	if err := ch.leg.SendInfo("application/dtmf-relay", []byte(body)); err != nil {
		ch.log.Info("digit not sent", "error", err)
	}
}

// takesEvents says whether telephone-event was agreed on with this leg's peer.
func (ch *Channel) takesEvents() bool { return len(eventsOf(ch.media.Codecs())) > 0 }
