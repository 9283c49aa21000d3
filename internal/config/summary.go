package config

import (
	"encoding/json"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Summary is what a check of a configuration tells, for people (WriteText) and for programs (WriteJSON).
type Summary struct {
	Source      string          `json:"source"`
	Files       int             `json:"files"`
	Served      Served          `json:"served"`
	Unsupported []Unsupported   `json:"unsupported"`  // read and not served, each once
	Extensions  []LameExtension `json:"extensions"`   // that use an application which is not served
	UnusedFiles []string        `json:"unused_files"` // <configuration> elements of modules that are not served
	Unsafe      []Finding       `json:"unsafe"`
	Problems    []Finding       `json:"problems"` // all others
	Verdict     string          `json:"verdict"`
	ExitCode    int             `json:"exit_code"` // 0 fine, 1 it starts but part of it will not work, 2 it does not start

	snapshot *Snapshot
}

// Served is what works with a configuration.
type Served struct {
	Profiles     []ServedProfile `json:"profiles"`
	Gateways     []ServedGateway `json:"gateways"`
	EventSocket  string          `json:"event_socket"`
	Admin        string          `json:"admin"` // "" = off
	Media        ServedMedia     `json:"media"`
	MaxSessions  int             `json:"max_sessions"`
	PerSecond    int             `json:"sessions_per_second"`
	Domains      []ServedDomain  `json:"domains"`
	Contexts     []ServedContext `json:"contexts"`
	AccessLists  []string        `json:"access_lists"` // of acl.conf
	Modules      []string        `json:"modules"`
	Applications []string        `json:"applications"` // that the dialplan uses; empty when nobody said which are served
}

// ServedProfile is a SIP profile with its addresses.
type ServedProfile struct {
	Name      string   `json:"name"`
	Listen    []string `json:"listen"` // "udp 192.0.2.1:5060"
	Context   string   `json:"context"`
	Codecs    []string `json:"codecs"`
	AuthCalls bool     `json:"auth_calls"`
	Aliases   []string `json:"aliases"`
}

// ServedGateway is an account at another server.
type ServedGateway struct {
	Name     string `json:"name"`
	Profile  string `json:"profile"`
	Proxy    string `json:"proxy"`
	Username string `json:"username"`
	Register bool   `json:"register"`
}

// ServedMedia is the ports of media; 0 = any free one, -1 = off.
type ServedMedia struct {
	MuxUDP int `json:"mux_udp"`
	MuxTCP int `json:"mux_tcp"`
	First  int `json:"first"`
	Last   int `json:"last"`
}

// ServedDomain is a domain of the directory.
type ServedDomain struct {
	Name   string         `json:"name"`
	Users  int            `json:"users"`
	Groups map[string]int `json:"groups"` // members of each
}

// ServedContext is a context of the dialplan.
type ServedContext struct {
	Name       string `json:"name"`
	Extensions int    `json:"extensions"`
}

// Finding is a problem at its place.
type Finding struct {
	Severity string `json:"severity"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Text     string `json:"text"`

	text string
}

// Summarize collects what there is to tell. served says whether the dialplan application of a name, in lower case, is there; nil leaves applications
// out. more are problems found elsewhere, as in the dialplan.
func Summarize(s *Snapshot, served func(app string) bool, more ...fsxml.Problem) *Summary {
	m := &Summary{Source: s.Source, snapshot: s, Unsupported: []Unsupported{}, Extensions: []LameExtension{}, UnusedFiles: unusedFiles(s), Unsafe: []Finding{}, Problems: []Finding{}}
	if s.Tree != nil {
		m.Files = len(s.Tree.Files)
	}
	m.Served = Served{
		EventSocket: net.JoinHostPort(s.EventSocket.ListenIP, strconv.Itoa(s.EventSocket.Port)), MaxSessions: s.Switch.MaxSessions, PerSecond: s.Switch.SessionsPerSecond,
		Media:    ServedMedia{s.Switch.RTPMuxPort, s.Switch.RTPMuxTCPPort, s.Switch.RTPStart, s.Switch.RTPEnd},
		Profiles: []ServedProfile{}, Gateways: []ServedGateway{}, Domains: []ServedDomain{}, Contexts: []ServedContext{},
		AccessLists: []string{}, Modules: []string{}, Applications: []string{},
	}
	if s.Admin.Port >= 0 {
		m.Served.Admin = net.JoinHostPort(s.Admin.ListenIP, strconv.Itoa(s.Admin.Port))
	}
	m.serve(s)
	m.Unsupported = append(m.Unsupported, s.Unsupported...)
	if served != nil {
		apps := Applications(s.DialplanNode)
		m.Unsupported = append(m.Unsupported, notServed(apps, served)...)
		m.Extensions = lameExtensions(s.DialplanNode, served)
		for _, a := range apps {
			if served(strings.ToLower(a.Name)) {
				m.Served.Applications = append(m.Served.Applications, a.Name)
			}
		}
		slices.Sort(m.Served.Applications)
	}
	slices.SortStableFunc(m.Unsupported, func(a, b Unsupported) int { return strings.Compare(a.Kind, b.Kind) })
	m.judge(append(s.Problems[:len(s.Problems):len(s.Problems)], more...))
	return m
}

// serve fills in what works.
func (m *Summary) serve(s *Snapshot) {
	v := &m.Served
	for i := range s.Profiles {
		p := &s.Profiles[i]
		v.Profiles = append(v.Profiles, ServedProfile{Name: p.Name, Listen: listens(p), Context: p.Context,
			Codecs: append([]string{}, splitList(p.InboundCodecPrefs)...), AuthCalls: p.AuthCalls, Aliases: append([]string{}, s.ProfileAliases(p)...)})
	}
	for _, g := range s.Gateways {
		v.Gateways = append(v.Gateways, ServedGateway{g.Name, g.Profile, g.Proxy, g.Username, g.Register})
	}
	for _, d := range s.Directory.Domains() {
		x := ServedDomain{Name: d.Name, Users: len(d.Users), Groups: map[string]int{}}
		for _, g := range d.Groups {
			x.Groups[g.Name] += len(g.Users)
		}
		v.Domains = append(v.Domains, x)
	}
	for _, n := range s.DialplanNode.All("context") {
		v.Contexts = append(v.Contexts, ServedContext{n.Attr("name"), len(n.All("extension"))})
	}
	builtin := builtinACLs(nil)
	for name := range s.acls {
		if builtin[name] == nil {
			v.AccessLists = append(v.AccessLists, name)
		}
	}
	slices.Sort(v.AccessLists)
	for _, x := range s.Modules {
		if x.Served {
			v.Modules = append(v.Modules, x.Name)
		}
	}
}

func listens(p *Profile) []string {
	at := func(transport string, port int) string {
		return transport + " " + net.JoinHostPort(p.SIPIP, strconv.Itoa(port))
	}
	list := []string{at("udp", p.SIPPort), at("tcp", p.SIPPort)}
	if p.TLSOnly && p.TLS {
		list = nil
	}
	if p.TLS {
		list = append(list, at("tls", p.TLSPort))
	}
	for _, b := range [][2]string{{"ws", p.WSBinding}, {"wss", p.WSSBinding}} {
		if b[1] != "" {
			list = append(list, b[0]+" "+b[1])
		}
	}
	return list
}

func splitList(s string) []string {
	var list []string
	for _, x := range strings.Split(s, ",") {
		if x = strings.TrimSpace(x); x != "" {
			list = append(list, x)
		}
	}
	return list
}

// judge sorts problems into unsafe ones and others, and passes sentence.
func (m *Summary) judge(problems []fsxml.Problem) {
	unsafe := map[fsxml.Problem]bool{}
	for _, p := range m.snapshot.Unsafe {
		unsafe[p] = true
	}
	var n [fsxml.Refusal + 1]int
	for _, p := range problems {
		n[p.Severity]++
		f := Finding{p.Severity.String(), p.File, p.Line, p.Text, p.String()}
		if unsafe[p] || p.Severity == fsxml.Refusal {
			m.Unsafe = append(m.Unsafe, f)
		} else {
			m.Problems = append(m.Problems, f)
		}
	}
	what := count(n[fsxml.Error], "error") + ", " + count(n[fsxml.Warning], "warning")
	switch {
	case n[fsxml.Refusal] > 0:
		m.Verdict, m.ExitCode = "refused to start for "+count(n[fsxml.Refusal], "reason")+"; "+what, 2
	case n[fsxml.Error] > 0, len(m.Extensions) > 0:
		m.Verdict, m.ExitCode = "it starts, but part of it will not work: "+what, 1
	default:
		m.Verdict = "fine: " + what
	}
	if k := len(m.Unsupported); k > 0 {
		m.Verdict += "; " + strconv.Itoa(k) + " not supported"
	}
}

// WriteJSON prints a summary for programs.
func (m *Summary) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(m)
}

// ReportJSON is Report for programs.
func ReportJSON(w io.Writer, s *Snapshot, more ...fsxml.Problem) error {
	return Summarize(s, nil, more...).WriteJSON(w)
}

// usedFiles are the <configuration> elements that are read.
const usedFiles = "admin.conf json_cdr.conf cdr_csv.conf switch.conf event_socket.conf acl.conf sofia.conf modules.conf pre_load_modules.conf post_load_modules.conf"

// silentFiles configure what is served without a file: nothing of them is missed.
const silentFiles = "console.conf logfile.conf syslog.conf timezones.conf local_stream.conf opus.conf db.conf hash.conf sndfile.conf msrp.conf"

// unusedFiles lists the <configuration> elements nobody reads, of modules that the tree loads.
func unusedFiles(s *Snapshot) []string {
	list := []string{}
	known := words(usedFiles, silentFiles)
	loaded := map[string]bool{}
	for _, m := range s.Modules {
		loaded[m.Name] = true
	}
	for _, n := range s.Tree.Section("configuration").All("configuration") {
		name := n.Attr("name")
		if stem := strings.TrimSuffix(name, ".conf"); !known[name] && name != "" && (len(loaded) == 0 || loaded["mod_"+stem]) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// ProfileAliases are a profile's other names.
func (s *Snapshot) ProfileAliases(p *Profile) []string { return p.Aliases }
