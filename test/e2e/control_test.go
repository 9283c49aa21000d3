package e2e

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/talkpath/talkpath"
)

// lines collects what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// asked gives a command and checks the answer.
func (ex *exchange) asked(t *testing.T, command, want string) {
	t.Helper()
	if got := ex.command(t, command); got != want {
		t.Errorf("%s: got %q, want %q", command, got, want)
	}
}

// TestPause: a paused switch takes no new calls and keeps those it has; limits act at once.
func TestPause(t *testing.T) {
	ex := start(t)
	caller, callee := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	a, b := connect(t, caller, callee)
	third := ex.phone(t, rtpPhone, "1002")
	refused := func(why string) {
		t.Helper()
		if res := third.invite(t, "9196").failure(t); res.StatusCode != 503 || header(res, "Retry-After") == "" {
			t.Errorf("%s: %v", why, res)
		}
	}
	ex.asked(t, "fsctl pause inbound", "+OK\n")
	refused("paused")
	hearEachOther(t, a, b)
	ex.asked(t, "fsctl resume", "+OK\n")
	ex.asked(t, "fsctl max_sessions 2", "+OK max sessions: 2\n")
	refused("two sessions are there")
	ex.asked(t, "fsctl max_sessions 100", "+OK max sessions: 100\n")
	c := third.invite(t, "9196")
	c.answered(t)
	c.hangup(t)
	ex.asked(t, "fsctl pause outbound", "+OK\n")
	if res := third.invite(t, "1001").failure(t); res.StatusCode < 400 {
		t.Errorf("no new leg: %v", res)
	}
	ex.asked(t, "fsctl resume outbound", "+OK\n")
	a.hangup(t)
	b.ended(t)
}

// TestShutdownElegant: the process ends when its last call has, unless that is called off.
func TestShutdownElegant(t *testing.T) {
	ex := start(t)
	a, b := connect(t, ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001"))
	ex.asked(t, "fsctl shutdown asap", "+OK\n")
	ex.asked(t, "fsctl shutdown_check", "true")
	ex.asked(t, "fsctl pause_check", "true")
	ex.asked(t, "fsctl shutdown cancel", "+OK\n")
	ex.asked(t, "fsctl ready_check", "true")
	ex.asked(t, "fsctl shutdown elegant", "+OK\n")
	hearEachOther(t, a, b)
	a.hangup(t)
	b.ended(t)
	await(t, "the server to stop", func() (bool, string) {
		_, err := ex.Execute(t.Context(), "status")
		return err != nil, ""
	})
}

// TestScheduledCommands run in the server, and none is left when it stops.
func TestScheduledCommands(t *testing.T) {
	ex := start(t)
	ex.asked(t, "sched_api +0 now global_setvar scheduled=yes", "+OK Added: 3\n")
	await(t, "the command to run", func() (bool, string) {
		got := ex.command(t, "global_getvar scheduled")
		return got == "yes", got
	})
	ex.asked(t, "sched_api @3600 later version", "+OK Added: 4\n")
	if got := ex.command(t, "show tasks"); !strings.Contains(got, "\n4,sched_api_function,later,") {
		t.Errorf("%q", got)
	}
}

// TestSIPTrace: the log has the messages of one profile while a trace is on, without what proves a password.
func TestSIPTrace(t *testing.T) {
	var log lines
	level := new(slog.LevelVar)
	ex := boot(t, talkpath.Config{
		StateDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level})), LogLevel: level,
		Set: map[string]string{
			"domain": "127.0.0.1", "local_ip_v4": "127.0.0.1", "default_password": userPassword, "esl_password": eslPassword,
			"internal_sip_port": "0", "internal_tls_port": "0", "ws_port": "0", "wss_port": "0", "esl_port": "0", "admin_port": "0",
			"rtp_mux_port": "0", "rtp_mux_tcp_port": "0", "rtp_start_port": "0", "rtp_end_port": "0",
		},
	})
	ex.asked(t, "sofia profile internal siptrace on", "Enabled sip debugging on internal")
	ex.phone(t, rtpPhone, "1000")
	await(t, "a REGISTER and its answer in the log", func() (bool, string) {
		text := log.String()
		return strings.Contains(text, "SIP/2.0 200") && strings.Contains(text, "response=***"), text
	})
	if strings.Contains(log.String(), `response=\"`) {
		t.Errorf("a digest response is in the log:\n%s", log.String())
	}
	ex.asked(t, "sofia global siptrace off", "+OK Global siptrace off")
	ex.asked(t, "console loglevel err", "+OK console log level set to ERR\n")
	if level.Level() != slog.LevelError || ex.cfg.Logger.Enabled(context.Background(), slog.LevelInfo) {
		t.Error("the level did not change")
	}
	ex.asked(t, "reloadcert", "+OK cert reload event sent\n")
}
