package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// freePort finds a UDP port for a program that wants to be told one.
func freePort(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return strconv.Itoa(conn.LocalAddr().(*net.UDPAddr).Port)
}

// sipp runs one scenario of testdata/sipp against the server; wait returns its result.
func (ex *exchange) sipp(t *testing.T, scenario, user, port string, args ...string) (wait func()) {
	t.Helper()
	return sipp(t, scenario, port, append([]string{ex.at.SIP, "-s", user, "-au", user, "-ap", userPassword}, args...)...)
}

// sipp runs one scenario of testdata/sipp to its end, at a port of 127.0.0.1.
func sipp(t *testing.T, scenario, port string, args ...string) (wait func()) {
	t.Helper()
	path, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed (Debian: sip-tester); make test installs it")
	}
	file, err := filepath.Abs(filepath.Join("testdata", "sipp", scenario))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{
		"-sf", file, "-i", "127.0.0.1", "-p", port, "-mi", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "20s", "-timeout_error", "-trace_err",
	}, args...)...)
	cmd.Dir = t.TempDir() // for its traces
	type result struct {
		out []byte
		err error
	}
	done, over := make(chan result, 1), make(chan struct{})
	go func() {
		out, err := cmd.CombinedOutput()
		done <- result{out, err}
		close(over)
	}()
	await(t, "sipp "+scenario+" to listen", func() (bool, string) {
		select {
		case <-over: // it is done already, or could not begin: wait tells
			return true, ""
		default:
			return listens(t, port), port
		}
	})
	return func() {
		t.Helper()
		select {
		case r := <-done:
			if r.err != nil {
				t.Errorf("sipp %s: %v\n%s\n%s", scenario, r.err, r.out, traces(cmd.Dir))
			}
		case <-time.After(30 * time.Second):
			t.Errorf("sipp %s does not end", scenario)
		}
	}
}

// listens says whether a program has a UDP port.
func listens(t *testing.T, port string) bool {
	t.Helper()
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		t.Skip("there is no table of sockets here to tell when sipp is ready")
	}
	return strings.Contains(string(table), fmt.Sprintf(":%04X ", portNumber(t, port)))
}

// traces is what sipp says about what it did not expect.
func traces(dir string) []byte {
	var all []byte
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		all = append(all, text...)
	}
	return all
}

// TestSippCall: sipp registers, is called by sipp, and both see a complete call.
func TestSippCall(t *testing.T) {
	ex := start(t)
	callee := freePort(t)
	ex.sipp(t, "register.xml", "1001", freePort(t), "-key", "contact_port", callee)()
	answered := ex.sipp(t, "uas.xml", "1001", callee, "-rtp_echo", "-mp", freePort(t))
	called := ex.sipp(t, "uac.xml", "1000", freePort(t), "-key", "callee", "1001", "-mp", freePort(t))
	called()
	answered()
}

// TestSippEcho: a browser calls sipp, which returns the audio: the browser hears its own tone, through SRTP and RTP both ways.
func TestSippEcho(t *testing.T) {
	ex := start(t)
	callee := freePort(t)
	ex.sipp(t, "register.xml", "1001", freePort(t), "-key", "contact_port", callee)()
	answered := ex.sipp(t, "uas.xml", "1001", callee, "-rtp_echo", "-mp", freePort(t))
	a := ex.phone(t, browser, "1000").invite(t, "1001")
	a.answered(t)
	heard := a.media.listener().expect(440)
	a.media.talk(440)
	within(t, "the echo", heard)
	a.hangup(t)
	answered()
}
