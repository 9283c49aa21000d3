package control

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/event"
)

func TestFsctl(t *testing.T) {
	for _, tc := range []struct{ command, want string }{
		{"fsctl", "-USAGE: " + fsctlSyntax + "\n"},
		{"fsctl crash", fsctlUnknown},
		{"fsctl pause_check", "false"},
		{"fsctl pause; pause_check", "true"},
		{"fsctl pause inbound; pause_check", "false"},
		{"fsctl pause inbound; pause_check inbound", "true"},
		{"fsctl pause inbound; pause_check outbound", "false"},
		{"fsctl pause OUTBOUND; pause_check outbound", "true"},
		{"fsctl pause; resume inbound; pause_check outbound", "true"},
		{"fsctl pause; resume; pause_check outbound", "false"},
		{"fsctl pause; ready_check", "false"},
		{"fsctl pause outbound; ready_check", "true"},
		{"fsctl shutdown_check", "false"},
		{"fsctl shutdown", notAvailable},
		{"fsctl shutdown restart", "-ERR restart is not available\n"},
		{"fsctl sps", "+OK sessions per second: 30\n"},
		{"fsctl sps 50", "+OK sessions per second: 50\n"},
		{"fsctl sps -1", "+OK sessions per second: 30\n"},
		{"fsctl sps many", "+OK sessions per second: 30\n"},
		{"fsctl sps 50; max_sessions", "+OK max sessions: 1000\n"},
		{"fsctl max_sessions 7", "+OK max sessions: 7\n"},
		{"fsctl max_sessions 7; sps", "+OK sessions per second: 30\n"},
		{"fsctl last_sps", "+OK last sessions per second: 0\n"},
		{"fsctl sps_peak_reset", "+OK max sessions per second counter reset\n"},
		{"fsctl recover", "+OK 0 session(s) recovered in total\n"},
		{"fsctl recover flush", "+OK flushed\n"},
		{"fsctl min_idle_cpu", "+OK min idle cpu: DISABLED\n"},
		{"fsctl min_idle_cpu 10", notAvailable},
		{"fsctl sync_clock", "+OK clock synchronized\n"},
		{"fsctl reclaim_mem", done},
		{"fsctl flush_db_handles", done},
		{"fsctl send_sighup", notAvailable},
		{"fsctl loglevel debug", notAvailable},
		{"fsctl hupall", done},
	} {
		c, core := testControl(t)
		got := ""
		for _, step := range strings.Split(strings.TrimPrefix(tc.command, "fsctl"), ";") {
			got = c.Execute(t.Context(), strings.TrimSpace("fsctl "+strings.TrimSpace(step)))
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.command, got, tc.want)
		}
		if tc.command == "fsctl hupall" && len(core.hungUp) != 3 {
			t.Errorf("hung up %v", core.hungUp)
		}
		if value, ok := c.Func("fsctl", "pause"); ok || core.stats.PausedInbound && !strings.Contains(tc.command, "pause") {
			t.Errorf("a dialplan may: %q", value)
		}
	}
}

func TestStatusWhilePaused(t *testing.T) {
	c, _ := testControl(t)
	c.Execute(t.Context(), "fsctl pause")
	if got := c.Execute(t.Context(), "status"); !strings.Contains(got, " is not ready\n") {
		t.Errorf("%q", got)
	}
}

