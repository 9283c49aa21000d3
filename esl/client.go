package esl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// defaultBacklog bounds the events a Client holds for a reader of Events; beyond it the connection ends with ErrOverflow.
	defaultBacklog = 16384
	// maxUnderWay bounds the commands that wait for their reply; beyond it Command waits for one of them.
	maxUnderWay = 256
	readBuffer  = 16384
)

// ReplyError is a reply that begins with -ERR.
type ReplyError struct {
	Text string // as it came, such as "-ERR invalid session id [x]"
}

func (e *ReplyError) Error() string { return "esl: " + e.Text }

// Client is one connection to an event socket: an inbound one made by a Dialer, or the one an OutboundServer accepted. Its methods are safe
// for concurrent use; commands are sent in the order of their calls, without one waiting for the reply of the one before.
//
// Events and Logs are bounded queues that need a reader as soon as something was subscribed to.
type Client struct {
	nc     net.Conn
	format string

	writing chan struct{}    // holds the token of who writes
	awaited chan chan *Frame // who waits for a reply, in the order of the commands; each channel has room for it
	events  chan *Event
	logs    chan LogLine
	done    chan struct{} // closed with the end of the connection, after the last frame was sorted
	gone    chan struct{} // closed when the read goroutine has ended

	mu       sync.Mutex // guards what follows
	err      error
	interest interest
	jobs     map[string]*Job      // by Job-UUID
	running  map[string]execution // by Application-UUID
	lingers  bool                 // the controlled channel has hung up, and the server waits for us to leave
	lostLogs int64
}

// newClient takes over a connection that has been greeted; r may hold what came after the greeting.
func newClient(nc net.Conn, r *bufio.Reader, format string, backlog int) *Client {
	if format == "" {
		format = "json"
	}
	backlog = orDefault(backlog, defaultBacklog)
	c := &Client{
		nc: nc, format: format, writing: make(chan struct{}, 1), awaited: make(chan chan *Frame, maxUnderWay),
		events: make(chan *Event, backlog), logs: make(chan LogLine, backlog), done: make(chan struct{}), gone: make(chan struct{}),
		jobs: map[string]*Job{}, running: map[string]execution{},
	}
	c.writing <- struct{}{}
	go c.read(r)
	return c
}

// read sorts what the server sends until the connection ends.
func (c *Client) read(r *bufio.Reader) {
	defer close(c.gone)
	defer close(c.logs)
	defer close(c.events)
	for {
		f, err := readFrame(r)
		if err == nil {
			err = c.sort(f)
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

// sort hands a frame to who waits for it. An error ends the connection.
func (c *Client) sort(f *Frame) error {
	switch f.Value("Content-Type") {
	case "auth/request":
		return nil
	case "command/reply", "api/response":
		select {
		case waiter := <-c.awaited:
			waiter <- f
			return nil
		default:
			return errors.New("esl: unexpected reply")
		}
	case "text/event-json":
		return c.parsed(ParseJSON([]byte(f.Body)))
	case "text/event-plain":
		return c.parsed(ParsePlain([]byte(f.Body)))
	case "text/event-xml":
		return c.parsed(ParseXML([]byte(f.Body)))
	case "log/data":
		c.logged(f)
		return nil
	case "text/disconnect-notice":
		if f.Value("Content-Disposition") == "linger" {
			c.mu.Lock()
			c.lingers = true
			c.mu.Unlock()
		}
		return nil // unless it lingers the end of the connection follows
	default:
		return nil
	}
}

func (c *Client) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
	}
	_ = c.nc.Close()
}

// Err returns why the connection ended, nil while it lives: io.EOF when the server ended it, ErrClosed after Close, ErrOverflow when the
// reader of Events was too slow.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done is closed when the connection ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Close ends the connection at once and returns when nothing of it is left running.
func (c *Client) Close() error {
	c.end(ErrClosed)
	<-c.gone
	return nil
}

// Exit says exit to the server and ends the connection; what the server had to say before is in Events.
func (c *Client) Exit(ctx context.Context) error {
	_, err := c.Command(ctx, "exit")
	if err == nil {
		select {
		case <-c.gone:
		case <-ctx.Done():
		}
	}
	return errors.Join(err, c.Close())
}

// Command sends a command, which may have header lines below its first one, and returns the reply. A reply that begins with -ERR is also a
// *ReplyError. When ctx ends first the command has been given nevertheless, and its reply is dropped when it comes.
//
// Values of others do not belong into command lines unchecked: a line break in them would begin a header. The other methods check theirs.
func (c *Client) Command(ctx context.Context, command string) (*Frame, error) {
	for line := range strings.SplitSeq(command, "\n") {
		if strings.TrimSuffix(line, "\r") == "" {
			return nil, errors.New("esl: command with an empty line")
		}
	}
	return c.send(ctx, command, "")
}

// send sends a command with a body and waits for the reply. The lines of command have been checked.
func (c *Client) send(ctx context.Context, command, body string) (*Frame, error) {
	text := command + "\n\n"
	if body != "" {
		text = command + "\nContent-Length: " + strconv.Itoa(len(body)) + "\n\n" + body
	}
	reply := make(chan *Frame, 1)
	if err := c.write(ctx, text, reply); err != nil {
		return nil, err
	}
	f, err := c.await(ctx, reply)
	if err != nil {
		return nil, err
	}
	if text := f.Value("Reply-Text"); strings.HasPrefix(text, "-ERR") {
		return f, &ReplyError{Text: text}
	}
	return f, nil
}

// write sends one command whole and puts its waiter behind those of the commands before it.
func (c *Client) write(ctx context.Context, text string, reply chan *Frame) error {
	select {
	case <-c.writing:
	case <-c.done:
		return c.ended()
	case <-ctx.Done():
		return fmt.Errorf("esl: command: %w", ctx.Err())
	}
	defer func() { c.writing <- struct{}{} }()
	select {
	case c.awaited <- reply:
	case <-c.done:
		return c.ended()
	case <-ctx.Done():
		return fmt.Errorf("esl: command: %w", ctx.Err())
	}
	_ = c.nc.SetWriteDeadline(time.Time{})
	// A peer that does not read must not hold the caller beyond ctx. Half a command cannot be taken back, so the connection is over then.
	stop := context.AfterFunc(ctx, func() { _ = c.nc.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.nc.Write([]byte(text)); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		c.end(fmt.Errorf("esl: write: %w", err))
		return c.ended()
	}
	return nil
}

func (c *Client) await(ctx context.Context, reply chan *Frame) (*Frame, error) {
	select {
	case f := <-reply:
		return f, nil
	case <-c.done:
		select {
		case f := <-reply: // it came before the end
			return f, nil
		default:
			return nil, c.ended()
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("esl: command: %w", ctx.Err())
	}
}

// ended is the error of what cannot be done any more.
func (c *Client) ended() error { return fmt.Errorf("esl: connection: %w", c.Err()) }

// API executes a command and returns its output as it is, error texts included.
func (c *Client) API(ctx context.Context, command string) (string, error) {
	if !fitsLine(command) {
		return "", fmt.Errorf("esl: api: %w", ErrLineBreak)
	}
	f, err := c.send(ctx, "api "+command, "")
	if err != nil {
		return "", err
	}
	return f.Body, nil
}
