package esl_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// used is the memory and the goroutines in use.
func used() (bytes uint64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
}

// TestTenThousandConnections come and go, by every way there is, and leave nothing.
func TestTenThousandConnections(t *testing.T) {
	total := 10_000
	if raceDetector || testing.Short() {
		total = 1000
	}
	b := &esltest.Backend{}
	s := &esl.Server{Backend: b, Limits: esl.Limits{AuthTimeout: 20 * time.Millisecond}}
	addr := serve(t, s)
	says := []string{"", "auth ClueCon\n\n", "auth ClueCon\n\nevent json ALL\n\nlog debug\n\n", "auth wrong", "auth ClueCon\n\nbgapi x\n\nevent plain ALL\n\nexit\n\n",
		"auth ClueCon\n\nmyevents u\n\n", "GET / HTTP/1.1\n\n"}
	connect := func(n int) {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		_ = nc.(*net.TCPConn).SetLinger(0) // no port is kept waiting
		fmt.Fprint(nc, says[n%len(says)])
		if n%3 == 0 { // reads what comes, the others just leave
			_, _ = bufio.NewReader(nc).ReadString('\n')
		}
		_ = nc.Close()
	}
	round := func() {
		var clients sync.WaitGroup
		for i := range 20 {
			clients.Go(func() {
				for n := range total / 20 {
					connect(i + n)
				}
			})
		}
		clients.Wait()
		eventually(t, "all gone", func() bool { return s.Stats().Connections == 0 && b.Subscribers() == 0 })
	}
	round() // what is allocated once
	before, goroutines := used()
	round()
	eventually(t, "goroutines gone", func() bool { return runtime.NumGoroutine() <= goroutines })
	if after, _ := used(); after > before+2<<20 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
	if st := s.Stats(); st.Accepted+st.Refused < int64(total) {
		t.Errorf("stats %+v", st)
	}
}

// TestCostBeforeAuthentication is what a stranger's connection takes while it waits, both ends in this process.
func TestCostBeforeAuthentication(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes more")
	}
	s := &esl.Server{Backend: &esltest.Backend{}}
	addr := serve(t, s)
	before, _ := used()
	const n = 1000
	for range n {
		nc := dial(t, addr)
		fmt.Fprint(nc, "auth "+strings.Repeat("x", 900)) // as much as it may say without an answer
	}
	eventually(t, "connected", func() bool { return s.Stats().Connections == n })
	after, _ := used()
	each := (after - before) / n
	t.Logf("%d bytes a connection", each)
	if each > 20<<10 {
		t.Errorf("%d bytes a connection", each)
	}
}

// TestTooSlowIsTold: who reads, but too slowly, hears why it is over.
func TestTooSlowIsTold(t *testing.T) {
	b := &esltest.Backend{QueueLimit: 4}
	s := &esl.Server{Backend: b}
	nc := dial(t, serve(t, s))
	fmt.Fprint(nc, "auth ClueCon\n\nevent plain HEARTBEAT\n\n")
	until(t, nc, "enabled plain\n\n")
	for s.Stats().Overflows == 0 {
		b.Publish(b.NewEvent("HEARTBEAT"))
	}
	text, err := io.ReadAll(nc)
	want := "Content-Type: text/disconnect-notice\nContent-Length: 39\n\nkilled listener because of lost events\n"
	if err != nil || !strings.HasSuffix(string(text), want) {
		t.Errorf("ends with %q, %v", text[max(0, len(text)-200):], err)
	}
}
