package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// listen runs a server on loopback until the end of the test and gives its URL.
func listen(t *testing.T, cfg Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	s := New(cfg)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(context.Background()), <-served); err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

func TestPages(t *testing.T) {
	ok := func() error { return nil }
	bad := func() error { return errors.New("draining") }
	tests := []struct {
		name               string
		cfg                Config
		method, path, host string
		code               int
		body               string
	}{
		{"alive", Config{Alive: ok}, "GET", "/livez", "", 200, "ok\n"},
		{"ready", Config{Ready: ok}, "GET", "/readyz", "", 200, "ok\n"},
		{"by name", Config{Ready: ok}, "GET", "/readyz", "pbx.example.com", 200, "ok\n"},
		{"not ready", Config{Ready: bad}, "GET", "/readyz", "", 503, "draining\n"},
		{"only read", Config{Ready: ok}, "POST", "/readyz", "", 405, ""},
		{"metrics", Config{}, "GET", "/metrics", "", 200, "freeswitch_up 0"},
		{"index", Config{}, "GET", "/", "", 200, "/metrics\n/livez\n/readyz\n"},
		{"something else", Config{}, "GET", "/etc/passwd", "", 404, ""},
		{"profiles are off", Config{}, "GET", "/debug/pprof/", "", 404, ""},
		{"profiles", Config{Pprof: true}, "GET", "/debug/pprof/goroutine?debug=1", "", 200, "goroutine profile:"},
		{"profiles by a name that points here", Config{Pprof: true}, "GET", "/debug/pprof/", "evil.example.com", 403, "this machine only"},
		{"profiles, localhost", Config{Pprof: true}, "GET", "/debug/pprof/", "localhost:9282", 200, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Read = func() (*Reading, bool) { return nil, false }
			req, err := http.NewRequestWithContext(t.Context(), test.method, listen(t, test.cfg)+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = test.host
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != test.code || !strings.Contains(string(body), test.body) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			http.DefaultClient.CloseIdleConnections()
		})
	}
}

func TestProfilesForOthers(t *testing.T) {
	for addr, allowed := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true, "192.0.2.1:1": false, "": false} {
		r := &http.Request{RemoteAddr: addr, Host: "127.0.0.1"}
		w := &recorder{}
		localOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })).ServeHTTP(w, r)
		if (w.code == 200) != allowed {
			t.Errorf("%q: %d", addr, w.code)
		}
	}
}

type recorder struct{ code int }

func (*recorder) Header() http.Header          { return http.Header{} }
func (*recorder) Write(b []byte) (int, error)  { return len(b), nil }
func (r *recorder) WriteHeader(statusCode int) { r.code = statusCode }

// TestStuckPart: a part that never answers is told within the time Kubernetes waits, however often it asks, and leaves one goroutine.
func TestStuckPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var begun atomic.Int32
		p := &probe{patience: alivePatience, check: func() error { begun.Add(1); <-release; return nil }}
		for range 3 {
			if err := p.ask(); !errors.Is(err, errStuck) {
				t.Errorf("got %v", err)
			}
		}
		if n := begun.Load(); n != 1 {
			t.Errorf("%d checks wait", n)
		}
		close(release)
		synctest.Wait()
		if err := p.ask(); err != nil {
			t.Errorf("when it goes on: %v", err)
		}
	})
}
