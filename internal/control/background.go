package control

import (
	"context"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/talkpath/talkpath/internal/event"
)

// maxBackground bounds the commands that bgapi runs at a time, over all who ask.
const maxBackground = 256

// background counts the commands that bgapi runs.
type background struct{ running atomic.Int32 }

// bgapi is the command of that name, which runs another one on its own: what the verb bgapi is to a connection, for those who only have
// api, such as fs_cli. The result is a BACKGROUND_JOB event.
func (c *Control) bgapi(ctx context.Context, line string) string {
	if line == "" {
		return "-ERR Invalid syntax\n"
	}
	if c.background.running.Add(1) > maxBackground {
		c.background.running.Add(-1)
		return "-ERR too many background jobs\n"
	}
	id := uuid.NewString()
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		c.background.running.Add(-1)
		return "-ERR not available\n"
	}
	ctx = context.WithoutCancel(ctx) // it outlives the connection, and remembers where it came from
	c.running.Go(func() {
		defer c.background.running.Add(-1)
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(c.ctx, stop)()
		c.publishJob(id, line, c.guarded(ctx, line))
	})
	return "+OK Job-UUID: " + id + "\n"
}

// guarded executes a command; a panic costs that command only.
func (c *Control) guarded(ctx context.Context, line string) (result string) {
	defer func() {
		if p := recover(); p != nil {
			name, _, _ := strings.Cut(line, " ")
			c.deps.Logger.Error("panic in a background command", "command", name, "panic", p, "stack", string(debug.Stack()))
			result = "-ERR internal error\n"
		}
	}()
	return c.Execute(ctx, line)
}

func (c *Control) publishJob(id, line, result string) {
	e := c.deps.Bus.NewEvent("BACKGROUND_JOB", event.Origin{File: "mod_commands.c", Function: "bgapi_exec", Line: 5380})
	name, args, hasArgs := strings.Cut(line, " ")
	e.Add("Job-UUID", id)
	e.Add("Job-Command", name)
	if hasArgs {
		e.Add("Job-Command-Arg", args)
	}
	e.SetBody(result)
	c.deps.Bus.Publish(e)
}
