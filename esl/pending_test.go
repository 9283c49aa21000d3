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

// dialFrom connects from an address of the loopback network.
func dialFrom(t testing.TB, from, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	nc, err := d.Dial("tcp", addr)
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// Who connects and says nothing, from one address or many, keeps nobody out who knows the password.
func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	tests := map[string]func(i int) string{
		"one address":     func(int) string { return "127.0.0.2" },
		"our own address": func(int) string { return "127.0.0.1" },
		"many addresses":  func(i int) string { return fmt.Sprintf("127.0.1.%d", i%50+1) },
	}
	for name, from := range tests {
		t.Run(name, func(t *testing.T) {
			s := &esl.Server{Backend: &esltest.Backend{}, Limits: esl.Limits{Connections: 3, Pending: 20, PendingPerAddress: 10}}
			addr := serve(t, s)
			first := client(t, addr)
			for i := range 200 {
				dialFrom(t, from(i), addr)
			}
			start := time.Now()
			client(t, addr)
			if d := time.Since(start); d > time.Second {
				t.Errorf("authenticated after %v", d)
			}
			eventually(t, "evicted", func() bool { st := s.Stats(); return st.Evicted >= 180 && st.Connections <= 22 })
			if st := s.Stats(); st.Refused != 0 || first.Err() != nil {
				t.Errorf("stats %+v, the first client: %v", st, first.Err())
			}
		})
	}
}

// Further wrong passwords of an address are answered later and later; the right one of another address is not.
func TestWrongPasswordsAreSlowedDown(t *testing.T) {
	s := &esl.Server{Backend: &esltest.Backend{}}
	addr := serve(t, s)
	try := func() time.Duration {
		nc := dialFrom(t, "127.0.0.2", addr)
		start := time.Now()
		fmt.Fprint(nc, "auth wrong\n\n")
		r := bufio.NewReader(nc)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "Reply-Text: -ERR invalid") {
				return time.Since(start)
			}
		}
	}
	if d := try(); d > 90*time.Millisecond && !raceDetector {
		t.Errorf("the first was answered after %v", d)
	}
	try()
	if d := try(); d < 200*time.Millisecond {
		t.Errorf("the third was answered after %v", d)
	}
	start := time.Now()
	client(t, addr)
	if d := time.Since(start); d > time.Second {
		t.Errorf("another address waited %v", d)
	}
}

// Connections that come and go, in every stage, leave nothing.
func TestComingAndGoingLeavesNothing(t *testing.T) {
	b := &esltest.Backend{Answers: map[string][]string{"status": {"UP"}}}
	s := &esl.Server{Backend: b, Limits: esl.Limits{Connections: 8}}
	addr := serve(t, s)
	before := runtime.NumGoroutine()
	stages := []string{"", "au", "auth ClueCon\n\n", "auth ClueCon\n\nevent json ALL\n\n", "auth ClueCon\n\nevent plain ALL\n\nbgapi status\n\n",
		"auth ClueCon\n\napi status\n\nexit\n\n", "auth ClueCon\n\nsendevent X\nContent-Length: 100\n\nshort"}
	count := 3000
	if testing.Short() {
		count = 300
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range count / 8 {
				nc, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(nc, stages[(i+worker)%len(stages)])
				if i%3 == 0 { // a reset
					_ = nc.(*net.TCPConn).SetLinger(0)
				}
				_ = nc.Close()
			}
		})
	}
	wg.Wait()
	eventually(t, "everything gone", func() bool {
		return s.Stats().Connections == 0 && b.Subscribers() == 0 && runtime.NumGoroutine() <= before
	})
}
