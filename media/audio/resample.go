package audio

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
)

// Resampler changes the sampling rate of a stream: a windowed-sinc low-pass below half the lower of the two rates, evaluated only where
// an output sample falls (a polyphase filter). Its state is fixed in size; nothing is allocated after NewResampler. The filters are
// shared by all resamplers of a pair of rates.
type Resampler struct {
	f       *polyphase
	history []float32 // the last samples, oldest first; room for a block more
	filled  int
	phase   int // of the next output sample, in 1/up of an input sample
	skip    int // input samples to take before the next output sample
}

// resampleRates are the rates of telephones, of Opus and of sound files.
var resampleRates = [...]int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}

// polyphases holds one filter for each pair of rates, made when first needed and never changed.
var polyphases = func() map[[2]int]func() *polyphase {
	m := make(map[[2]int]func() *polyphase, len(resampleRates)*len(resampleRates))
	for _, from := range resampleRates {
		for _, to := range resampleRates {
			m[[2]int{from, to}] = sync.OnceValue(func() *polyphase { return newPolyphase(from, to) })
		}
	}
	return m
}()

// The filter: this many zero crossings of the sinc each side, a Kaiser window for about 80 dB, half amplitude at this share of half
// the lower rate. At 8000 Hz the pass band reaches 3.4 kHz and what folds back stays above it.
const (
	zeroCrossings = 24
	kaiserBeta    = 7.857
	cutoffShare   = 0.95
)

// polyphase is the filter of one pair of rates.
type polyphase struct {
	up, down int         // the ratio in lowest terms: up outputs for down inputs
	taps     int         // of each phase, an even number
	phases   [][]float32 // one row a phase
}

func newPolyphase(from, to int) *polyphase {
	g := gcd(from, to)
	f := &polyphase{up: to / g, down: from / g}
	half := int(math.Ceil(zeroCrossings * max(1, float64(from)/float64(to))))
	f.taps = 2 * half
	cutoff := cutoffShare * min(1, float64(to)/float64(from))
	f.phases = make([][]float32, f.up)
	coefficients := make([]float32, f.up*f.taps)
	for p := range f.phases {
		row := coefficients[p*f.taps : (p+1)*f.taps]
		sum := 0.0
		for i := range row {
			// Distance of input sample i from the output sample, which lies p/up after the middle one.
			x := float64(i-half+1) - float64(p)/float64(f.up)
			c := cutoff * sinc(cutoff*x) * kaiser(x/float64(half))
			sum += c
			row[i] = float32(c)
		}
		// Every phase has the same gain, or a constant input would ripple.
		for i := range row {
			row[i] = float32(float64(row[i]) / sum)
		}
		f.phases[p] = row
	}
	return f
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window at x, -1 to 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel0(kaiserBeta*math.Sqrt(1-x*x)) / bessel0(kaiserBeta)
}

// bessel0 is the modified Bessel function of order zero, by its series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

// resampleBlock is how many input samples are taken in before the history moves.
const resampleBlock = 256

// NewResampler returns a resampler between two rates out of 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100 and 48000.
func NewResampler(from, to int) (*Resampler, error) {
	f, ok := polyphases[[2]int{from, to}]
	if !ok {
		return nil, fmt.Errorf("%w: %d to %d", ErrRate, from, to)
	}
	r := &Resampler{f: f()}
	r.history = make([]float32, r.f.taps+resampleBlock)
	r.Reset()
	return r, nil
}

// Reset forgets the sound so far.
func (r *Resampler) Reset() {
	clear(r.history)
	r.filled, r.phase, r.skip = r.f.taps-1, 0, 0
}

// Process takes in all of pcm and appends what comes out of it to dst. n samples in make n·to/from samples out, give or take one; with
// 20 ms packets of the rates of telephones it is always exactly 20 ms. The sound comes out Delay later.
func (r *Resampler) Process(dst, pcm []int16) []int16 {
	if r.f.up == r.f.down {
		return append(dst, pcm...)
	}
	for len(pcm) > 0 {
		n := min(len(pcm), len(r.history)-r.filled)
		for i, v := range pcm[:n] {
			r.history[r.filled+i] = float32(v)
		}
		r.filled += n
		pcm = pcm[n:]
		dst = r.emit(dst)
	}
	return dst
}

