package media

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// noisePacket is comfort noise of a level, RFC 3389 §3.
func noisePacket(pt uint8, seq int, ssrc uint32, level byte) *rtp.Packet {
	p := audioPacket(pt, seq, ssrc)
	p.Payload = []byte{level}
	return p
}

// withNoise is PCMU with comfort noise of a payload type.
func withNoise(pt uint8) []Codec {
	c := ComfortNoise()
	c.PayloadType = pt
	return append(pcmu(), c)
}

// TestComfortNoise: comfort noise reaches the other side in its numbers, also encrypted, and is neither loss nor jitter.
func TestComfortNoise(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   Kind
		a, b   []Codec // what either side agrees on
		pt, to uint8
	}{
		{"named by nobody", KindRTP, pcmu(), pcmu(), 13, 13},
		{"named by both", KindRTP, withNoise(13), withNoise(13), 13, 13},
		{"named by one", KindRTP, withNoise(13), pcmu(), 13, 13},
		{"other numbers", KindRTP, withNoise(98), withNoise(13), 98, 13},
		{"other numbers the other way", KindRTP, withNoise(13), withNoise(99), 13, 99},
		{"SDES", KindSDES, withNoise(98), withNoise(13), 98, 13},
		{"browser", KindWebRTC, withNoise(13), withNoise(13), 13, 13},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			a, pa := noisyLeg(t, e, KindRTP, c.a)
			b, pb := noisyLeg(t, e, c.kind, c.b)
			if err := Bridge(a, b); err != nil {
				t.Fatal(err)
			}
			talk(t, pa, pb, 0x1001, 5)
			heard, before, first := len(pb.heard()), a.Stats(), int(uint16(lastIn(a)))+1
			for i, noise := range []bool{false, true, true, false, true} {
				p := audioPacket(0, first+i, 0x1001)
				if noise {
					p = noisePacket(c.pt, first+i, 0x1001, byte(i))
				}
				p.Timestamp += uint32(i) * 8000 // the next one comes when there is something new, in no rhythm
				pa.send(t, p)
			}
			waitFor(t, "noise", func() bool { return len(pb.heard()) >= heard+5 })
			got := pb.heard()[heard:]
			for i, noise := range []bool{false, true, true, false, true} {
				p := got[i]
				if want := map[bool]uint8{false: 0, true: c.to}[noise]; p.PayloadType != want || noise && (len(p.Payload) != 1 || p.Payload[0] != byte(i)) {
					t.Errorf("packet %d: payload type %d, %x", i, p.PayloadType, p.Payload)
				}
				if i > 0 && (p.SequenceNumber != got[i-1].SequenceNumber+1 || p.Timestamp != got[i-1].Timestamp+8160) {
					t.Errorf("packet %d: number %d, timestamp %d after %d, %d", i, p.SequenceNumber, p.Timestamp, got[i-1].SequenceNumber, got[i-1].Timestamp)
				}
			}
			st, out := a.Stats(), b.Stats()
			if st.NoiseIn != 3 || out.NoiseOut != 3 || st.Lost != before.Lost || st.LossPercent > 0 || st.MOS < 4.3 || st.PacketsIn != before.PacketsIn+5 {
				t.Errorf("in %+v, out %+v", st, out)
			}
		})
	}
}

// noisyLeg is a leg that has agreed on the codecs with a peer of the kind.
func noisyLeg(t *testing.T, e *Engine, kind Kind, codecs []Codec) (*Session, peer) {
	t.Helper()
	s := e.NewSession(SessionConfig{RTPTimeout: time.Hour})
	if kind == KindWebRTC {
		w := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
		t.Cleanup(w.close)
		w.offer(t, s, codecs, true)
		waitFor(t, "keys", func() bool { return s.Secure() != "" })
		return s, w
	}
	p := newPhone(t, kind, codecs)
	t.Cleanup(p.close)
	p.offer(t, s, codecs)
	return s, p
}

// TestNoiseAgreedOn: comfort noise is part of an answer or an offer if both sides name it, at the clock rate of the audio.
func TestNoiseAgreedOn(t *testing.T) {
	wide := Codec{Name: "CN", ClockRate: 16000, Channels: 1, PayloadType: 105}
	opus := CodecsByName("OPUS")
	for _, c := range []struct {
		name        string
		offer, ours []Codec
		want        bool
	}{
		{"both", withNoise(13), withNoise(13), true},
		{"in lower case, as another number", append(pcmu(), Codec{Name: "cn", ClockRate: 8000, Channels: 1, PayloadType: 98}), withNoise(13), true},
		{"not ours", withNoise(13), pcmu(), false},
		{"not theirs", pcmu(), withNoise(13), false},
		{"another clock rate", append(pcmu(), wide), withNoise(13), false},
		{"audio of another clock rate", append(opus, ComfortNoise()), append(opus, ComfortNoise()), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for what, got := range map[string][]Codec{"answer": Narrow(Intersect(c.offer, c.ours)), "offer": Offerable(c.offer, c.ours)} {
				noise := 0
				for _, g := range got {
					if g.IsComfortNoise() {
						noise++
					}
				}
				if noise != map[bool]int{true: 1}[c.want] || !got[0].IsAudio() {
					t.Errorf("%s: %+v", what, got)
				}
			}
		})
	}
}

