package config

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// envPrefix marks environment variables that override a variable of the tree.
const envPrefix = "TALKPATH_SET_"

// Load reads a tree. The error is for trees that nothing can run on; what can be lived with is in Problems.
func Load(o Options) (*Snapshot, error) {
	env := environ(o.Env)
	l := fsxml.Loader{FS: Embedded(), Defaults: builtins(o), Set: overrides(o), Reads: ownVariables}
	l.Env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	source := "embedded"
	if o.Dir != "" {
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		l.FS, l.Dir, source = os.DirFS(dir), filepath.ToSlash(dir), dir
	}
	return load(o, l, source)
}

// load reads the tree of a loader.
func load(o Options, l fsxml.Loader, source string) (*Snapshot, error) {
	if o.AllowExec {
		l.Exec = runProgram
	}
	r := &reader{builtinCerts: l.Defaults["certs_dir"], records: map[*fsxml.Node]*userRecord{}, shared: map[string]string{}}
	l.Reduce = r.reduce
	tree, err := l.Load()
	if err != nil {
		return nil, fmt.Errorf("config: %s: %w", source, err)
	}
	r.vars, r.problems = tree.Vars, tree.Problems
	if o.Dir != "" {
		r.reportLinks(source, tree.Files)
	}
	s := &Snapshot{Tree: tree, Vars: tree.Vars, Source: source}
	s.Switch = r.core(tree.Configuration("switch.conf"))
	s.Admin = r.admin(tree.Configuration("admin.conf"))
	s.EventSocket = r.eventSocket(tree.Configuration("event_socket.conf"))
	s.Profiles = r.profiles(tree.Configuration("sofia.conf"))
	s.Directory = r.directory(tree.Section("directory"))
	r.records, r.shared = nil, nil
	r.sofiaGlobals(tree.Configuration("sofia.conf"))
	s.Gateways = r.allGateways(tree.Configuration("sofia.conf"), s)
	s.LocalStreams = r.localStreams(tree.Configuration("local_stream.conf"))
	s.acls = r.acls(tree.Configuration("acl.conf"), s.Directory, o.LocalNets)
	s.Modules = r.modules(tree.Configuration("pre_load_modules.conf"), tree.Configuration("modules.conf"), tree.Configuration("post_load_modules.conf"))
	s.JSONRecords = r.jsonRecords(s, tree.Configuration("json_cdr.conf"))
	s.CSVRecords = r.csvRecords(s, tree.Configuration("cdr_csv.conf"))
	if s.DialplanNode = tree.Section("dialplan"); s.DialplanNode == nil {
		s.DialplanNode = &fsxml.Node{Name: "section"}
		r.problems = append(r.problems, fsxml.Problem{Severity: fsxml.Error, Text: "there is no dialplan section: every call is refused"})
	}
	for _, c := range s.DialplanNode.All("context") {
		s.Contexts = append(s.Contexts, c.Attr("name"))
	}
	if len(s.Profiles) == 0 {
		return nil, errors.New("config: " + source + ": there is no SIP profile (section configuration, sofia.conf, profiles)")
	}
	nameAliases(s)
	r.validate(s)
	if r.dropped > 0 {
		r.problems = append(r.problems, fsxml.Problem{Severity: fsxml.Warning, Text: count(r.dropped, "more problem") + " not listed"})
	}
	s.Problems, s.Unsafe, s.Unsupported = r.problems, r.unsafe, r.notServed
	return s, nil
}

// Refused returns the problems the server must not start with.
func (s *Snapshot) Refused() []fsxml.Problem {
	var all []fsxml.Problem
	for _, p := range s.Problems {
		if p.Severity == fsxml.Refusal {
			all = append(all, p)
		}
	}
	return all
}

// Profile finds a profile by name or alias.
func (s *Snapshot) Profile(name string) (*Profile, bool) {
	for i := range s.Profiles {
		p := &s.Profiles[i]
		if p.Name == name {
			return p, true
		}
		for _, a := range p.Aliases {
			if a == name {
				return p, true
			}
		}
	}
	return nil, false
}

func environ(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, kv := range list {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	return env
}

// overrides merges TALKPATH_SET_name and Set, which wins.
func overrides(o Options) map[string]string {
	set := map[string]string{}
	for _, kv := range o.Env {
		name, value, ok := strings.Cut(kv, "=")
		if name, isOurs := strings.CutPrefix(name, envPrefix); ok && isOurs && name != "" {
			set[name] = value
		}
	}
	for name, value := range o.Set {
		set[name] = value
	}
	return set
}

// builtins are the global variables that FreeSWITCH itself sets before it reads the tree (switch_core.c), for those the caller
// gives no value. Folders hang below state_dir.
func builtins(o Options) map[string]string {
	state := o.Defaults["state_dir"]
	if state == "" {
		state = "."
	}
	vars := map[string]string{"hostname": "localhost", "local_ip_v4": "127.0.0.1", "local_ip_v6": "::1", "state_dir": state,
		"conf_dir": o.Dir, "base_dir": state, "temp_dir": path.Join(state, "tmp"), "certs_dir": path.Join(state, "certs")}
	for _, dir := range []string{"log", "run", "db", "cache", "recordings", "sounds", "storage", "script", "images", "htdocs", "grammar", "mod", "data", "fonts"} {
		vars[dir+"_dir"] = path.Join(state, dir)
	}
	vars["internal_ssl_dir"], vars["external_ssl_dir"] = vars["certs_dir"], vars["certs_dir"]
	for name, value := range o.Defaults {
		vars[name] = value
	}
	if _, ok := vars["switchname"]; !ok {
		vars["switchname"] = vars["hostname"]
	}
	return vars
}
