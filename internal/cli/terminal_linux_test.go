package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// keyboardAndScreen is a pseudo-terminal with the program at its other end.
type keyboardAndScreen struct {
	t      *testing.T
	master *os.File
	code   chan int

	mu   sync.Mutex
	text string
	more chan struct{} // has room for a sign that text grew
}

// open starts the program on a pseudo-terminal (pts(4)).
func open(t *testing.T, p Program, args ...string) *keyboardAndScreen {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200})
	k := &keyboardAndScreen{t: t, master: master, code: make(chan int, 1), more: make(chan struct{}, 1)}
	go k.watch()
	p.Name, p.Stdin, p.Stdout, p.Stderr, p.SystemConfig = "fs_cli", slave, slave, slave, filepath.Join(t.TempDir(), "none")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	go func() { k.code <- p.Run(ctx, args) }()
	t.Cleanup(func() {
		cancel()
		slave.Close()
		master.Close()
	})
	return k
}

func (k *keyboardAndScreen) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := k.master.Read(buf)
		if err != nil {
			return
		}
		k.mu.Lock()
		k.text += string(buf[:n])
		k.mu.Unlock()
		select {
		case k.more <- struct{}{}:
		default:
		}
	}
}

func (k *keyboardAndScreen) types(text string) {
	k.t.Helper()
	if _, err := k.master.WriteString(text); err != nil {
		k.t.Fatal(err)
	}
}

// shows waits until a text is on the screen, and forgets what was before it.
func (k *keyboardAndScreen) shows(want string) string {
	k.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		k.mu.Lock()
		before, after, ok := strings.Cut(k.text, want)
		if ok {
			k.text = after
		}
		text := k.text
		k.mu.Unlock()
		if ok {
			return before
		}
		select {
		case <-k.more:
		case <-deadline:
			k.t.Fatalf("waited in vain for %q, got %q", want, text)
		}
	}
}

func (k *keyboardAndScreen) ends(want int) {
	k.t.Helper()
	select {
	case code := <-k.code:
		if code != want {
			k.t.Errorf("exit code %d", code)
		}
	case <-time.After(20 * time.Second):
		k.t.Fatal("the program does not end")
	}
}

// A conversation with a whole exchange: prompt, commands, completion, history, function keys, the end.
func TestTerminal(t *testing.T) {
	dir, port := startExchange(t)
	home := t.TempDir()
	// As libedit writes it.
	if err := os.WriteFile(filepath.Join(home, historyName), []byte(historyMark+"\nshow\\040calls\\040count\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := Program{StateDir: dir, Getenv: func(name string) string { return map[string]string{"HOME": home}[name] }}
	k := open(t, p, "-P", port, "-q")
	k.shows("> ")
	k.types("status\r")
	k.shows("UP 0 years")
	k.shows("freeswitch@")
	k.types("\x1b[A\x1b[A\r") // up twice: beyond status is what was typed another day
	k.shows("0 total.")
	k.types("uptim\ts\r")
	k.shows("uptime")
	k.types("sofia st\tpro\tinter\treg\r")
	k.shows("sofia status profile internal reg")
	k.shows("Total items returned: 0")
	k.types("/noe\t\r")
	k.shows("-ERR not listening for events")
	k.types("half a line\x1bOQ") // F2
	k.shows("UP 0 years")
	k.types("\x03") // control-C ends nothing
	k.shows("Type control-D or /exit or /quit or /bye to exit.")
	k.types("\x04")
	k.ends(0)

	data, err := os.ReadFile(filepath.Join(home, historyName))
	if err != nil {
		t.Fatal(err)
	}
	want := historyMark + "\nshow\\040calls\\040count\nuptime\\040s\nsofia\\040status\\040profile\\040internal\\040reg\n/noevents\nstatus\n"
	if got := string(data); got != want {
		t.Errorf("history\n%s\nwant\n%s", got, want)
	}
	if info, err := os.Stat(filepath.Join(home, historyName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

// What the exchange sends by itself appears above the line that is being typed, and cannot steer the terminal.
func TestTerminalEvents(t *testing.T) {
	b := &esltest.Backend{Answers: map[string][]string{"switchname": {"pbx"}, "hostname": {"h"}, "echo x": {"x-answer"}}}
	port := serve(t, "s3cret", b)
	k := open(t, Program{}, "-P", port, "-p", "s3cret", "-q", "-i")
	k.shows("freeswitch@pbx> ")
	k.types("/event plain ALL\r")
	k.shows("+OK event listener enabled plain")
	k.shows("freeswitch@pbx> ")
	k.types("echo ")
	k.shows("echo ")
	e := esl.NewEvent("CHANNEL_CREATE")
	e.Add("Caller-Caller-ID-Name", "evil \x1b]0;title\x07name")
	b.Publish(e)
	k.shows("RECV EVENT\r\nEvent-Name: CHANNEL_CREATE\r\nCaller-Caller-ID-Name: evil ]0;titlename\r\n")
	k.types("x\r")
	k.shows("x-answer")
	k.shows("freeswitch@pbx> ")
	k.types("\x03")
	k.shows("Interrupted.")
	k.ends(1)
}

// The exchange goes away under the prompt; with -R the program waits for the next one.
func TestTerminalReconnects(t *testing.T) {
	dir := t.TempDir()
	b := &esltest.Backend{Answers: map[string][]string{"switchname": {"pbx"}, "hostname": {"h"}}}
	first, port := listen(t, "0")
	s := &esl.Server{Password: func() string { return "s3cret" }, Backend: b}
	go s.Serve(first)
	k := open(t, Program{StateDir: dir}, "-P", port, "-p", "s3cret", "-q", "-R")
	k.shows("freeswitch@pbx> ")
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.shows("Disconnected.")
	k.shows("Error Connecting")
	again, _ := listen(t, port)
	s = &esl.Server{Password: func() string { return "s3cret" }, Backend: b}
	go s.Serve(again)
	defer s.Shutdown(context.Background())
	k.shows("freeswitch@pbx> ")
	k.types("/exit\r")
	k.ends(0)
}
