package esl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// fakeChannel is a channel that notes its messages.
type fakeChannel struct {
	mu       sync.Mutex
	vars     map[string]string
	messages []string
	full     bool
}

func (c *fakeChannel) UUID() string { return "u" }
func (c *fakeChannel) Name() string { return "sofia/x/1\nContent-Length: 9" }
func (c *fakeChannel) Variable(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.vars[name]
}
func (c *fakeChannel) SetVariable(name, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.vars[name] = value
}
func (c *fakeChannel) Data(context.Context) *esl.Event {
	e := esl.NewEvent("CHANNEL_DATA")
	e.Add("Unique-ID", "u")
	e.Add("Caller-Caller-ID-Name", "x\nReply-Text: +OK\n\n")
	return e
}
func (c *fakeChannel) Message(_ context.Context, headers []esl.Header, body string, wait bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, fmt.Sprintf("%v %q %v", headers, body, wait))
	return !c.full
}

// channelBackend knows the channel u.
type channelBackend struct {
	*esltest.Backend
	ch *fakeChannel
}

func (b channelBackend) ControlledChannel(uuid string) (esl.Channel, bool) { return b.ch, uuid == "u" }

func (b channelBackend) event(name string) {
	e := b.NewEvent(name)
	e.Add("Unique-ID", "u")
	b.Publish(e)
}

// SendMessage implements esl.Messenger: the channel busy takes nothing.
func (b channelBackend) SendMessage(_ context.Context, uuid string, _ []esl.Header, _ string) error {
	if uuid == "busy" {
		return errors.New("full")
	}
	return esl.ErrNoChannel
}

func newChannelBackend() channelBackend {
	return channelBackend{&esltest.Backend{}, &fakeChannel{vars: map[string]string{"sdp": "v=0\r\no=x\r\n", "a": "b"}}}
}

// outbound has a server control a channel by a program, whose connection it returns.
func outbound(t testing.TB, s *esl.Server, ch esl.Channel, o esl.Outbound) (net.Conn, <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	over := make(chan error, 1)
	o.Hosts, o.Over = append(o.Hosts, ln.Addr().String()), func(err error) { over <- err }
	s.Control(t.Context(), ch, o)
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(15 * time.Second))
	return nc, over
}

