package talkpath

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/dialplan"
)

// load reads the configuration with the variables that exist before its first line.
func load(cfg Config, sec secrets) (*config.Snapshot, error) {
	stateDir, err := filepath.Abs(cfg.StateDir)
	if err != nil {
		return nil, fmt.Errorf("talkpath: state directory: %w", err)
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost"
	}
	return config.Load(config.Options{
		Dir: cfg.ConfDir,
		Set: cfg.Set,
		Env: cfg.Environ,
		Defaults: map[string]string{
			"hostname": hostname, "local_hostname": hostname,
			"local_ip_v4": localIPv4(), "local_ip_v6": localIPv6(),
			"conf_dir": cfg.ConfDir, "base_dir": stateDir, "state_dir": stateDir, "db_dir": stateDir,
			"certs_dir":        filepath.Join(stateDir, "certs"),
			"default_password": sec.DefaultPassword,
			"esl_password":     sec.ESLPassword,
		},
	})
}

// Check loads the configuration, prints what it holds and each problem with file and line, and returns an error when it would not run.
// It opens no socket.
func Check(cfg Config, w io.Writer) error {
	cfg = cfg.withDefaults()
	snapshot, err := load(cfg, secrets{DefaultPassword: "(generated)", ESLPassword: "(generated)"})
	if err != nil {
		return err
	}
	_, problems := dialplan.Compile(snapshot.DialplanNode)
	if err := config.Report(w, snapshot, problems...); err != nil {
		return fmt.Errorf("talkpath: check: %w", err)
	}
	return refuseUnsafe(snapshot)
}

// ErrUnsafe is wrapped by the error of a configuration that is refused because anyone could take the exchange over.
var ErrUnsafe = errors.New("unsafe configuration")

// wellKnown are the passwords that FreeSWITCH's stock tree ships: scanners try them first.
var wellKnown = map[string]bool{"": true, "ClueCon": true, "1234": true}

// refuseUnsafe is the answer to default secrets: they work on loopback only.
func refuseUnsafe(s *config.Snapshot) error {
	if es := s.EventSocket; wellKnown[es.Password] && !onLoopback(es.ListenIP) {
		return fmt.Errorf("talkpath: %w: the event socket listens on %s with a well-known password: set another one, or listen on 127.0.0.1", ErrUnsafe, es.ListenIP)
	}
	if refused := s.Refused(); len(refused) > 0 {
		p := refused[0]
		return fmt.Errorf("talkpath: %w: %s:%d: %s", ErrUnsafe, p.File, p.Line, p.Text)
	}
	return nil
}

func onLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
