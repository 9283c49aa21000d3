package talkpath

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/profile"
)

// startProfiles starts every profile of the configuration. One that cannot start is told and left out, as in FreeSWITCH: an IPv6 twin on a machine
// without IPv6 must not keep the others down. Without any the server does not start.
func (ex *exchange) startProfiles(s *Server) error {
	var errs []error
	for _, view := range s.snapshot.Load().Profiles {
		if err := ex.startProfile(s, view); err != nil {
			errs = append(errs, err)
		}
	}
	switch {
	case len(ex.running()) > 0:
		for _, err := range errs {
			s.log.Error("profile not started", "error", err)
		}
		return nil
	case len(errs) == 0:
		return errors.New("the configuration has no SIP profile")
	}
	return errors.Join(errs...)
}

// startProfile opens one profile's sockets and makes it part of the server.
func (ex *exchange) startProfile(s *Server, view config.Profile) error {
	cert, err := openCertificate(view.CertDir, s.cfg.StateDir, certificateNames(s.snapshot.Load()), s.log)
	if err != nil {
		return err
	}
	ex.certs.Store(view.Name, cert)
	started, err := profile.New(profile.Config{
		Name: view.Name, Snapshot: s.snapshot.Load,
		Core: ex.core, Registrar: ex.registrar,
		TLS: tlsConfig(cert, view), ClientTLS: clientTLSConfig(cert, view), HTTP: page(),
		Events: ex.publishProfile, Wants: ex.bus.Wants,
		Logger: s.log.With("profile", view.Name), Version: Version(), Resolver: s.cfg.Resolver,
	})
	if err != nil {
		return err
	}
	ex.use(ex.running().With(started))
	return nil
}

// tlsConfig is what a profile's TLS and WSS listeners use.
func tlsConfig(cert *certificate, view config.Profile) *tls.Config {
	cfg := cert.TLSConfig()
	cfg.MinVersion, cfg.CipherSuites = view.TLSMinVersion, view.TLSCipherSuites
	if view.VerifyClients {
		cfg.ClientCAs = x509.NewCertPool() // empty lets nobody in
		if data, err := os.ReadFile(filepath.Join(view.CertDir, config.ClientCAs)); err == nil {
			cfg.ClientCAs.AppendCertsFromPEM(data)
		}
	}
	return cfg
}

// clientTLSConfig is what connections to gateways use: their certificates come from the system's authorities or from those of cafile.pem, and they
// are shown ours when they ask.
func clientTLSConfig(cert *certificate, view config.Profile) *tls.Config {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return cert.get(time.Now()), nil
		},
	}
	data, err := os.ReadFile(filepath.Join(view.CertDir, config.ClientCAs))
	if view.CertDir == "" || err != nil {
		return cfg
	}
	if cfg.RootCAs, err = x509.SystemCertPool(); err != nil {
		cfg.RootCAs = x509.NewCertPool()
	}
	cfg.RootCAs.AppendCertsFromPEM(data)
	return cfg
}

// running is the profiles that have started.
func (ex *exchange) running() profile.Set {
	if set := ex.profiles.Load(); set != nil {
		return *set
	}
	return nil
}

func (ex *exchange) use(set profile.Set) {
	ex.profiles.Store(&set)
	ex.core.SetDialer(set)
}

// The commands "sofia profile NAME start|stop|restart|rescan". The configuration is read again first. Only stop ends calls, those of its profile.

func (ex *exchange) profileStart(s *Server, name string) error {
	ex.steering.Lock()
	defer ex.steering.Unlock()
	if ex.running().Named(name) != nil {
		return fmt.Errorf("talkpath: profile %s runs already", name)
	}
	if err := s.Reload(); err != nil {
		return err
	}
	return ex.openProfile(s, name)
}

func (ex *exchange) profileStop(name string) error {
	ex.steering.Lock()
	defer ex.steering.Unlock()
	return ex.closeProfile(name)
}

func (ex *exchange) profileRestart(s *Server, name string) error {
	ex.steering.Lock()
	defer ex.steering.Unlock()
	p := ex.running().Named(name)
	if p == nil {
		return fmt.Errorf("talkpath: profile %s does not run", name)
	}
	if err := s.Reload(); err != nil {
		return err
	}
	snapshot := s.snapshot.Load()
	view, ok := snapshot.Profile(p.Name())
	if !ok {
		return fmt.Errorf("talkpath: the configuration has no profile %s any more", name)
	}
	cert, err := openCertificate(view.CertDir, s.cfg.StateDir, certificateNames(snapshot), s.log)
	if err != nil {
		return err
	}
	if err := p.Restart(snapshot, tlsConfig(cert, *view)); err != nil {
		return err
	}
	ex.certs.Store(view.Name, cert)
	return nil
}

// openProfile starts a profile of the present configuration by name.
func (ex *exchange) openProfile(s *Server, name string) error {
	views := s.snapshot.Load().Profiles
	i := slices.IndexFunc(views, func(v config.Profile) bool { return v.Name == name })
	if i < 0 {
		return fmt.Errorf("talkpath: the configuration has no profile %s", name)
	}
	ex.registrar.Resume(name)
	return ex.startProfile(s, views[i])
}

func (ex *exchange) closeProfile(name string) error {
	p := ex.running().Named(name)
	if p == nil {
		return fmt.Errorf("talkpath: profile %s does not run", name)
	}
	ex.use(ex.running().Without(p.Name()))
	return p.Close()
}

// reloadCertificates reads the certificates whose files have changed, now and not at the next handshake.
func (ex *exchange) reloadCertificates() {
	ex.certs.Range(func(_, cert any) bool {
		cert.(*certificate).refresh(time.Now())
		return true
	})
}

// rescan makes running profiles take over what has changed in the configuration, and in the files of certificates, without touching sockets or calls.
func (ex *exchange) rescan(c *config.Snapshot) {
	ex.records.Configure(c.JSONRecords, c.CSVRecords)
	ex.reloadCertificates()
	for _, p := range ex.running() {
		report := p.Rescan(c)
		ex.log.Info("profile rescanned", "profile", p.Name(), "report", fmt.Sprintf("%+v", report))
	}
}

// profileRescan is rescan after a command; the name only has to be right.
func (ex *exchange) profileRescan(s *Server, name string) error {
	if ex.running().Named(name) == nil {
		return fmt.Errorf("talkpath: profile %s does not run", name)
	}
	return s.Reload()
}

// steer turns a method into what the control expects.
func steer(f func(name string) error) func(context.Context, string) error {
	return func(_ context.Context, name string) error { return f(name) }
}
