package control

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// logIn is what Rocket.Chat does for each user that signs in: a connection, a subscription, one command in the background, its result.
// foreign counts the results of others that it had to read.
func logIn(addr string, n int, foreign *atomic.Int64) error {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(nc)
	// frame reads up to one that has a text in its head, and returns its head and body.
	frame := func(mark string) (head, body string, err error) {
		for {
			var b strings.Builder
			length := 0
			for {
				text, err := r.ReadString('\n')
				if err != nil {
					return "", "", err
				}
				if text == "\n" {
					break
				}
				b.WriteString(text)
				if v, ok := strings.CutPrefix(text, "Content-Length: "); ok {
					length, _ = strconv.Atoi(strings.TrimSpace(v))
				}
			}
			buf := make([]byte, length)
			if _, err := io.ReadFull(r, buf); err != nil {
				return "", "", err
			}
			if strings.Contains(b.String(), mark) || strings.Contains(string(buf), mark) {
				return b.String(), string(buf), nil
			}
			if length > 0 {
				foreign.Add(1)
			}
		}
	}
	if _, _, err = frame("auth/request"); err != nil {
		return err
	}
	id := "job-" + strconv.Itoa(n) + "-x"
	for _, step := range []struct{ command, mark string }{
		{"auth ClueCon\n\n", "+OK accepted"},
		{"event json BACKGROUND_JOB\n\n", "+OK event listener"},
		{"bgapi user_data 1000@example.com param password\nJob-UUID: " + id + "\n\n", "Reply-Text: +OK Job-UUID"},
	} {
		if _, err := io.WriteString(nc, step.command); err != nil {
			return err
		}
		if _, _, err := frame(step.mark); err != nil {
			return fmt.Errorf("%q: %w", step.command, err)
		}
	}
	_, body, err := frame(`"Job-UUID":"` + id + `"`)
	if err == nil && !strings.Contains(body, `"_body":"p w"`) {
		err = fmt.Errorf("job %s: %s", id, body)
	}
	return err
}

// TestManyLogInsAtOnce: what one client costs must not grow with the number of clients. The time is the best of some attempts, as other
// tests run beside this one.
func TestManyLogInsAtOnce(t *testing.T) {
	const clients, attempts = 500, 4
	limit := 2 * time.Second
	if raceDetector {
		limit *= 5
	}
	for i := range attempts {
		took, foreign := manyLogIns(t, clients)
		t.Logf("%d clients in %s, %d results of others", clients, took, foreign)
		if foreign > clients && took < limit { // beyond it a client may take longer to ask than it is given
			t.Errorf("the clients had to read %d results of others", foreign)
		}
		if took < limit {
			return
		}
		if i == attempts-1 {
			t.Errorf("it took %s, want less than %s", took, limit)
		}
	}
}

func manyLogIns(t *testing.T, clients int) (took time.Duration, foreign int64) {
	c, _ := testControl(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &esl.Server{Backend: c, Password: func() string { return "ClueCon" }}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	var wg sync.WaitGroup
	var count atomic.Int64
	start := time.Now()
	for n := range clients {
		wg.Go(func() {
			if err := logIn(ln.Addr().String(), n, &count); err != nil {
				t.Errorf("client %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	took = time.Since(start)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	return took, count.Load()
}
