package esl

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Gap is a time for which events may have been missed.
type Gap struct {
	From time.Time // the connection ended
	To   time.Time // the next one was subscribed
	Err  error     // why the old one ended
}

// Reconnector keeps a connection to an event socket: it connects again when it was lost, subscribes anew, and tells about the gap, since
// events are not kept by the server. Set the fields before Run.
type Reconnector struct {
	Dialer Dialer
	// Subscribe are the events asked for on each connection, as with Client.Subscribe. None is fine.
	Subscribe []string
	// Connected is called on each connection after Subscribe and before its first Event: the place for filters and for reading the state that
	// events will change ("show channels as json"). gap is nil the first time. An error ends the connection and the next one is tried.
	// Optional.
	Connected func(ctx context.Context, c *Client, gap *Gap) error
	// Event is called for each event, in order, on the goroutine of Run.
	Event func(e *Event)
	// Failed is told of each attempt that failed and when the next one is. Optional.
	Failed func(err error, wait time.Duration)
	// MinWait and MaxWait bound the waiting time between attempts, which doubles with each and varies at random by a half, so that not all
	// clients of a restarted server come at once. Default 0.5 s and 30 s.
	MinWait, MaxWait time.Duration
	// DialTimeout bounds one attempt, Connected included. Default 10 s.
	DialTimeout time.Duration

	mu      sync.Mutex
	current *Client // nil while there is none
}

// ErrNotConnected says that a Reconnector has no connection at the moment.
var ErrNotConnected = errors.New("not connected")

// Client returns the present connection, for commands; ErrNotConnected while there is none.
func (r *Reconnector) Client() (*Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil {
		return nil, fmt.Errorf("esl: %w", ErrNotConnected)
	}
	return r.current, nil
}

// Run keeps the connection until ctx ends, whose error it returns, or until the server refuses the password: trying that again would only
// lock the address out.
func (r *Reconnector) Run(ctx context.Context) error {
	var gap *Gap
	for wait := r.minWait(); ; {
		c, err := r.connect(ctx, gap)
		if err == nil {
			wait = r.minWait()
			gap = &Gap{Err: r.listen(ctx, c), From: time.Now()}
			err = gap.Err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("esl: reconnect: %w", ctx.Err())
		}
		if errors.Is(err, ErrPassword) {
			return err
		}
		pause := wait/2 + rand.N(wait/2+1)
		if r.Failed != nil {
			r.Failed(err, pause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("esl: reconnect: %w", ctx.Err())
		}
		wait = min(2*wait, orDefault(r.MaxWait, 30*time.Second))
	}
}

func (r *Reconnector) minWait() time.Duration { return orDefault(r.MinWait, 500*time.Millisecond) }

// connect makes one attempt.
func (r *Reconnector) connect(ctx context.Context, gap *Gap) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(r.DialTimeout, 10*time.Second))
	defer cancel()
	c, err := r.Dialer.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.prepare(ctx, c, gap); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (r *Reconnector) prepare(ctx context.Context, c *Client, gap *Gap) error {
	if len(r.Subscribe) > 0 {
		if err := c.Subscribe(ctx, r.Subscribe...); err != nil {
			return err
		}
	}
	if gap != nil {
		gap.To = time.Now()
	}
	if r.Connected == nil {
		return nil
	}
	return r.Connected(ctx, c, gap)
}

// listen delivers events until the connection or ctx ends, and returns why it did.
func (r *Reconnector) listen(ctx context.Context, c *Client) error {
	r.setCurrent(c)
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	for e := range c.Events() {
		if r.Event != nil {
			r.Event(e)
		}
	}
	stop()
	r.setCurrent(nil)
	_ = c.Close()
	return c.ended()
}

func (r *Reconnector) setCurrent(c *Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = c
}
