package bench

import (
	"cmp"
	"context"
	"math"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// session is what every scenario of one server works with until close: the phones or the relay, the legs' media, and the meter of the
// server's processes.
type session struct {
	o        *options
	meter    *meter
	profiler *profiler // nil: none is asked for
	idle     usage     // before the first attempt
	load     loadSum   // of the machine, while something was measured
	phones   *phones   // nil against a relay
	relay    *ngClient // nil against a SIP server
	media    *mediaPlane
	setUp    setup                 // makes one call
	callee   atomic.Pointer[error] // why the first callee failed that did

	hangUp func() // ends what answers calls, and waits for it
}

// open reaches the server that o names and makes the phones. The callees answer until close.
func open(ctx context.Context, o *options) (*session, error) {
	s := &session{o: o}
	if err := s.open(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) open(ctx context.Context) (err error) {
	if s.meter, err = newMeter(s.o.pids); err != nil {
		return err
	}
	if s.profiler, err = newProfiler(s.o, s.meter); err != nil {
		return err
	}
	var server netip.AddrPort
	if s.o.ng != "" {
		s.relay, server, err = openRelay(ctx, s.o)
	} else if s.phones, err = openPhones(ctx, s.o); err == nil {
		server = s.phones.server
	}
	if err != nil {
		return err
	}
	local, err := s.o.localAddress(server)
	if err != nil {
		return err
	}
	if s.media, err = newMediaPlane(s.o, local); err != nil {
		return err
	}
	if s.relay != nil {
		s.setUp = (&ngCalls{client: s.relay, media: s.media, o: s.o}).setUp
		return nil
	}
	calls := &sipCalls{phones: s.phones, media: s.media, o: s.o, failed: func(err error) { s.callee.CompareAndSwap(nil, &err) }}
	s.setUp = calls.setUp
	answering, stop := context.WithCancel(ctx)
	s.hangUp = func() {
		stop()
		calls.active.Wait()
	}
	calls.answer(answering)
	return nil
}

// localAddress is where our media comes from.
func (o *options) localAddress(server netip.AddrPort) (netip.Addr, error) {
	if o.local != "" {
		return netip.ParseAddr(o.local)
	}
	return localFor(server)
}

// begin makes an empty result and tells progress, of which state knows what the scenario knows. done completes the result, and removes the
// registrations.
func (s *session) begin(ctx context.Context, state func() Sample) (result *Result, p *progress, done func() error) {
	p, samples := startProgress(ctx, s.o, s.meter, state)
	s.idle, _ = s.meter.read() // what fails here fails again in the first measurement
	result = s.o.newResult()
	return result, p, func() (err error) {
		result.Samples = samples()
		result.Load = s.load.mean()
		if s.phones != nil {
			s.phones.unregister(s.o.timeout)
		}
		if s.profiler != nil {
			result.Profiles, err = s.profiler.profiles()
		}
		return err
	}
}

// window is what the run's measurement is called.
func (s *session) window() string {
	return cmp.Or(s.o.window, strings.TrimSpace(s.o.scenario+" "+s.o.legs))
}

// seconds is a time in seconds; 0 for one without end.
func seconds(s float64) time.Duration {
	if math.IsInf(s, 0) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// measure runs f, which takes about so long (0: nobody knows), while the profiler looks on. It returns what the server's processes used
// meanwhile, nil when they are not known, and how long f took, 0 when it was not run. An error may leave f's own results good.
func (s *session) measure(ctx context.Context, window string, takes time.Duration, f func()) (q *Process, took time.Duration, err error) {
	stop := func() (time.Duration, error) { return 0, nil }
	if s.profiler != nil {
		if stop, err = s.profiler.start(ctx, window, takes); err != nil {
			return nil, 0, err
		}
	}
	before, err := s.meter.read()
	if err == nil {
		f()
		took = time.Since(before.at)
	}
	after, failed := s.meter.read()
	profiling, stopped := stop()
	if err = cmp.Or(err, failed, stopped); err != nil {
		return nil, took, err
	}
	s.load.add(before, after, profiling)
	if q = s.meter.between(before, after); q != nil {
		q.IdleRSS = s.idle.rss
	}
	return q, took, nil
}

func (s *session) close() {
	if s.hangUp != nil {
		s.hangUp()
	}
	if s.media != nil {
		s.media.close()
	}
	if s.phones != nil {
		s.phones.close()
	}
	if s.relay != nil {
		s.relay.close()
	}
}
