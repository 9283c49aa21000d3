package control

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/talkpath/talkpath/internal/event"
)

// command is one row of the table.
type command struct {
	// run executes it; args is what followed the name, without surrounding spaces.
	run func(ctx context.Context, args string) string
	// help and syntax are what show api and help say.
	help, syntax string
}

// query makes a command of a function that never waits.
func query(f func(args string) string, help, syntax string) command {
	return command{run: func(_ context.Context, args string) string { return f(args) }, help: help, syntax: syntax}
}

// commands is the table. Names are lower case.
func (c *Control) commands() map[string]command {
	return map[string]command{
		// switch
		"status":        query(c.status, "Show current status", ""),
		"version":       query(c.version, "Version", "[short]"),
		"hostname":      query(func(string) string { return c.hostname() }, "Return the system hostname", ""),
		"uptime":        query(c.uptime, "Show uptime", "[us|ms|s|m|h|d|microseconds|milliseconds|seconds|minutes|hours|days]"),
		"show":          query(c.show, "Show various reports", showSyntax),
		"help":          query(func(string) string { return c.help() }, "Show help for all the api commands", ""),
		"echo":          query(func(args string) string { return args }, "Echo", "<data>"),
		"create_uuid":   query(func(string) string { return uuid.NewString() }, "Create a uuid", ""),
		"eval":          query(c.eval, "eval (noop)", "[uuid:<uuid> ]<expression>"),
		"expand":        {c.expandCommand, "Execute an api with variable expansion", "[uuid:<uuid> ]<cmd> <args>"},
		"global_getvar": query(c.globalGet, "Get global var", "<var>"),
		"global_setvar": query(c.globalSet, "Set global var", "<var>=<value> [=<value2>]"),
		"reloadxml":     {c.reloadXML, "Reload XML", ""},
		"shutdown":      query(c.shutdown, "Shutdown", "[elegant]"),
		// directory
		"list_users":    query(c.listUsers, "List Users configured in Directory", "[group <group>] [domain <domain>] [user <user>] [context <context>]"),
		"user_data":     query(c.userData, "Find user data", "<user>@<domain> [var|param|attr] <name>"),
		"user_exists":   query(c.userExists, "Find a user", "<key> <user> <domain>"),
		"domain_exists": query(c.domainExists, "Check if a domain exists", "<domain>"),
		// channels
		"hupall":      query(c.hupall, "hupall", "<cause> [<var> <value>] [<var2> <value2>]"),
		"uuid_kill":   query(c.uuidKill, "Kill channel", "<uuid> [cause]"),
		"uuid_exists": query(c.uuidExists, "Check if a uuid exists", "<uuid>"),
		"uuid_getvar": query(c.uuidGetvar, "Get a variable from a channel", "<uuid> <var>"),
		// registrations and profiles
		"sofia":             query(c.sofia, "Sofia Controls", "<cmd> <args>"),
		"sofia_contact":     query(c.sofiaContact, "Sofia Contacts", "[profile/]<user>@<domain>"),
		"sofia_username_of": query(c.sofiaUsername, "Sofia Username Lookup", "[profile/]<user>@<domain>"),
		"sofia_count_reg":   query(c.sofiaCount, "Count Sofia registration", "[profile/]<user>@<domain>"),
	}
}

// usage is the answer to a command without what it needs.
func (c *Control) usage(name string) string { return "-USAGE: " + c.table[name].syntax + "\n" }

func (c *Control) help() string {
	var b strings.Builder
	b.WriteString("\nValid Commands:\n\n")
	for _, name := range slices.Sorted(maps.Keys(c.table)) {
		cmd := c.table[name]
		b.WriteString(name + "," + cmd.syntax + "," + cmd.help + ",talkpath\n")
	}
	return b.String()
}

// status is FreeSWITCH's, line by line, but for the name and the last two lines: there is no idle CPU guard and no fixed stack.
func (c *Control) status(string) string {
	st := c.deps.Core.Stats()
	ready := "ready"
	if st.Draining {
		ready = "not ready"
	}
	var b strings.Builder
	b.WriteString("UP " + uptimeText(time.Since(c.deps.Started)) + "\n")
	b.WriteString("Talkpath (Version " + c.deps.Version + "  64bit) is " + ready + "\n")
	b.WriteString(strconv.FormatUint(st.SinceStart, 10) + " session(s) since startup\n")
	b.WriteString(strconv.Itoa(st.Current) + " session(s) - peak " + strconv.Itoa(st.Peak) + ", last 5min " +
		strconv.Itoa(st.PeakFiveMin) + " \n")
	b.WriteString(strconv.Itoa(st.PerSecond) + " session(s) per Sec out of max " + strconv.Itoa(st.SessionsPerSecond) + ", peak " +
		strconv.Itoa(st.PerSecondPeak) + ", last 5min " + strconv.Itoa(st.PerSecondFiveMin) + " \n")
	b.WriteString(strconv.Itoa(st.MaxSessions) + " session(s) max\n")
	b.WriteString("min idle cpu 0.00/100.00\n")
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
	if c.deps.Reload == nil {
		return "-ERR [Reload is not available]\n"
	}
	if err := c.deps.Reload(ctx); err != nil {
		return "-ERR [" + oneLine(err.Error()) + "]\n"
	}
	c.deps.Bus.Publish(c.deps.Bus.NewEvent("RELOADXML", event.Origin{File: "switch_xml.c", Function: "switch_xml_open_root", Line: 2423}))
	return "+OK [Success]\n"
}

func (c *Control) shutdown(args string) string {
	if c.deps.Shutdown == nil {
		return "-ERR not available\n"
	}
	c.deps.Shutdown(strings.EqualFold(args, "elegant"))
	return "+OK\n"
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
