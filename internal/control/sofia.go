package control

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/profile"
	"github.com/talkpath/talkpath/registrar"
)

// address is "[profile/]user@domain[/…]"; a profile of "*" or none means all of them.
func (c *Control) address(args string) (profile, user, domain string) {
	first, rest, ok := strings.Cut(args, "/")
	if ok && !strings.Contains(first, "@") {
		profile = first
		first, _, _ = strings.Cut(rest, "/")
	}
	if profile == "*" {
		profile = ""
	}
	user, domain, ok = strings.Cut(first, "@")
	if !ok {
		domain, _ = c.Global("domain")
	}
	return profile, user, domain
}

// bindings are the contacts of a user, of one profile when it is named.
func (c *Control) bindings(profile, user, domain string) []registrar.Binding {
	if user == "" {
		return nil
	}
	all := c.deps.Registrations.Lookup(user, domain)
	return slices.DeleteFunc(all, func(b registrar.Binding) bool { return profile != "" && b.Profile != profile })
}

// contacts is FreeSWITCH's comma-separated list of a user's contacts.
func (c *Control) contacts(profile, user, domain string) string {
	var all []string
	for _, b := range c.bindings(profile, user, domain) {
		all = append(all, "sofia/"+b.Profile+"/"+b.URI())
	}
	if len(all) == 0 {
		return notRegistered
	}
	return strings.Join(all, ",")
}

func (c *Control) sofiaContact(args string) string { return c.contacts(c.address(args)) }

func (c *Control) sofiaUsername(args string) string {
	profile, user, domain := c.address(args)
	if len(c.bindings(profile, user, domain)) == 0 {
		return notRegistered
	}
	return user
}

func (c *Control) sofiaCount(args string) string {
	return strconv.Itoa(len(c.bindings(c.address(args))))
}

const (
	sofiaUsage = "USAGE:\n--------------------------------------------------------------------------------\n" +
		"sofia status|xmlstatus [profile <name> [reg [<contact str>]]]\n" +
		"--------------------------------------------------------------------------------\n"
	line = "=================================================================================================\n"
)

// sofia is "status [profile NAME [reg [text]]]", as text or as XML.
func (c *Control) sofia(args string) string {
	words := strings.Fields(args)
	if len(words) == 0 || !strings.HasSuffix(strings.ToLower(words[0]), "status") {
		return sofiaUsage
	}
	asXML := strings.EqualFold(words[0], "xmlstatus")
	if len(words) < 3 || !strings.EqualFold(words[1], "profile") {
		if asXML {
			return c.profilesXML()
		}
		return c.profilesText()
	}
	p, ok := c.profileConfig(words[2])
	if !ok {
		return "Invalid Profile!\n"
	}
	if len(words) > 3 && strings.EqualFold(words[3], "reg") {
		like := strings.Join(words[4:], " ")
		if asXML {
			return c.registrationsXML(p.Name, like)
		}
		return c.registrationsText(p.Name, like)
	}
	return c.profileText(p)
}

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

// aliases are a profile's other names: those of its <aliases>, and the domains that its <domains> make aliases ("all" is every domain
// of the directory).
func (c *Control) aliases(p config.Profile) []string {
	names := slices.Clone(p.Aliases)
	snapshot := c.deps.Config()
	profiles := snapshot.Tree.Root.Named("section", "configuration").Named("configuration", "sofia.conf").Child("profiles")
	for _, d := range profiles.Named("profile", p.Name).Child("domains").All("domain") {
		switch name := d.Attr("name"); {
		case d.Attr("alias") != "true":
		case name != "all":
			names = append(names, name)
		default:
			for _, domain := range snapshot.Directory.Domains() {
				names = append(names, domain.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

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
