package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath"
)

const (
	userPassword = "test-only-Passw0rd"
	eslPassword  = "test-only-esl"
	patience     = 10 * time.Second // for anything that should take milliseconds
)

// exchange is a server of our own with the ports it got.
type exchange struct {
	*talkpath.Server
	cfg  talkpath.Config
	at   talkpath.Addresses
	stop func() // ends it and checks that nothing is left
}

// start runs a server with the embedded configuration.
func start(t *testing.T, set ...string) *exchange {
	t.Helper()
	return startWith(t, "", set...)
}

// startWith runs a server on ephemeral ports of the loopback interface. At the end of the test it must stop, with no channel and no goroutine left.
func startWith(t *testing.T, conf string, set ...string) *exchange {
	t.Helper()
	return boot(t, testConfig(t, conf, set...))
}

func testConfig(t *testing.T, conf string, set ...string) talkpath.Config {
	t.Helper()
	cfg := talkpath.Config{
		ConfDir:  conf,
		StateDir: t.TempDir(),
		Set: map[string]string{
			"domain": "127.0.0.1", "local_ip_v4": "127.0.0.1",
			"default_password": userPassword, "esl_password": eslPassword,
			"internal_sip_port": "0", "internal_tls_port": "0", "ws_port": "0", "wss_port": "0", "esl_port": "0", "admin_port": "0",
			"rtp_mux_port": "0", "rtp_mux_tcp_port": "0", "rtp_start_port": "0", "rtp_end_port": "0",
		},
	}
	if os.Getenv("TALKPATH_TEST_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	for _, s := range set {
		name, value, _ := strings.Cut(s, "=")
		cfg.Set[name] = value
	}
	return cfg
}

// boot runs a server until the end of the test, or until its stop is called.
func boot(t *testing.T, cfg talkpath.Config) *exchange {
	t.Helper()
	before := runtime.NumGoroutine()
	srv, err := talkpath.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(ctx) }()
	select {
	case <-srv.Ready():
	case err := <-ran:
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("the server did not become ready")
	}
	ex := &exchange{Server: srv, cfg: cfg, at: srv.Addresses()}
	ex.stop = sync.OnceFunc(func() {
		ex.awaitIdle(t)
		stop()
		select {
		case err := <-ran:
			if err != nil {
				t.Errorf("stop: %v", err)
			}
		case <-time.After(patience):
			t.Error("the server did not stop")
		}
	})
	t.Cleanup(func() {
		ex.stop()
		awaitGoroutines(t, before)
	})
	return ex
}

// awaitIdle waits until no channel and no media port is left.
func (ex *exchange) awaitIdle(t *testing.T) {
	t.Helper()
	await(t, "every channel to be gone", func() (bool, string) {
		out := ex.command(t, "show channels count")
		if out == "" { // it stopped by itself
			return true, ""
		}
		return strings.TrimSpace(out) == "0 total.", out
	})
}

// command runs an event socket command in process.
func (ex *exchange) command(t *testing.T, command string) string {
	t.Helper()
	out, err := ex.Execute(t.Context(), command)
	if err != nil && t.Context().Err() == nil {
		t.Fatal(err)
	}
	if t.Context().Err() != nil { // in a cleanup the test's context is done
		out, _ = ex.Execute(context.Background(), command)
	}
	return out
}

// await polls a condition that another goroutine or process brings about.
func await(t *testing.T, what string, done func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, state := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("waited in vain for %s: %s", what, state)
			return
		}
		<-ticker.C
	}
}

// awaitGoroutines checks that the server left no goroutine behind.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	await(t, "goroutines to end", func() (bool, string) {
		now := runtime.NumGoroutine()
		if now <= before {
			return true, ""
		}
		buf := make([]byte, 1<<16)
		return false, fmt.Sprintf("%d, were %d\n%s", now, before, buf[:runtime.Stack(buf, true)])
	})
}

// within waits for a channel to be closed.
func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
}
