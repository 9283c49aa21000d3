package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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
		{"help", []string{"-help"}, exitUsage, "", "-conf DIR"},
		{"unknown flag", []string{"-frobnicate"}, exitUsage, "", "-frobnicate"},
		{"set without a value", []string{"-set", "domain"}, exitUsage, "", "name=value"},
		{"argument", []string{"start"}, exitUsage, "", `"start"`},
		{"check", []string{"-check", "-state", state, "-set", "wss_port=17443"}, 0, "17443", ""},
		{"check with a variable of the environment", []string{"-check", "-state", state}, 0, "15066", ""},
		{"check of a broken tree", []string{"-check", "-state", state, "-conf", broken}, exitFailure, "", "freeswitch.xml:"},
		{"check of an unsafe tree", []string{"-check", "-state", state, "-set", "esl_ip=0.0.0.0", "-set", "esl_acl=any_v4.auto", "-set", "esl_password=ClueCon"}, exitFailure, "", "unsafe"},
		{"no such folder", []string{"-conf", filepath.Join(broken, "none"), "-state", state}, exitFailure, "", "none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(test.args, &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
			}
		})
	}
}

// TestSignals runs the real program: it announces itself, keeps its secrets in the state directory, and SIGTERM ends it with exit code 0.
func TestSignals(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "talkpath")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	state := t.TempDir()
	args := []string{"-state", state, "-set", "sip_ip=127.0.0.1"}
	for _, port := range []string{"internal_sip_port", "internal_tls_port", "ws_port", "wss_port", "esl_port", "rtp_mux_port", "rtp_mux_tcp_port"} {
		args = append(args, "-set", port+"=0")
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
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
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
