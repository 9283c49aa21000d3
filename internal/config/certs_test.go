package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/talkpath/talkpath/internal/fsxml"
)

func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) string {
		folder := filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte("pem"), 0o600); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	file := filepath.Join(write("wss.pem"), "wss.pem")
	broken := filepath.Join(dir, "broken")
	if err := os.MkdirAll(filepath.Join(broken, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("wss.pem", filepath.Join(broken, "wss.pem")); err != nil { // a link to itself
		t.Fatal(err)
	}
	for _, c := range []struct{ name, params, want string }{
		{"no TLS", param("tls-cert-dir", "/nosuch"), ""},
		{"missing folder", param("tls", "true") + param("tls-cert-dir", "/nosuch"), "warning: profile a: the folder of certificates /nosuch is not there"},
		{"missing folder of WSS", param("wss-binding", ":7443") + param("tls-cert-dir", "/nosuch"), "warning: profile a: the folder of certificates /nosuch is not there"},
		{"a file", param("tls", "true") + param("tls-cert-dir", file), "is no folder of certificates"},
		{"an empty folder", param("tls", "true") + param("tls-cert-dir", t.TempDir()), "neither wss.pem nor agent.pem"},
		{"wss.pem", param("tls", "true") + param("tls-cert-dir", write("wss.pem")), ""},
		{"agent.pem", param("tls", "true") + param("tls-cert-dir", write("agent.pem")), ""},
		{"unreadable", param("tls", "true") + param("tls-cert-dir", broken), "the certificate cannot be read"},
		{"the default", param("tls", "true"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Load(Options{Dir: tree(t, map[string]string{"profile": c.params})})
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" && len(s.Problems) > 0 || c.want != "" && (len(s.Problems) != 1 || !strings.Contains(s.Problems[0].String(), c.want) || s.Problems[0].Line != 5) {
				t.Errorf("%v", s.Problems)
			}
		})
	}
}

// FuzzConfiguration: whatever stands in the files an administrator edits most, loading ends without a panic, problems have places, and what is
// served is in order.
func FuzzConfiguration(f *testing.F) {
	f.Add(`<param name="sip-port" value="auto"/><param name="apply-inbound-acl" value="a:b:c"/>`, `<gateway name="g"><param name="register" value="false"/></gateway>`, `<list name="a" default="deny"><node type="allow" cidr="10.0.0.0/8,::/0"/><node domain="d"/></list>`, `<user id="1" cidr="1.2.3.4/5"><params><param name="password" value="1234"/></params></user>`)
	f.Add(`<param name="ws-binding" value="[::]:1"/>`, `</gateways><domains><domain name="all" alias="true" parse="true"/></domains><gateways>`, `<list name="b"><node host="1.2.3.4" mask="255.0.255.0" port="x" ports="1,2"/></list>`, `<user id="2" type="pointer"/><user/>`)
	f.Fuzz(func(t *testing.T, profile, gateways, lists, users string) {
		text := `<document><section name="configuration"><configuration name="sofia.conf"><profiles><profile name="a"><settings>` + profile + `</settings><gateways>` + gateways +
			`</gateways></profile></profiles></configuration><configuration name="acl.conf"><network-lists>` + lists + `</network-lists></configuration></section>
			<section name="directory"><domain name="d"><groups><group name="g"><users>` + users + `</users></group></groups></domain></section></document>`
		l := fsxml.Loader{FS: fstest.MapFS{"freeswitch.xml": {Data: []byte(text)}}, Defaults: builtins(Options{})}
		s, err := load(Options{}, l, "fuzz")
		if err != nil {
			return
		}
		for _, g := range s.Gateways {
			if strings.ContainsAny(g.RegisterURI()+g.FromURI()+g.ToURI(), "\r\n\x00<>") || g.Name == "" {
				t.Errorf("%+v", g)
			}
		}
		for _, d := range s.Directory.Domains() {
			for _, u := range d.Users {
				if found, ok := d.User(u.ID); !ok || found != u {
					t.Errorf("user %q is not found", u.ID)
				}
				u.Element(true)
			}
		}
		if err := Summarize(s, func(string) bool { return false }).WriteJSON(discard{}); err != nil {
			t.Error(err)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
