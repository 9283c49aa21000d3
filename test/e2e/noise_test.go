package e2e

import (
	"bytes"
	"strings"
	"testing"
)

// noisyPeer is a phone that sends and takes comfort noise, RFC 3389.
type noisyPeer struct{ *rtpPeer }

func (p noisyPeer) offer(t *testing.T) []byte { return withNoise(p.rtpPeer.offer(t)) }

func (p noisyPeer) answer(t *testing.T, offer []byte) []byte {
	return withNoise(p.rtpPeer.answer(t, offer))
}

func withNoise(sdp []byte) []byte {
	return bytes.Replace(sdp, []byte(" 0 101\r\n"), []byte(" 0 101 13\r\na=rtpmap:13 CN/8000\r\n"), 1)
}

// TestComfortNoise: comfort noise that a caller offers is agreed on with it and offered to whom it calls, unless the profile or the variable suppresses
// it; nobody else sees it.
func TestComfortNoise(t *testing.T) {
	noisy := kind{"RTP with comfort noise", "udp", func(t *testing.T) mediaPeer { return noisyPeer{newRTPPeer(t, false)} }}
	for _, c := range []struct {
		name       string
		start      func(t *testing.T) *exchange
		suppressed bool
	}{
		{"by default", func(t *testing.T) *exchange { return start(t) }, false},
		{"suppress-cng of the profile", func(t *testing.T) *exchange { return startWith(t, profileWith(t, "suppress-cng", "true")) }, true},
		{"supress-cng of the profile", func(t *testing.T) *exchange { return startWith(t, profileWith(t, "supress-cng", "true")) }, true},
		{"the global variable of the stock configuration", func(t *testing.T) *exchange { return start(t, "suppress_cng=true") }, true},
		{"the global variable says no", func(t *testing.T) *exchange { return start(t, "suppress_cng=false") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ex := c.start(t)
			for _, to := range []kind{noisy, browser} {
				from, called := ex.phone(t, noisy, "1000"), ex.phone(t, to, "1001")
				a := from.invite(t, "1001")
				call := called.incoming(t)
				b := called.accept(t, call)
				a.answered(t)
				for what, sdp := range map[string]string{"offered": string(call.Request().Body()), "answered": string(mustAnswer(t, a).Body())} {
					if got := strings.Contains(sdp, "CN/8000"); got == c.suppressed {
						t.Errorf("%s is %s\n%s", to.name, what, sdp)
					}
				}
				hearEachOther(t, a, b)
				a.hangup(t)
				b.ended(t)
			}
			plain, called := ex.phone(t, rtpPhone, "1002"), ex.phone(t, noisy, "1003")
			a := plain.invite(t, "1003")
			call := called.incoming(t)
			b := called.accept(t, call)
			a.answered(t)
			if offer := string(call.Request().Body()); strings.Contains(offer, "CN/8000") {
				t.Errorf("offered for a caller without it\n%s", offer)
			}
			hearEachOther(t, a, b)
			a.hangup(t)
			b.ended(t)
		})
	}
}
