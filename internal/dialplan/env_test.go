package dialplan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// fakeEnv is a call with a few variables. Names in wire came from outside.
type fakeEnv struct {
	vars map[string]string
	wire map[string]string
}

func (e fakeEnv) Var(name string) (Value, bool) {
	if v, ok := e.wire[name]; ok {
		return Value{v, true}, true
	}
	v, ok := e.vars[name]
	return Value{Text: v}, ok
}

func (e fakeEnv) Func(name, args string) (string, bool) {
	if name == "unknown" {
		return "", false
	}
	return name + "<" + args + ">", true
}

// dialing is a call from a user to number.
func dialing(number string) fakeEnv {
	return fakeEnv{
		vars: map[string]string{"domain_name": "example.com", "empty": ""},
		wire: map[string]string{"destination_number": number, "caller_id_name": "Eve ${domain_name}", "caller_id_number": "1000"},
	}
}

// sectionOf reads a section "dialplan".
func sectionOf(t testing.TB, text string) *fsxml.Node {
	t.Helper()
	tree, err := (&fsxml.Loader{FS: fstest.MapFS{"freeswitch.xml": {Data: []byte("<document><section name=\"dialplan\">" + text + "</section></document>")}}}).Load()
	if err != nil {
		t.Fatal(err)
	}
	return tree.Section("dialplan")
}

func compileXML(t testing.TB, text string) (*Plan, []fsxml.Problem) {
	t.Helper()
	return Compile(sectionOf(t, text))
}

func loadTree(t testing.TB, dir string, set map[string]string) *Plan {
	t.Helper()
	tree, err := (&fsxml.Loader{FS: os.DirFS(dir), Defaults: set}).Load()
	if err != nil {
		t.Fatal(err)
	}
	p, problems := Compile(tree.Section("dialplan"))
	for _, x := range problems {
		t.Error(x)
	}
	return p
}

// stockTree is the folder of FreeSWITCH's stock configuration beside the repository; the test is skipped when it is not there.
func stockTree(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "freeswitch-conf", name)
	if _, err := os.Stat(filepath.Join(dir, "freeswitch.xml")); err != nil {
		t.Skipf("FreeSWITCH's stock tree is not at %s", dir)
	}
	return dir
}

// script is what a result executes, one "app data" each.
func script(r Result, env Env) []string {
	var all []string
	for _, a := range r.Actions {
		all = append(all, strings.TrimSpace(a.App+" "+a.Data.Expand(env).String()))
	}
	return all
}
