//go:build !linux

package bench

import (
	"errors"
	"time"
)

var errNoProcess = errors.New("CPU time and memory of a process are measured on Linux only")

func processCPU(int) (time.Duration, error)    { return 0, errNoProcess }
func processRSS(int) (float64, error)          { return 0, errNoProcess }
func withChildren(pid int) []int               { return []int{pid} }
func machineCPU() (busy, stolen time.Duration) { return 0, 0 }
func processorName() string                    { return "" }
func kernelRelease() string                    { return "" }
