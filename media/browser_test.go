package media

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// browser is a pion PeerConnection with an audio track.
type browser struct {
	inbox
	pc     *webrtc.PeerConnection
	track  *webrtc.TrackLocalStaticRTP
	sender *webrtc.RTPSender
}

// newBrowser makes one; tcp makes it use ICE-TCP only.
func newBrowser(t testing.TB, mime string, rate uint32, channels uint16, pt uint8, tcp bool) *browser {
	t.Helper()
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetDTLSRetransmissionInterval(100 * time.Millisecond) // a browser's is 50 ms
	se.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	se.LoggerFactory = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	nets := []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
	if tcp {
		nets = []webrtc.NetworkType{webrtc.NetworkTypeTCP4}
	}
	se.SetNetworkTypes(nets)
	var me webrtc.MediaEngine
	params := webrtc.RTPCodecCapability{MimeType: mime, ClockRate: rate, Channels: channels}
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: params, PayloadType: webrtc.PayloadType(pt)}, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	tone := webrtc.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: rate}
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: tone, PayloadType: 110}, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	noise := webrtc.RTPCodecCapability{MimeType: "audio/CN", ClockRate: 8000}
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: noise, PayloadType: 13}, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&me), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	b := &browser{}
	var err error
	if b.pc, err = api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle}); err != nil {
		t.Fatal(err)
	}
	if b.track, err = webrtc.NewTrackLocalStaticRTP(params, "audio", "browser"); err != nil {
		t.Fatal(err)
	}
	if b.sender, err = b.pc.AddTrack(b.track); err != nil {
		t.Fatal(err)
	}
	b.pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.pkts = append(b.pkts, *p)
			b.mu.Unlock()
		}
	})
	return b
}

// offerSDP gathers and returns the browser's offer. bare removes its candidates, as clients that do not wait for gathering do.
func (b *browser) offerSDP(t testing.TB, bare bool) []byte {
	t.Helper()
	o, err := b.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.local(t, o, bare)
}

func (b *browser) local(t testing.TB, d webrtc.SessionDescription, bare bool) []byte {
	t.Helper()
	done := webrtc.GatheringCompletePromise(b.pc)
	if err := b.pc.SetLocalDescription(d); err != nil {
		t.Fatal(err)
	}
	<-done
	sdp := b.pc.LocalDescription().SDP
	if bare {
		var keep []string
		for _, l := range strings.SplitAfter(sdp, "\r\n") {
			if !strings.HasPrefix(l, "a=candidate") && !strings.HasPrefix(l, "a=end-of-cand") {
				keep = append(keep, l)
			}
		}
		sdp = strings.Join(keep, "")
	}
	return []byte(sdp)
}

// offer calls the session.
func (b *browser) offer(t testing.TB, s *Session, codecs []Codec, bare bool) {
	t.Helper()
	if err := s.SetRemoteOffer(b.offerSDP(t, bare)); err != nil {
		t.Fatal(err)
	}
	ans, err := s.Answer(codecs)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(ans)}); err != nil {
		t.Fatalf("%v\n%s", err, ans)
	}
}

// answerSDP answers the session's offer.
func (b *browser) answerSDP(t testing.TB, offer []byte) []byte {
	t.Helper()
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		t.Fatalf("%v\n%s", err, offer)
	}
	a, err := b.pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.local(t, a, false)
}

func (b *browser) send(t testing.TB, p *rtp.Packet) {
	t.Helper()
	if err := b.track.WriteRTP(p); err != nil {
		t.Fatal(err)
	}
}

func (b *browser) close() { _ = b.pc.Close() }
