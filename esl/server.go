package esl

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bounds what a peer can make a Server do. Zero fields mean the default.
type Limits struct {
	// Connections that authenticated, at once; beyond it new ones are closed without a greeting and counted in Stats.Refused. Default
	// 4096.
	Connections int
	// Pending is how many connections may be there without having authenticated, and PendingPerAddress how many of one address. Beyond
	// either a new one takes the place of an old one, which is counted in Stats.Evicted. Default 2048 and 1024.
	Pending, PendingPerAddress int
	// AuthTimeout is how long a connection may stay without having authenticated. Default 60 s; at most 5 s when it came while more than
	// a quarter of Pending were there. Afterwards there is no idle timeout: an event connection may be silent for days.
	AuthTimeout time.Duration
	// AuthBytes is the longest command before authentication. Default 1 KiB.
	AuthBytes int
	// CommandBytes is the longest command, and separately the longest body. Default 1 MiB.
	CommandBytes int
	// Jobs is how many bgapi commands of one connection run at once: who dials has one waiting for each call that rings. Default 1000.
	Jobs int
	// QueuedJobs is how many further bgapi commands of one connection may wait, and JobBytes how long all of them may be together; beyond
	// either a command is answered with -ERR and counted in Stats.JobsRefused. Default 1000 and 4 MiB.
	QueuedJobs, JobBytes int
	// Outbound is how many connections to programs that control channels may be there at once; ConnectTimeout is how long each host may
	// take to answer. Default 4096 and 5 s.
	Outbound       int
	ConnectTimeout time.Duration
	// WriteTimeout is how long a peer may read nothing while there is something to read; then it is dropped and counted in
	// Stats.SlowReaders. Default 30 s.
	WriteTimeout time.Duration
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Connections: orDefault(l.Connections, 4096), Pending: orDefault(l.Pending, 2048),
		PendingPerAddress: orDefault(l.PendingPerAddress, 1024), AuthTimeout: orDefault(l.AuthTimeout, time.Minute),
		AuthBytes: orDefault(l.AuthBytes, 1<<10), CommandBytes: orDefault(l.CommandBytes, 1<<20),
		Jobs: orDefault(l.Jobs, 1000), QueuedJobs: orDefault(l.QueuedJobs, 1000), JobBytes: orDefault(l.JobBytes, 4<<20),
		WriteTimeout: orDefault(l.WriteTimeout, 30*time.Second),
		Outbound:     orDefault(l.Outbound, 4096), ConnectTimeout: orDefault(l.ConnectTimeout, 5*time.Second),
	}
}

func orDefault[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// Server serves the event socket: programs that connect (Serve), and programs that it connects to for a channel that they control
// (Control). Set the fields before; the zero values of Allow, Logs, Logger and Limits are useful.
type Server struct {
	// Password returns the current password. An empty one admits no one.
	Password func() string
	Backend  Backend
	// Allow decides by address who may connect; nil admits everyone.
	Allow func(netip.Addr) bool
	// Logs is where the verb log finds lines; nil has none.
	Logs LogSource
	// Logger is told of refused connections, failed authentication and dropped readers; nil is silent.
	Logger *slog.Logger
	Limits Limits

	accepting acceptor

	mu       sync.Mutex // guards what follows
	conns    map[*conn]struct{}
	pending  pending // of conns
	outbound int     // of conns, and those that are being dialled
	closed   bool
	// base ends with Shutdown; commands run under it or under a connection's child of it. Set by begin and never changed.
	base   context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // goroutines of connections and jobs

	diverted diversions
	counters counters
}

type counters struct {
	accepted, refused, evicted, authFailed, slowReaders, overflows, tooLong, jobs, jobsRefused, commands, dialled, dialFailed,
	lostLines atomic.Int64
}

// Stats counts what a Server did since it began.
type Stats struct {
	Connections int   // now
	Accepted    int64 // connections greeted
	Refused     int64 // connections closed by Allow or by Limits.Connections
	Evicted     int64 // connections closed before they authenticated, for newer ones
	AuthFailed  int64 // wrong passwords and time-outs before authentication
	SlowReaders int64 // connections dropped because they did not read
	Overflows   int64 // connections dropped because their event queue was full
	TooLong     int64 // connections dropped because of a command or body beyond the limits
	Commands    int64 // commands executed, bgapi included
	Jobs        int64 // bgapi commands accepted
	JobsRefused int64 // bgapi commands refused by Limits.QueuedJobs
	Dialled     int64 // outbound connections
	DialFailed  int64 // outbound connections that came to nothing
	LostLines   int64 // log lines that a reader was too slow for
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	n := len(s.conns)
	s.mu.Unlock()
	c := &s.counters
	return Stats{
		Connections: n, Accepted: c.accepted.Load(), Refused: c.refused.Load(), Evicted: c.evicted.Load(), AuthFailed: c.authFailed.Load(),
		SlowReaders: c.slowReaders.Load(), Overflows: c.overflows.Load(), TooLong: c.tooLong.Load(), Commands: c.commands.Load(),
		Jobs: c.jobs.Load(), JobsRefused: c.jobsRefused.Load(), Dialled: c.dialled.Load(), DialFailed: c.dialFailed.Load(),
		LostLines: c.lostLines.Load(),
	}
}

// Serve accepts connections until Shutdown, then returns nil. It may be called for several listeners, which it closes.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if !s.closed {
		s.begin()
	}
	s.mu.Unlock()
	return s.accepting.serve(ln, s.log(), s.accept)
}

