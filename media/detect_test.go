package media

import (
	"io"
	"testing"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// TestDetectDTMF: digits in the sound itself.
func TestDetectDTMF(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, p := connect(t, e, KindRTP, true, &log)
	if err := s.DetectDTMF(true); err != nil {
		t.Fatal(err)
	}
	digits, err := audio.NewDTMF("1*D", 8000, 100*time.Millisecond, 60*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	k := newTalker(t, p, pcmu()[0], &padded{digits}, 1)
	converse(t, "the digits", func() bool { return log.digits() == "1*D" }, k)
	if ev, _ := log.find(EventDTMF); !ev.InBand || ev.Duration < 60 || ev.Duration > 140 {
		t.Errorf("%+v", ev)
	}
	if err := s.DetectDTMF(false); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "its end", func() bool { e.pacer.mu.Lock(); defer e.pacer.mu.Unlock(); return len(e.pacer.voices) == 0 })
}

// padded goes on with silence.
type padded struct{ audio.Source }

func (p *padded) Read(samples []int16) (int, error) {
	n, err := p.Source.Read(samples)
	if err == io.EOF {
		clear(samples)
		return len(samples), nil
	}
	return n, err
}
