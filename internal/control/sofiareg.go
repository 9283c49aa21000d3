package control

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/registrar"
)

// registered lists a profile's bindings whose user, domain or contact has the text in it.
func (c *Control) registered(profile, like string) []registrar.Binding {
	return slices.DeleteFunc(c.deps.Registrations.All(), func(b registrar.Binding) bool {
		matches := like == "" || strings.Contains(b.User+"@"+b.Domain, like) || strings.Contains(b.Contact, like)
		return b.Profile != profile || !matches
	})
}

// times are a binding's expiry as a date and in seconds, the grace period included.
func times(b registrar.Binding) (date string, seconds int) {
	return b.Deadline.Local().Format(time.DateTime), int(time.Until(b.Deadline).Seconds())
}

func (c *Control) registrationsText(profile, like string) string {
	all, host := c.registered(profile, like), c.hostname()
	var b strings.Builder
	b.WriteString("\nRegistrations:\n" + line)
	for _, r := range all {
		date, seconds := times(r)
		row := func(name, value string) { fmt.Fprintf(&b, "%-12s\t%s\n", name, oneLine(value)) }
		row("Call-ID:", r.CallID)
		row("User:", r.User+"@"+r.Domain)
		row("Contact:", `"" <`+r.URI()+">")
		row("Agent:", r.UserAgent)
		row("Status:", fmt.Sprintf("%s(unknown) EXP(%s) EXPSECS(%d)", r.Status(), date, seconds))
		b.WriteString("Ping-Status:\tReachable\nPing-Time:\t0.00\n")
		row("Host:", host)
		row("IP:", r.Remote.Addr().Unmap().String())
		row("Port:", strconv.Itoa(int(r.Remote.Port())))
		row("Auth-User:", r.User)
		row("Auth-Realm:", r.Domain)
		row("MWI-Account:", r.User+"@"+r.Domain)
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "Total items returned: %d\n", len(all))
	b.WriteString(line)
	return b.String()
}

func (c *Control) registrationsXML(profile, like string) string {
	host := c.hostname()
	var b strings.Builder
	b.WriteString(xmlHead + "<profile>\n  <registrations>\n")
	for _, r := range c.registered(profile, like) {
		date, seconds := times(r)
		b.WriteString("    <registration>\n")
		row := func(name, value string) { fmt.Fprintf(&b, "        <%s>%s</%s>\n", name, escapeXML(value), name) }
		row("call-id", r.CallID)
		row("user", r.User+"@"+r.Domain)
		row("contact", `"" <`+r.URI()+">")
		row("agent", r.UserAgent)
		row("status", fmt.Sprintf("%s(unknown) exp(%s) expsecs(%d)", r.Status(), date, seconds))
		row("ping-status", "Reachable")
		row("ping-time", "0.00")
		row("host", host)
		row("network-ip", r.Remote.Addr().Unmap().String())
		row("network-port", strconv.Itoa(int(r.Remote.Port())))
		row("sip-auth-user", r.User)
		row("sip-auth-realm", r.Domain)
		row("mwi-account", r.User+"@"+r.Domain)
		b.WriteString("    </registration>\n")
	}
	b.WriteString("  </registrations>\n</profile>\n")
	return b.String()
}
