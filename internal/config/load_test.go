package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// secrets are what the program supplies beside the embedded tree.
func secrets() map[string]string {
	return map[string]string{"default_password": `p<&"'|`, "esl_password": "e", "local_ip_v4": "192.0.2.7", "state_dir": "/var/lib/talkpath"}
}

func TestEmbedded(t *testing.T) {
	s, err := Load(Options{Defaults: secrets()})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Problems {
		t.Error(p)
	}
	p, ok := s.Profile("internal")
	if !ok || len(s.Profiles) != 1 {
		t.Fatalf("profiles %+v", s.Profiles)
	}
	got := *p
	got.Params, got.File, got.Line = nil, "", 0
	want := Profile{Name: "internal", SIPIP: "0.0.0.0", RTPIP: "192.0.2.7", SIPPort: 5060, TLSPort: 5061, TLS: true, WSBinding: "0.0.0.0:5066", WSSBinding: "0.0.0.0:7443",
		CertDir: "/var/lib/talkpath/certs", Context: "public", Dialplan: "XML", AuthCalls: true, ChallengeRealm: "auto_to", ForceRegisterDomain: "192.0.2.7", ForceRegisterDBDomain: "192.0.2.7",
		InboundCodecPrefs: "OPUS,G722,PCMU,PCMA", OutboundCodecPrefs: "OPUS,G722,PCMU,PCMA", RTPTimeout: time.Minute, RTPHoldTimeout: 30 * time.Minute, NonceTTL: time.Minute,
		MultipleRegistrations: true, MaxRegistrationsPerExtension: 10}
	if g, w := line(got), line(want); g != w {
		t.Errorf("profile\ngot  %s\nwant %s", g, w)
	}
	if want := (EventSocket{ListenIP: "127.0.0.1", Port: 8021, Password: "e"}); !reflect.DeepEqual(s.EventSocket, want) {
		t.Errorf("event socket %+v", s.EventSocket)
	}
	if want := (Switch{Name: "localhost", MaxSessions: 2000, SessionsPerSecond: 200, RTPStart: 16384, RTPEnd: 32768, RTPMuxPort: 16383, RTPMuxTCPPort: 16383,
		Heartbeat: 20 * time.Second, DefaultDTMFDuration: 2000, MinDTMFDuration: 400, MaxDTMFDuration: 192000, MaxAudioChannels: 2}); !reflect.DeepEqual(s.Switch, want) {
		t.Errorf("switch %+v", s.Switch)
	}
	if !slices.Equal(s.Contexts, []string{"default", "public"}) {
		t.Errorf("contexts %q", s.Contexts)
	}
	checkUsers(t, s.Directory, "192.0.2.7", `p<&"'|`)
}

func line(p Profile) string {
	var b bytes.Buffer
	_ = Report(&b, &Snapshot{Tree: &fsxml.Tree{}, Directory: &Directory{}, DialplanNode: &fsxml.Node{}, Profiles: []Profile{p}})
	return b.String() + strings.Join([]string{p.CertDir, p.Dialplan, p.ChallengeRealm, p.ForceRegisterDomain, p.ForceRegisterDBDomain, p.OutboundCodecPrefs, p.ExtSIPIP, p.UserAgent,
		p.RTPTimeout.String(), p.RTPHoldTimeout.String(), p.NonceTTL.String(), strconv.FormatBool(p.MultipleRegistrations), strconv.Itoa(p.MaxRegistrationsPerExtension)}, "|")
}

// checkUsers holds what Rocket.Chat asks for: users 1000 to 1019, in order, in group default.
func checkUsers(t *testing.T, d *Directory, domain, password string) {
	t.Helper()
	x, ok := d.Domain(domain)
	if !ok {
		t.Fatalf("no domain %s", domain)
	}
	for i := range 20 {
		id := strconv.Itoa(1000 + i)
		if i >= len(x.Users) || x.Users[i].ID != id {
			t.Fatalf("user %d is not %s", i, id)
		}
		u, ok := d.User(id, domain+":7443")
		if !ok || u.Password() != password || u.Context() != "default" || u.Variable("effective_caller_id_name") != "Extension "+id ||
			u.Variable("effective_caller_id_number") != id || u.Variable("callgroup") != "techsupport" || u.Groups[0] != "default" || u.DialString() == "" {
			t.Errorf("user %s: %+v", id, u)
		}
	}
	if _, ok := d.User("1020", domain); ok {
		t.Error("there is a user 1020")
	}
}

