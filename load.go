package talkpath

import (
	"errors"
	"fmt"
	"io"
	"maps"
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
	defaults := map[string]string{
		"hostname": hostname, "local_hostname": hostname,
		"local_ip_v4": localIPv4(), "local_ip_v6": localIPv6(),
		"conf_dir": cfg.ConfDir, "base_dir": stateDir, "state_dir": stateDir, "db_dir": stateDir,
		"certs_dir":        filepath.Join(stateDir, "certs"),
		"default_password": sec.DefaultPassword,
		"esl_password":     sec.ESLPassword,
	}
	maps.Copy(defaults, cfg.Dirs)
	return config.Load(config.Options{Dir: cfg.ConfDir, Set: cfg.Set, Env: cfg.Environ, Defaults: defaults})
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

// refuseUnsafe turns the problems a server must not start with into an error: known default passwords that work off loopback, no password at
// all.
func refuseUnsafe(s *config.Snapshot) error {
	refused := s.Refused()
	if len(refused) == 0 {
		return nil
	}
	p := refused[0]
	return fmt.Errorf("talkpath: %w: %s:%d: %s", ErrUnsafe, p.File, p.Line, p.Text)
}
