// Package talkpath is a telephone exchange: SIP registrar, back-to-back user agent, SRTP media relay and FreeSWITCH-compatible event
// socket, configured by a FreeSWITCH configuration tree. The command talkpath is a thin shell around Server; other programs embed it the
// same way:
//
//	srv, err := talkpath.New(talkpath.Config{StateDir: dir})
//	go srv.Run(ctx)
//	<-srv.Ready()
//
// A Server may be used from any goroutine. It is used once: after Run has returned, make a new one.
package talkpath

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/dialplan"
)

// Errors of a Server's life.
var (
	ErrNotRunning = errors.New("talkpath: not running")
	ErrRunning    = errors.New("talkpath: Run was called before")
)

// Server is one exchange.
type Server struct {
	cfg     Config
	log     *slog.Logger
	logs    *logs // what log is copied to
	secrets secrets

	snapshot atomic.Pointer[config.Snapshot] // loaded, with the external addresses found since
	loaded   *config.Snapshot                // guarded by reload
	plan     atomic.Pointer[dialplan.Plan]   // of the snapshot
	reload   sync.Mutex                      // one Reload at a time
	running  atomic.Pointer[exchange]        // set while Run serves

	started  atomic.Bool
	ready    chan struct{}
	shutdown sync.Once
	draining chan struct{}   // closed by Shutdown
	life     context.Context // done when everything must end at once
	stop     context.CancelFunc
	done     chan struct{} // closed when Run returns
}

// New loads the configuration and makes secrets that are missing. It opens no socket. The error says file and line when the
// configuration cannot run or is unsafe.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, logs: &logs{},
		ready: make(chan struct{}), draining: make(chan struct{}), done: make(chan struct{}),
	}
	s.log = slog.New(&logHandler{next: cfg.Logger.Handler(), logs: s.logs})
	s.life, s.stop = context.WithCancel(context.Background())
	var err error
	if s.secrets, err = loadSecrets(cfg.StateDir); err != nil {
		return nil, err
	}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads the configuration again. Users, passwords, the dialplan and what is looked up for each call change at once, and no running call is
// touched; ports and addresses stay until a restart. A tree that is broken or unsafe is refused whole and the old one stays.
func (s *Server) Reload() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	snapshot, err := load(s.cfg, s.secrets)
	if err != nil {
		return err
	}
	if err := refuseUnsafe(snapshot); err != nil {
		return err
	}
	plan, problems := dialplan.Compile(snapshot.DialplanNode)
	for _, p := range append(snapshot.Problems, problems...) {
		s.log.Warn("configuration", "severity", p.Severity, "file", p.File, "line", p.Line, "problem", p.Text)
	}
	s.loaded = snapshot
	if ex := s.running.Load(); ex != nil {
		snapshot = snapshot.WithAnswers(ex.external.Known())
	}
	s.snapshot.Store(snapshot)
	s.plan.Store(plan)
	if ex := s.running.Load(); ex != nil {
		ex.rescan(snapshot)
		ex.external.Ask(snapshot.Questions())
	}
	return nil
}

// ReopenRecords has call records go on in new files, as after logrotate has moved them; with rotate-on-hup they are renamed here.
func (s *Server) ReopenRecords() {
	if ex := s.running.Load(); ex != nil {
		ex.records.Reopen()
	}
}

// Run serves until ctx is done, which ends everything at once, or until Shutdown has drained the server. It returns nil then, and an
// error when the server could not start.
func (s *Server) Run(ctx context.Context) error {
	if !s.started.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer close(s.done)
	defer s.stop()
	ex, err := s.start()
	if err != nil {
		return err
	}
	s.running.Store(ex)
	close(s.ready)
	defer context.AfterFunc(ctx, s.stop)()
	select {
	case <-s.life.Done():
	case <-s.draining:
		s.drain(ex)
	}
	s.running.Store(nil)
	return ex.stop()
}

// Ready is closed when the server serves: every port is open.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Shutdown drains: new calls are refused with 503, and when the last call has ended, or DrainGrace has passed, the server stops. It returns when Run
// has; when ctx is done before that, its error is returned while the server goes on draining.
func (s *Server) Shutdown(ctx context.Context) error {
	if !s.started.Load() {
		return ErrNotRunning
	}
	s.shutdown.Do(func() { close(s.draining) })
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stopSoon is the event socket's shutdown command: gracefully it drains, otherwise calls are hung up at once.
func (s *Server) stopSoon(graceful bool) {
	if !graceful {
		s.stop()
	}
	s.shutdown.Do(func() { close(s.draining) })
}

// drain refuses new calls and waits until there is none left.
func (s *Server) drain(ex *exchange) {
	ctx, cancel := context.WithTimeout(s.life, s.cfg.DrainGrace)
	defer cancel()
	s.log.Info("draining", "channels", len(ex.core.Channels()), "grace", s.cfg.DrainGrace)
	ex.drain(ctx)
}

// Execute runs one command of the event socket, such as "show channels as json", and returns its output.
func (s *Server) Execute(ctx context.Context, command string) (string, error) {
	ex := s.running.Load()
	if ex == nil {
		return "", ErrNotRunning
	}
	return ex.control.Execute(ctx, command), nil
}

// Events calls f for each event of the names given (all when there are none) until ctx is done, the server stops, or f returns false. A
// reader that is too slow loses its place: esl.ErrOverflow.
func (s *Server) Events(ctx context.Context, names []string, f func(*esl.Event) bool) error {
	ex := s.running.Load()
	if ex == nil {
		return ErrNotRunning
	}
	sub := ex.control.Subscribe()
	defer sub.Close()
	sel := esl.Selection{All: len(names) == 0, Names: make(map[string]bool, len(names))}
	for _, name := range names {
		sel.Names[name] = true
	}
	sub.Select(sel)
	for {
		e, err := sub.Next(ctx)
		if err != nil {
			return fmt.Errorf("talkpath: events: %w", err)
		}
		if !f(e) {
			return nil
		}
	}
}
