package e2e

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// document is docs/event-socket.md. Its JavaScript is run by test/esl-clients.
const document = "../../docs/event-socket.md"

// documented returns the Go program of the document that holds a text.
func documented(t *testing.T, with string) string {
	t.Helper()
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(data), "```go\n")[1:] {
		if program, _, _ := strings.Cut(block, "```"); strings.Contains(program, with) {
			return program
		}
	}
	t.Fatalf("%s has no program with %s", document, with)
	return ""
}

// runDocumented builds and starts a program of the document and returns what it prints, line by line. It ends with the test.
func runDocumented(t *testing.T, with, argument string) <-chan string {
	t.Helper()
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(source, []byte(documented(t, with)), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, source)
	build.Dir = "../.." // its imports are this module's
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, argument)
	cmd.Env = append(os.Environ(), "ESL_PASSWORD="+eslPassword)
	r, w := net.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
		w.Close()
	})
	return lines
}

// prints waits for a line that holds a text.
func prints(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	var got []string
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		select {
		case line := <-lines:
			if got = append(got, line); strings.Contains(line, want) {
				return
			}
		case <-ctx.Done():
			t.Fatalf("waited in vain for %q, got %q", want, got)
		}
	}
}

func TestDocumentedMonitor(t *testing.T) {
	ex := start(t)
	lines := runDocumented(t, "esl.Reconnector", ex.at.ESL)
	await(t, "the monitor to subscribe", func() (bool, string) {
		ex.command(t, "originate loopback/9196/default &hangup(USER_BUSY)")
		select {
		case line := <-lines:
			return strings.HasPrefix(line, "CHANNEL_"), line
		default:
			return false, ""
		}
	})
	prints(t, lines, "CHANNEL_ANSWER")
	prints(t, lines, "9196 USER_BUSY")
}

func TestDocumentedCall(t *testing.T) {
	lines := runDocumented(t, "c.BGAPI", start(t).at.ESL)
	prints(t, lines, "blue <nil>")
	prints(t, lines, "<nil>")
}

func TestDocumentedOutbound(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	ex := start(t)
	lines := runDocumented(t, "esl.OutboundServer", address)
	await(t, "the program to listen", func() (bool, string) {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			return false, err.Error()
		}
		return nc.Close() == nil, ""
	})
	ex.command(t, "originate {origination_caller_id_number=1000}loopback/9196/default '&socket("+address+" async full)'")
	prints(t, lines, "call from ")
	prints(t, lines, "FILE PLAYED")
}
