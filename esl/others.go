package esl

import (
	"context"
	"errors"
	"time"
)

const (
	// settleTime is how long after it subscribed a connection does not get the results of others' background jobs: by then it has shown
	// whether it runs jobs of its own or listens.
	settleTime = time.Second
	// maxHeld bounds what waits for that; more is delivered at once.
	maxHeld = 4096
)

// others holds back the results of background jobs of other connections. A job's result goes to the connection that asked for it, and to
// the ones that only listen. A connection with jobs of its own, for which FreeSWITCH's results of everybody are waste, does not get them:
// a Rocket.Chat whose users all sign in at once would have to read the square of their number. Subscribers to all events get all.
//
// It belongs to the pump's goroutine.
type others struct {
	settled time.Time // when the connection may get results of others
	held    []*Event
}

// next is the next event to deliver. ctx is the connection's, or one that has ended already: then nothing is waited for.
func (o *others) next(ctx context.Context, c *conn) (*Event, error) {
	for {
		if c.jobs.used.Load() {
			o.held = nil
		}
		if len(o.held) > 0 && !time.Now().Before(o.settled) {
			e := o.held[0]
			o.held[0], o.held = nil, o.held[1:]
			return e, nil
		}
		e, err := o.wait(ctx, c)
		switch {
		case err != nil && len(o.held) > 0 && c.ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		case err != nil:
			return nil, err
		case !c.foreign(e):
			return e, nil
		case c.jobs.used.Load():
		case len(o.held) < maxHeld && time.Now().Before(o.settled):
			o.held = append(o.held, e)
		default:
			return e, nil
		}
	}
}

// wait waits for an event, or for the time when what is held may go.
func (o *others) wait(ctx context.Context, c *conn) (*Event, error) {
	if len(o.held) == 0 {
		return c.events.sub.Next(ctx)
	}
	ctx, cancel := context.WithDeadline(ctx, o.settled)
	defer cancel()
	return c.events.sub.Next(ctx)
}

// foreign says whether an event is the result of another connection's job, and not wanted as one of all events.
func (c *conn) foreign(e *Event) bool {
	if e.owner == nil || e.owner == c {
		return false
	}
	c.events.mu.Lock()
	defer c.events.mu.Unlock()
	return !c.events.selection.All
}
