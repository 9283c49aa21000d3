//go:build !race

package e2e

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/percipia/eslgo"
	"github.com/percipia/eslgo/command"
	"github.com/percipia/eslgo/command/call"
)

// librariesWithRaces are those whose own data races the detector would report. `make test-clients` runs them without it.
func librariesWithRaces() []library { return []library{{"eslgo", dialEslgo, serveEslgo}} }

// percipia is github.com/percipia/eslgo.
type percipia struct {
	*eslgo.Conn
	events chan func(string) string
	jobs   chan *eslgo.Event
}

// eslgoOptions is eslgo without its log.
func eslgoOptions() eslgo.Options {
	o := eslgo.DefaultOptions
	o.Logger = eslgo.NilLogger{}
	return o
}

func dialEslgo(t *testing.T, ex *exchange) eventClient {
	t.Helper()
	opts := eslgo.DefaultInboundOptions
	opts.Options, opts.Password = eslgoOptions(), eslPassword
	c, err := opts.Dial(ex.at.ESL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.ExitAndClose)
	p := percipia{Conn: c, events: make(chan func(string) string, 1000), jobs: make(chan *eslgo.Event, 10)}
	c.RegisterEventListener(eslgo.EventListenAll, func(e *eslgo.Event) {
		if e.GetName() == "BACKGROUND_JOB" {
			p.jobs <- e
			return
		}
		p.events <- e.GetHeader
	})
	return p
}

func (p percipia) send(t *testing.T, c command.Command) *eslgo.RawResponse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := p.SendCommand(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (p percipia) api(t *testing.T, line string) string {
	t.Helper()
	name, arguments, _ := strings.Cut(line, " ")
	return string(p.send(t, command.API{Command: name, Arguments: arguments}).Body)
}

func (p percipia) bgapi(t *testing.T, line string) string {
	t.Helper()
	name, arguments, _ := strings.Cut(line, " ")
	r := p.send(t, command.API{Command: name, Arguments: arguments, Background: true})
	for {
		select {
		case e := <-p.jobs:
			if e.GetHeader("Job-Uuid") == r.GetHeader("Job-Uuid") {
				return string(e.Body)
			}
		case <-time.After(patience):
			t.Fatal("no BACKGROUND_JOB")
		}
	}
}

func (p percipia) subscribe(t *testing.T, names ...string) {
	t.Helper()
	if r := p.send(t, command.Event{Format: "plain", Listen: append(names, "BACKGROUND_JOB")}); !r.IsOk() {
		t.Fatal(r.GetReply())
	}
}

func (p percipia) heard() <-chan func(string) string { return p.events }

// serveEslgo listens on a port that was free a moment ago: eslgo takes no listener, and never ends its own.
func serveEslgo(t *testing.T, done chan<- outcome) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	handler := func(ctx context.Context, c *eslgo.Conn, r *eslgo.RawResponse) {
		o := outcome{uuid: r.ChannelUUID(), colour: r.GetVariable("colour")}
		completed, hungUp := make(chan *eslgo.Event, 10), make(chan *eslgo.Event, 1)
		c.RegisterEventListener(eslgo.EventListenAll, func(e *eslgo.Event) {
			switch e.GetName() {
			case "CHANNEL_EXECUTE_COMPLETE":
				completed <- e
			case "CHANNEL_HANGUP_COMPLETE":
				hungUp <- e
			}
		})
		for _, cmd := range []command.Command{
			command.Linger{Enabled: true}, command.MyEvents{Format: "plain"},
			&call.Execute{UUID: o.uuid, AppName: "answer", Sync: true},
			&call.Execute{UUID: o.uuid, AppName: "playback", AppArgs: "tone_stream://%(100,0,440)", Sync: true},
		} {
			if r, err := c.SendCommand(ctx, cmd); err != nil || !r.IsOk() {
				t.Errorf("%T: %v %v", cmd, r, err)
			}
		}
		for e := range completed {
			if e.GetHeader("Application") == "playback" {
				o.played = e.GetHeader("Application-Response")
				break
			}
		}
		if err := c.HangupCall(ctx, o.uuid, "USER_BUSY"); err != nil {
			t.Error(err)
		}
		o.cause = (<-hungUp).GetHeader("Hangup-Cause")
		done <- o
	}
	opts := eslgo.DefaultOutboundOptions
	opts.Options = eslgoOptions()
	go opts.ListenAndServe(address, handler)
	await(t, "eslgo to listen", func() (bool, string) {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			return false, err.Error()
		}
		nc.Close()
		return true, ""
	})
	return address
}
