package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
)

//go:embed report.html
var reportPage string

// reportData is what the page's template reads.
type reportData struct {
	*Result
	Rows  [][2]string
	Plots []plot
}

// WriteHTML writes the result as one page: style and plots are in it, nothing is loaded.
func (r *Result) WriteHTML(w io.Writer) error {
	page, err := template.New("report").Parse(reportPage)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return page.Execute(w, reportData{Result: r, Rows: r.rows(), Plots: r.plots()})
}

// plots are those that the result has data for.
func (r *Result) plots() []plot {
	var all []plot
	series := func(title, unit string, value func(Sample) float64) {
		points := make([]point, len(r.Samples))
		any := false
		for i, s := range r.Samples {
			points[i] = point{s.Second, value(s)}
			any = any || points[i].y != 0
		}
		if any && len(points) > 1 {
			all = append(all, plot{Title: title, X: "seconds", Y: unit, points: points})
		}
	}
	if len(r.Delays) > 1 {
		all = append(all, plot{Title: "One-way delay", X: "percent of the packets", Y: "ms, at most", points: r.Delays.points()})
	}
	if len(r.Steps) > 1 {
		p50, p99 := make([]point, len(r.Steps)), make([]point, len(r.Steps))
		for i, s := range r.Steps {
			p50[i], p99[i] = point{s.Rate, s.Calls.Took.P50}, point{s.Rate, s.Calls.Took.P99}
		}
		all = append(all, plot{Title: "Set-up time, median", X: "calls a second", Y: "ms", points: p50}, plot{Title: "Set-up time, 99th percentile", X: "calls a second", Y: "ms", points: p99})
	}
	if slices.ContainsFunc(r.Steps, func(s Step) bool { return s.Cores > 0 }) && len(r.Steps) > 1 {
		cores := make([]point, len(r.Steps))
		for i, s := range r.Steps {
			cores[i] = point{s.Rate, s.Cores}
		}
		all = append(all, plot{Title: "CPU of the server at each rate", X: "calls a second", Y: "cores", points: cores})
	}
	done := "calls that are up"
	if r.Registrations != nil {
		done = "registrations"
	}
	series("Load", done, func(s Sample) float64 { return float64(s.Done) })
	series("Failures", "so far", func(s Sample) float64 { return float64(s.Failed) })
	series("Packets", "thousands that came", func(s Sample) float64 { return float64(s.Packets) / 1000 })
	series("Loss", "packets not there yet or lost", func(s Sample) float64 { return float64(s.Lost) })
	series("CPU of the server", "cores", func(s Sample) float64 { return s.Cores })
	series("Memory of the server", "MB", func(s Sample) float64 { return s.RSS / 1024 })
	return all
}

// Curve is a distribution: what each of curvePercents is at most, in milliseconds.
type Curve []float64

var curvePercents = [...]float64{1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9, 100}

func curveOf(h *Histogram) Curve {
	if h.Count() == 0 {
		return nil
	}
	c := make(Curve, len(curvePercents))
	for i, p := range curvePercents {
		c[i] = milliseconds(h.Percentile(p))
	}
	return c
}

func (c Curve) points() []point {
	points := make([]point, min(len(c), len(curvePercents)))
	for i := range points {
		points[i] = point{curvePercents[i], c[i]}
	}
	return points
}
