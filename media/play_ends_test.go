package media

import (
	"errors"
	"testing"

	"github.com/talkpath/talkpath/media/audio"
)

func TestPlayEnds(t *testing.T) {
	cases := []struct {
		name string
		end  func(e *Engine, s *Session, p *Playback, src *sine)
		want error
	}{
		{"stopped", func(_ *Engine, _ *Session, p *Playback, _ *sine) { p.Stop(); p.Stop() }, ErrStopped},
		{"replaced", func(_ *Engine, s *Session, _ *Playback, _ *sine) {
			if _, err := s.Play(newSine(500, 8000, -1), nil); err != nil {
				t.Error(err)
			}
		}, ErrStopped},
		{"session closed", func(_ *Engine, s *Session, p *Playback, _ *sine) { s.Close(); p.Stop() }, ErrClosed},
		{"engine closed", func(e *Engine, _ *Session, _ *Playback, _ *sine) {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}, ErrClosed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			var log eventLog
			s, p := connect(t, e, KindRTP, true, &log)
			var end ending
			src := newSine(1000, 8000, -1)
			play, err := s.Play(src, end.done)
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the playback", func() bool { return len(p.heard()) >= 3 })
			if play.Position() < 3*packetTime {
				t.Errorf("position %v", play.Position())
			}
			c.end(e, s, play, src)
			if err := end.wait(t); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			s.Close()
			if n := end.count(); n != 1 || src.closes() != 1 {
				t.Errorf("done %d times, closed %d times", n, src.closes())
			}
			late := newSine(1000, 8000, -1)
			if _, err := s.Play(late, end.done); !errors.Is(err, ErrClosed) || late.closes() != 1 {
				t.Errorf("after the end: %v, closed %d times", err, late.closes())
			}
		})
	}
}

func TestPlayEndsByItself(t *testing.T) {
	t.Run("source fails", func(t *testing.T) {
		e := newTestEngine(t, nil)
		var log eventLog
		s, _ := connect(t, e, KindRTP, true, &log)
		src := newSine(1000, 8000, 3)
		broken := errors.New("broken")
		src.failed = broken
		var end ending
		if _, err := s.Play(src, end.done); err != nil {
			t.Fatal(err)
		}
		if err := end.wait(t); !errors.Is(err, broken) {
			t.Error(err)
		}
	})
	t.Run("source panics", func(t *testing.T) {
		e := newTestEngine(t, nil)
		var log eventLog
		s, p := connect(t, e, KindRTP, true, &log)
		var end ending
		if _, err := s.Play(panicking{}, end.done); err != nil {
			t.Fatal(err)
		}
		if err := end.wait(t); err == nil {
			t.Error("no error")
		}
		if n := e.Stats().Panics; n != 1 {
			t.Errorf("%d panics", n)
		}
		if _, err := s.Play(newSine(1000, 8000, 3), nil); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the next playback", func() bool { return len(p.heard()) == 3 })
	})
	t.Run("done plays the next one", func(t *testing.T) {
		e := newTestEngine(t, nil)
		var log eventLog
		s, p := connect(t, e, KindRTP, true, &log)
		var end ending
		if _, err := s.Play(newSine(1000, 8000, 3), func(error) {
			if _, err := s.Play(newSine(1000, 8000, 3), end.done); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if err := end.wait(t); err != nil {
			t.Error(err)
		}
		waitFor(t, "both", func() bool { return len(p.heard()) == 6 })
		assertContinuous(t, p.heard())
	})
}

type panicking struct{}

func (panicking) Rate() int                 { return 8000 }
func (panicking) Read([]int16) (int, error) { panic("a defect") }

func TestPlayRefused(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	cases := []struct {
		name    string
		session func(t *testing.T) *Session
		src     *sine
		want    error
	}{
		{"before a description", func(*testing.T) *Session { return e.NewSession(SessionConfig{}) }, newSine(1000, 8000, -1), ErrNoAnswer},
		{"offered, not answered", func(t *testing.T) *Session {
			s := e.NewSession(SessionConfig{})
			if _, err := s.Offer(KindRTP, pcmu()); err != nil {
				t.Fatal(err)
			}
			return s
		}, newSine(1000, 8000, -1), ErrNoAnswer},
		{"opus", func(t *testing.T) *Session {
			s, _ := phoneOn(t, e, KindRTP, formatOf("OPUS"), &log)
			return s
		}, newSine(1000, 8000, -1), ErrCannotEncode},
		{"no such rate", func(t *testing.T) *Session {
			s, _ := connect(t, e, KindRTP, true, &log)
			return s
		}, newSine(1000, 9000, -1), audio.ErrRate},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := c.session(t)
			defer s.Close()
			if _, err := s.Play(c.src, func(error) { t.Error("done") }); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if c.src.closes() != 1 {
				t.Errorf("closed %d times", c.src.closes())
			}
		})
	}
	if n := e.Stats().Playbacks; n != 0 {
		t.Errorf("%d playbacks", n)
	}
}
