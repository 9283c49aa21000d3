package config

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

func TestStockTree(t *testing.T) {
	s, err := Load(Options{Dir: stockTree(t, "vanilla"), Defaults: map[string]string{"local_ip_v4": "192.0.2.1"}, Set: map[string]string{"default_password": "own"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Refused() {
		t.Error(p)
	}
	checkUsers(t, s.Directory, "192.0.2.1", "own")
	for name, port := range map[string]int{"internal": 5060, "external": 5080} {
		if p, ok := s.Profile(name); !ok || p.SIPPort != port || p.SIPIP != "192.0.2.1" || p.Context != "public" {
			t.Errorf("profile %s: %+v", name, p)
		}
	}
	if s.Profiles[0].Name == "" || s.EventSocket.ListenIP != "::" || s.EventSocket.Port != 8021 || s.EventSocket.Password != "ClueCon" {
		t.Errorf("%+v", s.EventSocket)
	}
	d, _ := s.Directory.Domain("192.0.2.1")
	if n := len(d.Members()); n != 39 { // 24 users, 15 of them in a second group
		t.Errorf("%d rows of list_users", n)
	}
	for _, p := range s.Problems {
		t.Log(p)
	}
}
