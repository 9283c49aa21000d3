package control

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/registrar"
)

// address is whom a sofia_ command asks about: "[profile/]user@domain[/[!]user agent]". A profile of "*", or none, means all of them.
type address struct{ profile, user, domain, agent string }

func (c *Control) address(args string) (a address) {
	first, rest, ok := strings.Cut(args, "/")
	if ok && !strings.Contains(first, "@") {
		a.profile = first
		first, rest, _ = strings.Cut(rest, "/")
	}
	a.agent = rest
	if a.profile == "*" {
		a.profile = ""
	}
	var domain string
	a.user, domain, _ = strings.Cut(first, "@")
	a.domain = c.domain(domain)
	return a
}

// accepts says whether a contact's user agent is asked for: it has the text in it, or with ! in front has not.
func (a address) accepts(agent string) bool {
	text, not := strings.CutPrefix(a.agent, "!")
	return text == "" || strings.Contains(strings.ToLower(agent), strings.ToLower(text)) != not
}

// bindings are the contacts that are asked for.
func (c *Control) bindings(a address) []registrar.Binding {
	if a.user == "" {
		return nil
	}
	name := a.profile
	if p, ok := c.profileConfig(name); ok {
		name = p.Name
	}
	all := c.deps.Registrations.Lookup(a.user, a.domain)
	return slices.DeleteFunc(all, func(b registrar.Binding) bool {
		return name != "" && b.Profile != name || !a.accepts(b.UserAgent)
	})
}

// contacts is FreeSWITCH's comma-separated list of a user's contacts, fit to be part of a dial string.
func (c *Control) contacts(a address) string {
	var all []string
	for _, b := range c.bindings(a) {
		all = append(all, "sofia/"+b.Profile+"/"+dialable(b.URI()))
	}
	if len(all) == 0 {
		return notRegistered
	}
	return strings.Join(all, ",")
}

func (c *Control) sofiaContact(args string) string { return c.contacts(c.address(args)) }

// regURL is "user[@domain]": the user's contacts on all profiles.
func (c *Control) regURL(args string) string {
	if args == "" {
		return ""
	}
	who, _, _ := strings.Cut(args, "/")
	return c.contacts(c.address(who))
}

func (c *Control) sofiaUsername(args string) string {
	a := c.address(args)
	if len(c.bindings(a)) == 0 {
		return notRegistered
	}
	return a.user
}

func (c *Control) sofiaCount(args string) string {
	return strconv.Itoa(len(c.bindings(c.address(args))))
}

// dialable keeps what a phone registered from being more than one address in a dial string, where a comma, a bar and :_: begin another
// target, brackets hold variables and a dollar sign an expression: such characters are escaped as in a URI. The brackets of an IPv6
// address stay.
func dialable(uri string) string {
	var b strings.Builder
	for i := 0; i < len(uri); i++ {
		ch := uri[i]
		if ch == '[' {
			if n := ipv6Reference(uri[i:]); n > 0 {
				b.WriteString(uri[i : i+n])
				i += n - 1
				continue
			}
		}
		if ch <= ' ' || ch == 0x7f || strings.IndexByte(",|<>[]{}^$'\"\\", ch) >= 0 || ch == '_' && i > 0 && uri[i-1] == ':' {
			const hex = "0123456789ABCDEF"
			b.WriteString("%" + string(hex[ch>>4]) + string(hex[ch&15]))
			continue
		}
		b.WriteByte(ch)
	}
	return b.String()
}

// ipv6Reference is the length of an IPv6 address in brackets that a text begins with, 0 when it does not.
func ipv6Reference(s string) int {
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return 0
	}
	if a, err := netip.ParseAddr(s[1:end]); err != nil || !a.Is6() || a.Zone() != "" {
		return 0
	}
	return end + 1
}
