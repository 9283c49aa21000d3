package bench

import (
	"fmt"
	"math"
	"strings"
)

// plot is a line through points, drawn as SVG.
type plot struct {
	Title, X, Y string
	points      []point
}

type point struct{ x, y float64 }

// Size of a plot and of the margins that the axes' numbers are in, in SVG units.
const (
	plotWidth, plotHeight = 460, 220
	plotLeft, plotBottom  = 52, 36
	plotTop, plotRight    = 10, 12
)

// axis maps values from 0 to a round number at or above the largest onto a length.
type axis struct{ most, step, from, to float64 }

func newAxis(values func(point) float64, points []point, from, to float64) axis {
	largest := 0.0
	for _, p := range points {
		largest = max(largest, values(p))
	}
	if largest <= 0 || math.IsInf(largest, 0) || math.IsNaN(largest) {
		largest = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(largest/4)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if largest/(step*factor) <= 5 {
			step *= factor
			break
		}
	}
	return axis{most: step * math.Ceil(largest/step-1e-9), step: step, from: from, to: to}
}

func (a axis) at(v float64) float64 { return a.from + (a.to-a.from)*v/a.most }

// Line is the points as an SVG path.
func (p plot) Line() string {
	x, y := p.axes()
	var b strings.Builder
	for i, pt := range p.points {
		op := "L"
		if i == 0 {
			op = "M"
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", op, x.at(pt.x), y.at(pt.y))
	}
	return b.String()
}

// Tick is a number on an axis and where it stands.
type Tick struct {
	At    float64
	Label string
}

func (p plot) axes() (x, y axis) {
	return newAxis(func(p point) float64 { return p.x }, p.points, plotLeft, plotWidth-plotRight),
		newAxis(func(p point) float64 { return p.y }, p.points, plotHeight-plotBottom, plotTop)
}

func (a axis) ticks() []Tick {
	var all []Tick
	for i := 0; float64(i)*a.step <= a.most*1.0001; i++ {
		v := float64(i) * a.step
		all = append(all, Tick{a.at(v), fmt.Sprintf("%.6g", v)})
	}
	return all
}

// XTicks and YTicks are the axes' numbers.
func (p plot) XTicks() []Tick { x, _ := p.axes(); return x.ticks() }
func (p plot) YTicks() []Tick { _, y := p.axes(); return y.ticks() }
