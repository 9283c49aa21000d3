package control

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

const sofiaUsage = "USAGE:\n--------------------------------------------------------------------------------\n" +
	"sofia global siptrace <on|off>\n\n" +
	"sofia profile <name> [start | stop | restart | rescan]\n" +
	"                     flush_inbound_reg [<call_id> | <[user]@domain>]\n" +
	"                     [register | unregister] [<gateway name> | all]\n" +
	"                     [startgw | killgw] <gateway name>\n" +
	"                     gwlist [up | down]\n" +
	"                     siptrace <on|off>\n\n" +
	"sofia <status|xmlstatus> profile <name> [reg [<contact str>]] | [user <user@domain>]\n" +
	"sofia <status|xmlstatus> gateway <name>\n" +
	"sofia jsonstatus\n\n" +
	"sofia help\n" +
	"--------------------------------------------------------------------------------\n"

// sofiaCommands show and steer SIP profiles, registrations and gateways.
func (c *Control) sofiaCommands() map[string]command {
	return map[string]command{
		"sofia":              {run: c.sofia, help: "Sofia Controls", syntax: "<cmd> <args>"},
		"sofia_contact":      query(c.sofiaContact, "Sofia Contacts", "[profile/]<user>@<domain>[/[!]<match_user_agent>]"),
		"reg_url":            query(c.regURL, "", "<user>@<realm>"),
		"sofia_username_of":  query(c.sofiaUsername, "Sofia Username Lookup", "[profile/]<user>@<domain>"),
		"sofia_count_reg":    query(c.sofiaCount, "Count Sofia registration", "[profile/]<user>@<domain>"),
		"sofia_gateway_data": query(c.gatewayData, "Get data from a sofia gateway", "<gateway_name> [ivar|ovar|var] <name>"),
	}
}

// sofia is "status [gateway NAME | profile NAME [reg [text]]]", as text or as XML, or "profile NAME action".
func (c *Control) sofia(ctx context.Context, args string) string {
	words := strings.Fields(args)
	if len(words) == 0 {
		return sofiaUsage
	}
	switch strings.ToLower(words[0]) {
	case "status":
		return c.sofiaStatus(words[1:], false)
	case "xmlstatus":
		return c.sofiaStatus(words[1:], true)
	case "jsonstatus":
		return c.profilesJSON()
	case "loglevel":
		return sofiaLogLevel(words[1:])
	case "help":
		return sofiaUsage
	case "profile", "global", "recover":
		if fromDialplan(ctx) {
			return notAvailable
		}
	default:
		return "Unknown Command [" + oneLine(words[0]) + "]\n"
	}
	switch strings.ToLower(words[0]) {
	case "global":
		return c.sofiaGlobal(words[1:])
	case "recover": // calls do not outlive the process
		if len(words) > 1 && strings.EqualFold(words[1], "flush") {
			return "Flushing recovery database.\n"
		}
		return "No calls to recover.\n"
	}
	return c.steerProfile(ctx, words[1:])
}

// sofiaLogLevel is "component [level]". The parts of the SIP stack log together, at the level of the whole.
func sofiaLogLevel(words []string) string {
	components := []string{"all", "default", "tport", "iptsec", "nea", "nta", "nth_client", "nth_server", "nua", "soa", "sresolv", "stun"}
	if len(words) == 0 || !slices.Contains(components, strings.ToLower(words[0])) {
		return sofiaUsage
	}
	switch {
	case len(words) == 1:
		return "Sofia-sip loglevel for [" + words[0] + "] is [0]"
	case words[1] == "0":
		return "Sofia log level for component [" + words[0] + "] has been set to [0]"
	}
	return notAvailable
}

// sofiaGlobal is "siptrace on|off", for every profile that runs.
func (c *Control) sofiaGlobal(words []string) string {
	if len(words) < 2 || !strings.EqualFold(words[0], "siptrace") {
		return "-ERR Usage: siptrace <on|off>"
	}
	on := isTrue(words[1])
	c.profiles().Trace("", on)
	return "+OK Global siptrace " + onOff(on)
}

