package audio

import (
	"errors"
	"io"
	"math"
	"testing"
)

// sine is n samples of one frequency with that peak.
func sine(frequency, peak float64, n, rate int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = round(peak * math.Sin(2*math.Pi*frequency*float64(i)/float64(rate)))
	}
	return s
}

// power of the frequency in samples, as the peak of the sine that it would be.
func peakAt(samples []int16, frequency float64, rate int) float64 {
	var re, im float64
	for i, v := range samples {
		w := 2 * math.Pi * frequency * float64(i) / float64(rate)
		re += float64(v) * math.Cos(w)
		im += float64(v) * math.Sin(w)
	}
	return 2 * math.Hypot(re, im) / float64(len(samples))
}

// snr is the ratio in dB of got's part that is want, at the best delay up to maxDelay and the best gain, to the rest.
func snr(want, got []int16, maxDelay int) float64 {
	best := math.Inf(-1)
	for delay := range maxDelay + 1 {
		n := min(len(want), len(got)-delay)
		var ww, wg, gg float64
		for i := n / 8; i < n; i++ { // the start, where codecs adapt, is left out
			w, g := float64(want[i]), float64(got[i+delay])
			ww, wg, gg = ww+w*w, wg+w*g, gg+g*g
		}
		if ww == 0 || gg == 0 {
			continue
		}
		signal := wg * wg / ww
		best = max(best, 10*math.Log10(signal/math.Max(gg-signal, 1e-9)))
	}
	return best
}

// readAll reads a source in reads of an odd size, up to limit samples.
func readAll(t testing.TB, s Source, limit int) []int16 {
	t.Helper()
	var all []int16
	buffer := make([]int16, 157)
	for len(all) < limit {
		n, err := s.Read(buffer[:min(len(buffer), limit-len(all))])
		if n < 0 || n > len(buffer) {
			t.Fatalf("Read returned %d samples for %d", n, len(buffer))
		}
		all = append(all, buffer[:n]...)
		if errors.Is(err, io.EOF) {
			if n, err := s.Read(buffer); n != 0 || !errors.Is(err, io.EOF) {
				t.Fatalf("Read after the end = %d, %v", n, err)
			}
			break
		}
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
	}
	return all
}

// fixed is a source of given samples that ends.
type fixed struct {
	samples []int16
	rate    int
	closed  *int
}

func (f *fixed) Rate() int { return f.rate }

func (f *fixed) Read(samples []int16) (int, error) {
	if len(f.samples) == 0 {
		return 0, io.EOF
	}
	n := copy(samples, f.samples)
	f.samples = f.samples[n:]
	return n, nil
}

func (f *fixed) Close() error {
	if f.closed != nil {
		*f.closed++
	}
	return nil
}
