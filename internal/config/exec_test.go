package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program writes an executable script; the script is the test's, not the configuration's shell.
func program(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestExec(t *testing.T) {
	args := program(t, `for a in "$@"; do printf '[%s]' "$a"; done; echo`)
	element := program(t, `echo '<context name="from-program"><!-- c --><extension name="e"/></context>'`)
	for _, c := range []struct {
		name, instruction string
		check             func(*Snapshot) bool
		problem           string
	}{
		{"exec-set", `<X-PRE-PROCESS cmd="exec-set" data="v=` + args + ` one 'two three' &quot;four&quot;"/>`, func(s *Snapshot) bool { return s.Vars["v"] == "[one][two three][four]" }, ""},
		{"no shell", `<X-PRE-PROCESS cmd="exec-set" data="v=` + args + ` a;id $HOME ` + "`id`" + ` &gt;x *"/>`, func(s *Snapshot) bool { return s.Vars["v"] == "[a;id][$HOME][`id`][>x][*]" }, ""},
		{"exec", `<X-PRE-PROCESS cmd="exec" data="` + element + `"/>`, func(s *Snapshot) bool { return slices.Contains(s.Contexts, "from-program") }, ""},
		{"fails", `<X-PRE-PROCESS cmd="exec-set" data="v=` + program(t, "exit 3") + `"/>`, func(s *Snapshot) bool { return s.Vars["v"] == "" }, "exit status 3"},
		{"missing", `<X-PRE-PROCESS cmd="exec" data="/nosuch/program"/>`, func(s *Snapshot) bool { return true }, "no such file"},
		{"quote", `<X-PRE-PROCESS cmd="exec" data="a 'b"/>`, func(s *Snapshot) bool { return true }, "a quote is not closed"},
		{"nothing", `<X-PRE-PROCESS cmd="exec" data=" "/>`, func(s *Snapshot) bool { return true }, "there is no command"},
		{"too much", `<X-PRE-PROCESS cmd="exec-set" data="v=` + program(t, "head -c 3000000 /dev/zero") + `"/>`, func(s *Snapshot) bool { return s.Vars["v"] == "" }, "larger than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tree(t, map[string]string{"dialplan": `<context name="default"/>` + c.instruction})
			s, err := Load(Options{Dir: dir, AllowExec: true})
			if err != nil {
				t.Fatal(err)
			}
			if !c.check(s) {
				t.Errorf("vars %q contexts %q", s.Vars["v"], s.Contexts)
			}
			if c.problem == "" && len(s.Problems) > 0 || c.problem != "" && (len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Text, c.problem) || s.Problems[0].Line == 0) {
				t.Errorf("%v", s.Problems)
			}
			if s, err := Load(Options{Dir: dir}); err != nil || len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Text, "is refused") {
				t.Errorf("without leave: %v %v", err, s.Problems)
			}
		})
	}
}

func FuzzSplitCommand(f *testing.F) {
	f.Add(`a "b c" 'd"e' f`)
	f.Add(`''`)
	f.Fuzz(func(t *testing.T, s string) {
		argv, err := splitCommand(s)
		if err == nil && len(argv) == 0 {
			t.Error("no program and no error")
		}
		if !strings.ContainsAny(s, "\"'") && err == nil && !slices.Equal(argv, strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' })) && strings.ToValidUTF8(s, "") == s {
			t.Errorf("%q -> %q", s, argv)
		}
	})
}
