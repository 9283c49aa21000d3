package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath"
)

const testPassword = "bench-only-Passw0rd"

// exchange runs a server of our own until the end of the test.
func exchange(t *testing.T) talkpath.Addresses {
	t.Helper()
	return serveConfig(t, talkpath.Config{StateDir: t.TempDir(), Set: map[string]string{
		"domain": "127.0.0.1", "local_ip_v4": "127.0.0.1", "default_password": testPassword,
		"internal_sip_port": "0", "internal_tls_port": "0", "ws_port": "0", "wss_port": "0", "esl_port": "0", "admin_port": "0",
		"rtp_mux_port": "0", "rtp_mux_tcp_port": "0", "rtp_start_port": "0", "rtp_end_port": "0",
	}})
}

func serveConfig(t *testing.T, cfg talkpath.Config) talkpath.Addresses {
	t.Helper()
	srv, err := talkpath.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-srv.Ready():
	case err := <-ran:
		t.Fatal(err)
	}
	return srv.Addresses()
}

// run runs the program and returns its exit code and what it wrote.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return runWithin(t, time.Minute, args...)
}

func runWithin(t *testing.T, limit time.Duration, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	code = Program{Name: "bench", Version: "test", Stdout: &out, Stderr: &errs}.Run(ctx, args)
	return code, out.String(), errs.String()
}

// runJSON runs a scenario that must succeed and returns its results.
func runJSON(t *testing.T, args ...string) Result {
	t.Helper()
	return runJSONWithin(t, time.Minute, args...)
}

func runJSONWithin(t *testing.T, limit time.Duration, args ...string) Result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "result.json")
	code, stdout, stderr := runWithin(t, limit, append(args, "-json", file)...)
	if code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return r
}

// checkCalls holds a run to so many calls with sound both ways. Loss is not counted: it is the machine's as well as the server's.
func checkCalls(t *testing.T, r Result, calls int) {
	t.Helper()
	if r.Calls == nil || r.Calls.Succeeded != calls || r.Calls.Failed != 0 || r.Calls.Took.P50 <= 0 {
		t.Fatalf("calls: %+v", r.Calls)
	}
	m := r.Media
	if m == nil || m.Streams != 2*calls || m.Silent != 0 || m.Counts.Received == 0 {
		t.Fatalf("media: %+v", m)
	}
	if c := m.Counts; c.Damaged+c.Misrouted+c.Duplicates > 0 || c.Received+c.Lost != c.Sent {
		t.Errorf("packets: %+v", c)
	}
	if m.Delay.P50 <= 0 || m.Delay.P50 > m.Delay.P99 || m.MOS < 1 || m.MOS > 4.5 {
		t.Errorf("delay: %+v, MOS %g", m.Delay, m.MOS)
	}
}

func TestPlainCalls(t *testing.T) {
	checkCalls(t, runJSON(t, "calls", "-server", exchange(t).SIP, "-password", testPassword, "-calls", "5", "-rate", "50", "-hold", "500ms"), 5)
}

func TestBrowserCalls(t *testing.T) {
	at := exchange(t)
	checkCalls(t, runJSON(t, "calls", "-server", at.WS, "-password", testPassword, "-users", "1000-1003", "-legs", "browser", "-calls", "2", "-hold", "500ms"), 2)
}

func TestBrowserCallsPlain(t *testing.T) {
	at := exchange(t)
	checkCalls(t, runJSON(t, "calls", "-server", at.WSS, "-insecure", "-callee-server", at.SIP, "-password", testPassword, "-users", "1000-1001", "-legs", "browser,plain",
		"-calls", "2", "-hold", "500ms"), 2)
}

func TestRegister(t *testing.T) {
	r := runJSON(t, "register", "-server", "sip:"+exchange(t).TCP+";transport=tcp", "-password", testPassword, "-users", "1000-1003", "-count", "30")
	if a := r.Registrations; a == nil || a.Succeeded != 30 || a.Failed != 0 || a.Took.P50 <= 0 || a.PerSecond <= 0 {
		t.Errorf("%+v", a)
	}
}

func TestRamp(t *testing.T) {
	r := runJSON(t, "ramp", "-server", exchange(t).SIP, "-password", testPassword, "-from", "10", "-to", "21", "-step", "2", "-each", "500ms", "-hold", "50ms", "-max-setup", "20s", "-timeout", "20s")
	if len(r.Steps) != 2 || r.Steps[0].Calls.Succeeded != 5 || r.Steps[1].Calls.Succeeded != 10 || r.Knee != 20 {
		t.Errorf("knee %g of %+v", r.Knee, r.Steps)
	}
}

