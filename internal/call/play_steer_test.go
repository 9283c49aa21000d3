package call

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// TestSteerSound changes a tone that is being played, and a phone hears it.
func TestSteerSound(t *testing.T) {
	r, ch, phone, _ := engineRig(t, "answer", "playback tone_stream://%(1000,60000,440)", "park")
	r.untilEvent("PLAYBACK_START", inbound)
	steer := func(command string) {
		t.Helper()
		if err := ch.SteerSound(t.Context(), command); err != nil {
			t.Fatal(command, err)
		}
	}
	// level is that of a whole number of packets, once one is within the bounds.
	until := func(what string, least, most float64) {
		t.Helper()
		if err := phone.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for packet := make([]byte, 1500); ; {
			n, err := phone.Read(packet)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if n != 172 || packet[1]&0x7f != 0 {
				continue
			}
			samples := make([]int16, 160)
			for i, b := range packet[12:n] {
				samples[i] = audio.MuLawDecode(b)
			}
			if l := audio.Level(samples); l > least && l < most {
				return
			}
		}
	}
	until("the tone", -40, 10)
	until("its end", -100, -60)
	steer("seek:0")
	until("the tone again", -20, 10)
	steer("pause")
	until("a pause", -100, -60)
	steer("pause")
	until("after the pause", -20, 10)
	steer("volume:-4")
	steer("restart")
	until("softer", -40, -20)
	steer("seek:30000")
	until("the silence", -100, -60)
	steer("seek:-29900")
	until("back again", -40, -20)
	steer("volume:+9")
	steer("restart")
	until("louder", -10, 10)
	steer("nonsense")
	steer("stop")
	wants(t, r.untilEvent("PLAYBACK_STOP", inbound), map[string]string{"Playback-Status": "done"})
	r.untilEvent("CHANNEL_PARK", inbound)
	if err := ch.SteerSound(t.Context(), "pause"); !errors.Is(err, ErrNoFile) {
		t.Error("nothing is played: ", err)
	}
	ch.Hangup(NormalClearing)
	r.until(1)
	if err := ch.SteerSound(t.Context(), "pause"); !errors.Is(err, ErrChannelGone) {
		t.Error("a channel that has ended: ", err)
	}
}

// TestLevelOfACall sets what the phone says and hears, and Unmute takes it back; a level beyond the bounds changes nothing.
func TestLevelOfACall(t *testing.T) {
	r := newRig(t)
	_, ch := r.parked()
	for _, l := range []int{2, 5, -5} {
		if err := ch.Level(t.Context(), true, l); err != nil {
			t.Fatal(err)
		}
	}
	if err := ch.Level(t.Context(), false, -4); err != nil {
		t.Fatal(err)
	}
	if err := ch.Unmute(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := r.media.all[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.levels, ", "); got != "true 2, false -4, true 0, false 0" {
		t.Error(got)
	}
}

// TestHoldLoopback holds a loopback leg: the leg behind it hears of it as of any peer, and who is bridged to that hears music.
func TestHoldLoopback(t *testing.T) {
	r := dialRig(t, "user/1016@127.0.0.1")
	r.dialer.add("1016")
	out := r.originates(Origination{Dial: "loopback/x/plain", Application: "park"})
	r.dialer.next().h.LegAnswered([]byte(sdpB), nil)
	id := r.outcome(out).uuid
	r.read(func(e *esl.Event) bool {
		return e.Name() == "CALL_UPDATE" && strings.HasSuffix(e.Value("Channel-Name"), "x-b")
	})
	ch, ok := r.core.Channel(id)
	if !ok {
		t.Fatal("no channel")
	}
	for _, on := range []bool{true, false} {
		name := map[bool]string{true: "CHANNEL_HOLD", false: "CHANNEL_UNHOLD"}[on]
		if err := ch.Hold(t.Context(), on); err != nil {
			t.Fatal(err)
		}
		legs := map[string]bool{}
		music := !on
		r.read(func(e *esl.Event) bool {
			leg := e.Value("Channel-Name")
			if e.Name() == name {
				legs[leg] = true
			}
			music = music || e.Name() == "PLAYBACK_START" && strings.HasPrefix(leg, "sofia/internal/1016@")
			return legs["loopback/x-a"] && legs["loopback/x-b"] && music
		})
	}
	ch.Hangup(NormalClearing)
	r.until(3)
}

// TestLoopbackChangesCodec connects a loopback leg with one that has another codec: both of its legs change to that.
func TestLoopbackChangesCodec(t *testing.T) {
	eng, err := media.NewEngine(media.Config{ListenIP: netip.MustParseAddr("127.0.0.1"), MuxTCPPort: -1})
	if err != nil {
		t.Fatal(err)
	}
	r := dialRig(t, "user/1016@127.0.0.1")
	t.Cleanup(func() {
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
	})
	r.core.media = engine{eng}
	a := r.outcome(r.originates(Origination{Dial: "loopback/9196/plain", Application: "park"})).uuid
	b := r.outcome(r.originates(Origination{Dial: "null/1", Application: "park"})).uuid
	parked := map[string]bool{}
	r.read(func(e *esl.Event) bool {
		if e.Name() == "CHANNEL_PARK" {
			parked[e.Value("Unique-ID")] = true
		}
		return parked[a] && parked[b]
	})
	one, _ := r.core.Channel(a)
	other, _ := r.core.Channel(b)
	if one == nil || other == nil {
		t.Fatal("no channels")
	}
	one.Bridge(other)
	e := r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_BRIDGE" || e.Name() == "CHANNEL_HANGUP" })
	if e.Name() != "CHANNEL_BRIDGE" {
		t.Fatalf("%s: %s", e.Name(), e.Value("Hangup-Cause"))
	}
	for _, s := range r.core.Channels() {
		if v, _ := s.Variable("read_codec"); v != "PCMU" {
			t.Errorf("%s has %s", s.Name, v)
		}
	}
	one.Hangup(NormalClearing)
	r.until(3)
}
