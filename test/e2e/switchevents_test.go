package e2e

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// TestLastEvents: who follows events hears that the server stops, the end of the calls, and only then loses the connection.
func TestLastEvents(t *testing.T) {
	ex := start(t)
	client := ex.follow(t, "SHUTDOWN", "CHANNEL_DESTROY", "HEARTBEAT")
	caller, callee := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	connect(t, caller, callee)
	if out := ex.command(t, "shutdown"); out != "+OK\n" {
		t.Errorf("shutdown: %q", out)
	}
	var got []string
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for open := true; open; {
		select {
		case e, more := <-client.Events():
			if open = more; more && e.Name() != "HEARTBEAT" {
				got = append(got, e.Name()+" "+e.Value("Event-Info")+e.Value("Hangup-Cause"))
			}
		case <-ctx.Done():
			t.Fatalf("the connection stays; %v", got)
		}
	}
	want := []string{"SHUTDOWN System Shutting Down", "CHANNEL_DESTROY SYSTEM_SHUTDOWN", "CHANNEL_DESTROY SYSTEM_SHUTDOWN"}
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// TestHeartbeatCountsCalls: the figures of HEARTBEAT are those of the calls that run.
func TestHeartbeatCountsCalls(t *testing.T) {
	ex := startWith(t, embeddedWith(t, func(text string) string {
		const anchor = `<param name="max-sessions"`
		return strings.Replace(text, anchor, `<param name="event-heartbeat-interval" value="1"/>`+anchor, 1)
	}))
	client := ex.follow(t, "HEARTBEAT", "RE_SCHEDULE")
	caller, callee := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	a, b := connect(t, caller, callee)
	beat := func(count string) *esl.Event {
		for {
			if e := next(t, client); e.Name() == "HEARTBEAT" && e.Value("Session-Count") == count {
				return e
			}
		}
	}
	e := beat("2")
	for name, want := range map[string]string{"Session-Since-Startup": "2", "Session-Peak-Max": "2", "Session-Peak-FiveMin": "2"} {
		if got := e.Value(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if idle, err := strconv.ParseFloat(e.Value("Idle-CPU"), 64); err != nil || idle < 0 || idle > 100 {
		t.Errorf("Idle-CPU is %s", e.Value("Idle-CPU"))
	}
	if again := next(t, client); again.Name() != "RE_SCHEDULE" || again.Value("Task-Desc") != "heartbeat" {
		t.Errorf("after it comes %s", again.Name())
	}
	a.hangup(t)
	b.ended(t)
	if e := beat("0"); e.Value("Session-Peak-Max") != "2" || !strings.HasPrefix(e.Value("Up-Time"), "0 years, 0 days") {
		t.Errorf("afterwards: %s\n%s", e.Value("Session-Peak-Max"), e.Value("Up-Time"))
	}
}
