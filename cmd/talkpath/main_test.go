package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "freeswitch.xml"), []byte("<document>\n<section>\n</document>"), 0o644); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	t.Setenv("TALKPATH_SET_ws_port", "15066")
	tests := []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"version", []string{"-version"}, 0, "talkpath ", ""},
		{"help", []string{"-help"}, 0, "", "-conf DIR"},
		{"unknown flag", []string{"-frobnicate"}, exitUsage, "", "-frobnicate"},
		{"set without a value", []string{"-set", "domain"}, exitUsage, "", "name=value"},
		{"argument", []string{"start"}, exitUsage, "", `"start"`},
		{"check", []string{"-check", "-state", state, "-set", "wss_port=17443"}, 0, "17443", ""},
		{"check with a variable of the environment", []string{"-check", "-state", state}, 0, "15066", ""},
		{"check of a broken tree", []string{"-check", "-state", state, "-conf", broken}, 2, "", "freeswitch.xml:"},
		{"check as JSON", []string{"-check", "-json", "-state", state}, 0, `"exit_code": 0`, ""},
		{"check of an unsafe tree", []string{"-check", "-state", state, "-set", "esl_ip=0.0.0.0", "-set", "esl_acl=any_v4.auto", "-set", "esl_password=ClueCon"}, 2, "refused", ""},
		{"no such folder", []string{"-conf", filepath.Join(broken, "none"), "-state", state}, exitFailure, "", "none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run("talkpath", test.args, &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
			}
		})
	}
}

// build makes the program and the arguments that let it run on free ports of the loopback interface.
func build(t *testing.T) (bin, state string, args []string) {
	t.Helper()
	bin, state = filepath.Join(t.TempDir(), "talkpath"), t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	args = []string{"-state", state, "-set", "sip_ip=127.0.0.1"}
	for _, port := range []string{"internal_sip_port", "internal_tls_port", "ws_port", "wss_port", "esl_port", "admin_port", "rtp_mux_port", "rtp_mux_tcp_port"} {
		args = append(args, "-set", port+"=0")
	}
	return bin, state, args
}

// TestSignals: the program announces itself, keeps its secrets in the state directory, reloads on SIGHUP, and SIGTERM ends it with exit code 0.
func TestSignals(t *testing.T) {
	bin, state, args := build(t)
	logs := t.TempDir()
	cmd := exec.CommandContext(t.Context(), bin, append(args, "-log", logs)...)
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	ready := false
	for lines := bufio.NewScanner(stdout); !ready && lines.Scan(); {
		ready = strings.HasPrefix(lines.Text(), "  Event socket")
	}
	if !ready {
		t.Error("it did not announce itself")
	}
	for _, name := range []string{"secrets.json", "certs/wss.pem", "registrations.db"} {
		if _, err := os.Stat(filepath.Join(state, name)); err != nil {
			t.Error(err)
		}
	}
	log := filepath.Join(logs, "talkpath.log")
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	signal := func(s syscall.Signal) {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGHUP)
	reloaded := false
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(10 * time.Second); !reloaded && time.Now().Before(deadline); <-ticker.C {
		text, _ := os.ReadFile(log)
		reloaded = strings.Contains(string(text), "configuration reloaded")
	}
	if !reloaded {
		t.Error("SIGHUP did not reload into a new log file")
	}
	signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// TestBackground starts and stops the program the way FreeSWITCH's unit files do.
func TestBackground(t *testing.T) {
	bin, _, args := build(t)
	runDir, logDir := t.TempDir(), t.TempDir()
	out, err := exec.CommandContext(t.Context(), bin, append(args, "-ncwait", "-nonat", "-rp", "-run", runDir, "-log", logDir)...).CombinedOutput()
	if err != nil {
		text, _ := os.ReadFile(filepath.Join(logDir, "talkpath.log"))
		t.Fatalf("%v\n%s\n%s", err, out, text)
	}
	pid, err := os.ReadFile(filepath.Join(runDir, pidName))
	if err != nil {
		t.Error(err)
	}
	t.Cleanup(func() {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil && t.Failed() {
			if p, err := os.FindProcess(pid); err == nil {
				p.Kill()
			}
		}
	})
	if out, err := exec.CommandContext(t.Context(), bin, "-stop", "-run", runDir).CombinedOutput(); err != nil {
		t.Fatalf("-stop: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(runDir, pidName)); err == nil {
		t.Error("the pid file is still there")
	}
	out, err = exec.CommandContext(t.Context(), bin, append(args, "-ncwait", "-conf", t.TempDir(), "-run", runDir, "-log", logDir)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "freeswitch.xml: no such file") {
		t.Errorf("a server that cannot start is said to run, or not why:\n%s", out)
	}
}

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		name string
		argv []string
		as   string
		args string
		ok   bool
	}{
		{name: "the exchange", argv: []string{"/usr/bin/talkpath", "-check"}},
		{name: "no argument", argv: []string{"talkpath"}},
		{name: "cli", argv: []string{"/usr/bin/talkpath", "cli", "-x", "status"}, as: "talkpath cli", args: "-x status", ok: true},
		{name: "fs_cli", argv: []string{"/usr/local/bin/fs_cli", "-x", "status"}, as: "fs_cli", args: "-x status", ok: true},
		{name: "cli as a value", argv: []string{"talkpath", "-state", "cli"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			name, args, ok := commandLine(test.argv)
			if name != test.as || strings.Join(args, " ") != test.args || ok != test.ok {
				t.Errorf("%q %q %v", name, args, ok)
			}
		})
	}
}