// isTrue is switch_true of switch_utils.c.
func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "yes", "on", "true", "t", "enabled", "active", "allow":
		return true
	}
	n, err := strconv.Atoi(text)
	return err == nil && n != 0
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// sofiaStatus is "[profile NAME [reg [text] | user USER@DOMAIN] | gateway NAME | anything]": one word lists the gateways, as in FreeSWITCH.
func (c *Control) sofiaStatus(words []string, asXML bool) string {
	switch {
	case len(words) == 0 && asXML:
		return c.profilesXML()
	case len(words) == 0:
		return c.profilesText()
	case len(words) == 1:
		return c.gatewayStatus(nil, asXML)
	case strings.EqualFold(words[0], "gateway"):
		return c.gatewayStatus(words[1:], asXML)
	case !strings.EqualFold(words[0], "profile"):
		return "Invalid Syntax!\n"
	}
	p, ok := c.profileConfig(words[1])
	if !ok || !c.runs(p.Name) {
		return "Invalid Profile!\n"
	}
	what, arg := "", strings.Join(words[min(3, len(words)):], " ")
	if len(words) > 2 {
		what = strings.ToLower(words[2])
	}
	match := contactHas(arg)
	switch {
	case what == "user" && arg != "":
		match = ofUser(arg)
	case what != "reg" && what != "user" && asXML:
		return c.profileXML(p, words[1])
	case what != "reg" && what != "user":
		return c.profileText(p, words[1])
	case what == "user": // without one FreeSWITCH says nothing
		return ""
	}
	if asXML {
		return c.registrationsXML(p.Name, match)
	}
	return c.registrationsText(p.Name, match)
}

// steerProfile is "NAME action [argument]". Answers are those of mod_sofia; a profile need not run to be started.
func (c *Control) steerProfile(ctx context.Context, words []string) string {
	if len(words) < 2 {
		return "Invalid Args!\n"
	}
	name, action, arg := words[0], strings.ToLower(words[1]), ""
	if len(words) > 2 {
		arg = words[2]
	}
	if p, ok := c.profileConfig(name); ok {
		name = p.Name
	} else if action != "start" { // start reads the configuration again and may find it
		return "Invalid Profile [" + oneLine(name) + "]"
	}
	switch action {
	case "start":
		return c.act(c.deps.StartProfile, ctx, name, name+" started successfully\n", "Failure starting "+name)
	case "stop":
		return c.act(c.deps.StopProfile, ctx, name, "stopping: "+name, "Failure stopping "+name)
	case "restart":
		return c.act(c.deps.RestartProfile, ctx, name, "restarting: "+name, "Failure restarting "+name)
	case "rescan":
		return c.act(c.deps.RescanProfile, ctx, name, "+OK scan complete\n", "-ERR cannot rescan profile "+name)
	case "startgw":
		return c.startGateway(ctx, name, arg)
	case "killgw", "register", "unregister":
		return c.steerGateway(name, action, arg)
	case "flush_inbound_reg":
		if c.deps.FlushRegistrations == nil {
			return notAvailable
		}
		c.deps.FlushRegistrations(name, arg)
		if arg == "" {
			return "+OK flushing all registrations\n"
		}
		return "+OK flushing all registrations matching specified call_id\n"
	}
	return c.showProfile(name, action, arg)
}

// showProfile are the actions on a profile that are about seeing something.
func (c *Control) showProfile(name, action, arg string) string {
	switch action {
	case "siptrace":
		if arg == "" {
			return "Usage: sofia profile <name> siptrace <on/off>\n"
		}
		on := isTrue(arg)
		if !c.profiles().Trace(name, on) {
			return "Invalid Profile [" + oneLine(name) + "]"
		}
		if on {
			return "Enabled sip debugging on " + name
		}
		return "Disabled sip debugging on " + name
	case "gwlist":
		var b strings.Builder
		for _, g := range c.gateways() {
			if g.Profile == name && c.gatewayState(g).Up == !strings.EqualFold(arg, "down") {
				b.WriteString(g.Name + " ")
			}
		}
		return b.String()
	case "recover":
		if strings.EqualFold(arg, "flush") {
			return "Flushing recovery database.\n"
		}
		return "No sessions to recover.\n"
	}
	return "-ERR Unknown command!\n"
}

// notAvailable answers a command whose work nobody does in this process.
const notAvailable = "-ERR not available\n"

// act runs one of the actions that read the configuration again, and adds FreeSWITCH's line about it. It says why an action failed, which
// FreeSWITCH only logs.
func (c *Control) act(do func(context.Context, string) error, ctx context.Context, name, done, problem string) string {
	if do == nil {
		return notAvailable
	}
	if err := do(ctx, name); err != nil {
		return problem + ": " + oneLine(err.Error()) + "\n"
	}
	return "Reload XML [Success]\n" + done
}
