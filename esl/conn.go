package esl

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// goodbye is FreeSWITCH's text in a disconnect notice.
const goodbye = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"

const (
	// writeChunk is how much is written under one deadline, so that a slow peer that reads is told from one that does not.
	writeChunk = 64 << 10
	// drainTime is how long the peer's last words are read after we said goodbye; closing at once would reset the connection and take
	// the goodbye away with it.
	drainTime  = 500 * time.Millisecond
	drainBytes = 64 << 10
	// farewellTime bounds how long the last words may take: who does not read is not told.
	farewellTime = time.Second
)

// conn is one connection. Its serve goroutine reads and executes commands in order and owns all fields but those marked; a pump
// goroutine, started with the first subscription, writes events, another one log lines; job goroutines run bgapi commands and may outlive
// the connection.
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

	may permissions
	// channel is what the connection controls, nil for none; outbound is set when it was dialled for that. async: messages to the channel
	// are not waited for.
	channel  Channel
	outbound *Outbound
	async    bool

	events eventState
	logs   logState
	jobs   jobQueue
	// children are the goroutines that end with the connection: the pumps.
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

// serve runs the session of a peer that connected: greeting, authentication, commands.
func (c *conn) serve() {
	defer c.close()
	r := bufio.NewReaderSize(c.nc, 1024) // a stranger gets no more
	_ = c.nc.SetReadDeadline(time.Now().Add(c.limit.AuthTimeout))
	c.write([]byte("Content-Type: auth/request\n\n"))
	if !c.authenticate(r) {
		return
	}
	c.clearDeadline()
	c.commands(newReader(r))
}

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, 4096) }

// commands executes commands until the connection ends.
func (c *conn) commands(r *bufio.Reader) {
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

// clearDeadline lets the peer be silent from now on, unless it was told goodbye.
func (c *conn) clearDeadline() {
	c.writing.Lock()
	defer c.writing.Unlock()
	if !c.failed {
		_ = c.nc.SetReadDeadline(time.Time{})
	}
}

// close ends the connection and what belongs to it.
func (c *conn) close() {
	c.abort()
	c.children.Wait()
	c.events.close()
	if s := &c.events; s.diverted {
		c.server.diverted.add(s.uuid, -1)
	}
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
	if c.farewell(goodbye) {
		_, _ = io.CopyN(io.Discard, c.nc, drainBytes)
	}
}

// farewell is sendFarewell without writing held.
func (c *conn) farewell(text string) bool {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.sendFarewell(text)
}

// sendFarewell sends the last frame and ends our side; the peer has drainTime to end its own. writing is held.
func (c *conn) sendFarewell(text string) bool {
	c.events.mu.Lock()
	uuid, known := c.events.uuid, c.events.known
	c.events.mu.Unlock()
	notice := "Content-Type: text/disconnect-notice\n"
	if known {
		notice += "Controlled-Session-UUID: " + oneLine(uuid) + "\nContent-Disposition: disconnect\n"
	}
	if c.failed || c.sendWithin(min(farewellTime, c.limit.WriteTimeout), []byte(notice+"Content-Length: "+strconv.Itoa(len(text))+"\n\n"+text)) != nil {
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
	if c.failed {
		return false
	}
	err := c.sendWithin(c.limit.WriteTimeout, frame)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.server.counters.slowReaders.Add(1)
		c.log.Warn("esl: dropped a peer that does not read")
	}
	if err != nil {
		c.abort()
	}
	return err == nil
}

// sendWithin writes; the peer must read some of it every d. writing is held.
func (c *conn) sendWithin(d time.Duration, frame []byte) error {
	for len(frame) > 0 {
		chunk := frame[:min(len(frame), writeChunk)]
		_ = c.nc.SetWriteDeadline(time.Now().Add(d))
		if _, err := c.nc.Write(chunk); err != nil {
			c.failed = true
			return err
		}
		frame = frame[len(chunk):]
	}
	return nil
}
