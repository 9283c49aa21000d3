package call

import (
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// defaultDigit is how long a digit is that nobody gave a length: 2000 samples.
const defaultDigit = 250 * time.Millisecond

// digitPause is what FreeSWITCH reckons for the pause behind a digit.
const digitPause = 250 * time.Millisecond

// digitString reads DIGITS[@MILLISECONDS].
func digitString(s string) (digits string, each time.Duration) {
	digits, ms, _ := strings.Cut(strings.TrimSpace(s), "@")
	each = defaultDigit
	if n, err := strconv.Atoi(ms); err == nil && n > 0 {
		each = min(max(time.Duration(n)*time.Millisecond, minDigit), maxDigit)
	}
	keep := func(r rune) rune {
		if strings.ContainsRune("0123456789*#ABCDabcdwW", r) {
			return r
		}
		return -1
	}
	if digits = strings.Map(keep, digits); len(digits) > maxDigits {
		digits = digits[:maxDigits]
	}
	return digits, each
}

// SendDTMF sends digits to the peer, as uuid_send_dtmf does: DIGITS[@MILLISECONDS].
func (ch *Channel) SendDTMF(digits string) {
	ch.box.put(func() { ch.sendDigits(digitString(digits)) })
}

// ReceiveDTMF takes digits as if the peer had sent them, as uuid_recv_dtmf does.
func (ch *Channel) ReceiveDTMF(digits string) {
	ch.box.put(func() {
		text, each := digitString(digits)
		for _, d := range []byte(text) {
			if d != 'w' && d != 'W' && !ch.hungUp {
				ch.emitDTMF(d, int(each.Milliseconds())*8, "APP")
				ch.dialled(d, each, false)
			}
		}
	})
}

// appSendDTMF sends digits to the peer: DIGITS[@MILLISECONDS], w and W pause.
func appSendDTMF(ch *Channel, data dialplan.Expanded) string {
	ch.sendDigits(digitString(data.String()))
	return responseNone
}

// sendDigits sends digits to the peer, by RFC 4733 or by INFO.
func (ch *Channel) sendDigits(digits string, each time.Duration) {
	if digits == "" || ch.media == nil || ch.hungUp {
		return
	}
	sent := len(digits) - strings.Count(strings.ToLower(digits), "w")
	ch.set("last_dtmf_duration", strconv.Itoa(sent*int((each+digitPause).Milliseconds())))
	if ch.codec.Name != "" && ch.takesEvents() && !ch.bypass.away { // else by INFO: RTP from here would be a stranger's
		if err := ch.media.SendDTMF(digits, int(each.Milliseconds())); err != nil {
			ch.log.Info("digits not sent", "error", err)
		}
		return
	}
	for _, d := range []byte(digits) {
		if d != 'w' && d != 'W' {
			ch.sendDigit(d, each, false)
		}
	}
}

// appQueueDTMF takes digits as if the peer had dialled them.
func appQueueDTMF(ch *Channel, data dialplan.Expanded) string {
	digits, each := digitString(data.String())
	for _, d := range []byte(digits) {
		if d != 'w' && d != 'W' {
			ch.dialled(d, each, false)
		}
	}
	return responseNone
}

// appFlushDTMF forgets the digits that nobody has taken.
func appFlushDTMF(ch *Channel, _ dialplan.Expanded) string {
	ch.sound.digits = nil
	return responseNone
}
