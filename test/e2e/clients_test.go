package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/talkpath/talkpath/esl"
)

// eventClient is an event socket library behind the methods that the script needs.
type eventClient interface {
	api(t *testing.T, command string) string
	bgapi(t *testing.T, command string) string
	subscribe(t *testing.T, names ...string)
	// heard delivers the events subscribed to, as header lookups.
	heard() <-chan func(header string) string
}

// library is one of those that run the script, and its server for outbound mode.
type library struct {
	name  string
	dial  func(*testing.T, *exchange) eventClient
	serve func(*testing.T, chan<- outcome) (address string)
}

func libraries() []library {
	return append([]library{{"esl", dialOurs, serveOurs}}, librariesWithRaces()...)
}

// ours is the client of package esl.
type ours struct {
	*esl.Client
	events chan func(string) string
}

func dialOurs(t *testing.T, ex *exchange) eventClient {
	t.Helper()
	c, err := esl.Dial(t.Context(), ex.at.ESL, eslPassword)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	o := ours{Client: c, events: make(chan func(string) string, 1000)}
	go func() { // ends with the client
		for e := range c.Events() {
			o.events <- e.Value
		}
	}()
	return o
}

func (o ours) api(t *testing.T, command string) string {
	t.Helper()
	out, err := o.API(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (o ours) bgapi(t *testing.T, command string) string {
	t.Helper()
	out, err := o.BGAPI(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (o ours) subscribe(t *testing.T, names ...string) {
	t.Helper()
	if err := o.Subscribe(t.Context(), names...); err != nil {
		t.Fatal(err)
	}
}

func (o ours) heard() <-chan func(string) string { return o.events }

// TestClients runs one script with each library: subscribe, originate, bridge, transfer, hang up, read variables. test/esl-clients runs it with
// those of npm.
func TestClients(t *testing.T) {
	for _, l := range libraries() {
		t.Run(l.name, func(t *testing.T) {
			clientScript(t, l.dial(t, start(t)))
		})
	}
}

func clientScript(t *testing.T, c eventClient) {
	a, b := uuid.NewString(), uuid.NewString()
	// wait returns the next event of that name about a channel.
	wait := func(name, channel string) func(string) string {
		t.Helper()
		for {
			select {
			case value := <-c.heard():
				if value("Event-Name") == name && value("Unique-Id") == channel {
					return value
				}
			case <-time.After(patience):
				t.Fatalf("no %s of %s", name, channel)
			}
		}
	}
	expect := func(command, want string) string {
		t.Helper()
		out := c.api(t, command)
		if !strings.HasPrefix(out, want) {
			t.Fatalf("%s: %q instead of %q", command, out, want)
		}
		return out
	}
	c.subscribe(t, "CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_EXECUTE", "CHANNEL_HANGUP_COMPLETE")
	expect("status", "UP ")
	if got := c.bgapi(t, fmt.Sprintf("originate {origination_uuid=%s,colour=blue}loopback/9196/default &park()", a)); got != "+OK "+a+"\n" {
		t.Fatalf("originate: %q", got)
	}
	wait("CHANNEL_CREATE", a)
	if got := wait("CHANNEL_ANSWER", a)("variable_colour"); got != "blue" {
		t.Errorf("the answered channel's colour is %q", got)
	}
	expect(fmt.Sprintf("originate {origination_uuid=%s}loopback/9196/default &park()", b), "+OK "+b)

	expect("uuid_getvar "+a+" colour", "blue")
	expect("uuid_setvar "+a+" colour dark red", "+OK")
	var dump map[string]string
	if err := json.Unmarshal([]byte(expect("uuid_dump "+a+" json", "{")), &dump); err != nil || dump["variable_colour"] != "dark red" {
		t.Errorf("dump: %v, colour %q", err, dump["variable_colour"])
	}

	expect("uuid_bridge "+a+" "+b, "+OK")
	if got := wait("CHANNEL_BRIDGE", a)("Other-Leg-Unique-Id"); got != b {
		t.Errorf("bridged to %q", got)
	}
	expect("uuid_transfer "+a+" 9196 XML default", "+OK")
	for wait("CHANNEL_EXECUTE", a)("Application") != "echo" {
	}
	expect("uuid_kill "+a+" USER_BUSY", "+OK")
	if got := wait("CHANNEL_HANGUP_COMPLETE", a)("Hangup-Cause"); got != "USER_BUSY" {
		t.Errorf("hung up with %q", got)
	}
	expect("uuid_getvar "+a+" colour", "-ERR No such channel!")
	expect("hupall", "+OK")
}

// outcome is what an outbound program saw and did.
type outcome struct{ uuid, colour, played, cause string }

// TestOutboundClients: the dialplan's socket application hands a call to a program that answers it, plays to it and hangs it up.
func TestOutboundClients(t *testing.T) {
	for _, l := range libraries() {
		t.Run(l.name, func(t *testing.T) {
			outcomes := make(chan outcome, 1)
			address := l.serve(t, outcomes)
			ex := start(t) // after the program: eslgo's listener goroutine stays
			id := uuid.NewString()
			ex.command(t, fmt.Sprintf("originate {origination_uuid=%s,colour=blue}loopback/9196/default '&socket(%s async full)'", id, address))
			want := outcome{uuid: id, colour: "blue", played: "FILE PLAYED", cause: "USER_BUSY"}
			select {
			case got := <-outcomes:
				if got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			case <-time.After(patience):
				t.Fatal("the program is not done")
			}
		})
	}
}

func serveOurs(t *testing.T, done chan<- outcome) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &esl.OutboundServer{Handler: func(ctx context.Context, s *esl.Session) {
		o := outcome{uuid: s.UUID(), colour: s.Variable("colour")}
		if err := s.Linger(ctx, 0); err != nil {
			t.Error(err)
		}
		if err := s.MyEvents(ctx); err != nil {
			t.Error(err)
		}
		if _, err := s.Execute(ctx, "answer", ""); err != nil {
			t.Error(err)
		}
		e, err := s.Execute(ctx, "playback", "tone_stream://%(100,0,440)")
		if err != nil {
			t.Error(err)
			return
		}
		o.played = e.Value("Application-Response")
		if _, err := s.Execute(ctx, "set", "colour=red"); err != nil {
			t.Error(err)
		}
		if colour, err := s.GetVar(ctx, "colour"); colour != "red" {
			t.Errorf("colour %q, %v", colour, err)
		}
		if err := s.Hangup(ctx, "USER_BUSY"); err != nil {
			t.Error(err)
		}
		for e := range s.Events() {
			if e.Name() == "CHANNEL_HANGUP_COMPLETE" {
				o.cause = e.Value("Hangup-Cause")
				break
			}
		}
		done <- o
	}}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}