// TestNoiseAndHold: noise follows the same rules as sound: nobody hears it from a leg that is muted or on hold, and afterwards the numbers go on.
func TestNoiseAndHold(t *testing.T) {
	e := newTestEngine(t, nil)
	a, pa := noisyLeg(t, e, KindRTP, withNoise(13))
	b, pb := noisyLeg(t, e, KindSDES, withNoise(13))
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1001, 5)
	seq := int(uint16(lastIn(a)))
	noise := func() uint64 {
		seq++
		before := a.Stats().NoiseIn
		pa.send(t, noisePacket(13, seq, 0x1001, 7))
		waitFor(t, "noise", func() bool { return a.Stats().NoiseIn == before+1 })
		return b.Stats().NoiseOut
	}
	hold := func(d Direction) func() {
		return func() {
			p := pb.(*phone)
			p.desc.Direction = d
			p.offer(t, b, nil)
		}
	}
	for i, c := range []struct {
		name string
		do   func()
		out  uint64 // noise that went out since the beginning
	}{
		{"talking", func() {}, 1},
		{"muted", func() { a.Mute(true) }, 1},
		{"unmuted", func() { a.Mute(false) }, 2},
		{"held by the far side", hold(SendOnly), 2},
		{"resumed", hold(SendRecv), 3},
		{"echo", func() { a.Echo(true) }, 3},
		{"no echo", func() { a.Echo(false) }, 4},
	} {
		if c.do(); noise() != c.out {
			t.Errorf("%d, %s: %d packets of noise", i, c.name, b.Stats().NoiseOut)
		}
	}
	allHeard(t, b, pb)
	talk(t, pa, pb, 0x1001, 5)
	checkOnce(t, pb.heard())
}

// allHeard waits until a peer has what was sent to it.
func allHeard(t *testing.T, s *Session, p peer) {
	t.Helper()
	waitFor(t, "all that was sent", func() bool { return uint64(len(p.heard())) == s.Stats().PacketsOut })
}

// TestNoiseIsLife: a leg whose peer sends comfort noise is not hung up for its silence; when noise was the last thing it sent, its reports say that it
// is there.
func TestNoiseIsLife(t *testing.T) {
	e := newTestEngine(t, nil)
	a, ra := noisyLeg(t, e, KindRTP, withNoise(13))
	pa := ra.(*phone)
	silent := func() { // for longer than may be
		a.inLoop(func(l *leg) { l.quietSince, l.src.last = l.sh.now.Add(-2*time.Hour), l.sh.now.Add(-2*time.Hour) })
	}
	timedOut := func() (yes bool) {
		a.inLoop(func(l *leg) { l.checkTimeouts(); yes = l.timedOut })
		return yes
	}
	report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 0x1001}})
	if err != nil {
		t.Fatal(err)
	}
	packets, reports := uint64(0), uint64(0)
	send := func(p *rtp.Packet) {
		packets++
		pa.send(t, p)
		waitFor(t, "the packet", func() bool { return a.Stats().PacketsIn == packets })
	}
	reported := func() {
		reports++
		pa.sendRTCP(t, report)
		waitFor(t, "the report", func() bool { return a.Stats().ReportsIn == reports })
	}
	send(audioPacket(0, 1, 0x1001))
	silent()
	send(noisePacket(13, 2, 0x1001, 60))
	if timedOut() {
		t.Error("hung up though noise came")
	}
	silent()
	reported()
	if timedOut() {
		t.Error("hung up though a report came after noise")
	}
	silent()
	if !timedOut() {
		t.Error("neither noise nor reports, and nothing happens")
	}
	send(audioPacket(0, 3, 0x1001))
	silent()
	reported()
	if !timedOut() {
		t.Error("the sound stopped, and reports hide it")
	}
}

// TestUnknownPayloadIsNoLoss: packets that no description names are not relayed, and are not lost either.
func TestUnknownPayloadIsNoLoss(t *testing.T) {
	e := newTestEngine(t, nil)
	a, pa := noisyLeg(t, e, KindRTP, pcmu())
	b, pb := noisyLeg(t, e, KindRTP, pcmu())
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1001, 5)
	before, first := a.Stats(), int(uint16(lastIn(a)))+1
	for i := range 10 {
		pt := uint8(0)
		if i%2 == 0 {
			pt = 105
		}
		pa.send(t, audioPacket(pt, first+i, 0x1001))
	}
	waitFor(t, "the packets", func() bool { return uint16(lastIn(a)) == uint16(first+9) })
	if st := a.Stats(); st.Lost != before.Lost || st.PacketsIn != before.PacketsIn+10 || b.Stats().PacketsOut != before.PacketsIn+5 {
		t.Errorf("%+v, out %+v", st, b.Stats())
	}
	pa.send(t, audioPacket(105, 7, 0xbad)) // is no new beginning of the stream
	allHeard(t, b, pb)
	talk(t, pa, pb, 0x1001, 5)
	if st := a.Stats(); st.Lost != before.Lost {
		t.Errorf("%+v", st)
	}
}
