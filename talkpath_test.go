package talkpath_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath"
	"github.com/talkpath/talkpath/esl"
)

// ephemeral is a configuration that takes free ports of the loopback interface.
func ephemeral(t *testing.T) talkpath.Config {
	return talkpath.Config{StateDir: t.TempDir(), Set: map[string]string{
		"domain": "127.0.0.1", "local_ip_v4": "127.0.0.1", "sip_ip": "127.0.0.1",
		"internal_sip_port": "0", "internal_tls_port": "0", "ws_port": "0", "wss_port": "0", "esl_port": "0", "admin_port": "0",
		"rtp_mux_port": "0", "rtp_mux_tcp_port": "0", "rtp_start_port": "0", "rtp_end_port": "0",
	}}
}

// run starts a server and waits until it is ready; stopped gets what Run returned.
func run(t *testing.T, cfg talkpath.Config) (srv *talkpath.Server, stopped chan error) {
	t.Helper()
	srv, err := talkpath.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	stopped = make(chan error, 1)
	go func() { stopped <- srv.Run(ctx) }()
	select {
	case <-srv.Ready():
	case err := <-stopped:
		t.Fatal(err)
	case <-time.After(10 * time.Second):
		t.Fatal("not ready")
	}
	return srv, stopped
}

func TestServerLife(t *testing.T) {
	srv, stopped := run(t, ephemeral(t))
	if err := srv.Run(t.Context()); !errors.Is(err, talkpath.ErrRunning) {
		t.Errorf("a second Run: %v", err)
	}
	out, err := srv.Execute(t.Context(), "show channels count")
	if err != nil || strings.TrimSpace(out) != "0 total." {
		t.Errorf("Execute: %q, %v", out, err)
	}

	// Events sees what a command announces. The command goes again until the subscription is there.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	seen := make(chan error, 1)
	go func() {
		seen <- srv.Events(ctx, []string{"API"}, func(e *esl.Event) bool { return e.Value("API-Command") != "echo" })
	}()
	for done := false; !done; {
		if _, err := srv.Execute(ctx, "echo hello"); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-seen:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-time.After(10 * time.Millisecond):
		}
	}

	if err := srv.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := srv.Execute(ctx, "status"); !errors.Is(err, talkpath.ErrNotRunning) {
		t.Errorf("Execute after the end: %v", err)
	}
}

func TestAnnounce(t *testing.T) {
	cfg := ephemeral(t)
	cfg.Environ = []string{"TALKPATH_READY_JSON=1"}
	srv, _ := run(t, cfg)
	var out bytes.Buffer
	srv.Announce(&out)
	text := out.String()
	machine := text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]
	var at struct{ Page, WSS, SIP, TCP, TLS, ESL, Password string }
	if err := json.Unmarshal([]byte(machine), &at); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	for _, want := range []string{at.Page, at.WSS, at.SIP, at.TCP, at.TLS, at.ESL, at.Password, "1000 … 1019"} {
		if want == "" || strings.HasSuffix(want, ":0") || !strings.Contains(text, want) {
			t.Errorf("%q is not announced in:\n%s", want, text)
		}
	}
}

func TestPortInUse(t *testing.T) {
	srv, _ := run(t, ephemeral(t))
	_, port, _ := strings.Cut(srv.Addresses().ESL, ":")
	cfg := ephemeral(t)
	cfg.Set["esl_port"] = port
	second, err := talkpath.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("Run on a port that is taken: %v", err)
	}
}

func TestUnsafeIsRefused(t *testing.T) {
	tests := []struct {
		name string
		set  map[string]string
		safe bool
	}{
		{"ClueCon on loopback", map[string]string{"esl_password": "ClueCon"}, true},
		{"ClueCon for everyone", map[string]string{"esl_password": "ClueCon", "esl_ip": "0.0.0.0", "esl_acl": "any_v4.auto"}, false},
		{"no event socket password", map[string]string{"esl_password": ""}, false},
		{"1234 on loopback", map[string]string{"default_password": "1234"}, true},
		{"1234 for everyone", map[string]string{"default_password": "1234", "sip_ip": "0.0.0.0"}, false},
		{"good ones for everyone", map[string]string{"sip_ip": "0.0.0.0", "esl_ip": "0.0.0.0"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := ephemeral(t)
			for name, value := range test.set {
				cfg.Set[name] = value
			}
			_, err := talkpath.New(cfg)
			if test.safe != (err == nil) || !test.safe && !errors.Is(err, talkpath.ErrUnsafe) {
				t.Errorf("New: %v", err)
			}
		})
	}
}

func TestCheckAndReload(t *testing.T) {
	dir := t.TempDir()
	tree := func(domain string) {
		text := `<document type="freeswitch/xml">
<section name="configuration">
  <configuration name="event_socket.conf"><settings><param name="listen-ip" value="127.0.0.1"/><param name="listen-port" value="0"/><param name="password" value="long enough"/></settings></configuration>
  <configuration name="sofia.conf"><profiles><profile name="internal"><settings><param name="sip-ip" value="127.0.0.1"/><param name="rtp-ip" value="127.0.0.1"/><param name="sip-port" value="0"/></settings></profile></profiles></configuration>
</section>
<section name="directory"><domain name="` + domain + `"><user id="7"/></domain></section>
<section name="dialplan"><context name="default"/></section>
</document>`
		if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree("first.example.org")
	cfg := talkpath.Config{ConfDir: dir, StateDir: t.TempDir()}
	report, err := talkpath.Check(cfg)
	if err != nil || report.ExitCode != 0 || report.Served.Domains[0].Name != "first.example.org" {
		t.Errorf("Check: %v\n%+v", err, report)
	}
	srv, _ := run(t, cfg)
	exists := func(domain string) string {
		out, err := srv.Execute(t.Context(), "domain_exists "+domain)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	tree("second.example.org")
	if out, err := srv.Execute(t.Context(), "reloadxml"); err != nil || !strings.HasPrefix(out, "+OK") {
		t.Errorf("reloadxml: %q, %v", out, err)
	}
	if exists("second.example.org") != "true" || exists("first.example.org") != "false" {
		t.Error("reloadxml did not change the directory")
	}
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte("<document>\n<section name="), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := srv.Execute(t.Context(), "reloadxml"); !strings.HasPrefix(out, "-ERR") || !strings.Contains(out, "freeswitch.xml:2") {
		t.Errorf("a broken tree: %q", out)
	}
	if exists("second.example.org") != "true" {
		t.Error("a broken tree took the place of the good one")
	}
	if _, err := talkpath.Check(cfg); err == nil {
		t.Error("Check of a broken tree succeeds")
	}
}
