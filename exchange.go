package talkpath

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/admin"
	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/cdr"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/control"
	"github.com/talkpath/talkpath/internal/database"
	"github.com/talkpath/talkpath/internal/event"
	"github.com/talkpath/talkpath/internal/extip"
	"github.com/talkpath/talkpath/internal/profile"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/web"
)

// exchange is the running parts of a Server, in the order in which they start. stop ends them the other way round.
type exchange struct {
	log       *slog.Logger
	bus       *event.Bus
	media     *media.Engine
	database  *database.DB // of the application db
	core      *call.Core
	records   *cdr.Writer
	registrar *registrar.Registrar
	control   *control.Control
	profiles  atomic.Pointer[profile.Set] // see running
	steering  sync.Mutex                  // one command that starts or stops a profile at a time
	certs     sync.Map                    // profile name → *certificate
	esl       *esl.Server
	eslAddr   net.Addr // of esl's listener
	admin     *admin.Server
	adminAddr net.Addr // nil: it is off
	external  *extip.Finder
	serving   sync.WaitGroup // the event socket's accept loop, and the heartbeat
	quiet     func()         // ends the heartbeat
}

// stopTimeout bounds how long calls may take to say goodbye when the server stops.
const stopTimeout = 5 * time.Second

// start opens everything; on an error what was opened is closed again.
func (s *Server) start() (*exchange, error) {
	ex := &exchange{log: s.log}
	ex.esl = &esl.Server{
		Password: func() string { return s.snapshot.Load().EventSocket.Password },
		Allow:    s.allowEventSocket, Logs: s.logs, Logger: s.log,
	}
	steps := []func(*Server) error{ex.startMedia, ex.startCore, ex.startRegistrar, ex.startControl, ex.startProfiles, ex.startESL, ex.startExternal, ex.startHeartbeat, ex.startAdmin}
	for _, step := range steps {
		if err := step(s); err != nil {
			return nil, errors.Join(fmt.Errorf("talkpath: %w", err), ex.stop())
		}
	}
	return ex, nil
}

func (ex *exchange) startMedia(s *Server) error {
	c := s.snapshot.Load()
	cfg := media.Config{
		MuxPort: c.Switch.RTPMuxPort, MuxTCPPort: c.Switch.RTPMuxTCPPort,
		PortMin: c.Switch.RTPStart, PortMax: c.Switch.RTPEnd,
		Shards: c.Switch.RTPShards,
		Logger: s.log,
	}
	cfg.ListenIP, cfg.AdvertisedIPs = mediaAddresses(c)
	var err error
	ex.media, err = media.NewEngine(cfg)
	return err
}

func (ex *exchange) startCore(s *Server) error {
	c := s.snapshot.Load()
	coreUUID := uuid.NewString()
	ex.records = cdr.NewWriter(cdr.Identity{CoreUUID: coreUUID, Switchname: c.Switch.Name}, s.log)
	ex.records.Configure(c.JSONRecords, c.CSVRecords)
	ex.bus = event.NewBus(event.Identity{
		CoreUUID: coreUUID, Hostname: c.Vars["hostname"], Switchname: c.Switch.Name,
		IPv4: c.Vars["local_ip_v4"], IPv6: c.Vars["local_ip_v6"],
	})
	if err := os.MkdirAll(s.cfg.StateDir, 0o700); err != nil {
		return err
	}
	db, err := database.Open(filepath.Join(s.cfg.StateDir, "database.db"), s.log)
	if err != nil {
		return fmt.Errorf("state directory %s: %w (does another Talkpath use it?)", s.cfg.StateDir, err)
	}
	ex.database = db
	ex.core = call.NewCore(call.Config{
		Bus: ex.bus, Media: ex.media,
		Plan: s.plan.Load,
		// The control is there before the first call: profiles start after it.
		Globals:     func(name string) (string, bool) { return ex.control.Global(name) },
		Funcs:       func(name, args string) (string, bool) { return ex.control.Func(name, args) },
		UserVars:    s.userVars,
		Controller:  ex.esl,
		Store:       call.NewStore(ex.database),
		Sound:       s.sound,
		Programs:    s.allowEventSocket,
		Record:      ex.records.Take,
		MaxSessions: c.Switch.MaxSessions, SessionsPerSecond: c.Switch.SessionsPerSecond,
		Hostname: c.Vars["hostname"], Logger: s.log,
	})
	return nil
}

func (ex *exchange) startRegistrar(s *Server) error {
	store, err := registrar.OpenBolt(filepath.Join(s.cfg.StateDir, "registrations.db"))
	if err != nil {
		return fmt.Errorf("state directory %s: %w (does another Talkpath use it?)", s.cfg.StateDir, err)
	}
	ex.registrar, err = registrar.New(registrar.Config{Store: store, Logger: s.log})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	return nil
}

