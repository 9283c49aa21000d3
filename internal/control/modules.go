package control

import (
	"context"
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/config"
)

// moduleExists is true for the modules of FreeSWITCH whose work is done here, whether or not modules.conf names them: a dialplan asks in
// order to know what it may use.
func moduleExists(name string) string { return boolText(servedModule(name)) }

func servedModule(name string) bool {
	return slices.ContainsFunc(config.ModulesServed(), func(m config.Module) bool { return m.Name == name })
}

// Modules are part of the program, so none is loaded or unloaded. What administrators reload one for is its configuration: load and reload
// read that again.
const (
	notUnloadable = "Module is not unloadable"
	alreadyLoaded = "Module already loaded"
	noSuchModule  = "No such module!"
	cannotLoad    = "module load file routine returned an error"
)

func (c *Control) load(ctx context.Context, name string) string {
	if name == "" {
		return c.usage("load")
	}
	problem := cannotLoad
	if servedModule(name) {
		problem = alreadyLoaded
	}
	return c.reloadLine(ctx) + "-ERR [" + problem + "]\n"
}

func (c *Control) unload(args string) string {
	name := forced(args)
	switch {
	case name == "":
		return c.usage("unload")
	case servedModule(name):
		return "-ERR [" + notUnloadable + "]\n"
	}
	return "-ERR [" + noSuchModule + "]\n"
}

func (c *Control) reloadModule(ctx context.Context, args string) string {
	name := forced(args)
	if name == "" {
		return c.usage("reload")
	}
	unloading, loading := noSuchModule, cannotLoad
	if servedModule(name) {
		unloading, loading = notUnloadable, alreadyLoaded
	}
	return c.reloadLine(ctx) + "-ERR unloading module [" + unloading + "]\n-ERR loading module [" + loading + "]\n"
}

// forced takes "-f" off the front.
func forced(args string) string {
	if !strings.HasPrefix(args, "-") {
		return args
	}
	_, name, _ := strings.Cut(args, " ")
	return strings.TrimSpace(name)
}

// reloadLine reads the configuration again; there is no line when that failed, as in FreeSWITCH.
func (c *Control) reloadLine(ctx context.Context) string {
	const did = "+OK Reloading XML\n"
	if c.reload(ctx, c.deps.Reload, did) != did {
		return ""
	}
	return did
}

// moduleOf names FreeSWITCH's module that a command belongs to.
func moduleOf(command string) string {
	switch command {
	case "db", "group":
		return "mod_db"
	case "hash":
		return "mod_hash"
	case "cdr_csv":
		return "mod_cdr_csv"
	case "console":
		return "mod_console"
	case "presence", "strepoch", "strftime", "strmicroepoch":
		return "mod_dptools"
	}
	if command == "sofia" || strings.HasPrefix(command, "sofia_") {
		return "mod_sofia"
	}
	return "mod_commands"
}

// part is one thing a module offers: a row of show interfaces.
type part struct{ kind, name, module string }

// fixedParts are those that need no table of their own: what media relays and plays, by the names FreeSWITCH has for them.
func fixedParts() []part {
	return []part{
		{"codec", "G.711 alaw", "mod_g711"}, {"codec", "G.711 ulaw", "mod_g711"}, {"codec", "G.722", "mod_g722"},
		{"codec", "OPUS (STANDARD)", "mod_opus"},
		{"dialplan", "XML", "mod_dialplan_xml"}, {"dialplan", "inline", "mod_dptools"},
		{"endpoint", "error", "mod_dptools"}, {"endpoint", "group", "mod_dptools"}, {"endpoint", "loopback", "mod_loopback"},
		{"endpoint", "null", "mod_loopback"}, {"endpoint", "sofia", "mod_sofia"}, {"endpoint", "user", "mod_dptools"},
		{"file", "local_stream", "mod_local_stream"}, {"file", "silence_stream", "mod_tone_stream"}, {"file", "tone_stream", "mod_tone_stream"},
		{"file", "wav", "mod_sndfile"},
		{"limit", "db", "mod_db"}, {"limit", "hash", "mod_hash"},
		{"timer", "soft", "mod_timerfd"},
	}
}

// Interface is one thing that is offered, as "show interfaces" lists it: a codec, an endpoint, a command …, with FreeSWITCH's module for it.
type Interface struct{ Kind, Name, Module string }

// Interfaces lists all there are, by kind and name.
func (c *Control) Interfaces() []Interface {
	var list []Interface
	for _, p := range c.parts() {
		list = append(list, Interface{p.kind, p.name, p.module})
	}
	return list
}

// IdleCPU is the share of the processors' time in which they had nothing to do lately, in percent.
func (c *Control) IdleCPU() float64 { return c.idle.Percent() }

// parts are all there is, by kind and name.
func (c *Control) parts() []part {
	all := fixedParts()
	for name := range c.table {
		all = append(all, part{"api", name, moduleOf(name)})
	}
	served, _ := c.deps.Core.Applications()
	for _, name := range served {
		all = append(all, part{"application", name, applicationOf(name).module})
	}
	slices.SortFunc(all, func(a, b part) int {
		if d := strings.Compare(a.kind, b.kind); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	return all
}
