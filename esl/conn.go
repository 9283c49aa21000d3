package esl

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// goodbye is FreeSWITCH's text in a disconnect notice.
const goodbye = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"

// disconnectNotice is the last frame of a connection.
const disconnectNotice = "Content-Type: text/disconnect-notice\nContent-Length: 67\n\n" + goodbye

const (
	// writeChunk is how much is written under one deadline, so that a slow peer that reads is told from one that does not.
	writeChunk = 64 << 10
	// drainTime is how long the peer's last words are read after we said goodbye; closing at once would reset the connection and take
	// the goodbye away with it.
	drainTime  = 500 * time.Millisecond
	drainBytes = 64 << 10
)

// conn is one inbound connection. Its serve goroutine reads and executes commands in order and owns all fields but those marked; a
// pump goroutine, started with the first subscription, writes events; job goroutines run bgapi commands and may outlive the connection.
type conn struct {
	server *Server
	nc     net.Conn
	from   netip.Prefix
	limit  Limits
	log    *slog.Logger
	// ctx ends when the connection does.
	ctx    context.Context
	cancel context.CancelFunc

	writing sync.Mutex // serialises whole frames
	failed  bool       // a write failed; guarded by writing

	events eventState
	jobs   jobQueue
	// children are the goroutines that end with the connection: the pump.
	children sync.WaitGroup
}

func newConn(s *Server, nc net.Conn, from netip.Prefix, limit Limits) *conn {
	c := &conn{server: s, nc: nc, from: from, limit: limit, log: s.log().With("peer", nc.RemoteAddr().String())}
	c.ctx, c.cancel = context.WithCancel(s.base)
	return c
}

// abort ends the connection from outside.
func (c *conn) abort() {
	c.cancel()
	_ = c.nc.Close()
}

// serve runs the session: greeting, authentication, commands.
func (c *conn) serve() {
	defer func() {
		c.abort()
		c.children.Wait()
		c.events.close()
	}()
	r := bufio.NewReaderSize(c.nc, 4096)
	_ = c.nc.SetReadDeadline(time.Now().Add(c.limit.AuthTimeout))
	c.write([]byte("Content-Type: auth/request\n\n"))
	if !c.authenticate(r) {
		return
	}
	_ = c.nc.SetReadDeadline(time.Time{})
	for c.ctx.Err() == nil {
		cmd, err := readCommand(r, c.limit.CommandBytes)
		if err != nil {
			c.readFailed(err)
			return
		}
		if !c.execute(cmd) {
			c.disconnect()
			return
		}
	}
}

// authenticate answers commands until the password came. A wrong password ends the connection; anything else but exit is unknown.
func (c *conn) authenticate(r *bufio.Reader) bool {
	for {
		cmd, err := readCommand(r, c.limit.AuthBytes)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.server.counters.authFailed.Add(1)
				c.log.Warn("esl: no authentication in time")
				c.disconnect()
				return false
			}
			c.readFailed(err)
			return false
		}
		password, hasPassword := cmd.after()
		switch verb := cmd.verb(); {
		case strings.HasPrefix(verb, "exit"):
			c.reply("+OK bye")
			c.disconnect()
			return false
		case hasPassword && (verb == "auth" || verb == "userauth"):
			if verb == "auth" && samePassword(password, c.server.Password()) {
				c.server.authenticated(c) // before the answer: who has it must not be evicted any more
				c.reply("+OK accepted")
				return true
			}
			c.server.counters.authFailed.Add(1)
			c.log.Warn("esl: authentication failed")
			c.server.slowDown(c.ctx, c)
			c.reply("-ERR invalid")
			c.disconnect()
			return false
		case isHTTP(cmd.line):
			// A web page can make a browser on this machine post to a loopback port; the commands would be in the body.
			c.log.Warn("esl: HTTP request")
			return false
		default:
			c.reply("-ERR command not found")
		}
	}
}

// samePassword compares in a time that depends on neither the contents nor the lengths.
func samePassword(given, want string) bool {
	g, w := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1 && want != ""
}

func isHTTP(line string) bool {
	return strings.HasSuffix(line, " HTTP/1.1") || strings.HasSuffix(line, " HTTP/1.0") || strings.HasSuffix(line, " HTTP/2.0")
}

// readFailed ends the connection the way the reason asks for.
func (c *conn) readFailed(err error) {
	switch {
	case errors.Is(err, errTooLong):
		c.server.counters.tooLong.Add(1)
		c.log.Warn("esl: dropped", "error", err)
		c.disconnect()
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		// The peer left without exit, which is how Rocket.Chat always leaves.
	default:
		c.log.Debug("esl: read", "error", err)
	}
}

// disconnect says goodbye and reads what the peer still had under way.
func (c *conn) disconnect() {
	c.writing.Lock()
	said := c.sendFarewell(disconnectNotice)
	c.writing.Unlock()
	if said {
		_, _ = io.CopyN(io.Discard, c.nc, drainBytes)
	}
}

// sendFarewell sends the last frame and ends our side; the peer has drainTime to end its own. writing is held.
func (c *conn) sendFarewell(notice string) bool {
	if !c.send([]byte(notice)) {
		return false
	}
	c.failed = true // nothing may follow a goodbye
	_ = c.nc.SetReadDeadline(time.Now().Add(drainTime))
	if tcp, ok := c.nc.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite() == nil
	}
	return false
}

// reply answers a command.
func (c *conn) reply(text string, extra ...string) {
	c.replyWith(func() string { return text }, extra...)
}

// replyWith runs do and answers with what it returns, with no event written in between: what do changed is in force from this answer
// on, not before.
func (c *conn) replyWith(do func() string, extra ...string) {
	c.writing.Lock()
	defer c.writing.Unlock()
	var b strings.Builder
	b.WriteString("Content-Type: command/reply\nReply-Text: " + do() + "\n")
	for _, line := range extra {
		b.WriteString(line + "\n")
	}
	b.WriteByte('\n')
	c.send([]byte(b.String()))
}

// write sends one whole frame.
func (c *conn) write(frame []byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.send(frame)
}

// send is write with writing held. It fails when the peer reads nothing for the write timeout; the connection is over then.
func (c *conn) send(frame []byte) bool {
	for len(frame) > 0 {
		if c.failed {
			return false
		}
		chunk := frame[:min(len(frame), writeChunk)]
		_ = c.nc.SetWriteDeadline(time.Now().Add(c.limit.WriteTimeout))
		if _, err := c.nc.Write(chunk); err != nil {
			c.failed = true
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.server.counters.slowReaders.Add(1)
				c.log.Warn("esl: dropped a peer that does not read")
			}
			c.abort()
			return false
		}
		frame = frame[len(chunk):]
	}
	return true
}
