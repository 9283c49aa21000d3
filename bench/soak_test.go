package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath"
)

const (
	soakLegs  = "TALKPATH_SOAK_LEGS"  // how many browsers TestBrowsers has; `make soak` sets it
	soakBurst = "TALKPATH_SOAK_BURST" // how many calls TestBrowsers sets up at once
	soakChild = "TALKPATH_SOAK_CONF"  // set for the copy of the test that is the server: its configuration folder
)

// TestBrowsers: browsers register by secure WebSocket, call each other, agree on keys and talk, everything through one UDP port of a server that
// is a process of its own; then they hang up and unregister. First all browsers are in calls, then as many calls as are wanted are set up at once.
// Each one hears its peer and nobody else, no packet is damaged, and afterwards the server's memory, descriptors and goroutines are where they were.
func TestBrowsers(t *testing.T) {
	if dir := os.Getenv(soakChild); dir != "" {
		serveSoak(t, dir)
		return
	}
	legs, atOnce := soakNumber(soakLegs, 16), soakNumber(soakBurst, 8)
	s := startSoakServer(t, legs)
	call := func(calls int, rate float64, hold string) Result {
		r := runJSONWithin(t, 4*time.Minute, "calls", "-server", s.at.WSS, "-insecure", "-users", fmt.Sprintf("%d-%d", soakUser, soakUser+legs-1), "-password", comparePassword,
			"-legs", "browser", "-calls", strconv.Itoa(calls), "-rate", fmt.Sprint(rate), "-hold", hold, "-timeout", "30s", "-pid", strconv.Itoa(s.cmd.Process.Pid))
		checkCalls(t, r, calls)
		return r
	}
	call(2, 10, "200ms") // what is made once is made
	before := s.state(t)
	t.Logf("before: %+v", before)
	room := int64(1<<20 + legs<<10) // maps, pools and stacks keep their largest size
	if legs > oneLoop {
		room += handoverQueues
	}
	for _, round := range []struct {
		name  string
		calls int
		rate  float64
		hold  string
	}{{"all", legs / 2, 25, "5s"}, {"burst", atOnce, 1e6, "1s"}} {
		r := call(round.calls, round.rate, round.hold)
		m, q := r.Media, r.Process
		t.Logf("%s: %d calls in %.1f s, set up in %.0f ms (p50), %.0f ms (p99); %d browsers talked, %d of %d packets lost, MOS %.2f (worst %.2f), delay %.1f ms (p50), %.1f ms (p99)",
			round.name, round.calls, r.Calls.Seconds, r.Calls.Took.P50, r.Calls.Took.P99, m.Streams, m.Counts.Lost, m.Counts.Sent, m.MOS, m.WorstMOS, m.Delay.P50, m.Delay.P99)
		if dropped := s.dropped(t); dropped != "" {
			t.Logf("%s: the server dropped %s", round.name, dropped)
		}
		if q != nil {
			t.Logf("%s: server %.1f µs of CPU a packet, %.2f cores; generator %.1f s of CPU in %.1f s; server's memory %.1f MB before, %.1f MB in the end", round.name, q.PerPacketUS, q.Load,
				q.GeneratorCPU, m.Seconds, q.IdleRSS/1024, q.RSS/1024)
		}
		before.Heap = s.settles(t, before, room).Heap
		room = 1 << 20
	}
}

// TestCallsLeaveNothing: phones register, 200 calls are set up through the exchange, talk and hang up. Afterwards the server has no goroutine and no
// descriptor more than before, and its live heap is back but for the room that tables keep: a call that left 2 kB of its 40 behind would show.
func TestCallsLeaveNothing(t *testing.T) {
	const users, calls, room = 20, 200, 400 << 10
	s := startSoakServer(t, users)
	call := func(calls int) {
		checkCalls(t, runJSONWithin(t, 4*time.Minute, "calls", "-server", s.at.SIP, "-users", fmt.Sprintf("%d-%d", soakUser, soakUser+users-1), "-password", comparePassword,
			"-calls", strconv.Itoa(calls), "-rate", "50", "-hold", "1s", "-timeout", "30s"), calls)
	}
	call(2) // what is made once is made
	before := s.state(t)
	t.Logf("before: %+v", before)
	call(calls)
	s.settles(t, before, room)
}

// From oneLoop legs on there is another packet loop, and two keep handoverQueues for what arrives at the wrong one.
const (
	oneLoop        = 1024
	handoverQueues = 7 << 20
)

// soakNumber is what the environment says.
func soakNumber(name string, otherwise int) int {
	n := 0
	if _, err := fmt.Sscan(os.Getenv(name), &n); err != nil || n < 2 {
		n = otherwise
	}
	return n + n&1
}

// soakState is what a server tells of itself.
type soakState struct {
	Goroutines  int
	Heap        int64 // live, in bytes
	RSS         int64 // kB
	Descriptors int   // open; -1 = not known here
	Channels    string
	Registered  string
}

