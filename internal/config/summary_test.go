package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/fsxml"
)

func served(apps ...string) func(string) bool {
	return func(app string) bool { return slices.Contains(apps, app) }
}

func TestSummary(t *testing.T) {
	const plan = `<context name="default"><extension name="fine"><condition><action application="answer"/></condition></extension><extension name="e">
		<condition field="destination_number" expression="^4000$"><action application="Answer"/><action application="voicemail" data="x"/>
		<condition><anti-action application="fifo"/></condition></condition>
		<condition><action application="voicemail"/><action application="${app}"/><action application="bridge" data="loopback/app=ivr:x"/></condition></extension></context>`
	s, err := Load(Options{Dir: tree(t, map[string]string{"dialplan": plan, "esl": param("password", "ClueCon"), "profile": param("sip-capture", "yes") + param("sip-ip", "127.0.0.1"),
		"conf": `<configuration name="modules.conf"><modules><load module="mod_sofia"/><load module="mod_fifo.so"/><load module="mod_fifo"/></modules></configuration>` +
			`<configuration name="fifo.conf"/><configuration name="alsa.conf"/><configuration name="acl.conf"><network-lists><list name="l"/></network-lists></configuration>`})})
	if err != nil {
		t.Fatal(err)
	}
	m := Summarize(s, served("answer", "bridge"), fsxml.Problem{File: "x.xml", Line: 3, Severity: fsxml.Error, Text: "from the dialplan"})
	var rows []string
	for _, u := range m.Unsupported {
		rows = append(rows, u.Kind+" "+u.Name)
		if u.File == "" || u.Line == 0 {
			t.Errorf("%+v has no place", u)
		}
	}
	if want := []string{"application voicemail", "application fifo", "module mod_fifo", "parameter profile/sip-capture"}; !slices.Equal(rows, want) {
		t.Errorf("got  %q\nwant %q", rows, want)
	}
	if want := (LameExtension{"default", "e", "^4000$", []string{"voicemail", "fifo", "ivr"}, "freeswitch.xml", 7}); len(m.Extensions) != 1 || !reflect.DeepEqual(m.Extensions[0], want) {
		t.Errorf("extensions %+v", m.Extensions)
	}
	if !slices.Equal(m.UnusedFiles, []string{"fifo.conf"}) || !slices.Equal(m.Served.Applications, []string{"answer", "bridge"}) || !slices.Equal(m.Served.Modules, []string{"mod_sofia"}) || !slices.Equal(m.Served.AccessLists, []string{"l"}) {
		t.Errorf("%q %+v", m.UnusedFiles, m.Served)
	}
	if len(m.Unsafe) != 1 || !strings.Contains(m.Unsafe[0].Text, "password everybody knows") || len(m.Problems) != 1 || m.ExitCode != 1 {
		t.Errorf("unsafe %v problems %v exit %d", m.Unsafe, m.Problems, m.ExitCode)
	}
	var text, again bytes.Buffer
	if err := m.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Read but not supported\n", "\n  default      e                            ^4000$ ", ":7 (voicemail, fifo, ivr)\n", "application  voicemail ", "Unsafe\n  freeswitch.xml:4: warning: the event socket", "Problems\n  x.xml:3: error: from the dialplan\n", "Verdict         it starts, but part of it will not work: 1 error, 1 warning; 4 not supported\n", "Modules         mod_sofia\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if err := m.WriteJSON(&again); err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(again.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"source", "files", "served", "unsupported", "unused_files", "unsafe", "problems", "verdict", "exit_code"} {
		if back[key] == nil {
			t.Errorf("JSON has no %s", key)
		}
	}
	if strings.Contains(again.String(), "null") {
		t.Errorf("an empty list is null:\n%s", again.String())
	}
}

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[string]string
		want int
	}{
		{"fine", nil, 0},
		{"refused", map[string]string{"esl_password": ""}, 2},
		{"partly", map[string]string{"rtp_start_port": "x"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Load(Options{Defaults: secrets(), Set: c.set})
			if err != nil {
				t.Fatal(err)
			}
			if m := Summarize(s, nil); m.ExitCode != c.want {
				t.Errorf("%d %s %v", m.ExitCode, m.Verdict, s.Problems)
			}
			var b bytes.Buffer
			if err := ReportJSON(&b, s); err != nil || !json.Valid(b.Bytes()) {
				t.Errorf("%v %s", err, b.String())
			}
		})
	}
}

