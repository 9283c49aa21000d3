package config

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// reportVars are the variables a report shows; of those that hold a secret it says only whether they are set.
var reportVars = [...]string{"domain", "local_ip_v4", "conf_dir", "certs_dir", "default_password", "esl_password"}

// Report prints what a snapshot holds, for people, and ends with a verdict. more are problems found elsewhere, as in the dialplan.
func Report(w io.Writer, s *Snapshot, more ...fsxml.Problem) error {
	return Summarize(s, nil, more...).WriteText(w)
}

// WriteText prints a summary for people.
func (m *Summary) WriteText(w io.Writer) error {
	s := m.snapshot
	var b strings.Builder
	fmt.Fprintf(&b, "Configuration   %s, %s\n", s.Source, count(len(s.Tree.Files), "file"))
	for _, name := range reportVars {
		if v, ok := s.Vars[name]; ok && v != "" {
			if strings.Contains(name, "password") {
				v = "(set)"
			}
			fmt.Fprintf(&b, "  %-16s  %s\n", name, v)
		}
	}
	b.WriteString("SIP profiles\n")
	for i := range s.Profiles {
		reportProfile(&b, &s.Profiles[i])
	}
	m.reportGateways(&b)
	c := s.Switch
	fmt.Fprintf(&b, "Media           one UDP port %s and TCP port %s for browsers, UDP ports %s to %s for phones\n", port(c.RTPMuxPort), port(c.RTPMuxTCPPort), port(c.RTPStart), port(c.RTPEnd))
	fmt.Fprintf(&b, "Limits          %d calls, %d new ones a second\n", c.MaxSessions, c.SessionsPerSecond)
	fmt.Fprintf(&b, "Event socket    %s port %s, open to %s\n", s.EventSocket.ListenIP, port(s.EventSocket.Port), orElse(s.EventSocket.ACL, "this machine"))
	fmt.Fprintf(&b, "Metrics, health %s port %s\n", s.Admin.ListenIP, port(s.Admin.Port))
	b.WriteString("Directory\n")
	for _, d := range s.Directory.Domains() {
		reportDomain(&b, d)
	}
	b.WriteString("Dialplan\n")
	for _, n := range s.DialplanNode.All("context") {
		fmt.Fprintf(&b, "  %-12s  %s\n", n.Attr("name"), count(len(n.All("extension")), "extension"))
	}
	if len(m.Served.Modules) > 0 {
		fmt.Fprintf(&b, "Modules         %s\n", strings.Join(m.Served.Modules, ", "))
	}
	m.reportUnsupported(&b)
	m.reportExtensions(&b)
	section(&b, "Unsafe", m.Unsafe)
	section(&b, "Problems", m.Problems)
	fmt.Fprintf(&b, "Verdict         %s\n", m.Verdict)
	_, err := io.WriteString(w, b.String())
	return err
}

func section(b *strings.Builder, title string, list []Finding) {
	if len(list) == 0 {
		return
	}
	b.WriteString(title + "\n")
	for _, f := range list {
		fmt.Fprintf(b, "  %s\n", f.text)
	}
}

func (m *Summary) reportGateways(b *strings.Builder) {
	if len(m.Served.Gateways) > 0 {
		b.WriteString("Gateways\n")
	}
	for _, g := range m.Served.Gateways {
		what := "without registration"
		if g.Register {
			what = "registers as " + g.Username
		}
		fmt.Fprintf(b, "  %-12s  profile %s, %s, %s\n", g.Name, g.Profile, g.Proxy, what)
	}
}

// reportUnsupported lists what is read and not served, by kind.
func (m *Summary) reportUnsupported(b *strings.Builder) {
	if len(m.Unsupported) == 0 && len(m.UnusedFiles) == 0 {
		return
	}
	b.WriteString("Read but not supported\n")
	for _, u := range m.Unsupported {
		note := ""
		if u.Note != "" {
			note = " (" + u.Note + ")"
		}
		fmt.Fprintf(b, "  %-12s %-44s %s:%d%s\n", u.Kind, u.Name, u.File, u.Line, note)
	}
	if len(m.UnusedFiles) > 0 {
		fmt.Fprintf(b, "  configuration of parts that are not served: %s\n", strings.Join(m.UnusedFiles, ", "))
	}
}

// reportExtensions lists the extensions that do not work, or not as a whole.
func (m *Summary) reportExtensions(b *strings.Builder) {
	if len(m.Extensions) > 0 {
		b.WriteString("Extensions that use an unsupported application (a call ends there)\n")
	}
	for _, e := range m.Extensions {
		fmt.Fprintf(b, "  %-12s %-28s %-34s %s:%d (%s)\n", e.Context, e.Name, e.Numbers, e.File, e.Line, strings.Join(e.Applications, ", "))
	}
}

func reportProfile(b *strings.Builder, p *Profile) {
	listen := []string{"udp and tcp " + p.SIPIP + " port " + port(p.SIPPort)}
	if p.TLSOnly && p.TLS {
		listen = []string{p.SIPIP}
	}
	if p.TLS {
		listen = append(listen, "tls port "+port(p.TLSPort))
	}
	if p.WSBinding != "" {
		listen = append(listen, "ws "+p.WSBinding)
	}
	if p.WSSBinding != "" {
		listen = append(listen, "wss "+p.WSSBinding)
	}
	auth := "calls need a password"
	if !p.AuthCalls {
		auth = "calls need no password"
	}
	fmt.Fprintf(b, "  %-12s  %s\n", p.Name, strings.Join(listen, ", "))
	fmt.Fprintf(b, "  %-12s  media %s, codecs %s, context %s, %s\n", "", mediaAddress(p), p.InboundCodecPrefs, p.Context, auth)
}

// mediaAddress says where peers send media.
func mediaAddress(p *Profile) string {
	switch {
	case p.ExtRTPIP != "":
		return p.RTPIP + ", " + p.ExtRTPIP + " for peers outside"
	case p.AskRTPIP != (Question{}):
		return p.RTPIP + ", what " + p.AskRTPIP.String() + " answers for peers outside"
	}
	return p.RTPIP
}

func reportDomain(b *strings.Builder, d *Domain) {
	ids := make([]string, len(d.Users))
	for i, u := range d.Users {
		ids[i] = u.ID
	}
	fmt.Fprintf(b, "  %-12s  %s: %s\n", d.Name, count(len(d.Users), "user"), runs(ids))
	for _, g := range d.Groups {
		fmt.Fprintf(b, "  %-12s  group %s: %s\n", "", g.Name, count(len(g.Users), "member"))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func port(n int) string {
	switch n {
	case 0:
		return "(any free)"
	case -1:
		return "(off)"
	}
	return strconv.Itoa(n)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// runs shortens consecutive numbers to 1000-1019 and a long list to its beginning.
func runs(ids []string) string {
	const most = 20
	var out []string
	for i := 0; i < len(ids); {
		j := i
		for n, err := strconv.Atoi(ids[i]); err == nil && j+1 < len(ids) && ids[j+1] == strconv.Itoa(n+j+1-i); {
			j++
		}
		if len(out) == most {
			return strings.Join(out, ", ") + " …"
		}
		if j > i {
			out = append(out, ids[i]+"-"+ids[j])
		} else {
			out = append(out, ids[i])
		}
		i = j + 1
	}
	return strings.Join(out, ", ")
}
