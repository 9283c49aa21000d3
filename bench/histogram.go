package bench

import (
	"math"
	"math/bits"
	"time"
)

// Histogram counts durations in buckets that are 1/32 of their value wide, so a percentile is right within 1.6 %. Its zero value is ready.
type Histogram struct {
	counts [histogramBuckets]uint32
	total  uint64
	sum    time.Duration
	least  time.Duration
	most   time.Duration
}

const (
	histogramUnit    = time.Microsecond // what is shorter counts as this
	histogramBits    = 5                // buckets of one octave: 1<<histogramBits
	histogramOctaves = 27               // up to 2^27 µs, two minutes
	histogramBuckets = (histogramOctaves + 1) << histogramBits
)

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	if h.total == 0 || d < h.least {
		h.least = d
	}
	h.most = max(h.most, d)
	h.counts[bucketOf(d)]++
	h.total++
	h.sum += d
}

// Merge adds all that o counted.
func (h *Histogram) Merge(o *Histogram) {
	if o.total == 0 {
		return
	}
	if h.total == 0 || o.least < h.least {
		h.least = o.least
	}
	h.most = max(h.most, o.most)
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.sum += o.sum
}

// bucketOf: the first 32 values have a bucket each; then each octave has 32.
func bucketOf(d time.Duration) int {
	v := uint64(max(d/histogramUnit, 0))
	shift := max(bits.Len64(v)-1-histogramBits, 0)
	return min(shift<<histogramBits+int(v>>shift), histogramBuckets-1)
}

// bucketMiddle is the value that stands for a bucket.
func bucketMiddle(i int) time.Duration {
	shift := max(i>>histogramBits-1, 0)
	low := uint64(i-shift<<histogramBits) << shift
	return time.Duration(low)*histogramUnit + time.Duration((uint64(1)<<shift-1)/2)*histogramUnit
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 { return h.total }

// Mean is 0 when nothing was added.
func (h *Histogram) Mean() time.Duration {
	if h.total == 0 {
		return 0
	}
	return h.sum / time.Duration(h.total)
}

// Max is the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return h.most }

// Percentile is the duration that p of 100 are not longer than; 0 when nothing was added.
func (h *Histogram) Percentile(p float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(p/100*float64(h.total))), 1)
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); seen >= rank {
			return min(max(bucketMiddle(i), h.least), h.most)
		}
	}
	return h.most
}