// TestEmbeddedIsWholeServed: the tree the binary carries asks for nothing that is not there.
func TestEmbeddedIsWholeServed(t *testing.T) {
	s, err := Load(Options{Defaults: secrets()})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range s.Unsupported {
		t.Errorf("%s:%d: %s %s", u.File, u.Line, u.Kind, u.Name)
	}
	if len(s.Unsafe) > 0 {
		t.Errorf("%v", s.Unsafe)
	}
}

func TestOpenContext(t *testing.T) {
	action := func(app, data string) string {
		return `<action application="` + app + `" data="` + data + `"/>`
	}
	extension := func(pattern, actions string) string {
		return `<extension name="e"><condition field="destination_number" expression="` + pattern + `">` + actions + `</condition></extension>`
	}
	const out = `<context name="out"><extension name="o"><condition field="destination_number" expression="^(\d{10,})$"><action application="bridge" data="sofia/gateway/carrier/$1"/></condition></extension></context>`
	for _, c := range []struct {
		name, profile, plan string
		open                bool
	}{
		{"users only", "", `<context name="default">` + extension("^(.*)$", action("bridge", "user/$1")) + `</context>`, false},
		{"gateway", "", `<context name="default">` + extension(`^(\+?\d+)$`, action("set", "x=1")+action("bridge", "sofia/gateway/carrier/$1")) + `</context>`, true},
		{"gateway for one internal number", "", `<context name="default">` + extension(`^1000$`, action("bridge", "sofia/gateway/carrier/1000")) + `</context>`, false},
		{"foreign address", "", `<context name="default">` + extension(`^(.*)$`, action("bridge", "{a=b}sofia/external/$1@carrier.example")) + `</context>`, true},
		{"own address", "", `<context name="default">` + extension(`^(.*)$`, action("bridge", "sofia/internal/$1@${domain_name}")) + `</context>`, false},
		{"by transfer", "", `<context name="default">` + extension(`^9?(\d+)$`, action("transfer", "$1 XML out")) + `</context>` + out, true},
		{"by transfer of local numbers", "", `<context name="default">` + extension(`^(10[01][0-9])$`, action("transfer", "$1 XML out")) + `</context>` + out, false},
		{"transfers in a circle", "", `<context name="default">` + extension(`^(.*)$`, action("transfer", "$1 XML default")) + `</context>`, false},
		{"a thousand transfers in a circle", "", `<context name="default">` + strings.Repeat(extension(`^(\d+)$`, action("transfer", "${x} XML out")+action("transfer", "1$1 XML default")+action("transfer", "2$1 XML default")), 1000) + `</context>`, false},
		{"with a password", param("auth-calls", "true"), `<context name="default">` + extension(`^(.*)$`, action("bridge", "sofia/gateway/c/$1")) + `</context>`, false},
		{"any password", param("auth-calls", "true") + param("accept-blind-auth", "true"), `<context name="default">` + extension(`^(.*)$`, action("bridge", "sofia/gateway/c/$1")) + `</context>`, true},
		{"with an access list", param("apply-inbound-acl", "rfc1918.auto"), `<context name="default">` + extension(`^(.*)$`, action("bridge", "sofia/gateway/c/$1")) + `</context>`, false},
		{"on loopback", param("sip-ip", "127.0.0.1"), `<context name="default">` + extension(`^(.*)$`, action("bridge", "sofia/gateway/c/$1")) + `</context>`, false},
		{"nested", "", `<context name="default"><extension name="e"><condition field="caller_id_number" expression="^1$"><condition field="destination_number" expression="^(.*)$">` + action("bridge", "sofia/gateway/c/$1") + `</condition></condition></extension></context>`, true},
		{"any of several", "", `<context name="default"><extension name="e"><condition regex="any"><regex field="destination_number" expression="^1$"/><regex field="destination_number" expression="^(\d+)$"/>` + action("bridge", "sofia/gateway/c/$1") + `</condition></extension></context>`, true},
		{"all of several", "", `<context name="default"><extension name="e"><condition regex="all"><regex field="destination_number" expression="^1$"/><regex field="destination_number" expression="^(\d+)$"/>` + action("bridge", "sofia/gateway/c/$1") + `</condition></extension></context>`, false},
		{"look-ahead", "", `<context name="default">` + extension(`^(?!1)(\d+)$`, action("bridge", "sofia/gateway/c/$1")) + `</context>`, true},
		{"after a failed condition", "", `<context name="default"><extension name="e"><condition field="destination_number" expression="^1$" break="never"/><condition>` + action("bridge", "sofia/gateway/c/1") + `</condition></extension></context>`, true},
		{"broken pattern", "", `<context name="default">` + extension(`^(`, action("bridge", "sofia/gateway/c/$1")) + `</context>`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Load(Options{Dir: tree(t, map[string]string{"profile": param("sip-ip", "192.0.2.1") + param("auth-calls", "false") + c.profile, "dialplan": c.plan})})
			if err != nil {
				t.Fatal(err)
			}
			if open := len(s.Unsafe) == 1 && strings.Contains(s.Unsafe[0].Text, "reaches other networks") && s.Unsafe[0].Line > 0; open != c.open {
				t.Errorf("%v", s.Unsafe)
			}
		})
	}
}

