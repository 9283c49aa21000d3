package esl

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrHungUp says that a channel ended before the application that was to run on it had.
var ErrHungUp = errors.New("channel hung up")

// execution is an application that somebody waits for.
type execution struct {
	channel string
	done    chan *Event // with room for the event; nil when the channel hung up
}

func (x execution) finish(e *Event) { x.done <- e }

// SendMessage gives a channel a message (sendmsg): call-command and what belongs to it, and a body, which may be empty.
func (c *Client) SendMessage(ctx context.Context, uuid string, headers []Header, body string) error {
	if err := words([]string{uuid}); err != nil {
		return fmt.Errorf("esl: sendmsg: %w", err)
	}
	return c.sendMessage(ctx, "sendmsg "+uuid, headers, body)
}

func (c *Client) sendMessage(ctx context.Context, line string, headers []Header, body string) error {
	lines := []string{line}
	for _, h := range headers {
		if !fitsLine(h.Name, h.Value) {
			return fmt.Errorf("esl: sendmsg: %s: %w", h.Name, ErrLineBreak)
		}
		lines = append(lines, h.Name+": "+h.Value)
	}
	_, err := c.send(ctx, strings.Join(lines, "\n"), body)
	return err
}

// Execute runs an application of the dialplan on a channel and waits for its end. The result is the CHANNEL_EXECUTE_COMPLETE event, whose
// Application-Response says what came out. It wraps ErrHungUp when the channel ended first. When ctx ends first the application goes on.
func (c *Client) Execute(ctx context.Context, uuid, application, argument string) (*Event, error) {
	if err := words([]string{uuid}); err != nil {
		return nil, fmt.Errorf("esl: execute: %w", err)
	}
	if err := c.need(ctx, "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP_COMPLETE"); err != nil {
		return nil, err
	}
	return c.execute(ctx, "sendmsg "+uuid, uuid, application, argument)
}

func (c *Client) execute(ctx context.Context, line, channel, application, argument string) (*Event, error) {
	headers, body := executeMessage(application, argument)
	id := newUUID()
	headers = append(headers, Header{Name: "event-lock", Value: "true"}, Header{Name: "Event-UUID", Value: id})
	x := execution{channel: channel, done: make(chan *Event, 1)}
	c.mu.Lock()
	c.running[id] = x
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, id)
	}()
	if err := c.sendMessage(ctx, line, headers, body); err != nil {
		return nil, err
	}
	select {
	case e := <-x.done:
		return completed(e, application)
	case <-c.done:
		select {
		case e := <-x.done: // it came before the end
			return completed(e, application)
		default:
			return nil, c.ended()
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("esl: execute %s: %w", application, ctx.Err())
	}
}

func completed(e *Event, application string) (*Event, error) {
	if e == nil {
		return nil, fmt.Errorf("esl: execute %s: %w", application, ErrHungUp)
	}
	return e, nil
}

// executeMessage is the message that runs an application. An argument of several lines travels as the body.
func executeMessage(application, argument string) (headers []Header, body string) {
	headers = []Header{{Name: "call-command", Value: "execute"}, {Name: "execute-app-name", Value: application}}
	switch {
	case argument == "":
	case fitsLine(argument):
		headers = append(headers, Header{Name: "execute-app-arg", Value: argument})
	default:
		headers, body = append(headers, Header{Name: "Content-Type", Value: "text/plain"}), argument
	}
	return headers, body
}

// Hangup ends a channel with a cause such as USER_BUSY; "" is NORMAL_CLEARING.
func (c *Client) Hangup(ctx context.Context, uuid, cause string) error {
	return c.SendMessage(ctx, uuid, hangupMessage(cause), "")
}

func hangupMessage(cause string) []Header {
	if cause == "" {
		cause = "NORMAL_CLEARING"
	}
	return []Header{{Name: "call-command", Value: "hangup"}, {Name: "hangup-cause", Value: cause}}
}
