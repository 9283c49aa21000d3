package e2e

import (
	"sync"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// browserPeer is the media side of a browser: ICE, DTLS-SRTP, BUNDLE, rtcp-mux, played by pion/webrtc.
type browserPeer struct {
	pc    *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
	ear   ear
	keys
	voice voice
	mu    sync.Mutex // guards to
	to    *browserPeer
	stop  chan struct{}
	once  sync.Once
	done  sync.WaitGroup
}

func newBrowserPeer(t *testing.T) *browserPeer { return newBrowserPeerWith(t) }

// newBrowserPeerWith prefers other codecs to G.711, as real browsers do.
func newBrowserPeerWith(t *testing.T, preferred ...webrtc.RTPCodecParameters) *browserPeer {
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	var codecs webrtc.MediaEngine
	pcmu := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: sampleRate}
	for _, c := range preferred {
		if err := codecs.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
	}
	for pt, c := range map[webrtc.PayloadType]webrtc.RTPCodecCapability{0: pcmu, 126: {MimeType: "audio/telephone-event", ClockRate: sampleRate}} {
		if err := codecs.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: pt}, webrtc.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&codecs)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	track, err := webrtc.NewTrackLocalStaticRTP(pcmu, "audio", "phone")
	if err == nil {
		_, err = pc.AddTrack(track)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &browserPeer{pc: pc, track: track, keys: newKeys(), stop: make(chan struct{})}
	pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.done.Go(func() { p.read(remote) }) })
	t.Cleanup(p.close)
	return p
}

func (p *browserPeer) listener() *ear { return &p.ear }

func (p *browserPeer) read(remote *webrtc.TrackRemote) {
	for {
		pkt, _, err := remote.ReadRTP()
		if err != nil {
			return
		}
		switch pkt.PayloadType {
		case 0:
		case 126:
			p.event(pkt)
			continue
		default:
			continue
		}
		p.ear.hear(pkt.Payload)
		p.mu.Lock()
		to := p.to
		p.mu.Unlock()
		if to != nil {
			to.track.WriteRTP(pkt)
		}
	}
}

// forward lets to send what p hears from now on.
func (p *browserPeer) forward(to *browserPeer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
}

// gathered sets the local description and returns it with all candidates in it: Rocket.Chat's client does not trickle.
func (p *browserPeer) gathered(t *testing.T, sd webrtc.SessionDescription, err error) []byte {
	t.Helper()
	complete := webrtc.GatheringCompletePromise(p.pc)
	if err == nil {
		err = p.pc.SetLocalDescription(sd)
	}
	if err != nil {
		t.Fatal(err)
	}
	<-complete
	return []byte(p.pc.LocalDescription().SDP)
}

func (p *browserPeer) offer(t *testing.T) []byte {
	t.Helper()
	sd, err := p.pc.CreateOffer(nil)
	return p.gathered(t, sd, err)
}

func (p *browserPeer) answer(t *testing.T, offer []byte) []byte {
	t.Helper()
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		t.Fatalf("%v in the offer:\n%s", err, offer)
	}
	sd, err := p.pc.CreateAnswer(nil)
	return p.gathered(t, sd, err)
}

func (p *browserPeer) accept(t *testing.T, answer []byte) {
	t.Helper()
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		t.Fatalf("%v in the answer:\n%s", err, answer)
	}
}

func (p *browserPeer) talk(hz float64) {
	if !p.voice.say(hz) {
		return
	}
	p.done.Go(func() {
		p.voice.everyFrame(p.stop, func(pkt *rtp.Packet, t *tone) {
			pkt.Payload = t.frame()
			p.track.WriteRTP(pkt)
		})
	})
}

func (p *browserPeer) close() {
	p.once.Do(func() {
		close(p.stop)
		p.pc.Close()
		p.done.Wait()
	})
}
