package control

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// command is one row of the table.
type command struct {
	// run executes it; args is what followed the name, without surrounding spaces.
	run func(ctx context.Context, args string) string
	// help and syntax are what show api and help say.
	help, syntax string
	// acts: it changes the switch, waits for something, or expands its arguments; a dialplan may not call it as ${name(args)}.
	acts bool
}

// query makes a command of a function that never waits.
func query(f func(args string) string, help, syntax string) command {
	return command{run: func(_ context.Context, args string) string { return f(args) }, help: help, syntax: syntax}
}

// action makes one of a function that changes the switch.
func action(f func(args string) string, help, syntax string) command {
	cmd := query(f, help, syntax)
	cmd.acts = true
	return cmd
}

// commands is the table. Names are lower case.
func (c *Control) commands() map[string]command {
	table := map[string]command{}
	for _, part := range []map[string]command{
		c.switchCommands(), c.textCommands(), c.clockCommands(), c.directoryCommands(), c.channelCommands(), c.mediaCommands(), c.phoneCommands(), c.limitCommands(),
		c.storeCommands(), c.sofiaCommands(), c.scheduleCommands(), c.processCommands(), c.typingCommands(),
	} {
		maps.Copy(table, part)
	}
	return table
}

// switchCommands are about the switch as a whole.
func (c *Control) switchCommands() map[string]command {
	return map[string]command{
		"status":        query(c.status, "Show current status", ""),
		"version":       query(c.version, "Version", "[short]"),
		"hostname":      query(func(string) string { return c.hostname() }, "Return the system hostname", ""),
		"switchname":    query(func(string) string { return c.deps.Config().Switch.Name }, "Return the switch name", ""),
		"uptime":        query(c.uptime, "Show uptime", "[us|ms|s|m|h|d|microseconds|milliseconds|seconds|minutes|hours|days]"),
		"show":          query(c.show, "Show various reports", showSyntax),
		"help":          query(c.help, "Show help for all the api commands", ""),
		"echo":          query(func(args string) string { return args }, "Echo", "<data>"),
		"create_uuid":   query(func(string) string { return uuid.NewString() }, "Create a uuid", "<uuid> <other_uuid>"),
		"eval":          query(c.eval, "eval (noop)", "[uuid:<uuid> ]<expression>"),
		"expand":        {run: c.expandCommand, help: "Execute an api with variable expansion", syntax: "[uuid:<uuid> ]<cmd> <args>"},
		"global_getvar": query(c.globalGet, "Get global var", "<var>"),
		"global_setvar": {run: c.globalSet, help: "Set global var", syntax: "<var>=<value> [=<value2>]"},
		"acl":           query(c.acl, "Compare an ip to an acl list", "<ip> <list_name>"),
		"is_lan_addr":   query(isLANAddress, "See if an ip is a lan addr", "<ip>"),
		"reloadxml":     {run: c.reloadXML, help: "Reload XML", acts: true},
		"reloadacl":     {run: c.reloadACL, help: "Reload ACL", acts: true},
		"cdr_csv":       action(c.cdr, "cdr_csv controls", "rotate|status"),
	}
}

// processCommands are about the process: how it ends, what it is made of, what it logs.
func (c *Control) processCommands() map[string]command {
	return map[string]command{
		"shutdown":        action(c.shutdown, "Shutdown", ""),
		"...":             action(c.shutdown, "Shutdown", ""),
		"fsctl":           {run: c.fsctl, help: "FS control messages", syntax: fsctlSyntax, acts: true},
		"banner":          query(func(string) string { return c.banner() }, "Return the system banner", ""),
		"memory":          query(memory, "Memory usage statistics", "memory"),
		"bgapi":           {run: c.bgapi, help: "Execute an api command in a thread", syntax: "<command>[ <arg>]", acts: true},
		"msleep":          {run: msleep, help: "Sleep N milliseconds", syntax: "<milliseconds>", acts: true},
		"time_test":       {run: timeTest, help: "Show time jitter", syntax: "<mss> [count]", acts: true},
		"log":             action(c.log, "Log", "<level> <message>"),
		"console":         action(c.console, "Console", "loglevel [level]"),
		"reloadcert":      action(c.reloadCertificates, "Reload SSL/TLS certificates", ""),
		"module_exists":   query(moduleExists, "Check if module exists", "<module>"),
		"load":            {run: c.load, help: "Load Module", syntax: "<mod_name>", acts: true},
		"unload":          action(c.unload, "Unload module", "[-f] <mod_name>"),
		"reload":          {run: c.reloadModule, help: "Reload module", syntax: "[-f] <mod_name>", acts: true},
		"nat_map":         query(natMap, "Manage NAT", "[status|republish|reinit] | [add|del] <port> [tcp|udp] [static]"),
		"presence":        action(c.presence, "presence", presenceSyntax),
		"xml_flush_cache": query(func(string) string { return "+OK cleared 0 entries\n" }, "Clear xml cache", "<id> <key> <val>"),
	}
}

