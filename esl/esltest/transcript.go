// Package esltest has what tests of the event socket share: recorded sessions that are replayed byte by byte, and a Backend that plays
// the switch.
package esltest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Side is who acts in a Step.
type Side int

// Sides.
const (
	Client    Side = iota // the client writes Bytes
	Server                // the server writes Bytes
	ServerEOF             // the server ends its side
)

// Step is one step of a session.
type Step struct {
	Side  Side
	Bytes []byte
}

// ParseTranscript reads a session: "--- CLIENT" and "--- SERVER" lines, each followed by "C| " or "S| " lines, one a line on the wire;
// "<no newline>" ends a line without LF, "\r" stands for CR. A server's byte count in the "---" line is checked. Lines with ## are comments.
func ParseTranscript(text string) ([]Step, error) {
	var steps []Step
	expected := -1
	check := func() error {
		if len(steps) > 0 && steps[len(steps)-1].Side == Server && expected >= 0 && len(steps[len(steps)-1].Bytes) != expected {
			return fmt.Errorf("esltest: step %d has %d bytes instead of %d", len(steps), len(steps[len(steps)-1].Bytes), expected)
		}
		return nil
	}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "## "):
		case strings.HasPrefix(line, "--- "):
			if err := check(); err != nil {
				return nil, err
			}
			fields := strings.Fields(line)
			side, ok := map[string]Side{"CLIENT": Client, "SERVER": Server, "S-EOF": ServerEOF}[fields[1]]
			if !ok { // C-ERR: the client found the connection closed
				return steps, nil
			}
			expected = -1
			if n := len(fields); n > 2 && fields[n-1] == "bytes" {
				expected, _ = strconv.Atoi(fields[n-2])
			}
			steps = append(steps, Step{Side: side})
		case strings.HasPrefix(line, "C| "), strings.HasPrefix(line, "S| "):
			if len(steps) == 0 {
				return nil, errors.New("esltest: line before the first step")
			}
			data, ended := strings.CutSuffix(line[3:], "<no newline>")
			if !ended {
				data += "\n"
			}
			s := &steps[len(steps)-1]
			s.Bytes = append(s.Bytes, strings.ReplaceAll(data, `\r`, "\r")...)
		default:
			return nil, fmt.Errorf("esltest: line %.60q", line)
		}
	}
	return steps, check()
}

// masks are the parts of a session that differ from one to the next without a difference in length.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`(Event-Date-[A-Za-z]+(?:: |":"))[^"\n]*`), "${1}DATE"},
}

// Mask replaces uuids and dates.
func Mask(text string) string {
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	return text
}

// Replay plays the client's part of a session at addr and compares every byte the server sends, uuids and dates masked. A session that
// does not end with the server's EOF is ended with exit, which shows that nothing else was on its way.
func Replay(t testing.TB, addr string, steps []Step) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	said := ""
	for i, s := range steps {
		switch s.Side {
		case Client:
			said = string(s.Bytes)
			if _, err := nc.Write(s.Bytes); err != nil {
				t.Fatalf("step %d: write: %v", i, err)
			}
		case Server:
			if !expect(t, nc, said, string(s.Bytes)) {
				return
			}
		case ServerEOF:
			expectEOF(t, nc, said)
			return
		}
	}
	if _, err := nc.Write([]byte("\n\nexit\n\n")); err != nil {
		t.Fatal(err)
	}
	bye := "Content-Type: command/reply\nReply-Text: +OK bye\n\nContent-Type: text/disconnect-notice\nContent-Length: 67\n\n" +
		"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
	if expect(t, nc, "exit", bye) {
		expectEOF(t, nc, "exit")
	}
}

// expect reads as many bytes as want has and compares.
func expect(t testing.TB, nc net.Conn, said, want string) bool {
	t.Helper()
	// What never comes must not take the whole deadline of the session.
	_ = nc.SetReadDeadline(time.Now().Add(3 * time.Second))
	buf := make([]byte, len(want))
	n, err := io.ReadFull(nc, buf)
	if got := Mask(string(buf[:n])); err != nil || got != Mask(want) {
		t.Errorf("after %.100q (%v): got\n%s\nwant\n%s", said, err, got, Mask(want))
		return false
	}
	return true
}

func expectEOF(t testing.TB, nc net.Conn, said string) {
	t.Helper()
	_ = nc.SetReadDeadline(time.Now().Add(3 * time.Second))
	if rest, err := io.ReadAll(nc); err != nil || len(rest) > 0 {
		t.Errorf("after %.100q: %q and %v instead of the end", said, rest, err)
	}
}
