package media

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// phoneOn is a phone that has called a new session with one codec and telephone-event.
func phoneOn(t *testing.T, e *Engine, kind Kind, c Codec, log *eventLog) (*Session, *phone) {
	t.Helper()
	s := e.NewSession(SessionConfig{OnEvent: log.add})
	codecs := append([]Codec{c}, CodecsByName("PCMU")[1:]...)
	p := newPhone(t, kind, codecs)
	t.Cleanup(p.close)
	p.offer(t, s, codecs)
	return s, p
}

func formatOf(name string) Codec {
	switch name {
	case "L16":
		return Codec{Name: "L16", ClockRate: 16000, Channels: 1, PayloadType: 97}
	default:
		return CodecsByName(name)[0]
	}
}

func TestGenerable(t *testing.T) {
	for name, want := range map[string]bool{"PCMU": true, "PCMA": true, "G722": true, "L16": true, "OPUS": false, "G729": false} {
		if got := Generable(formatOf(name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if Generable(telephoneEventAt(8000)) {
		t.Error("telephone-event")
	}
	if Generable(Codec{Name: "L16", ClockRate: 44100, Channels: 2}) {
		t.Error("two channels")
	}
}

// TestPlayIsHeard: a tone played to a peer that has sent nothing yet arrives as a tone, at once and at the pace of telephones.
func TestPlayIsHeard(t *testing.T) {
	cases := []struct {
		name string
		kind Kind
		pt   string
		rate int // of the source
	}{
		{"plain, PCMU", KindRTP, "PCMU", 8000},
		{"plain, PCMA from 16000", KindRTP, "PCMA", 16000},
		{"plain, G722 from 8000", KindRTP, "G722", 8000},
		{"plain, L16 from 44100", KindRTP, "L16", 44100},
		{"SDES, PCMU", KindSDES, "PCMU", 8000},
		{"browser, PCMU", KindWebRTC, "PCMU", 48000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			var log eventLog
			var s *Session
			var p peer
			codec := formatOf(c.pt)
			if c.kind == KindWebRTC {
				s, p = connect(t, e, c.kind, true, &log)
				waitFor(t, "connected", func() bool { _, ok := log.find(EventConnected); return ok })
			} else {
				s, p = phoneOn(t, e, c.kind, codec, &log)
			}
			const packets = 25
			var end ending
			src := newSine(1000, c.rate, packets)
			began := time.Now()
			if _, err := s.Play(src, end.done); err != nil {
				t.Fatal(err)
			}
			if err := end.wait(t); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took < (packets-1)*packetTime {
				t.Errorf("%d packets in %v", packets, took)
			}
			waitFor(t, "the tone", func() bool { return len(p.heard()) >= packets })
			got := p.heard()
			if len(got) != packets || got[0].SSRC != s.ssrc || src.closes() != 1 {
				t.Errorf("%d packets, SSRC %x, closed %d times", len(got), got[0].SSRC, src.closes())
			}
			assertContinuous(t, got)
			for i, k := range got {
				regular := i > 0 && k.Timestamp-got[i-1].Timestamp == uint32(codec.ClockRate/ticksPerSecond)
				if k.Marker == regular { // a machine that stalls makes a gap, which the marker tells
					t.Errorf("packet %d: marker %v, regular %v", i, k.Marker, regular)
				}
			}
			codec.PayloadType = got[0].PayloadType
			assertTone(t, "played", decode(t, codec, got[1:]), 1000, codec.SampleRate(), true)
		})
	}
}

// TestPlayBeforeTheHandshake: a browser hears a prompt from its beginning, though it was played before there was a path to it.
func TestPlayBeforeTheHandshake(t *testing.T) {
	e := newTestEngine(t, nil)
	s := e.NewSession(SessionConfig{})
	b := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
	defer b.close()
	if err := s.SetRemoteOffer(b.offerSDP(t, true)); err != nil {
		t.Fatal(err)
	}
	ans, err := s.Answer(pcmu())
	if err != nil {
		t.Fatal(err)
	}
	const packets = 25
	var end ending
	play, err := s.Play(newSine(1000, 8000, packets), end.done)
	if err != nil {
		t.Fatal(err)
	}
	waited := func() time.Duration {
		e.pacer.mu.Lock()
		defer e.pacer.mu.Unlock()
		return play.waited
	}
	waitFor(t, "the playback to wait", func() bool { return waited() > 5*packetTime })
	if play.Position() != 0 {
		t.Errorf("at %v", play.Position())
	}
	setAnswer(t, b, ans)
	if err := end.wait(t); err != nil {
		t.Error(err)
	}
	waitFor(t, "all of it", func() bool { return uint64(len(b.heard())) == s.Stats().PacketsOut })
	if n := len(b.heard()); n < packets && e.Stats().PacerSkips == 0 { // a slow machine leaves packet times out
		t.Errorf("%d of %d packets", n, packets)
	}
	assertContinuous(t, b.heard())
	assertTone(t, "played", decode(t, pcmu()[0], b.heard()), 1000, 8000, true)
}

// TestPlayOverABridge: while it plays, relayed audio is left out, digits and reports pass, and it is one stream before, during and after.
func TestPlayOverABridge(t *testing.T) {
	for _, kind := range []Kind{KindRTP, KindSDES} {
		t.Run(kind.String(), func(t *testing.T) {
			e := newTestEngine(t, nil)
			var la, lb eventLog
			a, ra := connect(t, e, kind, true, &la)
			b, rb := connect(t, e, KindRTP, false, &lb)
			pa, pb := ra.(*phone), rb.(*phone)
			if err := Bridge(a, b); err != nil {
				t.Fatal(err)
			}
			talk(t, pb, pa, 0x1001, 5)
			talk(t, pa, pb, 0x1002, 5)
			relayed := len(pa.heard())
			var end ending
			play, err := a.Play(newSine(1000, 8000, -1), end.done)
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the playback", func() bool { return len(pa.heard()) >= relayed+3 })
			tones := sendDigit(t, pb, 0x1001, 0x1001+2000)
			waitFor(t, "more", func() bool { return len(pa.heard()) >= relayed+15 })
			checkDuringPlayback(t, pa.heard()[relayed:], tones)
			waitFor(t, "the digit's event", func() bool { return lb.digits() == "5" })
			n := len(pa.reports())
			reportNow(t, a) // of what is played
			if sr, ok := lastReport(t, pa, n+1)[0].(*rtcp.SenderReport); !ok || sr.SSRC != a.ssrc || sr.PacketCount == 0 {
				t.Errorf("%v", sr)
			}
			play.Stop()
			if err := end.wait(t); !errors.Is(err, ErrStopped) {
				t.Error(err)
			}
			e.all.list[0].loop.do(func() {})
			waitFor(t, "all played packets", func() bool { return uint64(len(pa.heard())) >= a.Stats().PacketsOut })
			played := len(pa.heard())
			talk(t, pb, pa, 0x1003, 5)
			got := pa.heard()
			assertContinuous(t, got)
			if !got[played].Marker || !got[relayed].Marker {
				t.Errorf("markers: playback %v, bridge again %v", got[relayed].Marker, got[played].Marker)
			}
			assertTone(t, "played", decode(t, pcmu()[0], got[relayed:played]), 1000, 8000, true)
		})
	}
}

// sendDigit sends the packets of a 5 amid audio and returns how many.
func sendDigit(t *testing.T, p *phone, ssrc uint32, seq int) int {
	t.Helper()
	const packets = 6
	for i := range packets {
		if i%2 == 0 {
			p.send(t, audioPacket(0, seq+20*i, ssrc))
		}
		k := audioPacket(101, seq+20*i+1, ssrc)
		k.Timestamp = 7777
		end := byte(0)
		if i >= packets-3 {
			end = 0x80
		}
		k.Payload = []byte{5, end | 10, 0, 0}
		binary.BigEndian.PutUint16(k.Payload[2:], uint16(min(i+1, packets-2)*160))
		p.send(t, k)
	}
	return packets
}

func checkDuringPlayback(t *testing.T, got []rtp.Packet, tones int) {
	t.Helper()
	assertContinuous(t, got)
	var first *rtp.Packet
	for i, k := range got {
		switch {
		case k.PayloadType == 101:
			tones--
			if first == nil {
				first = &got[i]
			}
			if k.Timestamp != first.Timestamp {
				t.Errorf("the digit's timestamp changed from %d to %d", first.Timestamp, k.Timestamp)
			}
		case len(k.Payload) != 160:
			t.Errorf("relayed audio during the playback: %q", k.Payload)
		}
	}
	if tones != 0 {
		t.Errorf("%d packets of the digit missing", tones)
	}
}

// TestPlayToAHeldParty: the one who was put on hold hears music; the one who holds gets nothing.
func TestPlayToAHeldParty(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, ra := connect(t, e, KindRTP, true, &la)
	b, pb := connect(t, e, KindRTP, false, &lb)
	pa := ra.(*phone)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	pa.desc.Direction = Inactive
	pa.offer(t, a, nil)
	for _, s := range []*Session{a, b} {
		if _, err := s.Play(newSine(1000, 8000, -1), nil); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "music", func() bool { return len(pb.heard()) >= 20 })
	if n := len(pa.heard()); n != 0 {
		t.Errorf("the holder hears %d packets", n)
	}
	assertTone(t, "held", decode(t, pcmu()[0], pb.heard()), 1000, 8000, true)
	pa.desc.Direction = SendRecv
	pa.offer(t, a, nil)
	waitFor(t, "what plays to the former holder", func() bool { return len(pa.heard()) >= 5 })
	if st := e.Stats(); st.Playbacks != 2 {
		t.Errorf("%d playbacks", st.Playbacks)
	}
}

// TestPlayAcrossANegotiation: the playback follows the codec, and ends when it cannot.
func TestPlayAcrossANegotiation(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, p := phoneOn(t, e, KindRTP, formatOf("PCMU"), &log)
	var end ending
	if _, err := s.Play(newSine(1000, 8000, -1), end.done); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "PCMU", func() bool { return len(p.heard()) >= 5 })
	again := func(name string) Codec {
		c := formatOf(name)
		p.desc.Codecs = append([]Codec{c}, p.desc.Codecs[1:]...)
		p.offer(t, s, p.desc.Codecs)
		return c
	}
	g722 := again("G722")
	waitFor(t, "G722", func() bool { return len(decode(t, g722, p.heard())) >= 320*15 })
	assertTone(t, "after the change", decode(t, g722, p.heard())[320:], 1000, 16000, true)
	again("OPUS")
	if err := end.wait(t); !errors.Is(err, ErrCannotEncode) {
		t.Error(err)
	}
	assertContinuous(t, p.heard())
}

// TestDigitsWithinAPlayback: a digit of ours holds the playback back, and the sound goes on after it.
func TestDigitsWithinAPlayback(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, p := connect(t, e, KindRTP, true, &log)
	play, err := s.Play(newSine(1000, 8000, -1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer play.Stop()
	waitFor(t, "the playback", func() bool { return len(p.heard()) >= 3 })
	if err := s.SendDTMF("7", 100); err != nil {
		t.Fatal(err)
	}
	ends, after := 0, 0
	waitFor(t, "the digit and sound after it", func() bool {
		ends, after = 0, 0
		for _, k := range p.heard() {
			if k.PayloadType == 101 {
				ends += int(k.Payload[1] >> 7)
			} else if ends > 0 {
				after++
			}
		}
		return ends == dtmfEnds && after >= 5
	})
	on := false
	last := uint32(0)
	for _, k := range p.heard() {
		if k.PayloadType == 101 {
			on = k.Payload[1]&0x80 == 0
		} else if on {
			t.Error("audio within the digit")
		} else if last != 0 && int32(k.Timestamp-last) <= 0 {
			t.Errorf("timestamp %d after %d", k.Timestamp, last)
		} else {
			last = k.Timestamp
		}
	}
}

func TestPausePlayback(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, p := connect(t, e, KindRTP, true, &log)
	play, err := s.Play(newSine(1000, 8000, -1), nil)
	if err != nil {
		t.Fatal(err)
	}
	play.Pause(true)
	at := play.Position()
	n := len(p.heard())
	waitFor(t, "silence", func() bool { return len(p.heard()) >= n+10 })
	if play.Position() != at {
		t.Errorf("went on from %v to %v", at, play.Position())
	}
	assertTone(t, "paused", decode(t, pcmu()[0], p.heard()[n+3:]), 1000, 8000, false)
	play.Pause(false)
	n = len(p.heard())
	waitFor(t, "sound", func() bool { return len(p.heard()) >= n+12 })
	assertTone(t, "resumed", decode(t, pcmu()[0], p.heard()[n+3:]), 1000, 8000, true)
	assertContinuous(t, p.heard())
}

// TestPacerRuns while something plays, and no longer.
func TestPacerRuns(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, _ := connect(t, e, KindRTP, true, &log)
	running := func() bool {
		e.pacer.mu.Lock()
		defer e.pacer.mu.Unlock()
		return e.pacer.running
	}
	if running() {
		t.Error("runs for nothing")
	}
	for range 3 {
		play, err := s.Play(newSine(1000, 8000, -1), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !running() {
			t.Error("does not run")
		}
		play.Stop()
		waitFor(t, "the pacer's end", func() bool { return !running() })
	}
	e.pacer.mu.Lock()
	defer e.pacer.mu.Unlock()
	if n := len(e.pacer.voices); n != 0 {
		t.Errorf("%d voices left", n)
	}
}
