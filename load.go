package talkpath

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/control"
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/internal/event"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
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
	return config.Load(config.Options{Dir: cfg.ConfDir, Set: cfg.Set, Env: cfg.Environ, Defaults: defaults, LocalNets: localNets(), AllowExec: cfg.AllowExec})
}

// CheckReport is what Check found; WriteText and WriteJSON print it.
type CheckReport = config.Summary

// Check loads the configuration and tells what it holds, what of it is not served, what is unsafe, and each problem with file and line. It opens no
// socket. The error is that of a tree that cannot be loaded at all; otherwise the report's ExitCode judges: 0 fine, 1 it starts but part of it
// will not work, 2 it does not start.
func Check(cfg Config) (*CheckReport, error) {
	cfg = cfg.withDefaults()
	snapshot, err := load(cfg, secrets{DefaultPassword: "(generated)", ESLPassword: "(generated)"})
	if err != nil {
		return nil, err
	}
	_, problems := dialplan.Compile(snapshot.DialplanNode)
	core := call.NewCore(call.Config{Bus: event.NewBus(event.Identity{})})
	applications, _ := core.Applications()
	served := func(app string) bool { return slices.Contains(applications, app) }
	snapshot.Unsupported = slices.Concat(snapshot.Unsupported, unknownCodecs(snapshot), unknownFunctions(snapshot, core))
	return config.Summarize(snapshot, served, problems...), nil
}

// unknownCodecs are those of the profiles' preferences that calls cannot have, each once.
func unknownCodecs(s *config.Snapshot) []config.Unsupported {
	var list []config.Unsupported
	told := map[string]bool{}
	for _, p := range s.Profiles {
		for _, name := range strings.Split(p.InboundCodecPrefs+","+p.OutboundCodecPrefs, ",") {
			name = strings.TrimSpace(name)
			if name == "" || told[name] || len(media.CodecsByName(name)) > 0 {
				continue
			}
			told[name] = true
			list = append(list, config.Unsupported{Kind: "codec", Name: name, File: p.File, Line: p.Line})
		}
	}
	return list
}

// unknownFunctions are the ${name(args)} of the dialplan that stay empty: no command answers them, or none that a dialplan may call.
func unknownFunctions(s *config.Snapshot, core *call.Core) []config.Unsupported {
	answers := map[string]bool{"expand": true}
	commands := map[string]bool{}
	for _, c := range control.New(control.Deps{Core: core, Bus: event.NewBus(event.Identity{})}).Commands() {
		commands[c.Name] = true
		answers[c.Name] = answers[c.Name] || c.Dialplan
	}
	var list []config.Unsupported
	for _, f := range dialplan.Functions(s.DialplanNode) {
		switch {
		case answers[f.Name]:
		case commands[f.Name]:
			list = append(list, config.Unsupported{Kind: "function", Name: f.Name, Note: "a dialplan may not call this command", File: f.File, Line: f.Line})
		default:
			list = append(list, config.Unsupported{Kind: "function", Name: f.Name, Note: "no command of this name: it is empty", File: f.File, Line: f.Line})
		}
	}
	return list
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

// userVars are the directory's variables of a user, for the application set_user.
func (s *Server) userVars(user, domain string) ([]call.Variable, bool) {
	u, ok := s.snapshot.Load().Directory.User(user, domain)
	if !ok {
		return nil, false
	}
	var vars []call.Variable
	for _, v := range u.Variables.Merged() {
		vars = append(vars, call.Variable{Name: v.Name, Value: v.Value})
	}
	return vars, true
}

// sound is where sounds are read from and recordings go.
func (s *Server) sound() call.Sound {
	vars := s.snapshot.Load().Vars
	return call.Sound{
		SoundsDir: vars["sounds_dir"], RecordingsDir: vars["recordings_dir"],
		Folders: []string{s.cfg.ConfDir}, HoldMusic: vars["hold_music"],
		LocalStream: s.localStream,
	}
}

// localStream finds a directory of local_stream.conf.
func (s *Server) localStream(name string) (audio.LocalStream, bool) {
	stream, ok := s.snapshot.Load().LocalStreams[name]
	if !ok {
		return audio.LocalStream{}, false
	}
	return audio.LocalStream{Files: os.DirFS(stream.Path), Shuffle: stream.Shuffle, Seed: rand.Uint64()}, true
}
