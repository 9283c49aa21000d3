package call

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// soundRig is a rig whose extension 1 runs the given applications, "app data" each.
func soundRig(t *testing.T, apps ...string) *rig {
	t.Helper()
	r := newRig(t)
	var b strings.Builder
	b.WriteString(`<extension name="x"><condition field="destination_number" expression="^1$">`)
	for _, a := range apps {
		name, data, _ := strings.Cut(a, " ")
		b.WriteString(`<action application="` + name + `" data="` + data + `"/>`)
	}
	b.WriteString(`</condition></extension>`)
	p := plan(t, b.String()+plainPlan)
	r.core.cfg.Plan = func() *dialplan.Plan { return p }
	return r
}

// named are the events of a name on the caller's leg.
func (r *rig) named(name string) []*esl.Event {
	var out []*esl.Event
	for _, e := range r.events {
		if e.Name() == name && e.Value("Call-Direction") == inbound {
			out = append(out, e)
		}
	}
	return out
}

// completed is how an application that was run ended.
func (r *rig) completed(t *testing.T, app string) *esl.Event {
	t.Helper()
	for _, e := range r.named("CHANNEL_EXECUTE_COMPLETE") {
		if e.Value("Application") == app {
			return e
		}
	}
	t.Fatalf("%s was not completed:\n%s", app, r.script())
	return nil
}

// last is the last event of the caller's leg that has variables.
func (r *rig) last(t *testing.T) *esl.Event {
	t.Helper()
	list := r.named("CHANNEL_HANGUP_COMPLETE")
	if len(list) == 0 {
		t.Fatal("no end")
	}
	return list[0]
}

func wants(t *testing.T, e *esl.Event, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := e.Value(name); got != value {
			t.Errorf("%s: %s is %q, want %q", e.Name(), name, got, value)
		}
	}
}

func TestPlaybackIsReportedAsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := soundRig(t, "answer", "playback tone_stream://%(300,0,440)")
		began := time.Now()
		a := r.call("1")
		a.want("answer")
		a.want("hangup NORMAL_CLEARING")
		if d := time.Since(began); d != 300*time.Millisecond {
			t.Errorf("took %v", d)
		}
		r.until(1)
		start, stop := r.named("PLAYBACK_START"), r.named("PLAYBACK_STOP")
		if len(start) != 1 || len(stop) != 1 {
			t.Fatal(r.script())
		}
		wants(t, start[0], map[string]string{"Playback-File-Type": "tone_stream", "Playback-File-Path": "tone_stream://%(300,0,440)"})
		wants(t, stop[0], map[string]string{"Playback-Status": "done", "variable_playback_last_offset_pos": "2400", "variable_playback_seconds": "0",
			"variable_playback_ms": "300", "variable_playback_samples": "2400"})
		wants(t, r.completed(t, "playback"), map[string]string{"Application-Response": "FILE PLAYED"})
		for _, name := range []string{"PLAYBACK_START", "PLAYBACK_STOP"} {
			compareTail(t, r.named(name)[0], name)
		}
	})
}

// compareTail compares the headers after the variables and the origin of an event with the recording of a broadcast.
func compareTail(t *testing.T, got *esl.Event, name string) {
	t.Helper()
	tail := func(e *esl.Event) string {
		s := e.Value("Event-Calling-File") + " " + e.Value("Event-Calling-Function") + " " + e.Value("Event-Calling-Line-Number")
		for _, h := range e.Headers {
			if strings.HasPrefix(h.Name, "Playback-") {
				s += " " + h.Name + "=" + h.Value
			}
		}
		return s
	}
	for _, e := range recording(t, "uuid_broadcast_dtmf") {
		if e.Name() == name && e.Value("Call-Direction") == inbound {
			if tail(got) != tail(e) {
				t.Errorf("got  %s\nwant %s", tail(got), tail(e))
			}
			return
		}
	}
	t.Errorf("no %s was recorded", name)
}

func TestPlaybackEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		apps   []string
		digits string
		took   time.Duration
		vars   map[string]string
	}{
		{"with the star key", []string{"playback silence_stream://5000"}, "1*", 2 * time.Second, map[string]string{"variable_playback_terminator_used": "*"}},
		{"not with another key", []string{"playback silence_stream://5000"}, "12", 5 * time.Second, nil},
		{"with a key of the dialplan's choice", []string{"set playback_terminators=7", "playback silence_stream://5000"}, "*7", 2 * time.Second,
			map[string]string{"variable_playback_terminator_used": "7"}},
		{"with no key", []string{"set playback_terminators=none", "playback silence_stream://5000"}, "*#", 5 * time.Second, nil},
		{"with any key", []string{"set playback_terminators=any", "endless_playback silence_stream://1000", "hangup"}, "", 30 * time.Second, nil},
		{"with the time", []string{"set playback_timeout_sec=3", "playback silence_stream://5000"}, "", 3 * time.Second, nil},
		{"as often as asked", []string{"loop_playback +3 silence_stream://1000"}, "", 3 * time.Second, nil},
		{"by a loop in the name", []string{"playback {loops=4}tone_stream://%(500,0,440)"}, "", 2 * time.Second, nil},
		{"of a chain", []string{"playback file_string://silence_stream://1000!silence_stream://500"}, "", 1500 * time.Millisecond, nil},
		{"of tones", []string{"gentones %(1000,0,640)|2"}, "", 2 * time.Second, nil},
		{"of tones with a key", []string{"gentones %(1000,0,640)|-1"}, "*", time.Second, nil},
		{"sleep goes on", []string{"sleep 4000"}, "**", 4 * time.Second, nil},
		{"sleep that eats digits", []string{"set sleep_eat_digits=true", "sleep 4000"}, "*", time.Second, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := soundRig(t, append([]string{"answer"}, c.apps...)...)
				began := time.Now()
				a := r.call("1")
				a.want("answer")
				for _, d := range []byte(c.digits) {
					time.Sleep(time.Second)
					a.h.LegDTMF(d, 100*time.Millisecond)
				}
				if c.took == 30*time.Second {
					time.Sleep(c.took)
					a.h.LegEnded(bye)
				} else {
					a.want("hangup NORMAL_CLEARING")
				}
				if d := time.Since(began); d < c.took || d > c.took+5*time.Millisecond {
					t.Errorf("took %v, want %v", d, c.took)
				}
				r.until(1)
				wants(t, r.last(t), c.vars)
			})
		})
	}
}

// wav writes a file of silence.
func wav(t *testing.T, path string, d time.Duration) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := audio.NewWAVWriter(f, 8000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]int16, int(d.Seconds()*8000))); err != nil {
		t.Fatal(err)
	}
	if err := (wavFile{w, f}).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSoundFilesStayInTheirFolders(t *testing.T) {
	dir := t.TempDir()
	sounds, other := filepath.Join(dir, "sounds"), filepath.Join(dir, "other")
	wav(t, filepath.Join(sounds, "en", "hello.wav"), time.Second)
	wav(t, filepath.Join(sounds, "ivr", "8000", "long.wav"), 2*time.Second)
	wav(t, filepath.Join(other, "secret.wav"), time.Second)
	if err := os.Symlink(filepath.Join(other, "secret.wav"), filepath.Join(sounds, "link.wav")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file, response string
	}{
		{"relative", "en/hello.wav", responsePlayed},
		{"by its rate", "ivr/long.wav", responsePlayed},
		{"full path", filepath.Join(sounds, "en", "hello.wav"), responsePlayed},
		{"missing", "en/nosuch.wav", responseNotFound},
		{"none", "", responseNotFound},
		{"above", "../other/secret.wav", responseNotFound},
		{"above by a full path", filepath.Join(sounds, "..", "other", "secret.wav"), responseNotFound},
		{"full path elsewhere", filepath.Join(other, "secret.wav"), responseNotFound},
		{"symbolic link", "link.wav", responseNotFound},
		{"a folder", "en", responseNotFound},
		{"unknown scheme", "say:hello", responseNotFound},
		{"tone file elsewhere", "tone_stream://path=/etc/passwd", responseNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := soundRig(t, "answer", "playback "+c.file)
				r.core.cfg.Sound = func() Sound { return Sound{SoundsDir: sounds} }
				a := r.call("1")
				a.want("answer")
				a.want("hangup NORMAL_CLEARING")
				r.until(1)
				wants(t, r.completed(t, "playback"), map[string]string{"Application-Response": c.response})
			})
		})
	}
}

// A peer cannot choose where sounds come from.
func TestSoundPrefixFromAPeerIsIgnored(t *testing.T) {
	dir := t.TempDir()
	wav(t, filepath.Join(dir, "x.wav"), 100*time.Millisecond)
	for wire, response := range map[bool]string{true: responseNotFound, false: responsePlayed} {
		synctest.Test(t, func(t *testing.T) {
			r := soundRig(t, "answer", "playback x.wav")
			a := r.call("1", Variable{Name: "sound_prefix", Value: dir, Wire: wire})
			a.want("answer")
			a.want("hangup NORMAL_CLEARING")
			r.until(1)
			wants(t, r.completed(t, "playback"), map[string]string{"Application-Response": response})
		})
	}
}

