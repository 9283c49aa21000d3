package talkpath

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/talkpath/talkpath/internal/admin"
	"github.com/talkpath/talkpath/internal/config"
)

// Why an exchange is not ready.
var (
	errDraining = errors.New("draining: no new calls")
	errPaused   = errors.New("paused: no new calls come in")
)

// startAdmin opens the listener for metrics and health. When its port is taken and is the one nobody chose, that is told and the exchange runs without:
// it is freeswitch_exporter's, which may run here.
func (ex *exchange) startAdmin(s *Server) error {
	c := s.snapshot.Load().Admin
	if c.Port < 0 {
		return nil
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(c.ListenIP, strconv.Itoa(c.Port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && c.Port == admin.DefaultPort:
		s.log.Warn("no metrics and health over HTTP: the port is taken; set admin_port to another one, or to off", "error", err)
		return nil
	case err != nil:
		return fmt.Errorf("admin: %w", err)
	}
	ex.adminAddr = ln.Addr()
	ex.admin = admin.New(admin.Config{Read: s.reading, Ready: s.readiness, Alive: s.liveness, Pprof: c.Pprof, Logger: s.log})
	ex.serving.Go(func() {
		if err := ex.admin.Serve(ln); err != nil {
			s.log.Error("metrics and health", "error", err)
		}
	})
	return nil
}

// readiness says why new calls should not come here: nil while they are taken. An exchange that is full for the moment is ready: phones that register
// and calls that go on need it.
func (s *Server) readiness() error {
	ex := s.running.Load()
	if ex == nil {
		return ErrNotRunning
	}
	select {
	case <-s.draining:
		return errDraining
	default:
	}
	switch st := ex.core.Stats(); {
	case st.Draining:
		return errDraining
	case st.PausedInbound:
		return errPaused
	}
	return nil
}

// liveness asks the parts that everything goes through, each of which answers at once unless it hangs: the table of channels, the bus, the packet loops.
func (s *Server) liveness() error {
	if ex := s.running.Load(); ex != nil {
		ex.core.Stats()
		ex.bus.Stats()
		ex.media.Stats()
	}
	return nil
}

// reading takes all figures for a scrape; false while the server does not run.
func (s *Server) reading() (*admin.Reading, bool) {
	ex := s.running.Load()
	if ex == nil {
		return nil, false
	}
	sessions := ex.core.Stats()
	r := &admin.Reading{
		Version: Version(), Started: sessions.Started, Ready: s.readiness() == nil,
		IdleCPU: ex.control.IdleCPU(), Modules: modules(s.snapshot.Load()), Interfaces: ex.control.Interfaces(),
		Sessions: sessions, Calls: ex.control.CallCounts(), Media: ex.media.Stats(), Classes: ex.media.Classes(),
		Registrations: ex.registrar.Stats(), Events: ex.bus.Stats(), EventSocket: ex.esl.Stats(), Records: ex.records.Stats(),
	}
	for _, p := range ex.running() {
		r.Profiles = append(r.Profiles, admin.Profile{Name: p.Name(), SIP: p.Stats(), Calls: p.Calls(), Refusals: p.Refusals()})
		r.Gateways = append(r.Gateways, p.Gateways()...)
	}
	return r, true
}

// modules are those that the tree loads, with whether their work is done here.
func modules(c *config.Snapshot) map[string]bool {
	served := map[string]bool{}
	for _, m := range c.Modules {
		served[m.Name] = m.Served
	}
	return served
}
