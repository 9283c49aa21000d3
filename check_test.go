package talkpath_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath"
	"github.com/talkpath/talkpath/internal/config"
)

// TestCheckReportsFunctions: ${name(args)} that stay empty are reported with their place, and so is a pattern that may take for ever.
func TestCheckReportsFunctions(t *testing.T) {
	dir := t.TempDir()
	text := `<document>
<section name="configuration"><configuration name="event_socket.conf"><settings><param name="password" value="long enough"/></settings></configuration>
<configuration name="sofia.conf"><profiles><profile name="a"><settings><param name="sip-ip" value="127.0.0.1"/></settings></profile></profiles></configuration></section>
<section name="dialplan"><context name="default"><extension name="x">
<condition field="${module_exists(mod_x)}" expression="true"/>
<condition field="destination_number" expression="^(?!0)(\d+)+$">
<action application="set" data="a=${lua(x.lua)} ${LUA(y.lua)} ${regex(1|1)} ${expand(echo x)} ${eval(1)}"/>
<action application="set" data="a=${reloadxml()}"/>
</condition></extension></context></section></document>`
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := talkpath.Check(talkpath.Config{ConfDir: dir, StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range report.Unsupported {
		if u.Kind == "function" {
			got = append(got, fmt.Sprintf("%s:%d %s (%s)", u.File, u.Line, u.Name, u.Note))
		}
	}
	want := []string{"freeswitch.xml:7 lua (no command of this name: it is empty)", "freeswitch.xml:8 reloadxml (a dialplan may not call this command)"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	reported := slices.ContainsFunc(report.Problems, func(f config.Finding) bool {
		return f.Line == 6 && strings.Contains(f.Text, "needs a backtracking engine")
	})
	if !reported {
		t.Errorf("the pattern is not reported: %+v", report.Problems)
	}
}

// TestCheckReportsSkinny: what the stock tree holds for Skinny phones is read and reported as not served.
func TestCheckReportsSkinny(t *testing.T) {
	dir := filepath.Join("..", "shared", "freeswitch-conf", "vanilla")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("FreeSWITCH's stock tree is not at %s", dir)
	}
	report, err := talkpath.Check(talkpath.Config{ConfDir: dir, StateDir: t.TempDir(), Set: map[string]string{"default_password": "a long one"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, app := range []string{"skinny-wait", "skinny-process", "skinny-drop"} {
		if !slices.ContainsFunc(report.Unsupported, func(u config.Unsupported) bool { return u.Kind == "application" && u.Name == app && u.Line > 0 }) {
			t.Errorf("%s is not reported", app)
		}
	}
	n := 0
	for _, x := range report.Extensions {
		if x.Context == "skinny-patterns" {
			n++
		}
	}
	if n != 6 {
		t.Errorf("%d extensions of skinny-patterns are reported", n)
	}
}
