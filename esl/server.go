package esl

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Limits bounds what a peer can make a Server do. Zero fields mean the default.
type Limits struct {
	// Connections at once; more are closed at once. Default 4096.
	Connections int
	// AuthTimeout is how long a connection may stay without having authenticated. Default 60 s.
	AuthTimeout time.Duration
	// AuthBytes is the longest command before authentication. Default 1 KiB.
	AuthBytes int
	// CommandBytes is the longest command, and separately the longest body. Default 1 MiB.
	CommandBytes int
	// Jobs is how many bgapi commands of one connection run at once. Default 32; more wait their turn.
	Jobs int
	// QueuedJobs is how many bgapi commands of one connection may wait; beyond it they are refused. Default 1024.
	QueuedJobs int
	// WriteTimeout is how long a peer may read nothing while there is something to read. Default 30 s.
	WriteTimeout time.Duration
}

// Server serves the event socket's inbound mode. Set the fields before Serve.
type Server struct {
	// Password returns the current password. An empty one admits no one.
	Password func() string
	Backend  Backend
	// Allow decides by address who may connect; nil admits everyone.
	Allow  func(netip.Addr) bool
	Logger *slog.Logger
	Limits Limits
}

// Stats counts what a Server did since it began.
type Stats struct {
	Connections int64 // now
}

// Serve accepts connections until Shutdown.
func (s *Server) Serve(ln net.Listener) error { return nil }

// Shutdown ends all connections and returns when their goroutines ended.
func (s *Server) Shutdown(ctx context.Context) error { return nil }
