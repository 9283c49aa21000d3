package bench

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// progress tells, each second of a run, how far it is, and keeps the samples for the report.
type progress struct {
	out   io.Writer // nil: quiet
	meter *meter
	state func() Sample // fills in what the scenario knows
	began time.Time

	mu      sync.Mutex // guards what follows
	phase   string
	samples []Sample
}

const maxSamples = 24 * 3600 // seconds

// startProgress runs until the context is done; wait ends it and returns the samples.
func startProgress(ctx context.Context, o *options, m *meter, state func() Sample) (p *progress, wait func() []Sample) {
	p = &progress{meter: m, state: state, began: time.Now()}
	if !o.quiet {
		p.out = o.program.Stderr
	}
	ctx, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { p.run(ctx) })
	return p, func() []Sample {
		stop()
		done.Wait()
		return p.samples
	}
}

// enter names what the run does now.
func (p *progress) enter(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase = fmt.Sprintf(format, args...)
	if p.out != nil {
		fmt.Fprintf(p.out, "%6.1fs  %s\n", time.Since(p.began).Seconds(), p.phase)
	}
}

func (p *progress) run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	before, _ := p.meter.read()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, err := p.meter.read()
		if err != nil { // the server is gone; the scenario will notice by itself
			now = before
		}
		s := p.state()
		s.Second = time.Since(p.began).Seconds()
		if took := now.at.Sub(before.at).Seconds(); took > 0 {
			s.Cores, s.RSS = (now.cpu-before.cpu).Seconds()/took, now.rss
		}
		before = now
		p.note(s)
	}
}

func (p *progress) note(s Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.samples) < maxSamples {
		p.samples = append(p.samples, s)
	}
	if p.out == nil {
		return
	}
	line := fmt.Sprintf("%6.1fs  %s: %d done, %d failed", s.Second, p.phase, s.Done, s.Failed)
	if s.Packets > 0 {
		line += fmt.Sprintf(", %d packets, %d not there yet or lost", s.Packets, s.Lost)
	}
	if len(p.meter.pids) > 0 {
		line += fmt.Sprintf(", server %.2f cores, %.1f MB", s.Cores, s.RSS/1024)
	}
	fmt.Fprintln(p.out, line)
}
