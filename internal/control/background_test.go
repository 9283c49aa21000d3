package control

import (
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
)

func TestBackgroundCommand(t *testing.T) {
	c, _ := testControl(t)
	sub := c.Subscribe()
	defer sub.Close()
	sub.Select(esl.Selection{Names: map[string]bool{"BACKGROUND_JOB": true}})
	for _, test := range []struct{ name, line, arg, body string }{
		{"with an argument", "bgapi echo some words", "some words", "some words"},
		{"without", "bgapi hostname", "", c.hostname()},
		{"unknown command", "bgapi nonsense", "", "-ERR nonsense Command not found!\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := c.Execute(t.Context(), test.line)
			id, ok := strings.CutPrefix(answer, "+OK Job-UUID: ")
			if !ok {
				t.Fatalf("answer %q", answer)
			}
			e, err := sub.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := e.Value("Job-UUID") + "\n"; got != id {
				t.Errorf("Job-UUID %q, answered %q", got, id)
			}
			if e.Body != test.body || e.Value("Job-Command-Arg") != test.arg {
				t.Errorf("body %q, argument %q", e.Body, e.Value("Job-Command-Arg"))
			}
		})
	}
	if got := c.Execute(t.Context(), "bgapi"); got != "-ERR Invalid syntax\n" {
		t.Errorf("without a command: %q", got)
	}
}

func TestBackgroundCommandsAreBounded(t *testing.T) {
	c, _ := testControl(t)
	for range maxBackground {
		if got := c.Execute(t.Context(), "bgapi msleep 3600000"); !strings.HasPrefix(got, "+OK Job-UUID: ") {
			t.Fatal(got)
		}
	}
	if got := c.Execute(t.Context(), "bgapi status"); got != "-ERR too many background jobs\n" {
		t.Errorf("one too many: %q", got)
	}
	closed := make(chan struct{})
	go func() { c.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Fatal("Close waits for background commands")
	}
}
