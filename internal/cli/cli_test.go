package cli

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath"
	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// serve runs an event socket for the test and returns its port.
func serve(t *testing.T, password string, b *esltest.Backend) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &esl.Server{Password: func() string { return password }, Backend: b}
	go s.Serve(ln)
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// run runs the program on a text as its input.
func run(t *testing.T, p Program, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(path, []byte(stdin), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out, errs bytes.Buffer
	p.Name, p.Stdin, p.Stdout, p.Stderr = "fs_cli", in, &out, &errs
	if p.SystemConfig == "" {
		p.SystemConfig = filepath.Join(t.TempDir(), "none")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	code = p.Run(ctx, args)
	return code, out.String(), errs.String()
}

func TestExecuteOne(t *testing.T) {
	hang := func(ctx context.Context, line string) (string, bool) {
		if line == "hang" {
			<-ctx.Done()
			return "", true
		}
		return "", false
	}
	port := serve(t, "s3cret", &esltest.Backend{Answers: map[string][]string{"status": {"UP 1 year\n"}, "echo a b": {"a b"}}, Run: hang})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	nobody := strconv.Itoa(closed.Addr().(*net.TCPAddr).Port)
	for _, test := range []struct {
		name   string
		args   string
		code   int
		stdout string
		stderr string
	}{
		{name: "status", args: "-H 127.0.0.1 -P PORT -p s3cret -x status", stdout: "UP 1 year\n\n"},
		{name: "without blanks", args: "-P PORT -ps3cret -xstatus", stdout: "UP 1 year\n\n"},
		{name: "long", args: "--host=127.0.0.1 --port=PORT --password=s3cret --execute=status", stdout: "UP 1 year\n\n"},
		{name: "unknown command", args: "-P PORT -p s3cret -x nosuch", stdout: "-ERR nosuch Command not found!\n\n"},
		{name: "timeout", args: "-P PORT -p s3cret -t 50 -x hang", code: 254, stdout: "Request timed out.\n"},
		{name: "wrong password", args: "-P PORT -p wrong -x status", code: 255, stderr: "password refused"},
		{name: "nobody there", args: "-P NOBODY -p s3cret -x status", code: 255, stderr: "[ERROR] Error Connecting ["},
		{name: "help", args: "-h", stdout: "Usage: fs_cli ["},
		{name: "port", args: "-P 70000", code: 1, stdout: "ERROR: port must be in range 1 - 65535"},
		{name: "debug", args: "-d 8", code: 1, stdout: "ERROR: debug level should be 0 - 7"},
		{name: "unknown flag", args: "-Z", code: 1, stdout: "ERROR: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := strings.Fields(strings.NewReplacer("PORT", port, "NOBODY", nobody).Replace(test.args))
			code, stdout, stderr := run(t, Program{}, "", args...)
			if code != test.code || !strings.HasPrefix(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
				t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
	t.Run("a command of two words", func(t *testing.T) {
		if _, got, _ := run(t, Program{}, "", "-P", port, "-p", "s3cret", "-x", "echo a b"); got != "a b\n" {
			t.Errorf("%q", got)
		}
	})
	t.Run("a command of two lines", func(t *testing.T) {
		if code, _, stderr := run(t, Program{}, "", "-P", port, "-p", "s3cret", "-x", "echo a\n\nexit"); code != 255 || stderr == "" {
			t.Errorf("code %d, %q", code, stderr)
		}
	})
}

func TestPipe(t *testing.T) {
	port := serve(t, "s3cret", &esltest.Backend{Answers: map[string][]string{"status": {"UP 1 year\n"}}})
	for _, test := range []struct{ name, stdin, want string }{
		{"commands", "status\n\n  status  \n", "UP 1 year\n\nUP 1 year\n\n"},
		{"no line end", "status", "UP 1 year\n\n"},
		{"exit", "/exit\nstatus\n", ""},
		{"quit", "/QUIT\nstatus\n", ""},
		{"bye", "/bye\nstatus\n", ""},
		{"dots", "...\nstatus\n", ""},
		{"events", "/event plain HEARTBEAT\n/nixevent HEARTBEAT\n/noevents\n/filter Unique-ID x\n",
			"+OK event listener enabled plain\n+OK events nixed\n+OK no longer listening for events\n+OK filter added. [Unique-ID]=[x]\n"},
		{"filters of the log", "/uuid x\n/uuid\n/logfilter x\n/logfilter\n",
			"UUID filtering enabled\nUUID filtering disabled\nLogfilter enabled\nLogfilter disabled\n"},
		{"debug", "/debug 9\n/debug 3\n", "fs_cli debug level must be 0 - 7\nfs_cli debug level set to 3\n"},
		{"unknown", "/nosuch thing\n", "Unknown command [nosuch thing]\n"},
		{"help", "/help\n", help},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := run(t, Program{}, test.stdin, "-P", port, "-p", "s3cret")
			if code != 0 || stdout != test.want || stderr != "" {
				t.Errorf("code %d, stderr %q, got\n%s\nwant\n%s", code, stderr, stdout, test.want)
			}
		})
	}
}

func TestProfiles(t *testing.T) {
	port := serve(t, "s3cret", &esltest.Backend{Answers: map[string][]string{"status": {"UP 1 year\n"}}})
	home := t.TempDir()
	text := `# a comment
; another
[other]
host => 127.0.0.1
password => wrong
[default]
host     => localhost
port     => PORT
password => s3cret
timeout = 30000
bogus line
[system]
debug => 7
`
	if err := os.WriteFile(filepath.Join(home, configName), []byte(strings.Replace(text, "PORT", port, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := Program{Getenv: func(name string) string { return map[string]string{"HOME": home}[name] }}
	for _, test := range []struct {
		name string
		args []string
		code int
	}{
		{"default", []string{"-x", "status"}, 0},
		{"by name", []string{"-x", "status", "-P", port, "other"}, 255},
		{"an argument over the profile", []string{"-x", "status", "-P", port, "-p", "s3cret", "other"}, 0},
		{"an unknown name is the default", []string{"-x", "status", "nosuch"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if code, stdout, stderr := run(t, p, "", test.args...); code != test.code {
				t.Errorf("code %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

func TestParseProfiles(t *testing.T) {
	profiles, err := parseProfiles(strings.NewReader("[a]\nUser=>1000@d ;; note\nlog-uuid-short=yes\nkey_F3 => show calls count\nkey_toggle_F3=x\n" +
		"prompt-color=bold-red\n[empty]\n[b]\nport=99999\nkey_F13=x\nconnect-timeout=250\n"))
	if err != nil || len(profiles) != 2 {
		t.Fatalf("%+v, %v", profiles, err)
	}
	a, b := profiles[0], profiles[1]
	if a.name != "a" || a.user != "1000@d" || !a.logUUID || a.uuidLength != 8 || a.keys[2] != "show calls count" || a.toggles[2] != "x" ||
		a.promptColor != "\x1b[1;31m" || a.connectTimeout != 250*time.Millisecond {
		t.Errorf("%+v", a)
	}
	if b.name != "b" || b.port != 8021 || b.host != "127.0.0.1" || b.keys[1] != "status" {
		t.Errorf("%+v", b)
	}
}

func FuzzParseProfiles(f *testing.F) {
	f.Add("[default]\nhost => x\nkey_F1 = y\n")
	f.Add("=\n[\n]\nkey_f=1\nkey_toggle_F0=2")
	f.Fuzz(func(t *testing.T, text string) { _, _ = parseProfiles(strings.NewReader(text)) })
}

// TestLocalPassword runs against an exchange with a password of its own making.
func TestLocalPassword(t *testing.T) {
	srv, port := startExchange(t)
	for _, test := range []struct {
		name string
		p    Program
		args []string
		code int
	}{
		{name: "found", p: Program{StateDir: srv}},
		{name: "named", args: []string{"--state", srv}},
		{name: "none", p: Program{StateDir: t.TempDir()}, code: 255},
		{name: "localhost", p: Program{StateDir: srv}, args: []string{"-H", "localhost"}},
		{name: "a password that was given wins", p: Program{StateDir: srv}, args: []string{"-p", "wrong"}, code: 255},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := run(t, test.p, "", append(test.args, "-P", port, "-x", "status")...)
			if code != test.code || code == 0 && !strings.HasPrefix(stdout, "UP ") {
				t.Errorf("code %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

func TestTrusted(t *testing.T) {
	for _, test := range []struct {
		name string
		uids []uint32
		want bool
	}{
		{"nobody can be told", nil, true}, {"the owner", []uint32{1000}, true}, {"root", []uint32{0, 1000}, true}, {"another user", []uint32{1000, 1001}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := trusted(test.uids, 1000); got != test.want {
				t.Error(got)
			}
		})
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	if got := listeners(port, loopback("127.0.0.1")); !slices.Equal(got, []uint32{uint32(os.Getuid())}) {
		t.Errorf("who listens: %v", got)
	}
	if got := listeners(port, []netip.Addr{netip.MustParseAddr("127.0.0.2")}); got != nil {
		t.Errorf("who listens elsewhere: %v", got)
	}
}

// startExchange runs a whole exchange; it returns its state directory and the port of its event socket.
func startExchange(t *testing.T) (stateDir, port string) {
	t.Helper()
	cfg := talkpath.Config{StateDir: t.TempDir(), Set: map[string]string{"domain": "127.0.0.1", "local_ip_v4": "127.0.0.1"}}
	for _, name := range []string{"internal_sip_port", "internal_tls_port", "ws_port", "wss_port", "esl_port", "admin_port", "rtp_mux_port", "rtp_mux_tcp_port"} {
		cfg.Set[name] = "0"
	}
	srv, err := talkpath.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-srv.Ready():
	case err := <-ran:
		ran <- nil
		t.Fatal(err)
	}
	_, port, err = net.SplitHostPort(srv.Addresses().ESL)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.StateDir, port
}

// listen listens on a port of this machine, "0" for any.
func listen(t *testing.T, port string) (net.Listener, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	return ln, port
}
