package bench

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath"
)

func TestComparisonTable(t *testing.T) {
	c := &Comparison{Version: "v1", Peers: []string{"rtpengine 10"}, Figures: []Figure{
		{Name: "1", Measure: "CPU", Unit: "µs", Talkpath: []float64{10, 12, 11}, Peer: []float64{30, 24, 33}, PeerName: "rtpengine", Floor: "1.5× less", Goal: "2.5× less"},
		{Name: "6", Measure: "faults", Talkpath: []float64{0, 0}, Peer: []float64{0, 3}, PeerName: "rtpengine", Floor: "0", Goal: "0"},
		{Name: "9", Measure: "set-up", Unit: "ms", Talkpath: []float64{1.5}, Recorded: "FreeSWITCH 30–50", Note: "a note"},
		{Name: "7", Measure: "nothing"},
	}}
	var b bytes.Buffer
	if err := c.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 1 | CPU | 11 µs (10–12) | rtpengine 30 µs (24–33) | 3.00 (2.00–3.00) | 1.5× less | 2.5× less |",
		"| 6 | faults | 0 | rtpengine 1.50 (0–3) |  | 0 | 0 |",
		"| 9 | set-up | 1.50 ms | recorded: FreeSWITCH 30–50 ms |  |  |  |",
		"| 7 | nothing | – |  |  |  |  |",
		"- 9, set-up: a note",
		"Talkpath v1, rtpengine 10, on ",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}

	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("before\n"+tableBegin+"old\n"+tableEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := replaceTables(file, c); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if want := "before\n" + tableBegin + b.String() + tableEnd + "after\n"; err != nil || string(got) != want {
		t.Errorf("%v, got\n%s", err, got)
	}
	if err := os.WriteFile(file, []byte("no lines"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceTables(file, c); err == nil {
		t.Error("a page without the lines was changed")
	}
}

func TestChooseFigures(t *testing.T) {
	for _, c := range []struct {
		list string
		want int
		bad  bool
	}{
		{"", 7, false}, {"1", 1, false}, {"6,8a", 1, false}, {"2,9", 2, false}, {"5", 0, true}, {"1,", 0, true},
	} {
		got, err := chooseFigures(c.list)
		if (err != nil) != c.bad || len(got) != c.want {
			t.Errorf("%q: %d runs, %v", c.list, len(got), err)
		}
	}
}

// TestServerFiles runs an exchange on the tree that comparisons use: calls from plain phones to phones that want SDES.
func TestServerFiles(t *testing.T) {
	tree, err := serverFile("freeswitch.xml", "")
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{`"5060"`: `"0"`, `"8021"`: `"0"`, "5066": "0", `"9999"`: `"0"`, `"10000"`: `"0"`, `"30000"`: `"0"`} {
		if !strings.Contains(tree, from) {
			t.Fatalf("no %s in the tree", from)
		}
		tree = strings.Replace(tree, from, to, 1)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(tree), 0o600); err != nil {
		t.Fatal(err)
	}
	at := serveConfig(t, talkpath.Config{ConfDir: dir, StateDir: filepath.Join(dir, "state"), Set: map[string]string{"local_ip_v4": "127.0.0.1"}})
	for _, c := range []struct {
		legs, users string
	}{
		{"plain,sdes", "1000-1001,5000-5001"},
		{"sdes", "5000-5003"},
	} {
		checkCalls(t, runJSON(t, "calls", "-server", at.SIP, "-password", comparePassword, "-users", c.users, "-legs", c.legs, "-calls", "2", "-hold", "500ms"), 2)
	}
}

// TestKamailioFile has Kamailio itself check its configuration, where it is installed.
func TestKamailioFile(t *testing.T) {
	for _, relay := range []string{"", compareNG} {
		cfg, err := serverFile("kamailio.cfg", relay)
		if err != nil || !strings.Contains(cfg, `"`+comparePassword+`"`) || strings.Contains(cfg, "rtpengine_manage") != (relay != "") {
			t.Errorf("relay %q: %v\n%s", relay, err, cfg)
		}
		name := filepath.Join(t.TempDir(), "kamailio.cfg")
		if err := os.WriteFile(name, []byte(cfg), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("kamailio", "-c", "-f", name).CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) {
			t.Skip("Kamailio is not installed: its file was not checked")
		}
		if err != nil {
			t.Errorf("relay %q: %v\n%s", relay, err, out)
		}
	}
}

// TestTransforms: both sides of figure 3 do their work.
func TestTransforms(t *testing.T) {
	c := &comparison{o: &options{program: Program{Stderr: &bytes.Buffer{}}, quiet: true, pairs: 1}, out: &Comparison{Started: time.Now()}}
	if err := measureTransforms(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, f := range c.out.Figures {
		if len(f.ratios()) < 3 {
			t.Errorf("%+v", f)
		}
	}
}
