package esl_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// eventually polls a condition that other goroutines make true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not in time", what)
		}
	}
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(15 * time.Second))
	return nc
}

func client(t testing.TB, addr string) *esl.Client {
	t.Helper()
	c, err := esl.Dial(t.Context(), addr, "ClueCon")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestBurst is what all users do after a restart of Rocket.Chat: FreeSWITCH's listen backlog of 5 leaves most of them waiting.
func TestBurst(t *testing.T) {
	b := &esltest.Backend{Answers: map[string][]string{"user_data 1000@d param password": {"secret"}}}
	s := &esl.Server{Backend: b}
	addr := serve(t, s)
	const clients = 200
	start := time.Now()
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for range clients {
		wg.Go(func() {
			c, err := esl.Dial(t.Context(), addr, "ClueCon")
			if err != nil {
				errs <- err
				return
			}
			defer c.Close()
			if got, err := c.BGAPI(t.Context(), "user_data 1000@d param password"); err != nil || got != "secret" {
				errs <- fmt.Errorf("%q, %w", got, err)
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	// It takes a third of a second on two cores; the rest is for what else they do. All hear of all jobs, which is what takes the race
	// detector long.
	if d := time.Since(start); d > 2*time.Second && !raceDetector {
		t.Errorf("%v for %d connections", d, clients)
	}
	eventually(t, "connections gone", func() bool { return s.Stats().Connections == 0 && b.Subscribers() == 0 })
	if st := s.Stats(); st.Accepted != clients || st.Jobs != clients || st.AuthFailed != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestHalfCloseEndsTheConnection(t *testing.T) {
	b := &esltest.Backend{Answers: map[string][]string{"echo hi": {"hi"}}}
	s := &esl.Server{Backend: b}
	nc := dial(t, serve(t, s))
	// Everything at once, without reading anything.
	fmt.Fprint(nc, "auth ClueCon\n\nevent json ALL\n\napi echo hi\n\n")
	if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	text, err := io.ReadAll(nc)
	if err != nil || !strings.HasSuffix(string(text), "Content-Length: 2\n\nhi") {
		t.Errorf("%q, %v", text, err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("closed after %v", d)
	}
	eventually(t, "subscription gone", func() bool { return b.Subscribers() == 0 && s.Stats().Connections == 0 })
}

func TestJobOutlivesItsConnection(t *testing.T) {
	started, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	b := &esltest.Backend{Run: func(ctx context.Context, line string) (string, bool) {
		close(started)
		<-release
		done <- ctx.Err()
		return "", true
	}}
	s := &esl.Server{Backend: b}
	addr := serve(t, s)
	c := client(t, addr)
	if _, err := c.Command(t.Context(), "bgapi originate user/1000 &park()"); err != nil {
		t.Fatal(err)
	}
	<-started
	_ = c.Close()
	eventually(t, "connection gone", func() bool { return s.Stats().Connections == 0 })
	close(release)
	if err := <-done; err != nil {
		t.Errorf("the job's context ended with the connection: %v", err)
	}
}

func TestBeforeAuthentication(t *testing.T) {
	limits := esl.Limits{AuthTimeout: 300 * time.Millisecond}
	for _, tc := range []struct {
		name, send, want string
		authFailed       int64
	}{
		{"silence", "", "text/disconnect-notice", 1},
		{"unfinished command", "auth Clue", "text/disconnect-notice", 1},
		{"endless line", strings.Repeat("B", 4096), "text/disconnect-notice", 0},
		{"many short lines", "x\n" + strings.Repeat("A: b\n", 400), "text/disconnect-notice", 0},
		{"announced body", "auth x\nContent-Length: 2000\n\n", "text/disconnect-notice", 0},
		{"negative body", "foo\nContent-Length: -5\n\n", "text/disconnect-notice", 0},
		{"empty password", "auth \n\n", "-ERR invalid", 1},
		{"password as prefix", "auth ClueCo\n\n", "-ERR invalid", 1},
		{"password and more", "auth ClueConX\n\n", "-ERR invalid", 1},
		{"browser", "POST / HTTP/1.1\r\nHost: x\r\n\r\nauth ClueCon\n\n", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := &esltest.Backend{}
			s := &esl.Server{Backend: b, Limits: limits}
			nc := dial(t, serve(t, s))
			fmt.Fprint(nc, tc.send)
			text, _ := io.ReadAll(nc)
			if !strings.Contains(string(text), tc.want) || strings.Contains(string(text), "accepted") {
				t.Errorf("got %q", text)
			}
			eventually(t, "closed", func() bool { return s.Stats().Connections == 0 })
			if st := s.Stats(); st.AuthFailed != tc.authFailed || b.Executed() != 0 {
				t.Errorf("stats %+v, %d executed", st, b.Executed())
			}
		})
	}
}

func TestEmptyPasswordAdmitsNoOne(t *testing.T) {
	addr := serve(t, &esl.Server{Backend: &esltest.Backend{}, Password: func() string { return "" }})
	if c, err := esl.Dial(t.Context(), addr, ""); err == nil {
		_ = c.Close()
		t.Error("accepted")
	}
}

func TestWhoMayConnect(t *testing.T) {
	s := &esl.Server{Backend: &esltest.Backend{}, Allow: func(netip.Addr) bool { return false }}
	nc := dial(t, serve(t, s))
	want := "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\nContent-Type: text/disconnect-notice\nContent-Length: 67\n\n" +
		"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
	if text, err := io.ReadAll(nc); err != nil || string(text) != want {
		t.Errorf("got %q, %v", text, err)
	}
	if st := s.Stats(); st.Refused != 1 || st.Accepted != 0 {
		t.Errorf("stats %+v", st)
	}
	for addr, want := range map[string]bool{"127.0.0.1": true, "::1": true, "::ffff:127.0.0.1": true, "10.0.0.1": false, "fe80::1": false} {
		if got := esl.Loopback(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Loopback(%s) = %v", addr, got)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	s := &esl.Server{Backend: &esltest.Backend{}, Limits: esl.Limits{Connections: 2}}
	addr := serve(t, s)
	client(t, addr)
	client(t, addr)
	if text, _ := io.ReadAll(dial(t, addr)); len(text) > 0 {
		t.Errorf("a third was greeted with %q", text)
	}
	if st := s.Stats(); st.Refused != 1 || st.Connections != 2 {
		t.Errorf("stats %+v", st)
	}
}

func TestSlowReader(t *testing.T) {
	fill := func(t *testing.T, s *esl.Server, b *esltest.Backend) (full net.Conn, healthy *esl.Client) {
		addr := serve(t, s)
		nc := dial(t, addr)
		_ = nc.(*net.TCPConn).SetReadBuffer(4096)
		fmt.Fprint(nc, "auth ClueCon\n\nevent plain CUSTOM\n\n")
		r := bufio.NewReader(nc)
		for line := ""; !strings.Contains(line, "enabled"); {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		healthy = client(t, addr)
		big := strings.Repeat("x", 1<<20)
		for range 64 { // more than kernel buffers hold
			e := b.NewEvent("CUSTOM")
			e.SetBody(big)
			b.Publish(e)
		}
		return nc, healthy
	}
	t.Run("queue overflows", func(t *testing.T) {
		b := &esltest.Backend{QueueLimit: 8, Answers: map[string][]string{"echo x": {"x"}}}
		s := &esl.Server{Backend: b, Limits: esl.Limits{WriteTimeout: 200 * time.Millisecond}}
		_, healthy := fill(t, s, b)
		eventually(t, "dropped", func() bool { st := s.Stats(); return st.Connections == 1 && st.SlowReaders+st.Overflows == 1 })
		if got, err := healthy.API(t.Context(), "echo x"); got != "x" || err != nil {
			t.Errorf("the other connection: %q, %v", got, err)
		}
	})
	t.Run("does not read", func(t *testing.T) {
		b := &esltest.Backend{}
		s := &esl.Server{Backend: b, Limits: esl.Limits{WriteTimeout: 100 * time.Millisecond}}
		fill(t, s, b)
		eventually(t, "dropped", func() bool { st := s.Stats(); return st.Connections == 1 && st.SlowReaders == 1 })
	})
}

func TestOverflowDropsTheConnection(t *testing.T) {
	b := &esltest.Backend{QueueLimit: 1}
	s := &esl.Server{Backend: b}
	c := client(t, serve(t, s))
	if err := c.Subscribe(t.Context(), "ALL"); err != nil {
		t.Fatal(err)
	}
	// Faster than any pump: the queue holds one.
	for s.Stats().Overflows == 0 {
		b.Publish(b.NewEvent("HEARTBEAT"))
	}
	<-c.Done()
	eventually(t, "dropped", func() bool { return s.Stats().Connections == 0 && b.Subscribers() == 0 })
}

func TestJobsAreBounded(t *testing.T) {
	release := make(chan struct{})
	running := make(chan struct{}, 10)
	b := &esltest.Backend{Run: func(context.Context, string) (string, bool) {
		running <- struct{}{}
		<-release
		return "done", true
	}}
	s := &esl.Server{Backend: b, Limits: esl.Limits{Jobs: 2, QueuedJobs: 3}}
	c := client(t, serve(t, s))
	if err := c.Subscribe(t.Context(), "BACKGROUND_JOB"); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := c.Command(t.Context(), fmt.Sprintf("bgapi job\nJob-UUID: %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	<-running
	<-running
	if _, err := c.Command(t.Context(), "bgapi job"); err == nil {
		t.Error("a sixth was accepted")
	}
	if n := b.Executed(); n != 2 {
		t.Errorf("%d run at once", n)
	}
	close(release)
	for range 5 {
		if e := <-c.Events(); e.Body != "done" {
			t.Errorf("event %v", e)
		}
	}
	if st := s.Stats(); st.Jobs != 5 || st.JobsRefused != 1 {
		t.Errorf("stats %+v", st)
	}
}

// TestLongJobsAreBounded: what the commands that run take is bounded too, and there is room again when they are done.
func TestLongJobsAreBounded(t *testing.T) {
	release := make(chan struct{})
	b := &esltest.Backend{Run: func(context.Context, string) (string, bool) {
		<-release
		return "done", true
	}}
	c := client(t, serve(t, &esl.Server{Backend: b, Limits: esl.Limits{JobBytes: 1000}}))
	if err := c.Subscribe(t.Context(), "BACKGROUND_JOB"); err != nil {
		t.Fatal(err)
	}
	long := "bgapi " + strings.Repeat("x", 600)
	for i, refused := range []bool{false, true} {
		if _, err := c.Command(t.Context(), long); (err != nil) != refused {
			t.Errorf("command %d: %v", i, err)
		}
	}
	close(release)
	<-c.Events()
	eventually(t, "room again", func() bool { _, err := c.Command(t.Context(), long); return err == nil })
}

func TestPanicEndsOneCommand(t *testing.T) {
	b := &esltest.Backend{
		Answers: map[string][]string{"echo x": {"x"}},
		Run: func(_ context.Context, line string) (string, bool) {
			if line == "boom" {
				panic("boom")
			}
			return "", false
		},
	}
	c := client(t, serve(t, &esl.Server{Backend: b}))
	for _, tc := range [][2]string{{"boom", "-ERR internal error\n"}, {"echo x", "x"}} {
		if got, err := c.API(t.Context(), tc[0]); got != tc[1] || err != nil {
			t.Errorf("%s: %q, %v", tc[0], got, err)
		}
	}
	if got, err := c.BGAPI(t.Context(), "boom"); got != "-ERR internal error\n" || err != nil {
		t.Errorf("bgapi: %q, %v", got, err)
	}
}

// TestNoEventAfterItsEnd: between the answer to noevents and the next one there is nothing, however many events are under way.
func TestNoEventAfterItsEnd(t *testing.T) {
	b := &esltest.Backend{QueueLimit: 100_000}
	addr := serve(t, &esl.Server{Backend: b})
	nc := dial(t, addr)
	fmt.Fprint(nc, "auth ClueCon\n\n")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				b.Publish(b.NewEvent("HEARTBEAT"))
			}
		}
	})
	for range 20 {
		fmt.Fprint(nc, "event json HEARTBEAT\n\nnoevents\n\nfoo\n\n")
	}
	nc.(*net.TCPConn).CloseWrite()
	text, err := io.ReadAll(nc)
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	const end = "no longer listening for events\n\n"
	for i, after := range strings.Split(string(text), end)[1:] {
		if !strings.HasPrefix(after, "Content-Type: command/reply\nReply-Text: -ERR command not found\n") {
			t.Fatalf("end %d is followed by %.80q", i, after)
		}
	}
	if n := strings.Count(string(text), end); n != 20 {
		t.Errorf("%d ends", n)
	}
}

func TestMyevents(t *testing.T) {
	b := &esltest.Backend{}
	c := client(t, serve(t, &esl.Server{Backend: b}))
	if _, err := c.Command(t.Context(), "myevents uuid-1"); err != nil {
		t.Fatal(err)
	}
	if err := c.Subscribe(t.Context(), "CHANNEL_ANSWER"); err != nil {
		t.Fatal(err)
	}
	for _, e := range [][2]string{{"CHANNEL_ANSWER", "uuid-2"}, {"CHANNEL_ANSWER", "uuid-1"}, {"CHANNEL_HANGUP_COMPLETE", "uuid-2"}, {"CHANNEL_HANGUP_COMPLETE", "uuid-1"}, {"CHANNEL_ANSWER", "uuid-1"}} {
		ev := b.NewEvent(e[0])
		ev.Add("Unique-ID", e[1])
		b.Publish(ev)
	}
	var got []string
	for e := range c.Events() {
		got = append(got, e.Name()+" "+e.Value("Unique-ID"))
	}
	if want := "CHANNEL_ANSWER uuid-1,CHANNEL_HANGUP_COMPLETE uuid-1"; strings.Join(got, ",") != want {
		t.Errorf("events %v", got)
	}
	if err := c.Err(); !errors.Is(err, io.EOF) {
		t.Errorf("ended with %v", err)
	}
}

func TestFilters(t *testing.T) {
	for _, tc := range []struct {
		name    string
		filters []string
		want    string
	}{
		{"none", nil, "A-1 A-2 B-1"},
		{"one", []string{"Unique-ID a-1"}, "A-1"},
		{"either", []string{"Unique-ID A-1", "Unique-ID B-1"}, "A-1 B-1"},
		{"pattern", []string{"Unique-ID /^A/"}, "A-1 A-2"},
		{"not", []string{"Unique-ID /^A/", "Unique-ID -A-2"}, "A-1"},
		{"deleted", []string{"Unique-ID A-1", "delete Unique-ID"}, "A-1 A-2 B-1"},
		{"other header", []string{"Nothing x"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := &esltest.Backend{}
			c := client(t, serve(t, &esl.Server{Backend: b}))
			for _, f := range tc.filters {
				if _, err := c.Command(t.Context(), "filter "+f); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Subscribe(t.Context(), "CHANNEL_ANSWER", "CHANNEL_BRIDGE"); err != nil {
				t.Fatal(err)
			}
			if strings.Count(tc.want, " ") < 2 { // some filter is left: the last event must pass, too
				if _, err := c.Command(t.Context(), "filter Event-Name CHANNEL_BRIDGE"); err != nil {
					t.Fatal(err)
				}
			}
			for _, id := range []string{"A-1", "A-2", "B-1"} {
				e := b.NewEvent("CHANNEL_ANSWER")
				e.Add("Unique-ID", id)
				b.Publish(e)
			}
			b.Publish(b.NewEvent("CHANNEL_BRIDGE"))
			var got []string
			for e := range c.Events() {
				if e.Name() == "CHANNEL_BRIDGE" {
					break
				}
				got = append(got, e.Value("Unique-ID"))
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %v, want %s", got, tc.want)
			}
		})
	}
}

func TestShutdownEndsEverything(t *testing.T) {
	b := &esltest.Backend{Run: func(ctx context.Context, line string) (string, bool) {
		if line == "wait" {
			<-ctx.Done()
		}
		return "", true
	}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &esl.Server{Backend: b, Password: func() string { return "ClueCon" }}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	c := client(t, ln.Addr().String())
	if err := c.Subscribe(t.Context(), "ALL"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Command(t.Context(), "bgapi wait"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	<-c.Done()
	if b.Subscribers() != 0 || s.Stats().Connections != 0 {
		t.Error("something is left")
	}
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		if err := s.Serve(ln); err != nil {
			t.Errorf("serve after shutdown: %v", err)
		}
	}
}
