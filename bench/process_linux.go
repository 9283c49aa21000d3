package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processCPU is the CPU time of a process, to the nanosecond and with the threads that have ended; 0 is this one. The clock's number is
// made as clock_getcpuclockid(3) makes it.
func processCPU(pid int) (time.Duration, error) {
	clock := int32(unix.CLOCK_PROCESS_CPUTIME_ID)
	if pid != 0 {
		const scheduler = 2 // CPUCLOCK_SCHED
		clock = ^int32(pid)<<3 | scheduler
	}
	var ts unix.Timespec
	err := unix.ClockGettime(clock, &ts)
	switch {
	case err == unix.EINVAL || err == unix.ESRCH:
		return 0, errors.New("it is not there")
	case err != nil:
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(ts.Nano()), nil
}

// machineCPU is how long all processors together have worked, and how long they could not because the host was busy otherwise, since some
// time: proc(5). What they work is taken from their idle time, which the kernel counts exactly. Zeros when it cannot be read.
func machineCPU() (busy, stolen time.Duration) {
	const tick = time.Second / 100 // USER_HZ
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Fields(string(first))
	const idle, ioWait, steal = 4, 5, 8
	if len(fields) <= steal || fields[0] != "cpu" {
		return 0, 0
	}
	ticks := func(i int) time.Duration {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return time.Duration(n) * tick
	}
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0, 0
	}
	return time.Duration(now.Nano())*time.Duration(onlineCPUs(string(text))) - ticks(idle) - ticks(ioWait) - ticks(steal), ticks(steal)
}

// onlineCPUs counts the lines of single processors.
func onlineCPUs(stat string) int { return max(strings.Count(stat, "\ncpu"), 1) }

// processRSS is the resident memory of a process in kB, proc(5).
func processRSS(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm: %q", pid, text)
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()) / 1024, err
}

// withChildren is a process and all below it.
func withChildren(pid int) []int {
	all := []int{pid}
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, withChildren(child)...)
			}
		}
	}
	return all
}

// processorName is the kernel's name of the processor; "" when it has none.
func processorName() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range bytes.Lines(text) {
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
