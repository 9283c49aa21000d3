package esl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
)

// eventBacklog bounds the events a Client holds for a reader of Events; beyond it the connection ends with ErrOverflow.
const eventBacklog = 16384

// Client is an inbound connection to an event socket. Its methods are safe for concurrent use; commands are serialised.
type Client struct {
	nc net.Conn

	commands sync.Mutex // one command at a time
	replies  chan *Frame
	events   chan *Event
	done     chan struct{}

	mu         sync.Mutex // guards what follows
	err        error
	subscribed bool
	wantsJobs  bool
	jobs       map[string]chan string // by Job-UUID, each with room for its result
}

// Dial connects and authenticates.
func Dial(ctx context.Context, addr, password string) (*Client, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("esl: dial: %w", err)
	}
	c := &Client{
		nc: nc, replies: make(chan *Frame, 1), events: make(chan *Event, eventBacklog), done: make(chan struct{}),
		jobs: map[string]chan string{},
	}
	go c.read()
	if err := c.login(ctx, password); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("esl: dial: %w", err)
	}
	return c, nil
}

func (c *Client) login(ctx context.Context, password string) error {
	greeting, err := c.reply(ctx)
	if err != nil {
		return err
	}
	if t := greeting.Value("Content-Type"); t != "auth/request" {
		return fmt.Errorf("greeted with %q", t)
	}
	_, err = c.Command(ctx, "auth "+password)
	return err
}

// read sorts what the server sends until the connection ends.
func (c *Client) read() {
	defer close(c.events)
	r := bufio.NewReaderSize(c.nc, 16384)
	for {
		f, err := readFrame(r)
		if err == nil {
			err = c.handle(f)
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

func (c *Client) handle(f *Frame) error {
	switch f.Value("Content-Type") {
	case "auth/request", "command/reply", "api/response":
		select {
		case c.replies <- f:
			return nil
		default:
			return errors.New("esl: unexpected reply")
		}
	case "text/event-json":
		e, err := ParseJSON([]byte(f.Body))
		if err != nil {
			return err
		}
		return c.event(e)
	case "text/event-plain":
		e, err := ParsePlain([]byte(f.Body))
		if err != nil {
			return err
		}
		return c.event(e)
	default:
		return nil // a disconnect notice: the end of the connection follows
	}
}

func (c *Client) event(e *Event) error {
	c.mu.Lock()
	result, own := c.jobs[e.Value("Job-UUID")]
	subscribed := c.subscribed
	c.mu.Unlock()
	if own && e.Name() == "BACKGROUND_JOB" {
		select {
		case result <- e.Body:
		default:
		}
		return nil
	}
	if !subscribed {
		return nil
	}
	select {
	case c.events <- e:
		return nil
	default:
		return ErrOverflow
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

// Err returns why the connection ended, nil while it lives.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done is closed when the connection ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Close ends the connection without exit.
func (c *Client) Close() error {
	c.end(ErrClosed)
	return nil
}

func (c *Client) reply(ctx context.Context) (*Frame, error) {
	select {
	case f := <-c.replies:
		return f, nil
	default:
	}
	select {
	case f := <-c.replies:
		return f, nil
	case <-c.done:
		select {
		case f := <-c.replies: // it came before the end
			return f, nil
		default:
		}
		return nil, fmt.Errorf("esl: connection: %w", c.Err())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Command sends a command, which may have header lines, and returns its reply. A Reply-Text that begins with -ERR is an error. When
// ctx ends before the reply comes the connection is closed, since later replies could not be told apart.
func (c *Client) Command(ctx context.Context, command string) (*Frame, error) {
	if strings.Contains(command, "\n\n") || strings.HasSuffix(command, "\n") {
		return nil, errors.New("esl: command with an empty line")
	}
	c.commands.Lock()
	defer c.commands.Unlock()
	if err := c.Err(); err != nil {
		return nil, fmt.Errorf("esl: connection: %w", err)
	}
	if _, err := c.nc.Write([]byte(command + "\n\n")); err != nil {
		return nil, fmt.Errorf("esl: write: %w", err)
	}
	f, err := c.reply(ctx)
	if err != nil {
		if ctx.Err() != nil {
			c.end(err)
		}
		return nil, err
	}
	if text := f.Value("Reply-Text"); strings.HasPrefix(text, "-") {
		return f, fmt.Errorf("esl: %s", text)
	}
	return f, nil
}

// API executes a command and returns its output as it is, error texts included.
func (c *Client) API(ctx context.Context, command string) (string, error) {
	f, err := c.Command(ctx, "api "+command)
	if err != nil {
		return "", err
	}
	return f.Body, nil
}

// BGAPI executes a command in the background and waits for its output; unlike with API, an empty one is empty.
func (c *Client) BGAPI(ctx context.Context, command string) (string, error) {
	if err := c.wantJobs(ctx); err != nil {
		return "", err
	}
	id, result := newUUID(), make(chan string, 1)
	c.mu.Lock()
	c.jobs[id] = result
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.jobs, id)
	}()
	if _, err := c.Command(ctx, "bgapi "+command+"\nJob-UUID: "+id); err != nil {
		return "", err
	}
	select {
	case text := <-result:
		return text, nil
	case <-c.done:
		return "", fmt.Errorf("esl: connection: %w", c.Err())
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (c *Client) wantJobs(ctx context.Context) error {
	c.mu.Lock()
	wants := c.wantsJobs
	c.mu.Unlock()
	if wants {
		return nil
	}
	if _, err := c.Command(ctx, "event json BACKGROUND_JOB"); err != nil {
		return err
	}
	c.mu.Lock()
	c.wantsJobs = true
	c.mu.Unlock()
	return nil
}

// Subscribe asks for events by name ("ALL", "CHANNEL_CREATE", "CUSTOM", "sofia::register" …), which then come through Events.
func (c *Client) Subscribe(ctx context.Context, names ...string) error {
	c.mu.Lock()
	c.subscribed = true
	c.mu.Unlock()
	_, err := c.Command(ctx, "event json "+strings.Join(names, " "))
	return err
}

// Events returns the events asked for with Subscribe, in order; closed when the connection ended. A reader that lets it fill up ends
// the connection with ErrOverflow.
func (c *Client) Events() <-chan *Event { return c.events }
