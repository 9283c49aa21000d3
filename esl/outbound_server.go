package esl

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"
)

// OutboundServer is a program's side of the event socket's outbound mode: the switch connects to it for each call that reaches the
// dialplan's socket application, and the Handler steers the call. Set the fields before Serve; only Handler is required.
type OutboundServer struct {
	// Handler is called for each call, on a goroutine of its own; its context ends with the connection. When it returns, the connection ends,
	// and the call goes on with what the dialplan says next unless it was hung up. A panic ends that call's connection only.
	Handler func(ctx context.Context, s *Session)
	// Allow decides by address who may connect; nil admits everyone. Outbound mode has no password.
	Allow func(netip.Addr) bool
	// Logger is told of refused connections and of panics; nil is silent.
	Logger *slog.Logger
	// Sessions bounds the calls at once; beyond it connections are closed, which lets the call go on in the dialplan. Default 4096.
	Sessions int
	// ConnectTimeout is how long the switch may take to describe its call. Default 10 s.
	ConnectTimeout time.Duration
	// Format and Backlog are those of Dialer.
	Format  string
	Backlog int

	accepting acceptor

	mu       sync.Mutex // guards what follows
	conns    map[net.Conn]struct{}
	closed   bool
	handlers sync.WaitGroup
}

// ListenAndServe listens on a TCP address, by default ":8084", and serves.
func (s *OutboundServer) ListenAndServe(address string) error {
	if address == "" {
		address = ":8084"
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("esl: %w", err)
	}
	return s.Serve(ln)
}

// Serve accepts calls until Shutdown or Close, then returns nil. It closes the listener.
func (s *OutboundServer) Serve(ln net.Listener) error {
	return s.accepting.serve(ln, s.log(), s.accept)
}

func (s *OutboundServer) accept(nc net.Conn) {
	addr := remoteAddr(nc)
	if s.Allow != nil && !s.Allow(addr) {
		s.log().Warn("esl: refused by access list", "peer", addr)
		_ = nc.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= orDefault(s.Sessions, 4096) {
		s.log().Warn("esl: no room for another session", "peer", addr, "sessions", len(s.conns))
		_ = nc.Close()
		return
	}
	if s.conns == nil {
		s.conns = map[net.Conn]struct{}{}
	}
	s.conns[nc] = struct{}{}
	s.handlers.Go(func() {
		defer s.forget(nc)
		s.serve(nc)
	})
}

func (s *OutboundServer) forget(nc net.Conn) {
	_ = nc.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, nc)
}

// serve runs one call's handler.
func (s *OutboundServer) serve(nc net.Conn) {
	client := newClient(nc, bufio.NewReaderSize(nc, readBuffer), s.Format, s.Backlog)
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.handlers.Go(func() {
		<-client.done
		cancel()
	})
	timeout, stop := context.WithTimeout(ctx, orDefault(s.ConnectTimeout, 10*time.Second))
	session, err := connect(timeout, client)
	stop()
	if err != nil {
		s.log().Warn("esl: no session", "peer", nc.RemoteAddr().String(), "error", err)
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.log().Error("esl: handler panicked", "call", session.UUID(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	s.Handler(ctx, session)
	// The switch takes the end of the connection for the end of our part, too; exit makes sure that it has read what came before.
	timeout, stop = context.WithTimeout(ctx, time.Second)
	defer stop()
	_ = client.Exit(timeout)
}

// Shutdown stops accepting and waits for the handlers. When ctx ends first their connections are closed, and its error is returned once they
// have returned.
func (s *OutboundServer) Shutdown(ctx context.Context) error {
	s.stopAccepting()
	done := make(chan struct{})
	go func() {
		s.handlers.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.closeConns()
		<-done
		return fmt.Errorf("esl: shutdown: %w", ctx.Err())
	}
}

// Close ends all connections and waits for the handlers, whose contexts have ended.
func (s *OutboundServer) Close() error {
	s.stopAccepting()
	s.closeConns()
	s.handlers.Wait()
	return nil
}

func (s *OutboundServer) stopAccepting() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.accepting.stop()
}

func (s *OutboundServer) closeConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for nc := range s.conns {
		_ = nc.Close()
	}
}

func (s *OutboundServer) log() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}
