package e2e

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

// TestG711EndToEnd: a browser that would rather have Opus gets G.711 where the other side has nothing else, in both directions: nothing is transcoded.
func TestG711EndToEnd(t *testing.T) {
	opus := webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
		SDPFmtpLine: "minptime=10;useinbandfec=1"}}
	rich := kind{"WSS browser with Opus", "wss", func(t *testing.T) mediaPeer { return newBrowserPeerWith(t, opus) }}
	ex := start(t)
	tab, desk := ex.phone(t, rich, "1000"), ex.phone(t, rtpPhone, "1001")
	for _, way := range [][2]*phone{{tab, desk}, {desk, tab}} {
		a, b := connect(t, way[0], way[1])
		hearEachOther(t, a, b)
		if way[0] == tab {
			if sdp := string(mustAnswer(t, a).Body()); !strings.Contains(sdp, "PCMU/8000") || strings.Contains(sdp, "opus") {
				t.Errorf("the browser is answered\n%s", sdp)
			}
		}
		a.hangup(t)
		b.ended(t)
	}
}
