package control

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/profile"
)

// profileField is one thing that sofia status says of a profile: its name in the text, that in XML and JSON, and its value.
type profileField struct{ label, tag, value string }

// profileFields are FreeSWITCH's, in its order. asked is the name the profile was asked for by, which may be an alias.
func (c *Control) profileFields(p config.Profile, asked string) []profileField {
	flag := strconv.FormatBool
	all := []profileField{{"Name", "name", asked}, {"Domain Name", "domain-name", "N/A"}}
	add := func(label, tag, value string) { // without a tag it is the label in lower case
		all = append(all, profileField{label, cmp.Or(tag, strings.ToLower(label)), value})
	}
	if !strings.EqualFold(asked, p.Name) {
		add("Alias Of", "alias-of", p.Name)
	}
	add("Auto-NAT", "", "false")
	add("DBName", "db-name", "sofia_reg_"+p.Name)
	add("Pres Hosts", "pres-hosts", p.PresenceHosts)
	add("Dialplan", "", p.Dialplan)
	add("Context", "", p.Context)
	add("Challenge Realm", "challenge-realm", p.ChallengeRealm)
	add("RTP-IP", "", p.RTPIP)
	add("Ext-RTP-IP", "", c.reachable(p.ExtRTPIP, p.RTPIP))
	add("SIP-IP", "", p.SIPIP)
	add("Ext-SIP-IP", "", c.reachable(p.ExtSIPIP, p.SIPIP))
	if !p.TLSOnly {
		url := "sip:mod_sofia@" + c.listens(p, "udp")
		add("URL", "", url)
		add("BIND-URL", "", url+";maddr="+p.SIPIP+";transport=udp,tcp")
	}
	if a := c.listens(p, "tls"); a != "" {
		add("TLS-URL", "", "sip:mod_sofia@"+a)
		add("TLS-BIND-URL", "", "sips:mod_sofia@"+a+";maddr="+p.SIPIP+";transport=tls")
	}
	if a := c.listens(p, "ws"); a != "" {
		add("WS-BIND-URL     ", "ws-bind-url", "sip:mod_sofia@"+a+";transport=ws")
	}
	if a := c.listens(p, "wss"); a != "" {
		add("WSS-BIND-URL     ", "wss-bind-url", "sips:mod_sofia@"+a+";transport=wss")
	}
	add("HOLD-MUSIC", "", cmp.Or(p.Params["hold-music"], "N/A"))
	add("OUTBOUND-PROXY", "", "N/A")
	add("CODECS IN", "inbound-codecs", p.InboundCodecPrefs)
	add("CODECS OUT", "outbound-codecs", p.OutboundCodecPrefs)
	add("TEL-EVENT", "", "101")
	add("DTMF-MODE", "", "rfc2833")
	add("CNG", "", "0")
	add("SESSION-TO", "", "0")
	add("MAX-DIALOG", "", strconv.Itoa(p.MaxProceeding))
	add("MAX-RECV-RPS", "", strconv.Itoa(p.MaxRequestsPerSecond))
	add("NOMEDIA", "", flag(false))
	add("LATE-NEG", "", flag(true))
	add("PROXY-MEDIA", "", flag(false))
	add("AGGRESSIVENAT", "aggressive-nat", flag(false))
	if _, set := p.Params["max-registrations-per-extension"]; set {
		add("MAX-REG-PEREXT", "max-registrations-per-extension", strconv.Itoa(p.MaxRegistrationsPerExtension))
	}
	return append(all, c.profileCounts(p.Name)...)
}

// profileCounts are the calls since the profile started, and its registrations.
func (c *Control) profileCounts(name string) []profileField {
	var calls profile.CallStats
	if running := c.profiles().Named(name); running != nil {
		calls = running.Calls()
	}
	registrations := 0
	for _, b := range c.deps.Registrations.All() {
		if b.Profile == name {
			registrations++
		}
	}
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return []profileField{
		{"CALLS-IN", "calls-in", count(calls.In)}, {"FAILED-CALLS-IN", "failed-calls-in", count(calls.FailedIn)},
		{"CALLS-OUT", "calls-out", count(calls.Out)}, {"FAILED-CALLS-OUT", "failed-calls-out", count(calls.FailedOut)},
		{"REGISTRATIONS", "registrations", strconv.Itoa(registrations)},
	}
}

func (c *Control) profileText(p config.Profile, asked string) string {
	var b strings.Builder
	b.WriteString(line)
	for _, f := range c.profileFields(p, asked) {
		if strings.HasSuffix(f.label, " ") { // FreeSWITCH pads these by hand
			b.WriteString(f.label + "\t" + oneLine(f.value) + "\n")
			continue
		}
		fmt.Fprintf(&b, "%-17s\t%s\n", f.label, oneLine(f.value))
	}
	return b.String()
}

func (c *Control) profileXML(p config.Profile, asked string) string {
	var b strings.Builder
	b.WriteString(xmlHead + "<profile>\n  <profile-info>\n")
	for _, f := range c.profileFields(p, asked) {
		fmt.Fprintf(&b, "    <%s>%s</%s>\n", f.tag, escapeXML(f.value), f.tag)
	}
	b.WriteString("  </profile-info>\n</profile>\n")
	return b.String()
}