func TestLogLevel(t *testing.T) {
	c, _ := testControl(t)
	if got := c.Execute(t.Context(), "console loglevel"); got != notAvailable {
		t.Errorf("%q", got)
	}
	var out strings.Builder
	level := new(slog.LevelVar)
	c.deps.LogLevel, c.deps.Logger = level, slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))
	for _, tc := range []struct {
		command, want string
		level         slog.Level
	}{
		{"console loglevel", "+OK console log level set to INFO\n", slog.LevelInfo},
		{"console loglevel debug", "+OK console log level set to DEBUG\n", slog.LevelDebug},
		{"console loglevel 4", "+OK console log level set to WARNING\n", slog.LevelWarn},
		{"console loglevel 99", "+OK console log level set to DEBUG\n", slog.LevelDebug},
		{"console loglevel loud", "-ERR Invalid console loglevel (loud)!\n\n", slog.LevelDebug},
		{"console loglevel help", consoleLevelUsage, slog.LevelDebug},
		{"console", consoleUsage, slog.LevelDebug},
		{"console colorize on", consoleUsage, slog.LevelDebug},
		{"fsctl loglevel", "+OK log level: DEBUG [7]\n", slog.LevelDebug},
		{"fsctl loglevel err", "+OK log level: ERR [3]\n", slog.LevelError},
		{"fsctl loglevel 0", "+OK log level: CONSOLE [0]\n", slog.LevelError + 4},
		{"fsctl loglevel 5", "+OK log level: NOTICE [5]\n", slog.LevelInfo + 2},
		{"fsctl loglevel loud", "-ERR syntax error, log level not set!\n", slog.LevelInfo + 2},
	} {
		if got := c.Execute(t.Context(), tc.command); got != tc.want || level.Level() != tc.level {
			t.Errorf("%s: got %q at %v, want %q", tc.command, got, level.Level(), tc.want)
		}
	}
	for command, want := range map[string]string{
		"log err a b": "level=ERROR msg=\"a b\"", "log warning x": "level=WARN msg=x", "log bogus text": "", "log text": "", "log debug x": "",
		"log 3 forged\nlevel=INFO": "level=ERROR msg=\"forged level=INFO\"",
	} {
		out.Reset()
		if got := c.Execute(t.Context(), command); got != done || !strings.Contains(out.String(), want) || want == "" && out.String() != "" ||
			strings.Count(out.String(), "\n") > 1 {
			t.Errorf("%s: %q, logged %q", command, got, out.String())
		}
	}
	if got := c.Execute(t.Context(), "log"); got != "-ERR\n" {
		t.Errorf("log: %q", got)
	}
}

// TestShutdownWaits: elegant and asap wait for the last call, cancel ends that, and only asap refuses new calls.
func TestShutdownWaits(t *testing.T) {
	for _, tc := range []struct {
		name, how string
		cancel    bool
		paused    string
	}{
		{"elegant", "elegant", false, "false"}, {"asap", "asap", false, "true"},
		{"elegant cancelled", "elegant", true, "false"}, {"asap cancelled", "asap", true, "true"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, core := testControl(t)
			synctest.Test(t, func(t *testing.T) {
				bus := event.NewBus(event.Identity{})
				c := New(Deps{Core: core, Config: c.deps.Config, Bus: bus, Registrations: fakeRegistrations{}})
				sub := c.Subscribe()
				defer sub.Close()
				sub.Select(esl.Selection{Names: map[string]bool{"SHUTDOWN_REQUESTED": true}})
				var ended []bool
				c.deps.Shutdown = func(graceful bool) { ended = append(ended, graceful) }
				if got := c.Execute(t.Context(), "fsctl shutdown "+tc.how); got != done {
					t.Errorf("%q", got)
				}
				if e, err := sub.Next(t.Context()); err != nil || !strings.EqualFold(e.Value("Event-Info"), tc.how) {
					t.Errorf("event %v %v", e, err)
				}
				if got := c.Execute(t.Context(), "fsctl pause_check"); got != tc.paused {
					t.Errorf("paused: %q", got)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if got := c.Execute(t.Context(), "fsctl shutdown_check"); got != "true" || len(ended) != 0 {
					t.Errorf("shutdown_check %q with calls, ended %v", got, ended)
				}
				if tc.cancel {
					c.Execute(t.Context(), "fsctl shutdown cancel")
					if got := c.Execute(t.Context(), "fsctl pause_check"); got != "false" {
						t.Errorf("paused after cancel: %q", got)
					}
				}
				core.change(func(s *call.Stats) { s.Current = 0 })
				time.Sleep(shutdownCheck)
				synctest.Wait()
				if got := len(ended) == 1; got == tc.cancel {
					t.Errorf("ended %v", ended)
				}
				c.Close()
			})
		})
	}
}

func TestCloseEndsWait(t *testing.T) {
	c, _ := testControl(t)
	c.deps.Shutdown = func(bool) { t.Error("ended") }
	c.Execute(t.Context(), "fsctl shutdown elegant")
	c.Close()
	c.Execute(t.Context(), "fsctl shutdown elegant") // begins nothing any more
	c.Close()
}

func TestSighup(t *testing.T) {
	c, _ := testControl(t)
	var did []string
	var bad error
	c.deps.RotateLog = func() error { did = append(did, "rotate"); return bad }
	c.deps.Reload = func(context.Context) error { did = append(did, "reload"); return nil }
	if got := c.Execute(t.Context(), "fsctl send_sighup"); got != done || strings.Join(did, ",") != "rotate,reload" {
		t.Errorf("%q %v", got, did)
	}
	if bad = errors.New("disk\nfull"); c.Execute(t.Context(), "fsctl send_sighup") != "-ERR [disk full]\n" {
		t.Error("a failure is not told")
	}
}
