package esl

import (
	"context"
	"fmt"
)

// Job is a command that runs in the background.
type Job struct {
	UUID   string
	client *Client
	result chan string // with room for it
}

// StartJob has a command executed in the background (bgapi). The Job is to be waited for: it is remembered until then.
func (c *Client) StartJob(ctx context.Context, command string) (*Job, error) {
	if !fitsLine(command) {
		return nil, fmt.Errorf("esl: bgapi: %w", ErrLineBreak)
	}
	if err := c.need(ctx, "BACKGROUND_JOB"); err != nil {
		return nil, err
	}
	j := &Job{UUID: newUUID(), client: c, result: make(chan string, 1)}
	c.mu.Lock()
	c.jobs[j.UUID] = j
	c.mu.Unlock()
	if _, err := c.send(ctx, "bgapi "+command+"\nJob-UUID: "+j.UUID, ""); err != nil {
		j.forget()
		return nil, err
	}
	return j, nil
}

// Wait returns the output of the command; unlike with API, an empty one is empty. When ctx ends first the output will be dropped.
func (j *Job) Wait(ctx context.Context) (string, error) {
	defer j.forget()
	select {
	case text := <-j.result:
		return text, nil
	case <-j.client.done:
		select {
		case text := <-j.result: // it came before the end
			return text, nil
		default:
			return "", j.client.ended()
		}
	case <-ctx.Done():
		return "", fmt.Errorf("esl: bgapi: %w", ctx.Err())
	}
}

func (j *Job) forget() {
	j.client.mu.Lock()
	defer j.client.mu.Unlock()
	delete(j.client.jobs, j.UUID)
}

// BGAPI executes a command in the background and waits for its output, while other commands of the connection go on.
func (c *Client) BGAPI(ctx context.Context, command string) (string, error) {
	j, err := c.StartJob(ctx, command)
	if err != nil {
		return "", err
	}
	return j.Wait(ctx)
}