// TestManyProblems: a tree cannot fill the memory with what is wrong with it, and no reason to refuse it gets lost.
func TestManyProblems(t *testing.T) {
	s, err := Load(Options{Dir: tree(t, map[string]string{"esl": "", "directory": `<domain name="d">` + strings.Repeat(`<user id="x"/>`, 3000) + `</domain>`,
		"profile": param("sip-ip", "192.0.2.1") + param("accept-blind-reg", "true")})})
	if err != nil {
		t.Fatal(err)
	}
	last := s.Problems[len(s.Problems)-1].Text
	if len(s.Problems) > maxProblems+5 || len(s.Refused()) != 1 || len(s.Unsafe) != 2 || !strings.HasSuffix(last, "more problems not listed") {
		t.Errorf("%d problems, %v, the last %q", len(s.Problems), s.Refused(), last)
	}
	s, err = Load(Options{Dir: tree(t, map[string]string{"profile": param("sip-ip", "192.0.2.1") + param("accept-blind-reg", "true")})})
	if err != nil || len(s.Unsafe) != 1 || !strings.Contains(s.Unsafe[0].Text, "register as any user") {
		t.Errorf("%v %v", err, s.Unsafe)
	}
}

// TestStockSummary: what the stock tree asks for and does not get is said once, and its contexts are closed.
func TestStockSummary(t *testing.T) {
	s, err := Load(Options{Dir: stockTree(t, "vanilla"), Defaults: map[string]string{"local_ip_v4": "192.0.2.1", "local_ip_v6": "2001:db8::1"}, Set: map[string]string{"default_password": "own"}})
	if err != nil {
		t.Fatal(err)
	}
	m := Summarize(s, served("set", "bridge", "answer"))
	seen := map[string]bool{}
	for _, u := range m.Unsupported {
		if key := u.Kind + " " + u.Name; seen[key] || u.File == "" || u.Line == 0 {
			t.Errorf("%+v: twice, or without place", u)
		}
		seen[u.Kind+" "+u.Name] = true
	}
	for _, want := range []string{"module mod_voicemail", "module mod_conference", "application conference", "application voicemail"} {
		if !seen[want] {
			t.Errorf("%s is not reported", want)
		}
	}
	for _, not := range []string{"module mod_sofia", "application bridge", "parameter profile/context", "parameter profile/dbname"} {
		if seen[not] {
			t.Errorf("%s is reported", not)
		}
	}
	for _, p := range m.Unsafe {
		if strings.Contains(p.Text, "reaches other networks") {
			t.Errorf("%s", p.Text)
		}
	}
	if len(m.Served.Profiles) != 4 || len(m.Served.Gateways) != 1 || m.ExitCode == 2 {
		t.Errorf("%+v exit %d", m.Served.Profiles, m.ExitCode)
	}
}
