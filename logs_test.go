package talkpath

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/talkpath/talkpath/esl"
)

func newTestLog(base slog.Level) (*logs, *slog.Logger, *bytes.Buffer) {
	l, out := &logs{}, &bytes.Buffer{}
	return l, slog.New(&logHandler{next: slog.NewTextHandler(out, &slog.HandlerOptions{Level: base}), logs: l}), out
}

// TestLogLines: records become FreeSWITCH's lines, up to the level asked for, whatever the configured log shows.
func TestLogLines(t *testing.T) {
	l, log, out := newTestLog(slog.LevelWarn)
	log.Debug("nobody listens")
	s := l.SubscribeLog(6)
	defer s.Close()
	ch := log.With("channel", "sofia/a", "uuid", "the-uuid").WithGroup("g")
	ch.Info("hello\nworld", "name", "Eve\n2026-01-01 00:00:00.000000 [CRIT] x.c:1 forged", "esl-password", "geheim", slog.Group("in", "n", 1.5))
	log.Debug("too low")
	log.Error("bad", "error", errors.New("no"))
	line, lost, err := s.Next(t.Context())
	if err != nil || lost != 0 || line.Level != 6 || line.UserData != "the-uuid" || line.File != "logs_test.go" || line.Func != "TestLogLines" || line.Line == 0 {
		t.Errorf("%+v, %d, %v", line, lost, err)
	}
	want := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \d+\.\d\d% \[INFO\] logs_test\.go:\d+ hello world channel=sofia/a uuid=the-uuid g\.name=Eve 2026-01-01 ` +
		`00:00:00\.000000 \[CRIT\] x\.c:1 forged g\.esl-password=\*\*\* g\.in\.n=1\.5\n$`)
	if !want.MatchString(line.Text) {
		t.Errorf("%q", line.Text)
	}
	if line, _, err = s.Next(t.Context()); err != nil || line.Level != 3 || !strings.Contains(line.Text, "[ERR]") || !strings.HasSuffix(line.Text, " bad error=no\n") {
		t.Errorf("%+v, %v", line, err)
	}
	s.SetLevel(7)
	log.Debug("low enough")
	if line, _, err = s.Next(t.Context()); err != nil || line.Level != 7 {
		t.Errorf("%+v, %v", line, err)
	}
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "msg=bad") {
		t.Errorf("the configured log has %q", got)
	}
	s.Close()
	if log.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("work for nobody")
	}
	if _, _, err := s.Next(t.Context()); !errors.Is(err, esl.ErrClosed) {
		t.Error(err)
	}
}

// TestLogIsNeverHeldUp: who does not read loses lines and is told how many; others lose none.
func TestLogIsNeverHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log, _ := newTestLog(slog.LevelError)
		slow, fast := l.SubscribeLog(7), l.SubscribeLog(7)
		read := 0
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for {
				_, lost, err := fast.Next(ctx)
				if err != nil {
					return
				}
				if lost > 0 {
					t.Errorf("lost %d", lost)
				}
				read++
			}
		}()
		for range 3 * maxLogLines / 100 {
			for range 100 {
				log.Info("x")
			}
			synctest.Wait()
		}
		cancel()
		fast.Close()
		synctest.Wait()
		if read != 3*maxLogLines {
			t.Errorf("read %d", read)
		}
		if _, lost, err := slow.Next(t.Context()); err != nil || lost != 2*maxLogLines {
			t.Errorf("lost %d, %v", lost, err)
		}
		if _, lost, _ := slow.Next(t.Context()); lost != 0 {
			t.Errorf("told twice: %d", lost)
		}
		slow.Close()
	})
}

// TestLogAttributes: both logs have the attributes of With, before and behind a group, in their order.
func TestLogAttributes(t *testing.T) {
	l, log, out := newTestLog(slog.LevelWarn)
	s := l.SubscribeLog(4)
	defer s.Close()
	first := log.With("a", 1)
	second := first.With("b", 2)
	first.With("other", 0)
	for _, c := range []struct {
		name string
		log  *slog.Logger
		want string
	}{
		{"one", first, " a=1 c=3\n"},
		{"two", second, " a=1 b=2 c=3\n"},
		{"group", second.WithGroup("g"), " a=1 b=2 g.c=3\n"},
		{"group with one", second.WithGroup("g").With("d", 4), " a=1 b=2 g.d=4 g.c=3\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out.Reset()
			c.log.Warn("said", "c", 3)
			if line, _, err := s.Next(t.Context()); err != nil || !strings.HasSuffix(line.Text, " said"+c.want) {
				t.Errorf("%q, %v", line.Text, err)
			}
			if !strings.HasSuffix(out.String(), " msg=said"+c.want) {
				t.Errorf("%q", out)
			}
		})
	}
}