// A leg in a codec that we cannot make waits for as long as the sound would take.
func TestPlaybackToOpusKeepsTheTime(t *testing.T) {
	const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n"
	synctest.Test(t, func(t *testing.T) {
		r := soundRig(t, "answer", "playback silence_stream://2500")
		began := time.Now()
		a := newFakeLeg(t)
		h, err := r.core.NewInbound(Inbound{Leg: a, ChannelName: "sofia/internal/1015@x", CallerNum: "1015", Destination: "1", Context: "plain", SDP: []byte(offer)})
		if err != nil {
			t.Fatal(err)
		}
		a.h = h
		a.want("answer")
		a.want("hangup NORMAL_CLEARING")
		if d := time.Since(began); d != 2500*time.Millisecond {
			t.Errorf("took %v", d)
		}
		if n := len(r.media.all[0].plays()); n != 0 {
			t.Errorf("%d sounds were made", n)
		}
		r.until(1)
	})
}

func TestAnswerPrefersACodecThatCanBeMade(t *testing.T) {
	prefs := media.CodecsByName("OPUS,G722,PCMU")
	for apps, want := range map[string]string{"playback x": "G722", "read 1 1 x": "G722", "echo": "opus", "bridge user/1000": "opus"} {
		name, _, _ := strings.Cut(apps, " ")
		ch := &Channel{prefs: prefs}
		ch.sound.ahead = makesSound([]dialplan.Action{{App: "answer"}, {App: name}})
		if got := ch.ownCodec().Name; got != want {
			t.Errorf("%s: answered with %s, want %s", apps, got, want)
		}
	}
}

// TestMusicOfTheProfile: what a held party hears is the variable's, else the profile's, else the configuration's.
func TestMusicOfTheProfile(t *testing.T) {
	for _, c := range []struct{ name, variable, profile, all, want string }{
		{"variable", "a", "b", "c", "a"},
		{"profile", "", "b", "c", "b"},
		{"configuration", "", "", "c", "c"},
		{"none", "", "", "", defaultMusic},
		{"silence of the profile", "", "silence", "c", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, ch := range []*Channel{{incoming: &Inbound{HoldMusic: c.profile}}, {dest: &Destination{HoldMusic: c.profile}}} {
				ch.core = &Core{cfg: Config{Sound: func() Sound { return Sound{HoldMusic: c.all} }}}
				if c.variable != "" {
					ch.set("hold_music", c.variable)
				}
				if got := ch.musicOnHold(); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestHeldPartyHearsMusic(t *testing.T) {
	r := newRig(t)
	a, b := answeredCall(r)
	hold := strings.Replace(sdpA, "a=sendrecv", "a=sendonly", 1)
	a.h.LegReoffer([]byte(hold), func([]byte, error) {})
	e := r.untilEvent("PLAYBACK_START", outbound)
	wants(t, e, map[string]string{"Playback-File-Path": "local_stream://moh", "Playback-File-Type": "local_stream"})
	a.h.LegReoffer([]byte(sdpA), func([]byte, error) {})
	wants(t, r.untilEvent("PLAYBACK_STOP", outbound), map[string]string{"Playback-Status": "break"})
	wants(t, r.untilEvent("CHANNEL_EXECUTE_COMPLETE", outbound), map[string]string{"Application": "playback", "Application-Response": "FILE PLAYED"})
	a.h.LegReoffer([]byte(hold), func([]byte, error) {})
	r.untilEvent("PLAYBACK_START", outbound)
	a.h.LegEnded(bye) // on hold
	b.want("hangup NORMAL_CLEARING")
	r.until(2)
	if n := strings.Count(r.script(), "B PLAYBACK_STOP"); n != 2 {
		t.Errorf("music stopped %d times", n)
	}
}

// Who is transferred while on hold does not take the music along.
func TestMusicEndsWithATransfer(t *testing.T) {
	r := newRig(t)
	a, b := answeredCall(r)
	a.h.LegReoffer([]byte(strings.Replace(sdpA, "a=sendrecv", "a=sendonly", 1)), func([]byte, error) {})
	r.untilEvent("PLAYBACK_START", outbound)
	ch, ok := r.core.Channel(r.core.Channels()[1].UUID)
	if !ok {
		t.Fatal("no called leg")
	}
	ch.Transfer("5900", "XML", "plain", TransferSelf)
	wants(t, r.untilEvent("PLAYBACK_STOP", outbound), map[string]string{"Playback-Status": "break"})
	r.untilEvent("CHANNEL_PARK", outbound)
	for _, took := range r.media.all[1].plays() {
		if took == "" {
			t.Error("the music goes on")
		}
	}
	a.h.LegEnded(bye)
	b.h.LegEnded(bye)
	r.until(2)
}
