package esl_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// recorded is where transcripts of a real FreeSWITCH are, when the working copy has them beside it.
const recorded = "../../shared/oracle/esl"

// serve starts a server and stops it with the test.
func serve(t testing.TB, s *esl.Server) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.Password == nil {
		s.Password = func() string { return "ClueCon" }
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return ln.Addr().String()
}

var (
	apiCommand = regexp.MustCompile(`(?im)^(?:bg)?api ([^\n]*)\n`)
	sequence   = regexp.MustCompile(`Event-Sequence(?:: |":")(\d+)`)
)

// recordedBackend answers commands as the transcript says they were answered, so that what is compared is the server alone.
func recordedBackend(steps []esltest.Step) *esltest.Backend {
	b := &esltest.Backend{Answers: map[string][]string{}}
	for i, s := range steps {
		for _, m := range sequence.FindAllSubmatch(s.Bytes, -1) {
			n, _ := strconv.Atoi(string(m[1]))
			b.Sequences = append(b.Sequences, n)
		}
		if s.Side != esltest.Client || i+1 == len(steps) || steps[i+1].Side != esltest.Server {
			continue
		}
		rest := string(steps[i+1].Bytes)
		for _, m := range apiCommand.FindAllStringSubmatch(strings.ReplaceAll(string(s.Bytes), "\r", ""), -1) {
			var body string
			body, rest = nextBody(rest)
			if body == "-ERR no reply\n" {
				body = ""
			}
			b.Answers[m[1]] = append(b.Answers[m[1]], body)
		}
	}
	return b
}

// nextBody cuts the first text with a length that is an answer out of what a server sent.
func nextBody(text string) (body, rest string) {
	for _, mark := range []string{"api/response\nContent-Length: ", "\nJob-Command-Arg: ", "\nJob-Command: "} {
		_, after, ok := strings.Cut(text, mark)
		if !ok {
			continue
		}
		if i := strings.Index(after, "Content-Length: "); mark[0] == '\n' && i >= 0 {
			after = after[i+len("Content-Length: "):]
		}
		digits, after, _ := strings.Cut(after, "\n\n")
		if n, err := strconv.Atoi(digits); err == nil && n <= len(after) {
			return after[:n], after[n:]
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "{") {
			if e, err := esl.ParseJSON([]byte(line)); err == nil {
				return e.Body, ""
			}
		}
	}
	return "", text
}

func replayFile(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := esltest.ParseTranscript(string(text))
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, &esl.Server{Backend: recordedBackend(steps)})
	esltest.Replay(t, addr, steps)
}

func TestOwnTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { replayFile(t, path) })
	}
}

// skipped are transcripts that show more than the server alone.
var skipped = map[string]string{
	"11_": "userauth",
	"54_": "HEARTBEAT", "57_": "RELOADXML", "58_": "RELOADXML", "63_": "RELOADXML", "139_": "RELOADXML",
	"90_":  "our limit before authentication is 1 KiB",
	"29_":  "edited after the recording",
	"137_": "an event from another connection", "141_": "an event from another connection", "142_": "an event from another connection",
	"135_": "channel events", "97_": "times", "98_": "times",
}

func TestRecordedTranscripts(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(recorded, "*.txt"))
	if len(files) == 0 {
		t.Skip("no recordings of FreeSWITCH beside the working copy")
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) {
			number, _, _ := strings.Cut(name, "_")
			if why := skipped[number+"_"]; why != "" {
				t.Skip("shows more than the server alone: " + why)
			}
			if strings.Contains(name, "_live_") {
				t.Skip("shows more than the server alone: a channel")
			}
			replayFile(t, path)
		})
	}
}
