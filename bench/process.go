package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usage is what processes have used at one time.
type usage struct {
	at  time.Time
	cpu time.Duration
	rss float64 // kB
	own time.Duration

	busy, stolen time.Duration // of all processors; stolen: the host of a virtual machine gave them to others
}

// meter reads the usage of the server's processes and of the generator. Without processes it reads zeros.
type meter struct{ pids []int }

// newMeter takes "PID,PID"; children count too, as they are now.
func newMeter(list string) (*meter, error) {
	m := &meter{}
	for field := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		pid, err := strconv.Atoi(field)
		if err != nil || pid <= 0 {
			return nil, fmt.Errorf("-pid: %q is no process", field)
		}
		for _, pid := range withChildren(pid) {
			if !slices.Contains(m.pids, pid) {
				m.pids = append(m.pids, pid)
			}
		}
	}
	_, err := m.read()
	return m, err
}

func (m *meter) read() (usage, error) {
	u := usage{at: time.Now()}
	u.busy, u.stolen = machineCPU()
	own, err := processCPU(0)
	if err != nil && len(m.pids) > 0 {
		return u, err
	}
	u.own = own
	for _, pid := range m.pids {
		cpu, err := processCPU(pid)
		if err != nil {
			return u, fmt.Errorf("the server's process %d: %w", pid, err)
		}
		rss, err := processRSS(pid)
		if err != nil {
			return u, fmt.Errorf("the server's process %d: %w", pid, err)
		}
		u.cpu += cpu
		u.rss += rss
	}
	return u, nil
}

// between is what was used from a to b; nil without processes.
func (m *meter) between(a, b usage) *Process {
	if len(m.pids) == 0 {
		return nil
	}
	took := b.at.Sub(a.at).Seconds()
	return &Process{
		CPUSeconds: (b.cpu - a.cpu).Seconds(), Load: (b.cpu - a.cpu).Seconds() / max(took, 1e-9), RSS: b.rss, GeneratorCPU: (b.own - a.own).Seconds(),
	}
}
