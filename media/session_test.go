package media

import (
	"fmt"
	"testing"

	"github.com/pion/rtp"
)

func pcmu() []Codec { return CodecsByName("PCMU") }

// connect makes a peer of the kind on a new session. caller: the peer offers; else we do.
func connect(t testing.TB, e *Engine, kind Kind, caller bool, log *eventLog) (*Session, peer) {
	t.Helper()
	s := e.NewSession(SessionConfig{Label: kind.String(), OnEvent: log.add})
	if kind == KindWebRTC {
		b := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
		t.Cleanup(b.close)
		if caller {
			b.offer(t, s, pcmu(), true)
		} else {
			offer, err := s.Offer(kind, pcmu())
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SetRemoteAnswer(b.answerSDP(t, offer)); err != nil {
				t.Fatal(err)
			}
		}
		waitFor(t, "connected", func() bool { _, ok := log.find(EventConnected); return ok })
		return s, b
	}
	p := newPhone(t, kind, pcmu())
	t.Cleanup(p.close)
	if caller {
		p.offer(t, s, pcmu())
	} else {
		offer, err := s.Offer(kind, pcmu())
		if err != nil {
			t.Fatal(err)
		}
		p.answer(t, s, offer)
	}
	return s, p
}

func audioPacket(pt uint8, seq int, ssrc uint32) *rtp.Packet {
	return &rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: uint16(seq), Timestamp: uint32(seq) * 160, SSRC: ssrc},
		Payload: []byte(fmt.Sprintf("audio %05d %08x", seq, ssrc)),
	}
}

// talk sends from one peer until the other has heard want packets of it and checks them.
func talk(t testing.TB, from, to peer, ssrc uint32, want int) {
	t.Helper()
	before := len(to.heard())
	sent := 0
	first := int(ssrc & 0x3fff)
	waitFor(t, "audio", func() bool {
		from.send(t, audioPacket(0, first+sent, ssrc))
		sent++
		return len(to.heard())-before >= want
	})
	// A last packet that is waited for: nothing of this talk arrives later.
	final := fmt.Sprintf("audio %05d %08x", first+sent, ssrc)
	from.send(t, audioPacket(0, first+sent, ssrc))
	waitFor(t, "the last packet", func() bool {
		h := to.heard()
		return string(h[len(h)-1].Payload) == final
	})
	var last rtp.Packet
	for i, p := range to.heard()[before:] {
		var seq int
		var src uint32
		// A browser's track writes its own SSRC into the header; the payload still has ours.
		if _, err := fmt.Sscanf(string(p.Payload), "audio %d %x", &seq, &src); err != nil || src != ssrc {
			t.Fatalf("packet %d: payload %q", i, p.Payload)
		}
		if i > 0 {
			if p.SSRC != last.SSRC {
				t.Errorf("packet %d: SSRC changed", i)
			}
			if p.SequenceNumber <= last.SequenceNumber && last.SequenceNumber < 65000 {
				t.Errorf("packet %d: sequence %d after %d", i, p.SequenceNumber, last.SequenceNumber)
			}
		}
		last = p
	}
}

func TestBridgeMatrix(t *testing.T) {
	kinds := []Kind{KindRTP, KindSDES, KindWebRTC}
	for _, ka := range kinds {
		for _, kb := range kinds {
			t.Run(fmt.Sprintf("%s to %s", ka, kb), func(t *testing.T) {
				e := newTestEngine(t, nil)
				var la, lb eventLog
				a, pa := connect(t, e, ka, true, &la)
				b, pb := connect(t, e, kb, false, &lb)
				if err := Bridge(a, b); err != nil {
					t.Fatal(err)
				}
				talk(t, pa, pb, 0x1111, 20)
				talk(t, pb, pa, 0x2222, 20)
				st := a.Stats()
				if st.PacketsIn < 20 || st.PacketsOut < 20 || st.MOS < 1 || st.LastPacket.IsZero() {
					t.Errorf("stats %+v", st)
				}
				checkSecure(t, a, ka)
				checkSecure(t, b, kb)
				if c, ok := a.Codec(); !ok || c.Name != "PCMU" {
					t.Errorf("codec %v %v", c, ok)
				}
				for _, l := range []*eventLog{&la, &lb} {
					waitFor(t, "connected event", func() bool { _, ok := l.find(EventConnected); return ok })
				}
			})
		}
	}
}

func checkSecure(t *testing.T, s *Session, k Kind) {
	t.Helper()
	got := s.Secure()
	want := map[Kind]string{KindRTP: "", KindSDES: "srtp:sdes:AES_CM_128_HMAC_SHA1_80", KindWebRTC: "srtp:dtls:AEAD_AES_"}[k]
	if k == KindWebRTC && len(got) > len(want) {
		got = got[:len(want)]
	}
	if got != want {
		t.Errorf("%v: Secure() = %q", k, got)
	}
}