// soakServer is the server's process. It answers each line on its input with its state.
type soakServer struct {
	cmd   *exec.Cmd
	at    talkpath.Addresses
	ask   io.WriteCloser
	lines *bufio.Scanner
}

const soakUser = 10000 // the first one

// startSoakServer runs this test again as a server of so many users. It is stopped with the test.
func startSoakServer(t *testing.T, users int) *soakServer {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(soakTree(t, users)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &soakServer{cmd: exec.Command(os.Args[0], "-test.run", "^TestBrowsers$", "-test.timeout", "0")}
	s.cmd.Env = append(os.Environ(), soakChild+"="+dir)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		s.ask, err = s.cmd.StdinPipe()
	}
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.lines = bufio.NewScanner(out)
	t.Cleanup(func() {
		s.ask.Close()
		if err := s.cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	s.read(t, &s.at)
	return s
}

// read takes the next answer.
func (s *soakServer) read(t *testing.T, to any) {
	t.Helper()
	for s.lines.Scan() {
		if line := s.lines.Bytes(); len(line) > 0 && line[0] == '{' {
			if err := json.Unmarshal(line, to); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("the server has ended")
}

func (s *soakServer) state(t *testing.T) (st soakState) {
	t.Helper()
	if _, err := fmt.Fprintln(s.ask); err != nil {
		t.Fatal(err)
	}
	s.read(t, &st)
	return st
}

// dropped is what the media engine has dropped so far, by reason.
func (s *soakServer) dropped(t *testing.T) string {
	t.Helper()
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(s.at.Admin + "metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var all []string
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		text, ours := strings.CutPrefix(lines.Text(), `talkpath_media_dropped_total{reason="`)
		if reason, n, _ := strings.Cut(text, `"} `); ours && n != "0" {
			all = append(all, n+" "+reason)
		}
	}
	return strings.Join(all, ", ")
}

// settles waits until nothing is left of the calls but room in memory: connections that the browsers closed, and transactions that SIP keeps for half a
// minute.
func (s *soakServer) settles(t *testing.T, before soakState, room int64) (st soakState) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) { // of another process: nothing to wait on
		st = s.state(t)
		if st.Goroutines <= before.Goroutines && st.Descriptors <= before.Descriptors && st.Heap <= before.Heap+room && st.Channels == before.Channels && st.Registered == before.Registered {
			t.Logf("after:  %+v", st)
			return st
		}
	}
	t.Errorf("left behind: %+v, before the calls %+v", st, before)
	return st
}

// soakTree is the configuration of comparisons with other users and with ports that the system chooses.
func soakTree(t *testing.T, users int) string {
	t.Helper()
	tree, err := serverFile("freeswitch.xml", "")
	if err != nil {
		t.Fatal(err)
	}
	var more strings.Builder
	for n := range users {
		fmt.Fprintf(&more, `<user id="%d"><params><param name="password" value="%s"/></params><variables><variable name="user_context" value="default"/></variables></user>`+"\n", soakUser+n, comparePassword)
	}
	const admin = `<configuration name="admin.conf"><settings><param name="listen-port" value="0"/></settings></configuration>`
	return strings.NewReplacer(`<section name="configuration">`, `<section name="configuration">`+admin,
		`"5060"`, `"0"`, `"8021"`, `"0"`, `"9999"`, `"0"`, `^([15]\d{3})$`, `^(1\d{4})$`, `<users>`, "<users>\n"+more.String(),
		`<param name="ws-binding" value="127.0.0.1:5066"/>`, `<param name="wss-binding" value="127.0.0.1:0"/>`,
	).Replace(tree)
}

// serveSoak is the server's process: it tells where it can be reached, and its state for each line that it reads, until its input ends.
func serveSoak(t *testing.T, dir string) {
	srv, err := talkpath.New(talkpath.Config{ConfDir: dir, StateDir: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(ctx) }()
	select {
	case <-srv.Ready():
	case err := <-ran:
		t.Fatal(err)
	}
	say := json.NewEncoder(os.Stdout)
	_ = say.Encode(srv.Addresses()) // who asks sees it end
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		_ = say.Encode(soakStateOf(srv))
	}
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

func soakStateOf(srv *talkpath.Server) soakState {
	debug.FreeOSMemory()
	runtime.GC() // what finalizers have freed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	st := soakState{Goroutines: runtime.NumGoroutine(), Heap: int64(m.HeapAlloc), Descriptors: -1}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		st.Descriptors = len(open)
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			pages, _ := strconv.ParseInt(f[1], 10, 64)
			st.RSS = pages * int64(os.Getpagesize()) / 1024
		}
	}
	for command, to := range map[string]*string{"show channels count": &st.Channels, "show registrations count": &st.Registered} {
		text, _ := srv.Execute(context.Background(), command)
		*to = strings.TrimSpace(text)
	}
	return st
}
