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

// listens is a profile's address for a transport, "" when it has none: the address its peers use, and the port that was really bound.
func (c *Control) listens(p config.Profile, transport string) string {
	port := strconv.Itoa(p.SIPPort)
	switch a := c.listener(p.Name, transport); {
	case a != nil:
		if _, bound, err := net.SplitHostPort(a.String()); err == nil {
			port = bound
		}
	case transport != "udp":
		return ""
	}
	return net.JoinHostPort(c.reachable(p.ExtSIPIP, p.SIPIP), port)
}

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
		rows = append(rows, sofiaRow{p.Name, "profile", "sip:mod_sofia@" + c.listens(p, "udp"), fmt.Sprintf("RUNNING (%d)", calls[p.Name])})
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

func (c *Control) profilesXML() string {
	rows, _, _ := c.sofiaRows()
	var b strings.Builder
	b.WriteString(xmlHead + "<profiles>\n")
	write := func(r sofiaRow) {
		fmt.Fprintf(&b, "<%s>\n<name>%s</name>\n<type>%s</type>\n<data>%s</data>\n<state>%s</state>\n</%s>\n",
			r.kind, escapeXML(r.name), r.kind, escapeXML(r.data), r.state, r.kind)
	}
	for _, r := range rows {
		write(r)
		p, ok := c.profileConfig(r.name)
		if !ok || r.kind != "profile" {
			continue
		}
		for _, transport := range []string{"tls", "ws", "wss"} {
			if a := c.listens(p, transport); a != "" {
				scheme := "sip"
				if transport != "ws" {
					scheme = "sips"
				}
				write(sofiaRow{r.name, "profile", scheme + ":mod_sofia@" + a + ";transport=" + transport,
					r.state + " (" + strings.ToUpper(transport) + ")"})
			}
		}
	}
	b.WriteString("</profiles>\n")
	return b.String()
}

// profileText is the profile's configuration. FreeSWITCH also counts calls there; Talkpath does so in its metrics.
func (c *Control) profileText(p config.Profile) string {
	orNA := func(s string) string {
		if s == "" {
			return "N/A"
		}
		return s
	}
	registrations := 0
	for _, b := range c.deps.Registrations.All() {
		if b.Profile == p.Name {
			registrations++
		}
	}
	var b strings.Builder
	b.WriteString(line)
	row := func(name, value string) { fmt.Fprintf(&b, "%-17s\t%s\n", name, value) }
	row("Name", p.Name)
	row("Domain Name", "N/A")
	row("Auto-NAT", "false")
	row("DBName", "sofia_reg_"+p.Name)
	row("Pres Hosts", orNA(strings.Join(c.aliases(p), ",")))
	row("Dialplan", p.Dialplan)
	row("Context", p.Context)
	row("Challenge Realm", p.ChallengeRealm)
	row("RTP-IP", p.RTPIP)
	row("Ext-RTP-IP", c.reachable(p.ExtRTPIP, p.RTPIP))
	row("SIP-IP", p.SIPIP)
	row("Ext-SIP-IP", c.reachable(p.ExtSIPIP, p.SIPIP))
	url := "sip:mod_sofia@" + c.listens(p, "udp")
	row("URL", url)
	row("BIND-URL", url+";maddr="+p.SIPIP+";transport=udp,tcp")
	if a := c.listens(p, "tls"); a != "" {
		row("TLS-URL", "sip:mod_sofia@"+a)
		row("TLS-BIND-URL", "sips:mod_sofia@"+a+";transport=tls")
	}
	if a := c.listens(p, "ws"); a != "" {
		b.WriteString("WS-BIND-URL     \tsip:mod_sofia@" + a + ";transport=ws\n")
	}
	if a := c.listens(p, "wss"); a != "" {
		b.WriteString("WSS-BIND-URL     \tsips:mod_sofia@" + a + ";transport=wss\n")
	}
	row("HOLD-MUSIC", orNA(p.Params["hold-music"]))
	row("OUTBOUND-PROXY", "N/A")
	row("CODECS IN", p.InboundCodecPrefs)
	row("CODECS OUT", p.OutboundCodecPrefs)
	row("TEL-EVENT", "101")
	row("DTMF-MODE", "rfc2833")
	row("CNG", "0")
	row("SESSION-TO", "0")
	row("MAX-DIALOG", "0")
	row("MAX-RECV-RPS", "0")
	row("NOMEDIA", "false")
	row("LATE-NEG", "true")
	row("PROXY-MEDIA", "false")
	row("AGGRESSIVENAT", "false")
	row("REGISTRATIONS", strconv.Itoa(registrations))
	return b.String()
}
