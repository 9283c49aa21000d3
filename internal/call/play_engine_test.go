package call

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// TestSoundThroughTheEngine plays to a phone and records it through the real media engine.
func TestSoundThroughTheEngine(t *testing.T) {
	eng, err := media.NewEngine(media.Config{ListenIP: netip.MustParseAddr("127.0.0.1"), MuxTCPPort: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eng.Close() })
	dir := t.TempDir()
	r := soundRig(t, "answer", "record_session x.wav", "playback tone_stream://%(400,0,440)", "record y.wav 1")
	r.core.media = engine{eng}
	r.core.cfg.Sound = func() Sound { return Sound{RecordingsDir: dir} }
	phone, sdp := rtpPhone(t)
	a := newFakeLeg(t)
	if _, err := r.core.NewInbound(Inbound{Leg: a, ChannelName: "sofia/internal/1015@x", CallerNum: "1015", Destination: "1", Context: "plain",
		NetworkAddr: "127.0.0.1", SDP: sdp}); err != nil {
		t.Fatal(err)
	}
	a.want("answer")
	loud := 0
	if err := phone.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for packet := make([]byte, 1500); loud < 15; {
		n, err := phone.Read(packet)
		if err != nil {
			t.Fatalf("%d packets of sound: %v", loud, err)
		}
		if n != 172 || packet[1]&0x7f != 0 {
			continue
		}
		samples := make([]int16, 160)
		for i, b := range packet[12:n] {
			samples[i] = audio.MuLawDecode(b)
		}
		if audio.Level(samples) > -40 {
			loud++
		}
	}
	a.want("hangup NORMAL_CLEARING")
	r.until(1)
	wants(t, r.named("PLAYBACK_STOP")[0], map[string]string{"Playback-Status": "done", "variable_playback_ms": "400"})
	for name, atLeast := range map[string]int64{"x.wav": 8000, "y.wav": 7000} {
		if info := recordingOf(t, filepath.Join(dir, name)); info.Frames < atLeast || info.Frames > 8000*3 {
			t.Errorf("%s: %+v", name, info)
		}
	}
}

func TestBreakAndDigitsOfCommands(t *testing.T) {
	r := soundRig(t, "answer", "playback silence_stream://-1", "read 2 2 silence d 60000 #", "park")
	a := r.call("1")
	a.want("answer")
	r.untilEvent("PLAYBACK_START", inbound)
	ch, ok := r.core.Channel(r.core.Channels()[0].UUID)
	if !ok {
		t.Fatal("no channel")
	}
	ch.Break()
	wants(t, r.untilEvent("PLAYBACK_STOP", inbound), map[string]string{"Playback-Status": "break"})
	ch.ReceiveDTMF("34@250")
	wants(t, r.untilEvent("DTMF", inbound), map[string]string{"DTMF-Digit": "3", "DTMF-Duration": "2000", "DTMF-Source": "APP"})
	e := r.untilEvent("CHANNEL_PARK", inbound)
	wants(t, e, map[string]string{"variable_d": "34"})
	ch.SendDTMF("12")
	eventually(t, func() bool {
		s := r.media.all[0]
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.digits == "12"
	})
	a.h.LegEnded(bye)
	r.until(1)
}

// A leg that is still called is not answered because somebody wants to play to it.
func TestCalledLegIsNotAnsweredToPlay(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	a := r.call("1016")
	b := r.dialer.next()
	b.h.LegProgress(180, nil, nil)
	a.want("ring")
	ch, ok := r.core.Channel(r.core.Channels()[1].UUID)
	if !ok {
		t.Fatal("no called leg")
	}
	for _, app := range []string{"playback", "read", "record", "record_session", "gentones", "delay_echo", "start_dtmf", "three_way", "wait_for_silence"} {
		ch.Execute(app, map[string]string{"read": "1 1 silence d 1 #", "playback": "tone_stream://%(100,0,400)", "gentones": "%(100,0,400)",
			"three_way": ch.Snapshot().CallUUID, "wait_for_silence": "100 10 1 100"}[app])
	}
	b.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	a.h.LegEnded(bye)
	b.want("hangup NORMAL_CLEARING")
	r.until(2)
}
