package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinksOutOfTheFolder: files and folders behind links that lead out of the tree are read and reported, once each; links within it are nothing.
func TestLinksOutOfTheFolder(t *testing.T) {
	other := t.TempDir()
	dir := tree(t, map[string]string{"profile": `<X-PRE-PROCESS cmd="include" data="one.xml"/><X-PRE-PROCESS cmd="include" data="many/*.xml"/><X-PRE-PROCESS cmd="include" data="inside.xml"/>`})
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(other, "out.xml"), `<include><param name="user-agent-string" value="from outside"/></include>`)
	write(filepath.Join(other, "a.xml"), `<include/>`)
	write(filepath.Join(other, "b.xml"), `<include/>`)
	write(filepath.Join(dir, "real.xml"), `<include/>`)
	for link, target := range map[string]string{"one.xml": filepath.Join(other, "out.xml"), "many": other, "inside.xml": "real.xml"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if s.Profiles[0].UserAgent != "from outside" {
		t.Errorf("the file behind the link was not read: %+v", s.Profiles[0].UserAgent)
	}
	var got []string
	for _, p := range s.Unsafe {
		if strings.Contains(p.Text, "link") {
			got = append(got, p.String())
		}
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], "one.xml:1: warning: one.xml is a link that leads out of the configuration folder, to ") || !strings.Contains(got[1], "warning: many is a link") {
		t.Errorf("%q", got)
	}
	t.Run("the folder itself is a link", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "conf")
		if err := os.Symlink(tree(t, nil), link); err != nil {
			t.Fatal(err)
		}
		s, err := Load(Options{Dir: link})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.Unsafe {
			t.Error(p)
		}
	})
}