func TestFailures(t *testing.T) {
	at := exchange(t)
	for _, c := range []struct {
		name string
		args string
		code int
		want string // in the error, which is one line
	}{
		{"wrong password", "calls -server " + at.SIP + " -password wrong", 1, "the server refuses: REGISTER of 1000: 403"},
		{"nobody there", "calls -server 127.0.0.1:9 -timeout 300ms", 1, "udp:127.0.0.1:9 does not answer REGISTER within 300ms"},
		{"no connection", "calls -server sip:127.0.0.1:9;transport=tcp -timeout 5s", 1, "cannot reach tcp:127.0.0.1:9"},
		{"a WebSocket that is none", "calls -server ws://" + at.ESL + "/ -timeout 1s", 1, "cannot reach ws://"},
		{"calls refused", "calls -server " + at.SIP + " -password " + testPassword + " -legs sdes -users 1000-1003", 1, "the first call failed: "},
		{"no password", "calls -server " + at.SIP, 1, "403 Forbidden; no password was given"},
		{"no such process", "calls -server " + at.SIP + " -pid 999999999", 1, "the server's process 999999999: it is not there"},
		{"a report that cannot be written", "calls -server 127.0.0.1:9 -json /nowhere/report.json", 2, "/nowhere/report.json"},
		{"a profile of nothing", "calls -server 127.0.0.1:9 -profile " + t.TempDir(), 1, "-profile needs -pid of the server, or -pprof"},
		{"silent calls through a relay", "relay -legs none", 2, "a relay needs media"},
		{"no relay", "relay -ng 127.0.0.1:9 -timeout 300ms", 1, "cannot reach 127.0.0.1:9"},
		{"too slow", "ramp -server " + at.SIP + " -password " + testPassword + " -from 10 -to 11 -each 300ms -max-setup 1ns", 1, "not even 10 calls a second"},
		{"no such scenario", "dance", 2, `there is no scenario "dance"`},
		{"no such leg", "calls -legs carrier-pigeon", 2, "-legs"},
		{"a strange packet time", "calls -ptime 7ms", 2, "-ptime"},
		{"a strange server", "calls -server sip:;transport=avian", 2, "-server"},
		{"an endless range", "calls -users 1-99999999", 2, "-users"},
		{"more than flags", "calls now", 2, "not understood: now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(c.args)...)
			if lines := strings.Split(strings.TrimSpace(stderr), "\n"); c.code == 1 && !strings.Contains(lines[len(lines)-1], c.want) {
				t.Errorf("the last line is not the error:\n%s", stderr)
			}
			if code != c.code || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, want %d with %q:\n%s", code, c.code, c.want, stderr)
			}
			if stdout != "" && c.name != "too slow" {
				t.Errorf("a result: %s", stdout)
			}
		})
	}
}

// watcher cancels a run when its progress tells something.
type watcher struct {
	bytes.Buffer
	word   string
	cancel context.CancelFunc
}

func (w *watcher) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.word)) {
		w.cancel()
	}
	return w.Buffer.Write(p)
}

// TestInterrupt: what was measured until then is told.
func TestInterrupt(t *testing.T) {
	at := exchange(t)
	for _, c := range []struct{ name, args, when, want string }{
		{"calls that talk", "calls -server " + at.SIP + " -calls 3 -rate 100 -hold 10m", "talking: 3 done", "packets "},
		{"registrations", "register -server " + at.SIP + " -count 1000000 -rate 200", "registering 1000000 times: ", "registrations "},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var out bytes.Buffer
			errs := &watcher{word: c.when, cancel: cancel}
			args := append(strings.Fields(c.args), "-password", testPassword)
			code := Program{Name: "bench", Stdout: &out, Stderr: errs}.Run(ctx, args)
			if code != 1 || !strings.HasSuffix(errs.String(), ": interrupted\n") || !strings.Contains(out.String(), c.want) || !strings.Contains(errs.String(), c.when) {
				t.Errorf("exit %d\n%s\n%s", code, errs, &out)
			}
		})
	}
}

// TestBeyond: a step names the bound that it is out of.
func TestBeyond(t *testing.T) {
	o := &options{maxFailures: 1, maxSetup: 500 * time.Millisecond}
	for _, c := range []struct {
		a    Attempts
		want string
	}{
		{Attempts{Attempted: 100, Failed: 1, Took: Quantiles{P99: 500}}, ""},
		{Attempts{Attempted: 100, Failed: 2}, "2 % failed, at most 1 % may"},
		{Attempts{Attempted: 100, Took: Quantiles{P99: 501}}, "p99 is above 500ms"},
		{Attempts{}, ""},
	} {
		if got := o.beyond(&c.a); got != c.want {
			t.Errorf("%+v: %q, want %q", c.a, got, c.want)
		}
	}
}