func TestOverrides(t *testing.T) {
	s, err := Load(Options{
		Defaults: secrets(),
		Env:      []string{"TALKPATH_SET_wss_port=0", "TALKPATH_SET_esl_port=1", "TALKPATH_SET_domain=voip.example.com", "PATH=/bin", "TALKPATH_SET_=x"},
		Set:      map[string]string{"esl_port": "0", "admin_ip": "*", "admin_port": "off", "admin_pprof": "true", "ws_port": "off", "rtp_start_port": "0", "rtp_mux_tcp_port": "off", "sip_ip": "127.0.0.1", "ext_rtp_ip": "203.0.113.9", "default_password": "a&b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Problems {
		t.Error(p)
	}
	p := s.Profiles[0]
	if p.WSSBinding != "127.0.0.1:0" || p.WSBinding != "" || p.ExtRTPIP != "203.0.113.9" || p.ForceRegisterDomain != "voip.example.com" {
		t.Errorf("%+v", p)
	}
	if s.EventSocket.Port != 0 || s.Switch.RTPStart != 0 || s.Switch.RTPEnd != 0 || s.Switch.RTPMuxTCPPort != -1 {
		t.Errorf("%+v %+v", s.EventSocket, s.Switch)
	}
	if u, ok := s.Directory.User("1000", "VOIP.example.com"); !ok || u.Password() != "a&b" {
		t.Errorf("%+v", u)
	}
	if s.Admin != (Admin{ListenIP: "::", Port: -1, Pprof: true}) {
		t.Errorf("%+v", s.Admin)
	}
	if s.Vars["domain"] != "voip.example.com" || s.Vars["default_password"] != "a&b" {
		t.Errorf("%q", s.Vars)
	}
}

// tree writes a configuration folder that differs from a working one in the named parts.
func tree(t testing.TB, parts map[string]string) string {
	t.Helper()
	text := func(name, def string) string {
		if v, ok := parts[name]; ok {
			return v
		}
		return def
	}
	doc := "<document>\n<section name=\"configuration\">\n" +
		"<configuration name=\"switch.conf\"><settings>" + text("switch", "") + "</settings></configuration>\n" +
		"<configuration name=\"event_socket.conf\"><settings>" + text("esl", `<param name="password" value="pw"/>`) + "</settings></configuration>\n" +
		"<configuration name=\"sofia.conf\"><profiles>" + text("profiles", `<profile name="a"><settings>`+text("profile", "")+`</settings>`+text("gateways", "")+`</profile>`) + "</profiles></configuration>\n" + text("conf", "") +
		"</section>\n<section name=\"dialplan\">" + text("dialplan", `<context name="default"/>`) + "</section>\n" +
		"<section name=\"directory\">" + text("directory", "") + "</section>\n</document>"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func param(name, value string) string { return `<param name="` + name + `" value="` + value + `"/>` }

func TestProblems(t *testing.T) {
	user := func(id, rest string) string {
		return `<user id="` + id + `" ` + rest + `><params><param name="password" value="pw-` + id + `"/></params></user>`
	}
	domain := func(groups string) string { return `<domain name="d">` + groups + `</domain>` }
	group := func(name, users string) string {
		return `<groups><group name="` + name + `"><users>` + users + `</users></group></groups>`
	}
	for _, c := range []struct {
		name, part, text, want string
	}{
		{"port out of range", "profile", param("sip-port", "65536"), "freeswitch.xml:5: error: sip-port must be a number from 0 to 65535"},
		{"port no number", "switch", param("rtp-mux-port", "x"), "freeswitch.xml:3: error: rtp-mux-port must be a number"},
		{"range upside down", "switch", param("rtp-start-port", "20000") + param("rtp-end-port", "10000"), "error: the RTP ports 20000 to 10000"},
		{"mux in the range", "switch", param("rtp-mux-port", "20000"), "warning: rtp-mux-port 20000 lies within"},
		{"address", "profile", param("sip-ip", "localhost"), "error: sip-ip must be an IP address"},
		{"external address", "profile", param("ext-rtp-ip", "what ever"), "error: ext-rtp-ip must be an IP address, stun:SERVER or host:NAME"},
		{"STUN without server", "profile", param("ext-sip-ip", "stun:"), "error: ext-sip-ip must be an IP address, stun:SERVER or host:NAME"},
		{"STUN port", "profile", param("ext-sip-ip", "stun:stun.example.com:x"), "error: ext-sip-ip must be an IP address, stun:SERVER"},
		{"interface", "profile", param("sip-ip", "interface:ipv4/nosuch0"), `error: sip-ip: interface "nosuch0"`},
		{"binding", "profile", param("wss-binding", "7443x"), "error: wss-binding must be address:port"},
		{"binding address", "profile", param("wss-binding", "host:7443"), "error: wss-binding must be address:port"},
		{"two on one port", "profile", param("ws-binding", ":5060"), "error: profile a (ws-binding) wants port 5060, which profile a (sip-port) has"},
		{"event socket on a SIP port", "esl", param("listen-port", "5060") + param("password", "x"), "error: the event socket wants port 5060"},
		{"context", "profile", param("context", "nosuch"), `warning: profile a: the dialplan has no context "nosuch"`},
		{"dialplan", "profile", param("dialplan", "enum"), "warning: only the XML dialplan"},
		{"register domain", "profile", param("force-register-domain", "nosuch"), "warning: profile a: force-register-domain"},
		{"gateway", "gateways", `<gateways><gateway name="g"/></gateways>`, "error: gateway g registers but has no username; it is ignored"},
		{"profile twice", "profiles", `<profile name="a"/><profile name="a"/>`, `error: profile "a" stands at freeswitch.xml:5 already`},
		{"profile without name", "profiles", `<profile name="a"/><profile/>`, "error: a profile needs a name"},
		{"listen-ip", "esl", param("listen-ip", "x") + param("password", "y"), "error: listen-ip must be an IP address"},
		{"user twice", "directory", domain(group("g", user("1", "")+user("1", ""))), "freeswitch.xml:8: error: user 1@d is defined at freeswitch.xml:8 already"},
		{"user without id", "directory", domain(group("g", user("", ""))), "error: a user needs an id"},
		{"user with a separator", "directory", domain(group("g", user("1|2", ""))), `error: user id "1|2" holds a character`},
		{"unknown member", "directory", domain(group("g", `<user id="7" type="pointer"/>`)), `error: group "g" points to user "7"`},
		{"alias taken", "directory", domain(group("g", user("1", "")+user("2", `number-alias="1"`))), `warning: number-alias "1" of user 2 is taken by user 1`},
		{"no password", "directory", domain(group("g", `<user id="1"/>`)), "warning: user 1@d has neither password nor a1-hash"},
		{"unknown context", "directory", domain(group("g", `<user id="1"><params><param name="a1-hash" value="x"/></params><variables><variable name="user_context" value="zz"/></variables></user>`)), `warning: user 1: the dialplan has no context "zz"`},
		{"domain twice", "directory", `<domain name="d"/><domain name="D"/>`, `error: domain "D" stands in the directory already`},
		{"domain without name", "directory", `<domain/>`, "error: a domain needs a name"},
		{"group without name", "directory", domain(group("", user("1", ""))), "warning: a group without a name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Load(Options{Dir: tree(t, map[string]string{c.part: c.text})})
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].String(), c.want) {
				t.Errorf("%v", s.Problems)
			}
		})
	}
	if s, err := Load(Options{Dir: tree(t, nil)}); err != nil || len(s.Problems) > 0 {
		t.Errorf("the tree of this test has problems of its own: %v %v", err, s.Problems)
	}
}

