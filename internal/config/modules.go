package config

import (
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Module is one module that modules.conf loads.
type Module struct {
	Name   string
	Served bool
	Note   string // what of it is served, or what stands in for it
	File   string
	Line   int
}

// modulesServed are the modules of FreeSWITCH whose work is done here, with what of it. Everything is part of one program: the list loads nothing.
var modulesServed = map[string]string{
	"mod_console":      "log lines on standard output",
	"mod_logfile":      "log file of -log",
	"mod_syslog":       "systemd keeps the log lines",
	"mod_event_socket": "inbound",
	"mod_sofia":        "SIP over UDP, TCP, TLS, WS and WSS",
	"mod_loopback":     "endpoint loopback",
	"mod_commands":     "the commands that show and steer calls; none that runs a program",
	"mod_dptools":      "the applications listed as served",
	"mod_db":           "applications and commands",
	"mod_hash":         "applications and commands, in memory",
	"mod_dialplan_xml": "",
	"mod_tone_stream":  "",
	"mod_local_stream": "music on hold",
	"mod_sndfile":      "WAV files",
	"mod_g711":         "",
	"mod_g722":         "",
	"mod_opus":         "passed on between legs, not transcoded",
	"mod_cdr_csv":      "Master.csv and files of account codes",
	"mod_json_cdr":     "files; not sent to a web server",
	"mod_rtc":          "WebRTC media",
	"mod_timerfd":      "timers are Go's",
	"mod_posix_timer":  "timers are Go's",
}

// ModulesServed lists those modules by name, for documents made from the code.
func ModulesServed() []Module {
	all := make([]Module, 0, len(modulesServed))
	for name, note := range modulesServed {
		all = append(all, Module{Name: name, Served: true, Note: note})
	}
	slices.SortFunc(all, func(a, b Module) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// modules reads modules.conf, and pre_load_modules.conf and post_load_modules.conf beside it. Names are those of files: mod_sofia or mod_sofia.so.
func (r *reader) modules(trees ...*fsxml.Node) []Module {
	var all []Module
	seen := map[string]bool{}
	for _, n := range trees {
		for _, list := range n.All("modules") {
			for _, l := range list.All("load") {
				name := strings.TrimSuffix(l.Attr("module"), ".so")
				if i := strings.LastIndexByte(name, '/'); i >= 0 {
					name = name[i+1:]
				}
				if name == "" || seen[name] {
					continue
				}
				seen[name] = true
				note, served := modulesServed[name]
				all = append(all, Module{Name: name, Served: served, Note: note, File: l.File, Line: l.Line})
				if !served {
					r.unsupported(l, "module", name, "")
				}
			}
		}
	}
	return all
}