// TestOutboundVerbs is what a program may say, and what it is answered; mod_event_socket.c parse_command.
func TestOutboundVerbs(t *testing.T) {
	for _, tc := range []struct {
		name        string
		async, full bool
		say         string
		want        []string // replies
		messages    []string
	}{
		{"data", true, true, "connect\n\n", []string{"%2BOK%0A"}, nil},
		{"variables", false, false, "getvar a\n\ngetvar sdp\n\ngetvar none\n\ngetvar\n\n",
			[]string{"b", "v=0  o=x  ", "-ERR command not found", "-ERR command not found"}, nil},
		{"what concerns one channel", false, false, "linger\n\nevent plain ALL\n\napi status\n\nbgapi status\n\nlog\n\nnolog\n\nsendevent X\n\nnoevents\n\nnixevent ALL\n\n",
			[]string{"-ERR command not found", "-ERR command not found", "-ERR command not found", "-ERR command not found", "-ERR command not found",
				"-ERR command not found", "-ERR command not found", "-ERR command not found", "-ERR command not found"}, nil},
		{"everything", false, true, "linger\n\nlinger 5\n\nlinger x\n\nnolinger\n\nevent plain ALL\n\nlog\n\nnolog\n\nnolog\n\n",
			[]string{"+OK will linger", "+OK will linger 5 seconds", "+OK will linger 0 seconds", "+OK will not linger", "+OK event listener enabled plain",
				"+OK log level  [7]", "+OK no longer logging", "-ERR not loging"}, nil},
		{"messages in order", false, false, "sendmsg\na: 1\n\nsendmsg u\na: 2\n\nsendmsg\nasync: true\na: 3\n\n", []string{"+OK", "+OK", "+OK"},
			[]string{`[{a 1 []}] "" true`, `[{a 2 []}] "" true`, `[{async true []} {a 3 []}] "" false`}},
		{"messages queued", true, false, "sendmsg\na: 1\ncontent-length: 2\n\nhi", []string{"+OK"}, []string{`[{a 1 []} {content-length 2 []}] "hi" false`}},
		{"another channel", true, false, "sendmsg v\na: 1\n\n", []string{"-ERR invalid session id [v]"}, nil},
		{"a channel that is busy", true, false, "sendmsg busy\na: 1\n\n", []string{"-ERR memory error"}, nil},
		{"diversion", true, false, "divert_events on\n\ndivert_events off\n\ndivert_events x\n\ndivert_events\n\n",
			[]string{"+OK events diverted", "+OK events not diverted", "+OK events not diverted", "-ERR missing value."}, nil},
		{"resume", true, false, "resume\n\ngetvar socket_resume\n\n", []string{"+OK", "true"}, nil},
		{"events of mine", true, false, "myevents json\n\nmyevents\n\n", []string{"+OK Events Enabled", "-ERR aready enabled."}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newChannelBackend()
			s := &esl.Server{Backend: b}
			serve(t, s)
			nc, over := outbound(t, s, b.ch, esl.Outbound{Async: tc.async, Full: tc.full})
			fmt.Fprint(nc, tc.say, "exit\n\n")
			text, err := io.ReadAll(nc)
			if err != nil {
				t.Fatal(err)
			}
			var replies []string
			for _, line := range strings.Split(string(text), "\n") {
				if r, ok := strings.CutPrefix(line, "Reply-Text: "); ok {
					replies = append(replies, r)
				}
			}
			if want := append(tc.want, "+OK bye"); fmt.Sprintf("%q", replies) != fmt.Sprintf("%q", want) {
				t.Errorf("replies %q, want %q", replies, want)
			}
			if !strings.Contains(string(text), "Controlled-Session-UUID: u\nContent-Disposition: disconnect\nContent-Length: 67\n\n") {
				t.Errorf("no farewell in %q", text)
			}
			if fmt.Sprint(b.ch.messages) != fmt.Sprint(tc.messages) {
				t.Errorf("messages %q, want %q", b.ch.messages, tc.messages)
			}
			if err := <-over; err != nil {
				t.Error(err)
			}
			eventually(t, "nothing left", func() bool { return s.Stats().Connections == 0 && b.Subscribers() == 0 })
		})
	}
}

// TestOutboundEnds: what a program hears of the end of its channel, with and without lingering.
func TestOutboundEnds(t *testing.T) {
	const goodbye = "Content-Type: text/disconnect-notice\nControlled-Session-UUID: u\nContent-Disposition: disconnect\nContent-Length: 67\n\n" +
		"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
	// A channel's name comes from outside; it must not end a line.
	notice := func(seconds string) string {
		return "Content-Type: text/disconnect-notice\nControlled-Session-UUID: u\nContent-Disposition: linger\nChannel-Name: sofia/x/1 Content-Length: 9\nLinger-Time: " +
			seconds + "\nContent-Length: 0\n\n"
	}
	for _, tc := range []struct {
		name, say, want string
		stays           bool
	}{
		{"without", "connect\n\n", goodbye, false},
		{"for no time", "connect\n\nlinger 0\n\n", notice("0") + goodbye, false},
		{"for a second", "connect\n\nlinger 1\n\n", notice("1") + goodbye, false},
		{"for ever", "connect\n\nlinger\n\n", notice("-1"), true},
		{"no more", "connect\n\nlinger\n\nnolinger\n\n", goodbye, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newChannelBackend()
			s := &esl.Server{Backend: b}
			serve(t, s)
			nc, over := outbound(t, s, b.ch, esl.Outbound{Full: true})
			fmt.Fprint(nc, tc.say, "getvar a\n\n")
			before := until(t, nc, "Reply-Text: b\n\n")
			if strings.Contains(before, "notice") {
				t.Errorf("early end: %q", before)
			}
			b.event("CHANNEL_HANGUP")
			b.event("CHANNEL_HANGUP_COMPLETE")
			if !tc.stays {
				text, err := io.ReadAll(nc)
				if err != nil || string(text) != tc.want {
					t.Errorf("got %q, %v", text, err)
				}
			} else {
				if got := until(t, nc, tc.want); got != tc.want {
					t.Errorf("got %q", got)
				}
				fmt.Fprint(nc, "getvar a\n\n")
				until(t, nc, "Reply-Text: b\n\n")
				_ = nc.Close()
			}
			if err := <-over; err != nil {
				t.Error(err)
			}
		})
	}
}