func TestLoadFails(t *testing.T) {
	for _, c := range []struct {
		name, dir, want string
	}{
		{"no folder", filepath.Join(t.TempDir(), "nosuch"), "freeswitch.xml"},
		{"no profile", tree(t, map[string]string{"profiles": ""}), "no SIP profile"},
		{"broken XML", tree(t, map[string]string{"dialplan": "<context>"}), "freeswitch.xml:7: </section> where </context> is expected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Load(Options{Dir: c.dir}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestS15DefaultSecrets holds that a password everybody knows never guards a door that is open to others.
func TestS15DefaultSecrets(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[string]string
		want string // "" starts
	}{
		{"ClueCon on loopback", map[string]string{"esl_password": "ClueCon"}, ""},
		{"ClueCon on all addresses with the built-in list", map[string]string{"esl_password": "ClueCon", "esl_ip": "::"}, ""},
		{"ClueCon open to a network", map[string]string{"esl_password": "ClueCon", "esl_ip": "0.0.0.0", "esl_acl": "rfc1918.auto"}, "the event socket is reachable from outside"},
		{"own password open to a network", map[string]string{"esl_password": "x9", "esl_ip": "0.0.0.0", "esl_acl": "rfc1918.auto"}, ""},
		{"no event socket password", map[string]string{"esl_password": ""}, "the event socket has no password"},
		{"1234 on all addresses", map[string]string{"default_password": "1234"}, "20 users (1000 first) with the password 1234"},
		{"1234 on loopback", map[string]string{"default_password": "1234", "sip_ip": "127.0.0.1"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Load(Options{Defaults: secrets(), Set: c.set})
			if err != nil {
				t.Fatal(err)
			}
			r := s.Refused()
			if c.want == "" && len(r) > 0 || c.want != "" && (len(r) != 1 || !strings.Contains(r[0].Text, c.want)) {
				t.Errorf("%v", r)
			}
		})
	}
}

// TestS15GuessableUser holds that one user with a well-known password does not keep the server from starting, but stays out.
func TestS15GuessableUser(t *testing.T) {
	parts := map[string]string{"directory": `<domain name="d"><users><user id="1"><params><param name="password" value="password"/></params></user></users></domain>`,
		"profile": param("sip-ip", "192.0.2.1")}
	s, err := Load(Options{Dir: tree(t, parts)})
	if err != nil {
		t.Fatal(err)
	}
	u, ok := s.Directory.User("1", "d")
	if !ok || u.Password() != "" || len(s.Refused()) != 0 || len(s.Problems) != 1 || s.Problems[0].Severity != fsxml.Error {
		t.Errorf("%+v %v", u, s.Problems)
	}
}

func TestDirectoryInheritsAndKeepsOrder(t *testing.T) {
	s, err := Load(Options{Dir: tree(t, map[string]string{"directory": `<domain name="example.com">
		<params><param name="dial-string" value="DS"/><param name="x" value="domain"/></params>
		<variables><variable name="v1" value="domain"/><variable name="v2" value="domain"/></variables>
		<groups>
			<group name="sales"><users><user id="2" type="pointer"/><user id="1" type="pointer"/></users></group>
			<group name="default">
				<variables><variable name="v2" value="group"/><variable name="v3" value="group"/></variables>
				<users>
					<user id="1"><params><param name="password" value="a"/><param name="x" value="user"/></params><variables><variable name="v3" value="user"/><variable name="v4" value="user"/></variables></user>
					<user id="2" number-alias="Zwei" cidr="10.0.0.0/8"><params><param name="a1-hash" value="h"/></params></user>
				</users>
			</group>
		</groups>
		<users><user id="3"><params><param name="password" value="c"/></params></user></users>
	</domain>`})})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Problems {
		t.Error(p)
	}
	d := s.Directory.Domains()[0]
	var rows []string
	for _, m := range d.Members() {
		rows = append(rows, m.Group+" "+m.User.ID)
	}
	if want := []string{"sales 2", "sales 1", "default 1", "default 2", " 3"}; !slices.Equal(rows, want) {
		t.Errorf("rows %q", rows)
	}
	u, _ := s.Directory.User("1", "Example.COM")
	if want := (Pairs{{"v1", "domain"}, {"v2", "group"}, {"v3", "user"}, {"v4", "user"}}); !slices.Equal(u.Variables.Merged(), want) {
		t.Errorf("variables %v", u.Variables)
	}
	if want := (Pairs{{"dial-string", "DS"}, {"password", "a"}, {"x", "user"}}); !slices.Equal(u.Params.Merged(), want) {
		t.Errorf("params %v", u.Params)
	}
	if !slices.Equal(u.Groups, []string{"sales", "default"}) {
		t.Errorf("groups %q", u.Groups)
	}
	alias, ok := s.Directory.User("zwei", "example.com:5060")
	if !ok || alias.ID != "2" || alias.Password() != "" || alias.A1Hash() != "h" || alias.CIDR != "10.0.0.0/8" {
		t.Errorf("alias %+v", alias)
	}
	if three, ok := s.Directory.User("3", "example.com"); !ok || three.Variable("v2") != "domain" || len(three.Groups) != 0 {
		t.Errorf("user outside of groups %+v", three)
	}
	if _, ok := s.Directory.User("1", "other.example"); ok {
		t.Error("an unknown domain has users")
	}
	if g, ok := d.Group("SALES"); !ok || len(g.Users) != 2 {
		t.Errorf("group %+v", g)
	}
}

func TestReport(t *testing.T) {
	s, err := Load(Options{Defaults: secrets(), Set: map[string]string{"esl_port": "0"}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Report(&b, s, fsxml.Problem{File: "dialplan/x.xml", Line: 3, Severity: fsxml.Error, Text: "oops"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"embedded, 12 files", "domain            192.0.2.7", "default_password  (set)", "udp and tcp 0.0.0.0 port 5060, tls port 5061, ws 0.0.0.0:5066, wss 0.0.0.0:7443",
		"Metrics, health 127.0.0.1 port 9282", "127.0.0.1 port (any free), open to this machine", "20 users: 1000-1019", "group default: 20 members", "default       3 extensions", "dialplan/x.xml:3: error: oops",
		"Verdict         it starts, but part of it will not work: 1 error, 0 warnings",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), `p<&`) {
		t.Errorf("the password is in the report:\n%s", b.String())
	}
}
