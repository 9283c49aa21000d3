package control

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/profile"
)

const line = "=================================================================================================\n"

func (c *Control) profileConfig(name string) (config.Profile, bool) {
	for _, p := range c.deps.Config().Profiles {
		if strings.EqualFold(p.Name, name) || slices.Contains(c.aliases(p), name) {
			return p, true
		}
	}
	return config.Profile{}, false
}

// listens is a profile's address for a transport, "" when it has none: the address its peers use, and the port that was really bound; of a
// profile that nobody manages, what is configured.
func (c *Control) listens(p config.Profile, transport string) string {
	port := configuredPort(p, transport)
	if a := c.listener(p.Name, transport); a != nil {
		if _, bound, err := net.SplitHostPort(a.String()); err == nil {
			port = bound
		}
	} else if port == "" || transport != "udp" && c.deps.Profiles != nil {
		return ""
	}
	return net.JoinHostPort(c.reachable(p.ExtSIPIP, p.SIPIP), port)
}

// configuredPort is the port a profile is to have for a transport, "" for none.
func configuredPort(p config.Profile, transport string) string {
	switch transport {
	case "tls":
		if p.TLS {
			return strconv.Itoa(p.TLSPort)
		}
		return ""
	case "ws":
		return afterColon(p.WSBinding)
	case "wss":
		return afterColon(p.WSSBinding)
	}
	return strconv.Itoa(p.SIPPort)
}

func afterColon(binding string) string { return binding[strings.LastIndex(binding, ":")+1:] }

// reachable is the first of the addresses that is one, else this machine's.
func (c *Control) reachable(addresses ...string) string {
	for _, text := range addresses {
		if a, err := netip.ParseAddr(text); err == nil && !a.IsUnspecified() {
			return text
		}
	}
	local, _ := c.Global("local_ip_v4")
	return local
}

func (c *Control) listener(profile, transport string) net.Addr {
	for _, p := range c.profiles() {
		if p.Name() == profile {
			return p.Addr(transport)
		}
	}
	return nil
}

// runs reports whether a configured profile was started; where none is managed all count.
func (c *Control) runs(profile string) bool {
	for _, p := range c.profiles() {
		if p.Name() == profile {
			return true
		}
	}
	return c.deps.Profiles == nil
}

func (c *Control) profiles() profile.Set {
	if c.deps.Profiles == nil {
		return nil
	}
	return c.deps.Profiles()
}

func (c *Control) aliases(p config.Profile) []string { return c.deps.Config().ProfileAliases(&p) }

// sofiaRow is one line of sofia status.
type sofiaRow struct{ name, kind, data, state string }

func (c *Control) sofiaRows() (rows []sofiaRow, profiles, aliases int) {
	calls := map[string]int{}
	for _, s := range c.deps.Core.Channels() {
		calls[s.Profile]++
	}
	for _, p := range c.deps.Config().Profiles {
		if !c.runs(p.Name) {
			continue
		}
		profiles++
		state := fmt.Sprintf("RUNNING (%d)", calls[p.Name])
		if !p.TLSOnly {
			rows = append(rows, sofiaRow{p.Name, "profile", "sip:mod_sofia@" + c.listens(p, "udp"), state})
		}
		if a := c.listens(p, "tls"); a != "" {
			rows = append(rows, sofiaRow{p.Name, "profile", "sip:mod_sofia@" + a, state + " (TLS)"})
		}
		for _, alias := range c.aliases(p) {
			aliases++
			rows = append(rows, sofiaRow{alias, "alias", p.Name, "ALIASED"})
		}
	}
	for _, g := range c.gateways() {
		rows = append(rows, sofiaRow{g.Profile + "::" + g.Name, "gateway", g.ToURI(), stateText(c.gatewayState(g))})
	}
	slices.SortStableFunc(rows, func(a, b sofiaRow) int { return strings.Compare(a.name, b.name) })
	return rows, profiles, aliases
}

func (c *Control) profilesText() string {
	rows, profiles, aliases := c.sofiaRows()
	var b strings.Builder
	fmt.Fprintf(&b, "%25s\t%s\t  %40s\t%s\n", "Name", "   Type", "Data", "State")
	b.WriteString(line)
	for _, r := range rows {
		fmt.Fprintf(&b, "%25s\t%7s\t  %40s\t%s\n", r.name, r.kind, r.data, r.state)
	}
	b.WriteString(line)
	fmt.Fprintf(&b, "%d profile%s %d alias%s\n", profiles, plural(profiles, "s"), aliases, plural(aliases, "es"))
	return b.String()
}

func plural(n int, suffix string) string {
	if n == 1 {
		return ""
	}
	return suffix
}

const xmlHead = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n"

// profilesXML has a profile's WebSocket addresses too, which the text leaves out.
func (c *Control) profilesXML() string {
	rows, _, _ := c.sofiaRows()
	var b strings.Builder
	b.WriteString(xmlHead + "<profiles>\n")
	write := func(r sofiaRow) {
		fmt.Fprintf(&b, "<%s>\n<name>%s</name>\n<type>%s</type>\n<data>%s</data>\n<state>%s</state>\n</%s>\n",
			r.kind, escapeXML(r.name), r.kind, escapeXML(r.data), r.state, r.kind)
		if r.kind == "gateway" {
			b.WriteByte('\n')
		}
	}
	for i, r := range rows {
		if _, gateway, ok := strings.Cut(r.name, "::"); ok && r.kind == "gateway" {
			r.name = gateway
		}
		write(r)
		p, ok := c.profileConfig(r.name)
		if !ok || r.kind != "profile" || i+1 < len(rows) && rows[i+1].name == r.name && rows[i+1].kind == "profile" {
			continue // the row before last of a profile with TLS
		}
		state := strings.TrimSuffix(r.state, " (TLS)")
		if a := c.listens(p, "ws"); a != "" {
			write(sofiaRow{r.name, "profile", "sip:mod_sofia@" + a + ";transport=ws", state + " (WS)"})
		}
		if a := c.listens(p, "wss"); a != "" {
			write(sofiaRow{r.name, "profile", "sips:mod_sofia@" + a + ";transport=wss", state + " (WSS)"})
		}
	}
	b.WriteString("</profiles>\n")
	return b.String()
}
