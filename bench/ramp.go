package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"time"
)

func rampFlags(f *flag.FlagSet, o *options) {
	reportFlags(f, o)
	serverFlags(f, o)
	f.Float64Var(&o.from, "from", 10, "calls per second of the first step")
	f.Float64Var(&o.to, "to", 1000, "calls per second beyond which it ends")
	f.Float64Var(&o.step, "step", 1.5, "each step's rate is this many times the one before")
	f.DurationVar(&o.each, "each", 5*time.Second, "how long a step lasts")
	f.DurationVar(&o.hold, "hold", 200*time.Millisecond, "how long a call lasts")
	f.Float64Var(&o.maxFailures, "max-failures", 1, "percent of a step's calls that may fail")
	f.DurationVar(&o.maxSetup, "max-setup", 500*time.Millisecond, "the 99th percentile of a step's set-up times that is still good")
}

// runRamp is the scenario that calls faster and faster until the server fails calls or answers too slowly: the knee is the last good rate.
// Its calls have no media.
func runRamp(ctx context.Context, o *options) (*Result, error) {
	if o.from <= 0 || o.step <= 1 || o.each <= 0 {
		return nil, errors.New("-from and -each are more than 0, -step is more than 1")
	}
	s, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	r := &ramp{session: s, step: &attempts{}}
	result, p, done := r.begin(ctx, r.sample)
	err = r.climb(ctx, p, result)
	err = errors.Join(err, done())
	if err == nil && result.Knee == 0 {
		c := result.Steps[0].Calls
		err = fmt.Errorf("not even %g calls a second are within the bounds: %d of %d failed, set up in %.0f ms (p99)", o.from, c.Failed, c.Attempted, c.Took.P99)
	}
	return result, err
}

// ramp is the state of one climb.
type ramp struct {
	*session
	n int // calls so far

	mu   sync.Mutex // guards what follows
	step *attempts  // of the step that runs
}

func (r *ramp) sample() Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	done, failed := r.step.counts()
	return Sample{Done: done, Failed: failed}
}

// climb runs step after step until one is out of bounds.
func (r *ramp) climb(ctx context.Context, p *progress, result *Result) error {
	for rate := r.o.from; rate <= r.o.to; rate *= r.o.step {
		p.enter("%.0f calls a second", rate)
		s := Step{Rate: rate}
		q, _, err := r.measure(ctx, fmt.Sprintf("%s, %.0f calls a second", r.window(), rate), r.o.each, func() { s.Calls = r.run(ctx, rate) })
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if q != nil {
			s.Cores = q.Load
		}
		s.Beyond = r.o.beyond(s.Calls)
		s.Within = s.Beyond == ""
		result.Steps = append(result.Steps, s)
		if !s.Within {
			return nil
		}
		result.Knee = rate
	}
	return nil
}

// beyond says which bound a step is out of; "" is none.
func (o *options) beyond(a *Attempts) string {
	switch percent := 100 * float64(a.Failed) / float64(max(a.Attempted, 1)); {
	case percent > o.maxFailures:
		return fmt.Sprintf("%.3g %% failed, at most %g %% may", percent, o.maxFailures)
	case a.Took.P99 > milliseconds(o.maxSetup):
		return fmt.Sprintf("p99 is above %s", o.maxSetup)
	}
	return ""
}

// run calls at one rate and returns when the last call of the step has ended.
func (r *ramp) run(ctx context.Context, rate float64) *Attempts {
	made := &attempts{}
	r.mu.Lock()
	r.step = made
	r.mu.Unlock()
	began := time.Now()
	var calls sync.WaitGroup
	for n := 0; n < int(rate*r.o.each.Seconds()); n++ {
		if sleep(ctx, time.Until(began.Add(time.Duration(float64(n)/rate*float64(time.Second))))) != nil {
			break
		}
		call := r.n
		r.n++
		calls.Go(func() { r.call(ctx, call, made) })
	}
	took := time.Since(began)
	calls.Wait()
	return made.result(took)
}

// call is one short call.
func (r *ramp) call(ctx context.Context, n int, made *attempts) {
	bounded, cancel := context.WithTimeout(ctx, r.o.timeout)
	defer cancel()
	call, err := r.setUp(bounded, n)
	if err != nil {
		made.add(0, err)
		return
	}
	made.add(call.took, nil)
	defer call.legs[0].close()
	_ = sleep(ctx, r.o.hold)
	bye, done := context.WithTimeout(context.WithoutCancel(ctx), r.o.timeout)
	defer done()
	call.hangUp(bye)
}