// CommandInfo describes a command for documents made from the code.
type CommandInfo struct {
	Name, Syntax, Help string
	Dialplan           bool // ${name(args)} works
}

// Commands lists all commands by name.
func (c *Control) Commands() []CommandInfo {
	var all []CommandInfo
	for _, name := range slices.Sorted(maps.Keys(c.table)) {
		cmd := c.table[name]
		all = append(all, CommandInfo{name, cmd.syntax, cmd.help, !cmd.acts && name != "expand"})
	}
	return all
}

// usage is the answer to a command without what it needs.
func (c *Control) usage(name string) string { return "-USAGE: " + c.table[name].syntax + "\n" }

// status is FreeSWITCH's, line by line, but for the name and the last line: there is no fixed stack. No idle CPU is demanded.
func (c *Control) status(string) string {
	st := c.deps.Core.Stats()
	state := "ready"
	if !ready(st) {
		state = "not ready"
	}
	var b strings.Builder
	b.WriteString("UP " + uptimeText(time.Since(c.deps.Started)) + "\n")
	b.WriteString("Talkpath (Version " + c.deps.Version + "  64bit) is " + state + "\n")
	b.WriteString(strconv.FormatUint(st.SinceStart, 10) + " session(s) since startup\n")
	b.WriteString(strconv.Itoa(st.Current) + " session(s) - peak " + strconv.Itoa(st.Peak) + ", last 5min " +
		strconv.Itoa(st.PeakFiveMin) + " \n")
	b.WriteString(strconv.Itoa(st.PerSecond) + " session(s) per Sec out of max " + strconv.Itoa(st.SessionsPerSecond) + ", peak " +
		strconv.Itoa(st.PerSecondPeak) + ", last 5min " + strconv.Itoa(st.PerSecondFiveMin) + " \n")
	b.WriteString(strconv.Itoa(st.MaxSessions) + " session(s) max\n")
	b.WriteString("min idle cpu 0.00/" + strconv.FormatFloat(c.idle.Percent(), 'f', 2, 64) + "\n")
	b.WriteString("Current Stack Size/Max 240K/240K\n")
	return b.String()
}

// uptimeText is "0 years, 0 days, 0 hours, 2 minutes, 1 second, 156 milliseconds, 393 microseconds".
func uptimeText(d time.Duration) string {
	parts := []struct {
		unit string
		size time.Duration
	}{
		{"year", 365 * 24 * time.Hour}, {"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second},
		{"millisecond", time.Millisecond}, {"microsecond", time.Microsecond},
	}
	var texts []string
	for _, p := range parts {
		n := int64(d / p.size)
		d %= p.size
		text := strconv.FormatInt(n, 10) + " " + p.unit
		if n != 1 {
			text += "s"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func (c *Control) uptime(unit string) string {
	size, ok := map[string]time.Duration{
		"": time.Second, "us": time.Microsecond, "microseconds": time.Microsecond, "ms": time.Millisecond,
		"milliseconds": time.Millisecond, "s": time.Second, "seconds": time.Second, "m": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "days": 24 * time.Hour,
	}[strings.ToLower(unit)]
	if !ok {
		return c.usage("uptime")
	}
	return strconv.FormatInt(int64(time.Since(c.deps.Started)/size), 10) + "\n"
}

func (c *Control) version(args string) string {
	if strings.EqualFold(args, "short") {
		return c.deps.Version + "\n"
	}
	return "Talkpath Version " + c.deps.Version + "~64bit ( 64bit)\n"
}

func (c *Control) hostname() string {
	name, _ := c.Global("hostname")
	return name
}

func (c *Control) reloadXML(ctx context.Context, _ string) string {
	return c.reload(ctx, c.deps.Reload, "+OK [Success]\n")
}

// reloadACL reads the configuration again, too, as FreeSWITCH does.
func (c *Control) reloadACL(ctx context.Context, args string) string {
	answer := c.reload(ctx, c.deps.ReloadACL, "+OK acl reloaded\n")
	if strings.EqualFold(args, "reloadxml") {
		return "This option is deprecated, we now always reloadxml.\n" + answer
	}
	return answer
}

func (c *Control) reload(ctx context.Context, do func(context.Context) error, done string) string {
	if do == nil {
		return "-ERR [Reload is not available]\n"
	}
	if err := do(ctx); err != nil {
		return "-ERR [" + oneLine(err.Error()) + "]\n"
	}
	c.emitReloadXML()
	return done
}

// shutdown hangs calls up and ends the process; "shutdown elegant" lets calls end first, and refuses new ones meanwhile.
func (c *Control) shutdown(args string) string {
	if c.deps.Shutdown == nil {
		return notAvailable
	}
	elegant := strings.EqualFold(args, "elegant")
	if elegant {
		c.emitShutdownRequested("elegant")
	}
	c.deps.Shutdown(elegant)
	return done
}

// oneLine makes a text safe for a table or a one-line answer.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