// emit appends every output sample that the history has the input for, and then moves the history to its start.
func (r *Resampler) emit(dst []int16) []int16 {
	f, taps := r.f, r.f.taps
	start := r.skip // the window of the next output sample begins here
	for start+taps-1 < r.filled {
		window, row := r.history[start:start+taps], f.phases[r.phase]
		var a, b float32
		for i := 0; i+1 < len(row) && i+1 < len(window); i += 2 {
			a += window[i] * row[i]
			b += window[i+1] * row[i+1]
		}
		dst = append(dst, round(float64(a+b)))
		r.phase += f.down
		start += r.phase / f.up
		r.phase %= f.up
	}
	keep := min(start, r.filled)
	copy(r.history, r.history[keep:r.filled])
	r.filled -= keep
	r.skip = start - keep
	return dst
}

// Delay is how many input samples the sound comes out late.
func (r *Resampler) Delay() int {
	if r.f.up == r.f.down {
		return 0
	}
	return r.f.taps / 2
}

// resampled is a source at another rate.
type resampled struct {
	s       Source
	r       *Resampler
	rate    int
	in      [160]int16
	out     []int16 // resampled, not read yet
	buffer  []int16
	drop    int   // output samples that the filter's delay makes at the start
	taken   int64 // input samples
	given   int64 // output samples
	drained bool
	err     error
}

// Resample returns the source at another rate, or the source itself when it has that rate. It is as long as the source and has no
// delay. Closing it closes the source.
func Resample(s Source, rate int) (Source, error) {
	if s.Rate() == rate {
		return s, nil
	}
	r, err := NewResampler(s.Rate(), rate)
	if err != nil {
		return nil, err
	}
	x := &resampled{s: s, r: r, rate: rate}
	x.buffer = make([]int16, 0, (len(x.in)+r.Delay())*rate/s.Rate()+2)
	// What is left of the delay after whole output samples is made up by beginning between two input samples.
	late := r.Delay() * r.f.up
	x.drop = late / r.f.down
	r.phase, r.skip = late%r.f.down%r.f.up, late%r.f.down/r.f.up
	return x, nil
}

func (x *resampled) Rate() int    { return x.rate }
func (x *resampled) Close() error { return Close(x.s) }

func (x *resampled) Read(samples []int16) (int, error) {
	if len(samples) == 0 {
		return 0, nil
	}
	for len(x.out) == 0 {
		if x.drained {
			return 0, x.err
		}
		x.fill()
	}
	n := copy(samples, x.out)
	x.out = x.out[n:]
	return n, nil
}

// fill reads from the source until something comes out, and at its end pushes out what the filter still holds.
func (x *resampled) fill() {
	n, err := ReadFull(x.s, x.in[:])
	x.taken += int64(n)
	x.out = x.r.Process(x.buffer[:0], x.in[:n])
	if err != nil || n < len(x.in) {
		x.drained, x.err = true, err
		if err == nil {
			x.err = io.EOF
		}
		for left := x.r.Delay() + 1; left > 0; left -= len(x.in) {
			clear(x.in[:])
			x.out = x.r.Process(x.out, x.in[:min(left, len(x.in))])
		}
	}
	skipped := min(x.drop, len(x.out))
	x.out = x.out[skipped:]
	x.drop -= skipped
	if x.drained {
		// No more than the source's length.
		f := x.r.f
		left := (x.taken*int64(f.up)+int64(f.down)-1)/int64(f.down) - x.given
		x.out = x.out[:min(max(left, 0), int64(len(x.out)))]
		if !errors.Is(x.err, io.EOF) {
			x.out = nil
		}
	}
	x.given += int64(len(x.out))
}
