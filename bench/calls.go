package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	settle = time.Second            // between the first packet of the last stream and the window
	grace  = 500 * time.Millisecond // after the window, for packets on their way
)

// callRun is the state of one run of calls.
type callRun struct {
	o      *options
	phones *phones
	media  *mediaPlane
	meter  *meter

	setups  attempts
	up      atomic.Int64          // callers' calls that are up
	dropped atomic.Int64          // ended by the server before we did
	callee  atomic.Pointer[error] // why the first callee failed that did
	hangup  chan struct{}
	active  sync.WaitGroup // scripts of callers and callees
}

// runCalls sets up all calls, lets them talk, and hangs up.
func runCalls(ctx context.Context, o *options) (*Result, error) {
	m, err := newMeter(o.pids)
	if err != nil {
		return nil, err
	}
	r := &callRun{o: o, meter: m, hangup: make(chan struct{})}
	if r.phones, err = openPhones(ctx, o); err != nil {
		return nil, err
	}
	defer r.phones.close()
	local, err := o.localAddress(r.phones.server)
	if err != nil {
		return nil, err
	}
	if r.media, err = newMediaPlane(o, local); err != nil {
		return nil, err
	}
	defer r.media.close()
	result := o.newResult()
	if o.kinds[0] != signallingOnly {
		result.Legs = o.legs
	}
	p, samples := startProgress(ctx, o, m, r.sample)
	err = r.measure(ctx, p, result)
	result.Samples = samples()
	r.phones.unregister(o.timeout)
	if result.Calls == nil {
		return nil, err
	}
	if failed := r.media.failed.Load(); failed != nil {
		err = errors.Join(err, *failed)
	}
	return result, errors.Join(err, result.verdict())
}

// localAddress is where our media comes from.
func (o *options) localAddress(server netip.AddrPort) (netip.Addr, error) {
	if o.local != "" {
		return netip.ParseAddr(o.local)
	}
	return localFor(server)
}

func (r *callRun) sample() Sample {
	_, failed := r.setups.counts()
	c := r.media.totals()
	return Sample{Done: int(r.up.Load()), Failed: failed, Packets: c.Received, Lost: c.Lost}
}

// measure is the run between registration and the end.
func (r *callRun) measure(ctx context.Context, p *progress, result *Result) error {
	ctx, cancel := context.WithCancel(ctx)
	defer r.active.Wait()
	defer cancel()
	for _, callee := range r.phones.callees() {
		r.active.Go(func() { r.answer(ctx, callee) })
	}
	idle, err := r.meter.read()
	if err != nil {
		return err
	}
	p.enter("setting up %d calls, %g a second", r.o.calls, r.o.rate)
	var scripts sync.WaitGroup
	took, err := r.place(ctx, &scripts)
	if err != nil {
		return err
	}
	result.Calls = r.setups.result(took)
	if r.o.kinds[0] != signallingOnly {
		if err := r.talk(ctx, p, result, idle); err != nil {
			return err
		}
	}
	p.enter("hanging up")
	close(r.hangup)
	scripts.Wait()
	result.Dropped = int(r.dropped.Load())
	if r.o.kinds[0] == signallingOnly {
		end, err := r.meter.read()
		if err != nil {
			return err
		}
		if result.Process = r.meter.between(idle, end); result.Process != nil {
			result.Process.IdleRSS = idle.rss
			result.Process.PerEachMS = 1000 * result.Process.CPUSeconds / float64(result.Calls.Attempted)
		}
	}
	return ctx.Err()
}

// place starts the calls at their rate and returns when each has succeeded or failed. The first goes ahead: if it fails, so does the run.
func (r *callRun) place(ctx context.Context, scripts *sync.WaitGroup) (time.Duration, error) {
	began := time.Now()
	var pending sync.WaitGroup
	for i := range r.o.calls {
		c := &callScript{run: r, caller: r.phones.callers()[i%len(r.phones.callers())], callee: r.phones.callees()[i%len(r.phones.callees())]}
		pending.Add(1)
		scripts.Go(func() { c.play(ctx, sync.OnceFunc(pending.Done)) })
		if i == 0 {
			if pending.Wait(); c.err != nil {
				return 0, fmt.Errorf("the first call failed: %w", r.because(c.err))
			}
			began = time.Now()
		}
		if err := sleep(ctx, time.Until(began.Add(time.Duration(float64(i)/r.o.rate*float64(time.Second))))); err != nil {
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
func (r *callRun) talk(ctx context.Context, p *progress, result *Result, idle usage) error {
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
	r.media.begin()
	before, err := r.meter.read()
	if err != nil {
		return err
	}
	if err := sleep(ctx, r.o.hold); err != nil {
		return err
	}
	after, err := r.meter.read()
	r.media.end()
	if err != nil {
		return err
	}
	if err := sleep(ctx, grace); err != nil {
		return err
	}
	result.Media = r.media.result(after.at.Sub(before.at))
	result.Process = r.meter.between(before, after)
	if q := result.Process; q != nil && result.Media != nil {
		q.IdleRSS = idle.rss
		q.PerPacketUS = 1e6 * q.CPUSeconds / float64(max(result.Media.Counts.Received, 1))
		q.PerCallKB = (q.RSS - idle.rss) / float64(max(result.Calls.Succeeded, 1))
	}
	return nil
}

// verdict is an error when the server failed calls, dropped them or lost packets.
func (r *Result) verdict() error {
	err := r.Calls.failure("calls")
	if r.Dropped > 0 {
		err = errors.Join(err, fmt.Errorf("the server ended %d calls", r.Dropped))
	}
	if r.Media != nil && r.Media.Silent > 0 {
		err = errors.Join(err, fmt.Errorf("nothing came of %d of %d streams", r.Media.Silent, r.Media.Streams))
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
