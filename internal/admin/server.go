package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// DefaultPort is that of freeswitch_exporter, which /metrics takes the place of.
const DefaultPort = 9282

// Bounds of the listener. Connections beyond theirs wait to be accepted.
const (
	maxConnections = 64
	maxScrapes     = 4 // at a time; others are answered 503
	headerTimeout  = 5 * time.Second
	idleTimeout    = time.Minute
	writeTimeout   = 2 * time.Minute // a profile takes as long as it is asked for
	maxHeader      = 16 << 10
)

// Config of a Server.
type Config struct {
	// Read takes all figures now; false: the exchange does not run.
	Read func() (*Reading, bool)
	// Ready says why no new calls should come here; nil: they may.
	Ready func() error
	// Alive says what has stopped for good; nil: nothing. It may block: then that is what has.
	Alive func() error
	// Pprof serves /debug/pprof to programs on this machine.
	Pprof  bool
	Logger *slog.Logger
}

// Server answers over HTTP.
type Server struct {
	http *http.Server
	log  *slog.Logger
}

// New makes a server. It opens no socket.
func New(cfg Config) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metricsHandler(cfg.Read, cfg.Logger))
	mux.Handle("GET /livez", &probe{check: cfg.Alive, patience: alivePatience})
	mux.Handle("GET /readyz", &probe{check: cfg.Ready, patience: alivePatience})
	index := "/metrics\n/livez\n/readyz\n"
	if cfg.Pprof {
		mux.Handle("GET /debug/pprof/", localOnly(profiles()))
		index += "/debug/pprof/\n"
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, index) })
	return &Server{log: cfg.Logger, http: &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, WriteTimeout: writeTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}}
}

// Serve answers until Close. It closes the listener.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.http.Serve(netutil.LimitListener(ln, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// Close stops: answers under way are finished as long as ctx allows.
func (s *Server) Close(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("admin: %w", err), s.http.Close())
	}
	return nil
}

// answer writes a short text that no cache keeps.
func answer(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // who asked may have gone
}
