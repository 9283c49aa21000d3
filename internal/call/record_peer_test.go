package call

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestRecordByPeer: the record key of a phone begins and ends a recording in a file that the template names with the call's variables, and never
// outside of the folder for recordings.
func TestRecordByPeer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := soundRig(t, "answer", "park")
		r.core.cfg.Sound = func() Sound { return Sound{RecordingsDir: dir} }
		ask := func(a *fakeLeg, template string) string {
			answer := make(chan string, 1)
			a.h.LegRecord(template, func(refusal string) { answer <- refusal })
			return <-answer
		}
		a := r.call("1")
		a.want("answer")
		synctest.Wait()
		if got := ask(a, ""); got != "Nothing to stop" {
			t.Errorf("off before on: %q", got)
		}
		if got := ask(a, dir+"/${caller_id_number}/x.wav"); got != "" {
			t.Errorf("on: %q", got)
		}
		if got := ask(a, dir+"/other.wav"); got != "" {
			t.Errorf("on again: %q", got)
		}
		time.Sleep(2 * time.Second)
		if got := ask(a, ""); got != "" {
			t.Errorf("off: %q", got)
		}
		time.Sleep(3 * time.Second) // not in the recording
		if got := ask(a, dir+"/../x.wav"); got != "Recording not possible" {
			t.Errorf("outside: %q", got)
		}
		a.h.LegEnded(bye)
		r.until(1)
		if n := len(r.named("RECORD_STOP")); n != 1 {
			t.Errorf("%d recordings ended", n)
		}
		if got := ask(a, dir+"/late.wav"); got == "" {
			t.Error("a call that is over was recorded")
		}
	})
	if info := recordingOf(t, filepath.Join(dir, "1015", "x.wav")); info.Channels != 1 || info.Frames < 2*8000-400 || info.Frames > 2*8000+400 {
		t.Errorf("%+v", info)
	}
	if _, err := os.Stat(filepath.Join(dir, "other.wav")); err == nil {
		t.Error("a second recording began")
	}
}
