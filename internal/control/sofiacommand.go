package control

import (
	"context"
	"strings"
)

const sofiaUsage = "USAGE:\n--------------------------------------------------------------------------------\n" +
	"sofia status|xmlstatus [profile <name> [reg [<contact str>]]]\n" +
	"sofia status|xmlstatus gateway <name>\n" +
	"sofia profile <name> [start|stop|restart|rescan]\n" +
	"sofia profile <name> [register|unregister|killgw] <gateway name|all>\n" +
	"sofia profile <name> flush_inbound_reg [<call_id>|<user@host>]\n" +
	"--------------------------------------------------------------------------------\n"

// sofiaCommands show and steer SIP profiles, registrations and gateways.
func (c *Control) sofiaCommands() map[string]command {
	return map[string]command{
		"sofia":              {run: c.sofia, help: "Sofia Controls", syntax: "<cmd> <args>"},
		"sofia_contact":      query(c.sofiaContact, "Sofia Contacts", "[profile/]<user>@<domain>[/[!]<match_user_agent>]"),
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
	case "profile":
		if fromDialplan(ctx) {
			return notAvailable
		}
		return c.steerProfile(ctx, words[1:])
	}
	return sofiaUsage
}

func (c *Control) sofiaStatus(words []string, asXML bool) string {
	if len(words) > 0 && strings.EqualFold(words[0], "gateway") {
		return c.gatewayStatus(words[1:], asXML)
	}
	if len(words) < 2 || !strings.EqualFold(words[0], "profile") {
		if asXML {
			return c.profilesXML()
		}
		return c.profilesText()
	}
	p, ok := c.profileConfig(words[1])
	if !ok {
		return "Invalid Profile!\n"
	}
	if len(words) > 2 && strings.EqualFold(words[2], "reg") {
		like := strings.Join(words[3:], " ")
		if asXML {
			return c.registrationsXML(p.Name, like)
		}
		return c.registrationsText(p.Name, like)
	}
	return c.profileText(p)
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
