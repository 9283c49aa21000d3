package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	configName    = ".fs_cli_conf"
	systemConfig  = "/etc/fs_cli.conf"
	maxConfigSize = 1 << 20
	defaultPort   = 8021
)

// profile is one section of fs_cli's configuration, with what the arguments changed.
type profile struct {
	name           string
	host           string
	port           int
	user, password string // an empty password was not given
	debug          int
	logLevel       string
	logUUID        bool
	uuidLength     int // how much of a log line's UUID to show; 0 is all
	quiet, batch   bool
	noHistory      bool
	prompt         string
	promptColor    string
	inputColor     string
	outputColor    string
	keys           [12]string // F1 to F12
	toggles        [12]string // what the key does every second time
	timeout        time.Duration
	connectTimeout time.Duration
}

func newProfile(name string) profile {
	return profile{name: name, host: "127.0.0.1", port: defaultPort, keys: [12]string{
		"help", "status", "show channels", "show calls", "sofia status", "reloadxml", "/log console", "/log debug",
		"sofia status profile internal", "fsctl pause", "fsctl resume", "version",
	}}
}

// chooseProfile takes the profile named, else "default", else the first one, and what the arguments say over it.
func (p *Program) chooseProfile() (profile, error) {
	profiles, err := p.readProfiles()
	if err != nil {
		return profile{}, err
	}
	hostname, _ := os.Hostname()
	chosen := newProfile(hostname)
	if len(profiles) > 0 {
		chosen = profiles[0]
	}
	for _, name := range []string{"default", p.options.profile} {
		for i := range profiles {
			if profiles[i].name == name {
				chosen = profiles[i]
			}
		}
	}
	chosen.apply(p.options)
	return chosen, nil
}

func (p *Program) readProfiles() ([]profile, error) {
	system := p.SystemConfig
	if system == "" {
		system = systemConfig
	}
	paths := []string{system}
	if home := p.Getenv("HOME"); home != "" {
		paths = []string{filepath.Join(home, configName), system}
	}
	for _, path := range paths {
		f, err := os.Open(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			continue
		case err != nil:
			return nil, fmt.Errorf("cli: %w", err)
		}
		profiles, err := parseProfiles(io.LimitReader(f, maxConfigSize))
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("cli: %s: %w", path, err)
		}
		return profiles, nil
	}
	return nil, nil
}

// parseProfiles reads "[name]" sections of "key = value" or "key => value" lines. Lines that begin with # or ; are comments, as is what
// follows ;; in a line. What is no such line is passed over, as are keys of no meaning.
func parseProfiles(r io.Reader) ([]profile, error) {
	var profiles []profile
	lines := bufio.NewScanner(r)
	section, opened := "", false
	var timeout, connectTimeout time.Duration
	for lines.Scan() {
		line, _, _ := strings.Cut(strings.TrimSpace(lines.Text()), ";;")
		switch {
		case strings.HasPrefix(line, "["):
			section, _, _ = strings.Cut(line[1:], "]")
			opened = false
			continue
		case line == "", line[0] == '#', line[0] == ';':
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		if !opened { // a section without a value is no profile
			profiles, opened = append(profiles, newProfile(section)), true
		}
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(strings.TrimPrefix(value, ">"))
		switch key { // of all profiles, wherever they stand
		case "timeout":
			timeout = milliseconds(number(value))
		case "connect-timeout":
			connectTimeout = milliseconds(number(value))
		default:
			profiles[len(profiles)-1].set(key, value)
		}
	}
	for i := range profiles {
		profiles[i].timeout, profiles[i].connectTimeout = timeout, connectTimeout
	}
	return profiles, lines.Err()
}

// set takes one value of the configuration.
func (p *profile) set(key, value string) {
	n := number(value)
	switch key {
	case "host":
		p.host = value
	case "user":
		p.user = value
	case "password":
		p.password = value
	case "port":
		if n > 0 && n < 1<<16 {
			p.port = n
		}
	case "debug":
		if n >= 0 && n < 8 {
			p.debug = n
		}
	case "batchmode":
		p.batch = isTrue(value)
	case "loglevel":
		p.logLevel = value
	case "log-uuid":
		p.logUUID = isTrue(value)
	case "log-uuid-short":
		p.logUUID, p.uuidLength = isTrue(value), shortUUID
	case "log-uuid-length":
		p.uuidLength = max(n, 0)
	case "quiet":
		p.quiet = isTrue(value)
	case "no-history-file":
		p.noHistory = isTrue(value)
	case "prompt-string":
		p.prompt = value
	case "prompt-color":
		p.promptColor = colorNamed(value)
	case "input-text-color":
		p.inputColor = colorNamed(value)
	case "output-text-color":
		p.outputColor = colorNamed(value)
	default:
		p.setKey(key, value)
	}
}

// shortUUID is how much of a UUID log-uuid-short shows.
const shortUUID = 8

// setKey takes key_F1 and key_toggle_F1, in lower case here.
func (p *profile) setKey(key, value string) {
	keys := &p.keys
	rest, ok := strings.CutPrefix(key, "key_f")
	if !ok {
		if rest, ok = strings.CutPrefix(key, "key_toggle_f"); !ok {
			return
		}
		keys = &p.toggles
	}
	if i := number(rest); i >= 1 && i <= len(keys) {
		keys[i-1] = value
	}
}

// apply takes what the arguments say.
func (p *profile) apply(o options) {
	for _, s := range []struct {
		to   *string
		said string
	}{{&p.host, o.host}, {&p.user, o.user}, {&p.password, o.password}} {
		if s.said != "" {
			*s.to = s.said
		}
	}
	if o.port > 0 {
		p.port = o.port
	}
	if o.debug >= 0 {
		p.debug = o.debug
	}
	p.quiet = p.quiet || o.quiet
	if o.logLevel != "" {
		p.logLevel, p.quiet = o.logLevel, o.quiet
	}
	p.batch = p.batch || o.batch
	p.noHistory = p.noHistory || o.noHistory
	if p.logUUID = p.logUUID || o.logUUID || o.shortUUID; o.shortUUID {
		p.uuidLength = shortUUID
	}
	if o.timeout > 0 {
		p.timeout = milliseconds(o.timeout)
	}
	if o.connectTimeout > 0 {
		p.connectTimeout = milliseconds(o.connectTimeout)
	}
}

func milliseconds(n int) time.Duration { return time.Duration(max(n, 0)) * time.Millisecond }

// number is C's atoi for what a configuration holds.
func number(s string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(s))
	return n
}

// isTrue is FreeSWITCH's idea of a true value.
func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "yes", "on", "true", "t", "enabled", "active", "allow":
		return true
	}
	return number(s) != 0
}
