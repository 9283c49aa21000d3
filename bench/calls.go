package bench

import (
	"context"
	"flag"
	"net/netip"
	"time"
)

func callFlags(f *flag.FlagSet, o *options) {
	reportFlags(f, o)
	serverFlags(f, o)
	mediaFlags(f, o)
	windowFlags(f, o)
}

// windowFlags say how many calls there are and how long they talk.
func windowFlags(f *flag.FlagSet, o *options) {
	f.IntVar(&o.calls, "calls", 10, "calls at the same time")
	f.Float64Var(&o.rate, "rate", 20, "calls set up per second")
	f.DurationVar(&o.hold, "hold", 10*time.Second, "how long all calls talk, and are measured, before they hang up")
}

// runCalls is the scenario of calls through a SIP server.
func runCalls(ctx context.Context, o *options) (*Result, error) {
	if _, err := newMeter(o.pids); err != nil {
		return nil, err
	}
	ps, err := openPhones(ctx, o)
	if err != nil {
		return nil, err
	}
	defer ps.close()
	local, err := o.localAddress(ps.server)
	if err != nil {
		return nil, err
	}
	media, err := newMediaPlane(o, local)
	if err != nil {
		return nil, err
	}
	defer media.close()
	r, err := newCallRun(o, media)
	if err != nil {
		return nil, err
	}
	calls := &sipCalls{phones: ps, media: media, o: o, failed: func(err error) { r.callee.CompareAndSwap(nil, &err) }}
	r.setup = calls.setUp
	defer calls.active.Wait()
	answering, stop := context.WithCancel(ctx)
	defer stop()
	calls.answer(answering)
	result, err := r.run(ctx)
	ps.unregister(o.timeout)
	return result, err
}

// localAddress is where our media comes from.
func (o *options) localAddress(server netip.AddrPort) (netip.Addr, error) {
	if o.local != "" {
		return netip.ParseAddr(o.local)
	}
	return localFor(server)
}
