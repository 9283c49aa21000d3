package bench

import (
	"fmt"
	"time"
)

// MachineLoad is what the machine did while something was measured, in cores. A figure from a machine that did much else is worth less.
type MachineLoad struct {
	Busy      float64 `json:"busy_cores"` // all work
	Generator float64 `json:"generator_cores"`
	Server    float64 `json:"server_cores"` // 0 when its processes are not known
	Other     float64 `json:"other_cores"`  // neither of them, nor the profiler; with the server's when its processes are not known
	Stolen    float64 `json:"stolen_cores"` // that the host of a virtual machine gave to others
	Warning   string  `json:"warning,omitempty"`
}

// muchOther is how much other work, in cores, makes a warning.
const muchOther = 0.1

// loadSum adds up measured windows.
type loadSum struct {
	took                                   time.Duration
	busy, generator, server, other, stolen time.Duration
	known                                  bool // the server's processes
}

// add notes a window. profiler is the CPU time that a profiler has used.
func (l *loadSum) add(a, b usage, profiler time.Duration) {
	if b.busy == 0 { // not known on this system
		return
	}
	l.took += b.at.Sub(a.at)
	l.busy += b.busy - a.busy
	l.generator += b.own - a.own
	l.server += b.cpu - a.cpu
	l.other += max(b.busy-a.busy-(b.own-a.own)-(b.cpu-a.cpu)-profiler, 0)
	l.stolen += b.stolen - a.stolen
	l.known = b.cpu > 0
}

// mean is nil when nothing was measured.
func (l *loadSum) mean() *MachineLoad {
	if l.took <= 0 {
		return nil
	}
	cores := func(d time.Duration) float64 { return d.Seconds() / l.took.Seconds() }
	m := &MachineLoad{Busy: cores(l.busy), Generator: cores(l.generator), Server: cores(l.server), Other: cores(l.other), Stolen: cores(l.stolen)}
	switch {
	case l.known && m.Other > muchOther:
		m.Warning = fmt.Sprintf("other work took %.2f cores meanwhile: the figures are worth less", m.Other)
	case m.Stolen > muchOther:
		m.Warning = fmt.Sprintf("the host of this virtual machine took %.2f cores away meanwhile: the figures are worth less", m.Stolen)
	}
	return m
}
