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

// rows is the table: what, and its value.
func (r *Result) rows() [][2]string {
	var rows [][2]string
	add := func(name, format string, args ...any) {
		rows = append(rows, [2]string{name, fmt.Sprintf(format, args...)})
	}
	add("scenario", "%s against %s", strings.TrimSpace(r.Scenario+" "+r.Legs), r.Server)
	for _, a := range []struct {
		name string
		*Attempts
	}{{"registrations", r.Registrations}, {"calls", r.Calls}} {
		if a.Attempts == nil {
			continue
		}
		add(a.name, "%d succeeded, %d failed, %.1f a second", a.Succeeded, a.Failed, a.PerSecond)
		for _, reason := range slices.Sorted(maps.Keys(a.Failures)) {
			add("  failed", "%d × %s", a.Failures[reason], reason)
		}
		add("  time", "%s", a.Took)
	}
	if r.Dropped > 0 {
		add("  dropped", "%d ended by the server", r.Dropped)
	}
	for _, s := range r.Steps {
		good := ""
		if !s.Within {
			good = "  out of bounds: " + s.Beyond
		}
		add(fmt.Sprintf("  %.0f a second", s.Rate), "%d failed, p50 %.3g ms, p99 %.3g ms, server %.2f cores%s", s.Calls.Failed, s.Calls.Took.P50, s.Calls.Took.P99, s.Cores, good)
		for _, reason := range slices.Sorted(maps.Keys(s.Calls.Failures)) {
			add("    failed", "%d × %s", s.Calls.Failures[reason], reason)
		}
	}
	switch {
	case r.Knee > 0 && r.Steps[len(r.Steps)-1].Within:
		add("knee", "above %.0f calls a second: no step was out of bounds", r.Knee)
	case r.Knee > 0:
		add("knee", "%.0f calls a second", r.Knee)
	}
	if m := r.Media; m != nil {
		c := m.Counts
		add("packets", "%d sent, %d came, %.0f a second, in %d streams", c.Sent, c.Received, m.PerSecond, m.Streams)
		add("  faults", "%d lost, %d duplicated, %d reordered, %d damaged, %d misrouted, %d renumbered", c.Lost, c.Duplicates, c.Reordered, c.Damaged, c.Misrouted, c.Renumbered)
		add("  one-way delay", "%s, jitter %.3f ms", m.Delay, m.JitterMS)
		add("  MOS", "%.2f, worst stream %.2f", m.MOS, m.WorstMOS)
		if g := m.Generator; g != (Generator{}) {
			add("  generator", "late %d times, dropped %d, could not send %d; %d strays", g.Late, g.Dropped, g.Unsent, g.Strays)
		}
	}
	if p := r.Process; p != nil {
		add("server", "%.2f CPU seconds, %.2f cores (generator: %.2f CPU seconds)", p.CPUSeconds, p.Load, p.GeneratorCPU)
		if p.PerPacketUS > 0 {
			add("  per packet", "%.2f µs", p.PerPacketUS)
		}
		if p.PerEachMS > 0 {
			add("  per attempt", "%.3f ms", p.PerEachMS)
		}
		add("  memory", "%.1f MB, idle %.1f MB", p.RSS/1024, p.IdleRSS/1024)
		if p.PerCallKB != 0 {
			add("  per call", "%.1f kB", p.PerCallKB)
		}
	}
	if l := r.Load; l != nil {
		server := ""
		if l.Server > 0 {
			server = fmt.Sprintf(", server %.2f", l.Server)
		}
		add("machine", "%.2f of %d cores busy: generator %.2f%s, other %.2f; stolen %.2f", l.Busy, r.Machine.CPUs, l.Generator, server, l.Other, l.Stolen)
		if l.Warning != "" {
			add("  WARNING", "%s", l.Warning)
		}
	}
	return rows
}

func (q Quantiles) String() string {
	return fmt.Sprintf("p50 %.3g ms, p95 %.3g ms, p99 %.3g ms, most %.3g ms", q.P50, q.P95, q.P99, q.Max)
}
