package control

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/registrar"
)

// registered lists a profile's bindings that match.
func (c *Control) registered(profile string, match func(registrar.Binding) bool) []registrar.Binding {
	return slices.DeleteFunc(c.deps.Registrations.All(), func(b registrar.Binding) bool {
		return b.Profile != profile || !match(b)
	})
}

// contactHas matches bindings with a text in their contact or user.
func contactHas(text string) func(registrar.Binding) bool {
	return func(b registrar.Binding) bool {
		return strings.Contains(b.User+"@"+b.Domain, text) || strings.Contains(b.Contact, text)
	}
}

// ofUser matches the bindings of user@domain, of @domain, or, as FreeSWITCH reads a text without an at sign, of a domain.
func ofUser(text string) func(registrar.Binding) bool {
	user, domain, ok := strings.Cut(text, "@")
	if !ok {
		user, domain = "", text
	}
	return func(b registrar.Binding) bool {
		return (user == "" || b.User == user) && (domain == "" || strings.EqualFold(b.Domain, domain))
	}
}

// times are a binding's expiry as a date and in seconds, the grace period included.
func times(b registrar.Binding) (date string, seconds int) {
	return b.Deadline.Local().Format(time.DateTime), int(time.Until(b.Deadline).Seconds())
}

// pinged is what pings have shown of a contact, with the milliseconds of the last answer.
func (c *Control) pinged(b *registrar.Binding) (status, took string) {
	p := c.profiles().Named(b.Profile)
	if p == nil {
		return "Reachable", "0.00"
	}
	status, d := p.Pinged(b)
	return status, strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 2, 64)
}

func (c *Control) registrationsText(profile string, match func(registrar.Binding) bool) string {
	all, host := c.registered(profile, match), c.hostname()
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
		status, took := c.pinged(&r)
		b.WriteString("Ping-Status:\t" + status + "\nPing-Time:\t" + took + "\n")
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

func (c *Control) registrationsXML(profile string, match func(registrar.Binding) bool) string {
	host := c.hostname()
	var b strings.Builder
	b.WriteString(xmlHead + "<profile>\n  <registrations>\n")
	for _, r := range c.registered(profile, match) {
		date, seconds := times(r)
		b.WriteString("    <registration>\n")
		row := func(name, value string) { fmt.Fprintf(&b, "        <%s>%s</%s>\n", name, escapeXML(value), name) }
		row("call-id", r.CallID)
		row("user", r.User+"@"+r.Domain)
		row("contact", `"" <`+r.URI()+">")
		row("agent", r.UserAgent)
		row("status", fmt.Sprintf("%s(unknown) exp(%s) expsecs(%d)", r.Status(), date, seconds))
		status, took := c.pinged(&r)
		row("ping-status", status)
		row("ping-time", took)
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
