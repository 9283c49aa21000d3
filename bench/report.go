package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func (o *options) newResult() *Result {
	server := o.ng
	if o.server != "" {
		server = o.addresses[0].String()
	}
	return &Result{Scenario: o.scenario, Server: server, Version: o.program.Version, Started: time.Now().UTC(), Machine: thisMachine()}
}

// report prints the table and writes the files that were asked for.
func (o *options) report(r *Result) error {
	if err := r.WriteTable(o.program.Stdout); err != nil {
		return err
	}
	for _, file := range []struct {
		name  string
		write func(io.Writer) error
	}{{o.jsonFile, r.WriteJSON}, {o.htmlFile, r.WriteHTML}} {
		if file.name == "" {
			continue
		}
		if err := writeFile(file.name, file.write); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// WriteJSON writes the result for programs.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the result for people.
func (r *Result) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.rows() {
		fmt.Fprintf(t, "%s\t%s\n", row[0], row[1])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, p := range r.Profiles {
		if err := p.WriteTable(w); err != nil {
			return err
		}
	}
	return nil
}

// table is rows of what, and its value.
type table [][2]string

func (t *table) add(name, format string, args ...any) {
	*t = append(*t, [2]string{name, fmt.Sprintf(format, args...)})
}

// rows is the result as a table.
func (r *Result) rows() table {
	var t table
	t.add("scenario", "%s against %s", strings.TrimSpace(r.Scenario+" "+r.Legs), r.Server)
	t.attempts("registrations", r.Registrations)
	t.attempts("calls", r.Calls)
	if r.Dropped > 0 {
		t.add("  dropped", "%d ended by the server", r.Dropped)
	}
	t.steps(r)
	if r.Media != nil {
		t.media(r.Media)
	}
	if r.Process != nil {
		t.process(r.Process)
	}
	if r.Load != nil {
		t.load(r.Load, r.Machine.CPUs)
	}
	return t
}

func (t *table) attempts(name string, a *Attempts) {
	if a == nil {
		return
	}
	t.add(name, "%d succeeded, %d failed, %.1f a second", a.Succeeded, a.Failed, a.PerSecond)
	t.failures("  failed", a)
	t.add("  time", "%s", a.Took)
}

func (t *table) failures(name string, a *Attempts) {
	for _, reason := range slices.Sorted(maps.Keys(a.Failures)) {
		t.add(name, "%d × %s", a.Failures[reason], reason)
	}
}

// steps are those of a ramp.
func (t *table) steps(r *Result) {
	for _, s := range r.Steps {
		good := ""
		if !s.Within {
			good = "  out of bounds: " + s.Beyond
		}
		t.add(fmt.Sprintf("  %.0f a second", s.Rate), "%d failed, p50 %.3g ms, p99 %.3g ms, server %.2f cores%s", s.Calls.Failed, s.Calls.Took.P50, s.Calls.Took.P99, s.Cores, good)
		t.failures("    failed", s.Calls)
	}
	switch {
	case r.Knee > 0 && r.Steps[len(r.Steps)-1].Within:
		t.add("knee", "above %.0f calls a second: no step was out of bounds", r.Knee)
	case r.Knee > 0:
		t.add("knee", "%.0f calls a second", r.Knee)
	}
}

func (t *table) media(m *Media) {
	c := m.Counts
	t.add("packets", "%d sent, %d came, %.0f a second, in %d streams", c.Sent, c.Received, m.PerSecond, m.Streams)
	t.add("  faults", "%d lost, %d duplicated, %d reordered, %d damaged, %d misrouted, %d renumbered", c.Lost, c.Duplicates, c.Reordered, c.Damaged, c.Misrouted, c.Renumbered)
	t.add("  one-way delay", "%s, jitter %.3f ms", m.Delay, m.JitterMS)
	t.add("  MOS", "%.2f, worst stream %.2f", m.MOS, m.WorstMOS)
	if g := m.Generator; g != (Generator{}) {
		t.add("  generator", "late %d times, dropped %d, could not send %d; %d strays", g.Late, g.Dropped, g.Unsent, g.Strays)
	}
}

func (t *table) process(p *Process) {
	t.add("server", "%.2f CPU seconds, %.2f cores (generator: %.2f CPU seconds)", p.CPUSeconds, p.Load, p.GeneratorCPU)
	if p.PerPacketUS > 0 {
		t.add("  per packet", "%.2f µs", p.PerPacketUS)
	}
	if p.PerEachMS > 0 {
		t.add("  per attempt", "%.3f ms", p.PerEachMS)
	}
	t.add("  memory", "%.1f MB, idle %.1f MB", p.RSS/1024, p.IdleRSS/1024)
	if p.PerCallKB != 0 {
		t.add("  per call", "%.1f kB", p.PerCallKB)
	}
}

func (t *table) load(l *MachineLoad, cpus int) {
	server := ""
	if l.Server > 0 {
		server = fmt.Sprintf(", server %.2f", l.Server)
	}
	t.add("machine", "%.2f of %d cores busy: generator %.2f%s, other %.2f; stolen %.2f", l.Busy, cpus, l.Generator, server, l.Other, l.Stolen)
	if l.Warning != "" {
		t.add("  WARNING", "%s", l.Warning)
	}
}

func (q Quantiles) String() string {
	return fmt.Sprintf("p50 %.3g ms, p95 %.3g ms, p99 %.3g ms, most %.3g ms", q.P50, q.P95, q.P99, q.Max)
}