// begin prepares what is needed first. mu is held.
func (s *Server) begin() {
	if s.base == nil {
		s.conns = map[*conn]struct{}{}
		s.base, s.cancel = context.WithCancel(context.Background())
	}
}

// accept admits or refuses a connection; it never waits for the peer.
func (s *Server) accept(nc net.Conn) {
	addr := remoteAddr(nc)
	if s.Allow != nil && !s.Allow(addr) {
		s.counters.refused.Add(1)
		s.log().Warn("esl: refused by access list", "peer", addr)
		reject(nc)
		return
	}
	c := newConn(s, nc, neighbourhood(addr), s.Limits.withDefaults())
	s.mu.Lock()
	if s.closed || len(s.conns)-s.pending.total-s.outbound >= c.limit.Connections {
		s.mu.Unlock()
		s.counters.refused.Add(1)
		c.abort()
		return
	}
	s.conns[c] = struct{}{}
	if old := s.pending.add(c); old != nil {
		s.counters.evicted.Add(1)
		delete(s.conns, old)
		old.abort()
	}
	if s.pending.total > c.limit.Pending/4 {
		c.limit.AuthTimeout = min(c.limit.AuthTimeout, busyAuthTimeout)
	}
	s.wg.Add(1)
	s.mu.Unlock()
	s.counters.accepted.Add(1)
	go func() {
		defer s.wg.Done()
		defer s.forget(c)
		c.serve()
	}()
}

// rejection is what FreeSWITCH says to who is not in the access list.
const rejection = "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"

// reject says no and closes. The socket's buffer takes these few bytes at once.
func reject(nc net.Conn) {
	_ = nc.SetWriteDeadline(time.Now().Add(time.Millisecond))
	_, _ = nc.Write([]byte(rejection + "Content-Type: text/disconnect-notice\nContent-Length: " + strconv.Itoa(len(goodbye)) + "\n\n" + goodbye))
	_ = nc.Close()
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.pending.remove(c)
}

// flushTime bounds how long Shutdown lets peers read the events that are queued for them.
const flushTime = time.Second

// Shutdown closes the listeners, sends the events that are queued, closes all connections and waits for their goroutines, as long as ctx
// allows. Idempotent.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.accepting.stop()
	s.flush(ctx)
	s.mu.Lock()
	if s.cancel != nil {
		s.cancel()
	}
	for c := range s.conns {
		c.abort()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("esl: shutdown: %w", ctx.Err())
	}
}

// flush waits until every subscriber has the last events, or the time is over.
func (s *Server) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	s.mu.Lock()
	var pumps []<-chan struct{}
	for c := range s.conns {
		if done := c.events.finish(); done != nil {
			pumps = append(pumps, done)
		}
	}
	s.mu.Unlock()
	for _, done := range pumps {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// run executes an API command line. A panic in one command ends that command only.
func (s *Server) run(ctx context.Context, line string) (result string) {
	defer func() {
		if p := recover(); p != nil {
			name, _, _ := strings.Cut(line, " ")
			s.log().Error("esl: command panicked", "command", name, "panic", p, "stack", string(debug.Stack()))
			result = "-ERR internal error\n"
		}
	}()
	return s.Backend.Execute(ctx, line)
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Server) log() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

func remoteAddr(nc net.Conn) netip.Addr {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// Loopback is an Allow that admits connections from this machine only. It is what FreeSWITCH does without apply-inbound-acl, and the
// only right choice while the password is a well-known default.
func Loopback(addr netip.Addr) bool { return addr.Unmap().IsLoopback() }