// certificateNames are the names a self-signed certificate must be good for.
func certificateNames(c *config.Snapshot) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	for _, name := range []string{c.Vars["hostname"], c.Vars["domain"], c.Vars["local_ip_v4"], c.Vars["ext_sip_ip"]} {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// page is what a browser finds on the WSS port.
func page() http.Handler { return web.Handler() }

func (ex *exchange) startControl(s *Server) error {
	reload := func(context.Context) error { return s.Reload() }
	ex.control = control.New(control.Deps{
		Core: ex.core, Config: s.snapshot.Load, Bus: ex.bus,
		Registrations: ex.registrar, Profiles: ex.running,
		Version: Version(), Started: time.Now(),
		Shutdown: s.stopSoon, Reload: reload, ReloadACL: reload, ReloadCertificates: ex.reloadCertificates,
		Logger: s.log, LogLevel: s.cfg.LogLevel, RotateLog: s.cfg.RotateLog,
		StartProfile:   steer(func(name string) error { return ex.profileStart(s, name) }),
		StopProfile:    steer(ex.profileStop),
		RestartProfile: steer(func(name string) error { return ex.profileRestart(s, name) }),
		RescanProfile:  steer(func(name string) error { return ex.profileRescan(s, name) }),
		RotateRecords:  ex.records.Reopen, RecordStats: ex.records.Stats,
		Notify: func(name string, n profile.Notice) error { return ex.running().Notify(name, n) },
		FlushRegistrations: func(profile, which string) {
			n := ex.registrar.Flush(profile, which)
			s.log.Info("registrations flushed", "profile", profile, "which", which, "count", n)
		},
	})
	ex.esl.Backend = ex.control // before the first call and the first connection
	return nil
}

func (ex *exchange) startESL(s *Server) error {
	c := s.snapshot.Load().EventSocket
	if err := checkEventSocketACL(s.snapshot.Load()); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(c.ListenIP, strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("event socket: %w", err)
	}
	ex.eslAddr = ln.Addr()
	ex.serving.Go(func() {
		if err := ex.esl.Serve(ln); err != nil {
			s.log.Error("event socket", "error", err)
		}
	})
	return nil
}

// startExternal begins to ask for external addresses; the profiles serve already, and use what is found from then on.
func (ex *exchange) startExternal(s *Server) error {
	ex.external = extip.New(extip.Config{Logger: s.log, Found: func(config.Question, netip.Addr) { s.useExternal(ex) }})
	ex.external.Ask(s.snapshot.Load().Questions())
	return nil
}

// useExternal makes the addresses found so far those of the configuration. Calls that run keep what their peers were told.
func (s *Server) useExternal(ex *exchange) {
	s.reload.Lock()
	defer s.reload.Unlock()
	before, now := s.snapshot.Load(), s.loaded.WithAnswers(ex.external.Known())
	s.snapshot.Store(now)
	for i := range now.Profiles {
		view := &now.Profiles[i]
		was, ok := before.Profile(view.Name)
		if p := ex.running().Named(view.Name); p != nil && ok && was.ExtSIPIP != view.ExtSIPIP {
			p.RegisterAgain()
		}
	}
}

// startHeartbeat tells that everything serves, and how it does from time to time.
func (ex *exchange) startHeartbeat(*Server) error {
	ctx, stop := context.WithCancel(context.Background())
	ex.quiet = stop
	ex.control.EmitStartup()
	ex.serving.Go(func() { ex.control.Heartbeat(ctx) })
	return nil
}

// drain refuses new calls and waits until none is left or ctx is done.
func (ex *exchange) drain(ctx context.Context) {
	for _, p := range ex.running() {
		p.Drain()
	}
	ex.core.Drain()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for len(ex.core.Channels()) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// stop ends what runs: calls first, so that their goodbyes still find sockets.
func (ex *exchange) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	if ex.admin != nil {
		errs = append(errs, ex.admin.Close(ctx))
	}
	if ex.control != nil {
		ex.control.Close()
	}
	if ex.external != nil {
		ex.external.Close()
	}
	if ex.quiet != nil {
		ex.quiet()
		ex.control.EmitShutdown()
	}
	if ex.core != nil {
		errs = append(errs, ex.core.Close(ctx))
	}
	for _, p := range ex.running() {
		errs = append(errs, p.Close())
	}
	if ex.records != nil {
		errs = append(errs, ex.records.Close(ctx))
	}
	if ex.registrar != nil {
		errs = append(errs, ex.registrar.Close())
	}
	errs = append(errs, ex.esl.Shutdown(ctx))
	ex.serving.Wait()
	if ex.database != nil {
		errs = append(errs, ex.database.Close())
	}
	if ex.media != nil {
		errs = append(errs, ex.media.Close())
	}
	return errors.Join(errs...)
}
