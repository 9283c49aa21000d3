package call

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// recordingOf reads the header of a recording.
func recordingOf(t *testing.T, path string) audio.WAVInfo {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := audio.NewWAVReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return w.Info()
}

func TestRecord(t *testing.T) {
	for _, c := range []struct {
		name, data, keys string
		took             time.Duration
		cause            string
	}{
		{"until the limit", "a/b.wav 3", "", 3 * time.Second, "success-maxtime"},
		{"until a key", "a/b.wav 20", ".*", 1100 * time.Millisecond, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				r := soundRig(t, "answer", "record "+c.data)
				r.core.cfg.Sound = func() Sound { return Sound{RecordingsDir: dir} }
				began := time.Now()
				a := r.call("1")
				a.want("answer")
				synctest.Wait()
				dial(a, c.keys)
				a.want("hangup NORMAL_CLEARING")
				if d := time.Since(began); d != c.took {
					t.Errorf("took %v, want %v", d, c.took)
				}
				r.until(1)
				if len(r.named("RECORD_START")) != 1 || len(r.named("RECORD_STOP")) != 1 {
					t.Fatal(r.script())
				}
				wants(t, r.named("RECORD_STOP")[0], map[string]string{"Record-File-Path": "a/b.wav", "variable_record_completion_cause": c.cause})
				if got := r.named("RECORD_STOP")[0].Value("Record-Completion-Cause"); got != "" { // only a session's
					t.Errorf("Record-Completion-Cause is %s", got)
				}
			})
			info := recordingOf(t, filepath.Join(dir, "a", "b.wav"))
			if info.Rate != 8000 || info.Channels != 1 || info.Frames != int64(c.took.Seconds()*8000) {
				t.Errorf("%+v", info)
			}
		})
	}
}

func TestRecordingsStayInTheirFolder(t *testing.T) {
	dir := t.TempDir()
	recordings, other := filepath.Join(dir, "rec"), filepath.Join(dir, "other")
	for _, d := range []string{recordings, other} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(other, filepath.Join(recordings, "link")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"../other/x.wav", filepath.Join(other, "x.wav"), "link/x.wav", "x.sh", ".wav/../../other/x.wav", ""} {
		r := soundRig(t, "answer", "record_session "+path, "record "+path+" 1")
		r.core.cfg.Sound = func() Sound { return Sound{RecordingsDir: recordings} }
		a := r.call("1")
		a.want("answer")
		a.want("hangup NORMAL_CLEARING")
		r.until(1)
		if len(r.named("RECORD_START")) != 0 {
			t.Errorf("%q was recorded", path)
		}
	}
	if list, err := os.ReadDir(other); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}

func TestRecordSession(t *testing.T) {
	for _, c := range []struct {
		name, app string
		channels  int
	}{
		{"both in one", "record_session x.wav", 1},
		{"both apart", "set RECORD_STEREO=true|record_session x.wav", 2},
		{"with a limit", "record_session x.wav +600", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			r := soundRig(t, append(append([]string{"answer"}, strings.Split(c.app, "|")...), "park")...)
			r.core.cfg.Sound = func() Sound { return Sound{RecordingsDir: dir} }
			a := r.call("1")
			a.want("answer")
			r.untilEvent("CHANNEL_PARK", inbound)
			a.h.LegEnded(bye)
			r.until(1)
			script := r.script()
			if !strings.Contains(script, "RECORD_STOP") || strings.Index(script, "RECORD_STOP") > strings.Index(script, "HANGUP_COMPLETE") {
				t.Errorf("the recording is not reported before the end of the call:\n%s", script)
			}
			bugs := append(r.named("MEDIA_BUG_START"), r.named("MEDIA_BUG_STOP")...)
			if len(bugs) != 2 || strings.Index(script, "RECORD_START") > strings.Index(script, "MEDIA_BUG_START") {
				t.Errorf("%d media bugs:\n%s", len(bugs), script)
			}
			for _, e := range bugs {
				wants(t, e, map[string]string{"Media-Bug-Function": "session_record", "Media-Bug-Target": "x.wav"})
			}
			if info := recordingOf(t, filepath.Join(dir, "x.wav")); info.Channels != c.channels {
				t.Errorf("%+v", info)
			}
		})
	}
}

func TestStopRecordSession(t *testing.T) {
	for app, want := range map[string]int{"stop_record_session x.wav": 1, "stop_record_session all": 2, "stop_record_session other.wav": 0} {
		dir := t.TempDir()
		r := soundRig(t, "answer", "record_session x.wav", "record_session y.wav", "record_session x.wav", app, "park")
		r.core.cfg.Sound = func() Sound { return Sound{RecordingsDir: dir} }
		a := r.call("1")
		a.want("answer")
		r.untilEvent("CHANNEL_PARK", inbound)
		if got := len(r.named("RECORD_STOP")); got != want {
			t.Errorf("%s: %d recordings ended, want %d", app, got, want)
		}
		if n := len(r.named("RECORD_START")); n != 2 {
			t.Errorf("%d recordings began", n)
		}
		a.h.LegEnded(bye)
		r.until(1)
	}
}
