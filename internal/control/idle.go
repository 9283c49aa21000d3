package control

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// IdleCPU measures how idle the machine is, from /proc/stat; where there is none it is 0, as in FreeSWITCH. Its zero value is ready, and it is safe
// for concurrent use.
type IdleCPU struct {
	mu          sync.Mutex // guards all
	at          time.Time  // of the last reading
	idle, total uint64     // then
	last        float64
	read        func() ([]byte, error) // nil: the file
}

// Percent is the share of the processors' time in which they had nothing to do since the last call, or, when that was less than a second ago,
// what it gave. The first call measures from the machine's start.
func (i *IdleCPU) Percent() float64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	if !i.at.IsZero() && now.Sub(i.at) < time.Second {
		return i.last
	}
	read := i.read
	if read == nil {
		read = func() ([]byte, error) { return os.ReadFile("/proc/stat") }
	}
	text, err := read()
	if err != nil {
		return 0
	}
	idle, total, ok := idleTime(text)
	if !ok {
		return 0
	}
	if i.at = now; total > i.total && idle >= i.idle {
		i.last = 100 * float64(idle-i.idle) / float64(total-i.total)
	}
	i.idle, i.total = idle, total
	return i.last
}

// idleTime reads the first line of /proc/stat: "cpu", then the ticks spent as user, nice, system, idle, iowait, irq, softirq and steal.
// What guests used, which follows, is in user already. See proc_stat(5).
func idleTime(stat []byte) (idle, total uint64, ok bool) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 5 || string(fields[0]) != "cpu" {
		return 0, 0, false
	}
	for n, f := range fields[1:min(len(fields), 9)] {
		ticks, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return 0, 0, false
		}
		total += ticks
		if n == 3 {
			idle = ticks
		}
	}
	return idle, total, true
}
