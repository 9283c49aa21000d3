package bench

import (
	"context"
	"errors"
	"flag"
	"time"
)

func registerFlags(f *flag.FlagSet, o *options) {
	reportFlags(f, o)
	serverFlags(f, o)
	f.IntVar(&o.registers, "count", 1000, "registrations; each is a REGISTER, its challenge, and a REGISTER with the proof")
	f.Float64Var(&o.rate, "rate", 0, "registrations per second; 0 is as fast as -concurrency allows")
	f.IntVar(&o.concurrency, "concurrency", 16, "registrations at the same time")
}

// runRegister is the scenario of a registration storm: the phones register again and again.
func runRegister(ctx context.Context, o *options) (*Result, error) {
	if o.registers < 1 || o.concurrency < 1 {
		return nil, errors.New("-count and -concurrency begin at 1")
	}
	s, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	var made attempts
	result, p, done := s.begin(ctx, func() Sample {
		done, failed := made.counts()
		return Sample{Done: done, Failed: failed}
	})
	p.enter("registering %d times", o.registers)
	q, took, err := s.measure(ctx, s.window(), seconds(float64(o.registers)/o.rate), func() { storm(ctx, o, s.phones, &made) })
	err = errors.Join(err, ctx.Err(), done())
	result.Registrations = made.result(took)
	if q != nil {
		q.PerEachMS = 1000 * q.CPUSeconds / float64(max(result.Registrations.Attempted, 1))
		result.Process = q
	}
	return result, errors.Join(err, result.Registrations.failure("registrations"))
}

// storm makes the registrations. A phone has one under way at a time, as RFC 3261 §10.2 wants it.
func storm(ctx context.Context, o *options, ps *phones, made *attempts) {
	began := time.Now()
	free := make(chan *phone, len(ps.all))
	for _, p := range ps.all {
		free <- p
	}
	inParallel(min(o.concurrency, len(ps.all)), o.registers, func(n int) {
		if o.rate > 0 && sleep(ctx, time.Until(began.Add(time.Duration(float64(n)/o.rate*float64(time.Second))))) != nil || ctx.Err() != nil {
			return
		}
		p := <-free
		defer func() { free <- p }()
		one, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		sent := time.Now()
		_, err := p.register(one, o.expires)
		made.add(time.Since(sent), err)
	})
}
