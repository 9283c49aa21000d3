package bench

import (
	"context"
	"flag"
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

// runCalls is the scenario of calls that are up at the same time: through a SIP server, or straight through a relay.
func runCalls(ctx context.Context, o *options) (*Result, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return newCallRun(s).run(ctx)
}
