package fsxml

import (
	"os"
	"path/filepath"
	"testing"
)

// stockTree is the folder of FreeSWITCH's stock configuration beside the repository; the test is skipped when it is not there.
func stockTree(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "freeswitch-conf", name)
	if _, err := os.Stat(filepath.Join(dir, "freeswitch.xml")); err != nil {
		t.Skipf("FreeSWITCH's stock tree is not at %s", dir)
	}
	return dir
}

func TestLoadStockTree(t *testing.T) {
	dir := stockTree(t, "vanilla")
	l := Loader{FS: os.DirFS(dir), Defaults: map[string]string{"local_ip_v4": "192.0.2.1", "sounds_dir": "/s"}}
	tree, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range tree.Problems {
		t.Log(p)
	}
	if got := tree.Vars["domain"]; got != "192.0.2.1" {
		t.Errorf("domain = %q", got)
	}
	if n := len(tree.Section("dialplan").Named("context", "default").All("extension")); n < 60 {
		t.Errorf("%d extensions in context default", n)
	}
	internal := tree.Configuration("sofia.conf").Find("profiles").Named("profile", "internal")
	if internal == nil || internal.File != "sip_profiles/internal.xml" || internal.Line != 1 {
		t.Errorf("profile internal: %+v", internal)
	}
}