// until reads up to a text.
func until(t *testing.T, nc net.Conn, end string) string {
	t.Helper()
	var b strings.Builder
	buf := make([]byte, 1)
	for !strings.HasSuffix(b.String(), end) {
		if _, err := nc.Read(buf); err != nil {
			t.Fatalf("%q, %v", b.String(), err)
		}
		b.Write(buf)
	}
	return b.String()
}

// TestOutboundIsBounded: dead hosts are passed over, too many connections refused, and a shutdown ends all.
func TestOutboundIsBounded(t *testing.T) {
	b := newChannelBackend()
	s := &esl.Server{Backend: b, Limits: esl.Limits{Outbound: 1, ConnectTimeout: time.Second}}
	serve(t, s)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	nc, over := outbound(t, s, b.ch, esl.Outbound{Hosts: []string{dead.Addr().String()}})
	second := make(chan error, 1)
	s.Control(t.Context(), b.ch, esl.Outbound{Hosts: []string{dead.Addr().String()}, Over: func(err error) { second <- err }})
	if err := <-second; !errors.Is(err, esl.ErrRefused) {
		t.Errorf("second: %v", err)
	}
	_ = nc.Close()
	if err := <-over; err != nil {
		t.Error(err)
	}
	third := make(chan error, 1)
	s.Control(t.Context(), b.ch, esl.Outbound{Hosts: []string{dead.Addr().String()}, Over: func(err error) { third <- err }})
	if err := <-third; err == nil {
		t.Error("connected to nobody")
	}
	if st := s.Stats(); st.Dialled != 1 || st.DialFailed != 1 || st.Refused != 1 || st.Connections != 0 {
		t.Errorf("stats %+v", st)
	}
	_, fourth := outbound(t, s, b.ch, esl.Outbound{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	<-fourth
	after := make(chan error, 1)
	s.Control(t.Context(), b.ch, esl.Outbound{Over: func(err error) { after <- err }})
	if err := <-after; err == nil {
		t.Error("after the shutdown")
	}
}

// TestDivertedEvents: what others send to the channel comes to its controller alone.
func TestDivertedEvents(t *testing.T) {
	b := newChannelBackend()
	s := &esl.Server{Backend: b}
	addr := serve(t, s)
	other := dial(t, addr)
	fmt.Fprint(other, "auth ClueCon\n\nevent plain ALL\n\n")
	until(t, other, "enabled plain\n\n")
	nc, _ := outbound(t, s, b.ch, esl.Outbound{Full: true})
	fmt.Fprint(nc, "connect\n\nevent plain HEARTBEAT\n\ndivert_events on\n\n")
	until(t, nc, "+OK events diverted\n\n")
	fmt.Fprint(other, "sendevent CUSTOM\nEvent-Subclass: x::y\nUnique-ID: u\nN: 1\n\n")
	until(t, nc, "N: 1\n")
	fmt.Fprint(nc, "divert_events off\n\n")
	until(t, nc, "+OK events not diverted\n\n")
	fmt.Fprint(other, "sendevent CUSTOM\nEvent-Subclass: x::y\nUnique-ID: u\nN: 2\n\n")
	if got := until(t, other, "N: 2\n"); strings.Contains(got, "N: 1\n") {
		t.Errorf("diverted and not: %q", got)
	}
}

// TestMyeventsControls: after myevents an inbound connection controls the channel too.
func TestMyeventsControls(t *testing.T) {
	b := newChannelBackend()
	nc := dial(t, serve(t, &esl.Server{Backend: b}))
	fmt.Fprint(nc, "auth ClueCon\n\ngetvar a\n\nmyevents u json\n\ngetvar a\n\nlinger 3\n\nsendmsg\nx: y\n\nexit\n\n")
	text, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Split(string(text), "Reply-Text: ")[2:], "")
	want := "-ERR command not found\n\nContent-Type: command/reply\n+OK Events Enabled\n\nContent-Type: command/reply\nb\n\nContent-Type: command/reply\n" +
		"+OK will linger 3 seconds\n\nContent-Type: command/reply\n+OK\n\nContent-Type: command/reply\n+OK bye\n\n"
	if !strings.HasPrefix(got, want) || fmt.Sprint(b.ch.messages) != `[[{x y []}] "" false]` {
		t.Errorf("got %q, %v", got, b.ch.messages)
	}
}
