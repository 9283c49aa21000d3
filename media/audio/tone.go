package audio

import "math"

// Level bounds of generated tones in dBm0, those of FreeSWITCH's tone language.
const (
	maxLevel     = 0.0
	minLevel     = -63.0
	defaultLevel = -7.0
)

// amplitude is the peak of a sine of a level in dBm0, as a sample value: +3.14 dBm0 is full scale, ITU-T G.711 §4.
func amplitude(level float64) float64 { return 32767 * math.Pow(10, (level-3.14)/20) }

// oscillator makes a sine of constant pitch by the recurrence y[n] = 2·cos(w)·y[n-1] - y[n-2]: one multiplication a sample.
type oscillator struct{ k, y1, y2 float64 }

func newOscillator(frequency float64, rate int) oscillator {
	w := 2 * math.Pi * frequency / float64(rate)
	return oscillator{k: 2 * math.Cos(w), y1: -math.Sin(w), y2: -math.Sin(2 * w)}
}

// next is the next sample, -1 to 1, starting with zero.
func (o *oscillator) next() float64 {
	y := o.k*o.y1 - o.y2
	o.y2, o.y1 = o.y1, y
	return y
}

// round brings a computed sample to 16 bits.
func round(v float64) int16 { return saturate(int32(math.Round(v))) }
