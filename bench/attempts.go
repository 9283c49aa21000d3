package bench

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// attempts counts what succeeded, how long it took, and why the rest failed.
type attempts struct {
	mu       sync.Mutex // guards what follows
	took     Histogram
	failures map[string]int
	failed   int
}

// add notes one attempt; it succeeded when err is nil.
func (a *attempts) add(took time.Duration, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.took.Add(took)
		return
	}
	if a.failures == nil {
		a.failures = map[string]int{}
	}
	a.failed++
	a.failures[reasonOf(err)]++
}

// counts are those so far.
func (a *attempts) counts() (succeeded, failed int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int(a.took.Count()), a.failed
}

// result sums up attempts that were made within a time.
func (a *attempts) result(within time.Duration) *Attempts {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := int(a.took.Count())
	return &Attempts{
		Attempted: n + a.failed, Succeeded: n, Failed: a.failed, Failures: maps.Clone(a.failures),
		Seconds: within.Seconds(), PerSecond: float64(n) / max(within.Seconds(), 1e-9), Took: quantilesOf(&a.took),
	}
}

// failure is nil when nothing failed; otherwise it names the most frequent reason.
func (a *Attempts) failure(what string) error {
	if a == nil || a.Failed == 0 {
		return nil
	}
	reasons := slices.SortedFunc(maps.Keys(a.Failures), func(x, y string) int { return a.Failures[y] - a.Failures[x] })
	more := ""
	if len(reasons) > 1 {
		more = fmt.Sprintf(", and %d other reasons", len(reasons)-1)
	}
	return fmt.Errorf("%d of %d %s failed: %s%s", a.Failed, a.Attempted, what, reasons[0], more)
}
