package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	settle = time.Second            // between the first packet of the last stream and the window
	grace  = 500 * time.Millisecond // after the window, for packets on their way
)

// callRun is the state of one run of calls that are up at the same time.
type callRun struct {
	*session

	setups  attempts
	up      atomic.Int64
	dropped atomic.Int64 // ended by the server before we did
	hangup  chan struct{}
}

func newCallRun(s *session) *callRun { return &callRun{session: s, hangup: make(chan struct{})} }

// run sets up all calls, lets them talk, hangs up, and sums up. Without a result the server was never loaded.
func (r *callRun) run(ctx context.Context) (*Result, error) {
	result, p, done := r.begin(ctx, r.sample)
	result.Legs = r.o.legs
	err := r.load(ctx, p, result)
	err = errors.Join(err, done())
	if result.Calls == nil {
		return nil, err
	}
	if failed := r.media.failed.Load(); failed != nil {
		err = errors.Join(err, *failed)
	}
	return result, errors.Join(err, result.verdict())
}

func (r *callRun) sample() Sample {
	_, failed := r.setups.counts()
	c := r.media.totals()
	return Sample{Done: int(r.up.Load()), Failed: failed, Packets: c.Received, Lost: c.Lost}
}

// load is the run. Calls with media are measured while they talk, those without from the first INVITE to the last BYE.
func (r *callRun) load(ctx context.Context, p *progress, result *Result) (err error) {
	var scripts sync.WaitGroup
	hangUp := sync.OnceFunc(func() {
		close(r.hangup)
		scripts.Wait()
	})
	defer hangUp()
	begin := func() error {
		p.enter("setting up %d calls, %g a second", r.o.calls, r.o.rate)
		took, err := r.place(ctx, &scripts)
		if err == nil {
			result.Calls = r.setups.result(took)
		}
		return err
	}
	end := func() error {
		p.enter("hanging up")
		hangUp()
		result.Dropped = int(r.dropped.Load())
		return ctx.Err()
	}
	if r.o.kinds[0] != signallingOnly {
		return inOrder(begin, func() error { return r.talk(ctx, p, result) }, end)
	}
	var failed error
	result.Process, _, err = r.measure(ctx, r.window(), seconds(float64(r.o.calls)/r.o.rate), func() { failed = inOrder(begin, end) })
	if q := result.Process; q != nil && result.Calls != nil {
		q.PerEachMS = 1000 * q.CPUSeconds / float64(result.Calls.Attempted)
	}
	return errors.Join(failed, err)
}

// inOrder runs steps until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// place starts the calls at their rate and returns when each has succeeded or failed. The first goes ahead: if it fails, so does the run.
func (r *callRun) place(ctx context.Context, scripts *sync.WaitGroup) (time.Duration, error) {
	began := time.Now()
	var pending sync.WaitGroup
	var first error
	for n := range r.o.calls {
		pending.Add(1)
		scripts.Go(func() {
			r.script(ctx, n, func(err error) {
				if n == 0 {
					first = err
				}
				pending.Done()
			})
		})
		if n == 0 {
			if pending.Wait(); first != nil {
				return 0, fmt.Errorf("the first call failed: %w", r.because(first))
			}
			began = time.Now()
		}
		if err := sleep(ctx, time.Until(began.Add(time.Duration(float64(n+1)/r.o.rate*float64(time.Second))))); err != nil {
			return 0, err
		}
	}
	pending.Wait()
	return time.Since(began), ctx.Err()
}

// because prefers what went wrong at the callee: the caller hears of it as a refusal.
func (r *callRun) because(err error) error {
	if callee := r.callee.Load(); callee != nil {
		return fmt.Errorf("at the callee: %w", *callee)
	}
	return err
}

// talk measures the window.
func (r *callRun) talk(ctx context.Context, p *progress, result *Result) error {
	p.enter("waiting for media")
	for began := time.Now(); !r.media.heard() && time.Since(began) < r.o.timeout; {
		if err := sleep(ctx, settle/10); err != nil {
			return err
		}
	}
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	p.enter("talking")
	q, took, err := r.measure(ctx, r.window(), r.o.hold, func() {
		r.media.begin()
		defer r.media.end()
		_ = sleep(ctx, r.o.hold) // an interrupt ends the window; what was measured is told
	})
	if took == 0 {
		return err
	}
	_ = sleep(context.WithoutCancel(ctx), grace)
	result.Media, result.Delays = r.media.result(took)
	if q != nil && result.Media != nil {
		q.PerPacketUS = 1e6 * q.CPUSeconds / float64(max(result.Media.Counts.Received, 1))
		q.PerCallKB = (q.RSS - q.IdleRSS) / float64(max(result.Calls.Succeeded, 1))
		result.Process = q
	}
	return errors.Join(err, ctx.Err())
}

// verdict is an error when the server failed calls, ended them or lost all packets of one.
func (r *Result) verdict() error {
	err := r.Calls.failure("calls")
	if r.Dropped > 0 {
		err = errors.Join(err, fmt.Errorf("the server ended %d calls", r.Dropped))
	}
	if m := r.Media; m != nil && m.Silent > 0 {
		silent := fmt.Errorf("nothing came of %d of %d streams", m.Silent, m.Streams)
		if m.Checking+m.Agreeing > 0 {
			silent = fmt.Errorf("%w: %d browsers had no answer to their ICE checks, %d no keys", silent, m.Checking, m.Agreeing)
		}
		err = errors.Join(err, silent)
	}
	return err
}

// sleep waits, or fails when ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
