package e2e

import (
	"math"
	"sync"
)

const (
	sampleRate  = 8000
	frameLength = 160  // samples in 20 ms
	toneWindow  = 1600 // samples a spectrum is taken over: 200 ms, so bins are 5 Hz wide
)

// tone makes consecutive G.711 µ-law frames of a sine.
type tone struct {
	hz     float64
	sample int
}

func (t *tone) frame() []byte {
	out := make([]byte, frameLength)
	for i := range out {
		out[i] = linearToMulaw(int16(8000 * math.Sin(2*math.Pi*t.hz*float64(t.sample)/sampleRate)))
		t.sample++
	}
	return out
}

// ear listens to µ-law audio and tells which tone it hears.
type ear struct {
	mu      sync.Mutex // guards what follows
	window  []float64
	want    func(window []float64) bool // nil: nothing is waited for
	heard   chan struct{}               // closed when one window is what is wanted
	packets int
}

// anySound is what to expect where it does not matter what is heard.
const anySound = -1

// expect returns a channel that is closed when hz is the dominant tone of 200 ms of audio heard from now on.
func (e *ear) expect(hz float64) <-chan struct{} {
	return e.expectWindow(func(w []float64) bool { return dominant(w, hz) })
}

// expectPair is expect for two tones at once, about as loud as each other.
func (e *ear) expectPair(one, other float64) <-chan struct{} {
	return e.expectWindow(func(w []float64) bool {
		energy, a, b := energyOf(w), goertzel(w, one), goertzel(w, other)
		return loud(w) && a+b > 0.8*energy && a > 0.3*energy && b > 0.3*energy
	})
}

func (e *ear) expectWindow(want func([]float64) bool) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.window, e.want, e.heard = nil, want, make(chan struct{})
	return e.heard
}

func (e *ear) hear(mulaw []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.packets++
	for _, b := range mulaw {
		e.window = append(e.window, float64(mulawToLinear(b)))
	}
	if len(e.window) < toneWindow {
		return
	}
	if e.want != nil && e.want(e.window[:toneWindow]) {
		close(e.heard)
		e.want = nil
	}
	e.window = e.window[:0]
}

// dominant reports whether one frequency holds more than four fifths of the energy of the samples, which must be more than a whisper.
func dominant(samples []float64, hz float64) bool {
	return loud(samples) && (hz == anySound || goertzel(samples, hz) > 0.8*energyOf(samples))
}

// loud says whether samples are more than a whisper: an RMS of 316 of 32768.
func loud(samples []float64) bool { return energyOf(samples) > 1e5*float64(len(samples)) }

func energyOf(samples []float64) float64 {
	energy := 0.0
	for _, s := range samples {
		energy += s * s
	}
	return energy
}

// goertzel is the energy of the samples at one frequency.
func goertzel(samples []float64, hz float64) float64 {
	w := 2 * math.Pi * hz / sampleRate
	var s1, s2 float64
	for _, x := range samples {
		s1, s2 = x+2*math.Cos(w)*s1-s2, s1
	}
	return 2 * (s1*s1 + s2*s2 - 2*math.Cos(w)*s1*s2) / float64(len(samples))
}

// linearToMulaw and mulawToLinear are ITU-T G.711.
func linearToMulaw(s int16) byte {
	const bias, clip = 0x84, 32635
	sign, v := byte(0), int(s)
	if v < 0 {
		sign, v = 0x80, -v
	}
	v = min(v, clip) + bias
	exponent := byte(7)
	for mask := 0x4000; v&mask == 0 && exponent > 0; mask >>= 1 {
		exponent--
	}
	return ^(sign | exponent<<4 | byte(v>>(exponent+3))&0x0f)
}

func mulawToLinear(b byte) int16 {
	b = ^b
	v := (int(b&0x0f)<<3+0x84)<<((b&0x70)>>4) - 0x84
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}
