package esl_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// serveOutbound runs a server until the end of the test.
func serveOutbound(t *testing.T, s *esl.OutboundServer) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

func TestOutboundSession(t *testing.T) {
	var got []string
	note := func(s string) { got = append(got, s) }
	s := &esl.OutboundServer{Handler: func(ctx context.Context, s *esl.Session) {
		note(s.UUID() + " " + s.Variable("greeting"))
		if err := errors.Join(s.Linger(ctx, 0), s.MyEvents(ctx)); err != nil {
			t.Error(err)
		}
		if _, err := s.Execute(ctx, "set", "colour=blue"); err != nil {
			t.Error(err)
		}
		colour, err := s.GetVar(ctx, "colour")
		note(colour)
		if _, err2 := s.GetVar(ctx, "a\nb"); err != nil || err2 == nil {
			t.Error(err, err2)
		}
		if none, err := s.GetVar(ctx, "nosuch"); none != "" || err != nil {
			t.Errorf("%q %v", none, err)
		}
		if err := s.Start(ctx, "playback", "x.wav"); err != nil {
			t.Error(err)
		}
		if err := s.Hangup(ctx, "USER_BUSY"); err != nil {
			t.Error(err)
		}
		for e := range s.Events() {
			note(e.Name() + " " + e.Value("Application") + e.Value("Hangup-Cause"))
			if e.Name() == "CHANNEL_HANGUP_COMPLETE" {
				break
			}
		}
		if !s.HungUp() || !s.Async() || !s.Full() {
			t.Error("not hung up, or wrong mode")
		}
	}}
	call := &esltest.Call{UUID: "u-1", Variables: map[string]string{"greeting": "hello: world"}}
	if err := call.Dial(t.Context(), serveOutbound(t, s)); err != nil {
		t.Error(err)
	}
	_ = s.Shutdown(t.Context())
	want := []string{
		"u-1 hello: world", "blue", "CHANNEL_EXECUTE_COMPLETE set", "CHANNEL_EXECUTE_COMPLETE playback", "CHANNEL_HANGUP_COMPLETE USER_BUSY",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Execute returns when the call ends under it, with and without linger.
func TestOutboundExecuteHungUp(t *testing.T) {
	for name, linger := range map[string]bool{"linger": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			result := make(chan error, 1)
			s := &esl.OutboundServer{Handler: func(ctx context.Context, s *esl.Session) {
				if linger {
					_ = s.Linger(ctx, time.Second)
				}
				_, err := s.Execute(ctx, "hangup", "")
				result <- err
			}}
			call := &esltest.Call{UUID: "u-1"}
			if err := call.Dial(t.Context(), serveOutbound(t, s)); err != nil {
				t.Error(err)
			}
			if err := <-result; !errors.Is(err, esl.ErrHungUp) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestOutboundServerEnds(t *testing.T) {
	t.Run("panic", func(t *testing.T) {
		s := &esl.OutboundServer{Handler: func(context.Context, *esl.Session) { panic("boom") }}
		address := serveOutbound(t, s)
		for range 2 { // the second call finds the server alive
			if err := (&esltest.Call{UUID: "u"}).Dial(t.Context(), address); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("shutdown", func(t *testing.T) {
		started := make(chan struct{})
		s := &esl.OutboundServer{Handler: func(ctx context.Context, s *esl.Session) {
			close(started)
			<-ctx.Done()
		}}
		address := serveOutbound(t, s)
		played := make(chan error, 1)
		go func() { played <- (&esltest.Call{UUID: "u"}).Dial(context.Background(), address) }()
		<-started
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if err := <-played; err != nil {
			t.Error(err)
		}
	})
	t.Run("silent switch", func(t *testing.T) {
		s := &esl.OutboundServer{ConnectTimeout: time.Millisecond, Handler: func(context.Context, *esl.Session) { t.Error("called") }}
		nc, err := net.Dial("tcp", serveOutbound(t, s))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		buf := make([]byte, 64)
		n, _ := nc.Read(buf)
		if got := string(buf[:n]); !strings.HasPrefix(got, "connect\n\n") {
			t.Errorf("sent %q", got)
		}
		if _, err := nc.Read(buf); err == nil {
			t.Error("not closed")
		}
	})
	for name, s := range map[string]*esl.OutboundServer{
		"access list": {Allow: func(netip.Addr) bool { return false }},
		"no channel":  {},
	} {
		t.Run(name, func(t *testing.T) {
			s.Handler = func(context.Context, *esl.Session) { t.Error("called") }
			if err := (&esltest.Call{}).Dial(t.Context(), serveOutbound(t, s)); err != nil {
				t.Error(err)
			}
		})
	}
}
