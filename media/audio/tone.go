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

// tone is one tone while it sounds.
type tone struct {
	on, off   int64 // samples still to come
	voices    [maxTonePitches]oscillator
	count     int
	level     float64
	amplitude float64 // of one voice
	direction float64
	decayDB   float64
	decayStep int64 // samples between two changes of level
	since     int64 // samples since the last one
}

func newTone(l toneLength, s toneSettings, rate int) tone {
	t := tone{on: samplesOf(l.on, rate), off: samplesOf(l.off, rate), count: l.count, level: s.level, direction: s.direction,
		decayDB: s.decayDB, decayStep: max(samplesOf(s.decayMS, rate), 1)}
	t.amplitude = amplitude(t.level) / float64(max(t.count, 1))
	for i, f := range l.pitches[:l.count] {
		// Above half the rate a sine would fold back to another pitch.
		if f < 0 || f >= float64(rate)/2 {
			f = 0
		}
		t.voices[i] = newOscillator(f, rate)
	}
	return t
}

func (t *tone) ended() bool { return t.on <= 0 && t.off <= 0 }

// read generates what it can of the tone, or of the silence after it.
func (t *tone) read(samples []int16) int {
	if t.on <= 0 {
		n := int(min(t.off, int64(len(samples))))
		clear(samples[:n])
		t.off -= int64(n)
		return n
	}
	n := int(min(t.on, int64(len(samples))))
	for i := range samples[:n] {
		if t.direction != 0 {
			t.decay()
		}
		v := 0.0
		for j := range t.voices[:t.count] {
			v += t.voices[j].next()
		}
		samples[i] = round(v * t.amplitude)
	}
	t.on -= int64(n)
	return n
}

// decay changes the level when it is time, within the bounds of levels.
func (t *tone) decay() {
	if t.since++; t.since < t.decayStep {
		return
	}
	level := t.level + t.direction*t.decayDB
	if level > maxLevel || level < minLevel {
		return
	}
	t.level, t.since = level, 0
	t.amplitude = amplitude(level) / float64(max(t.count, 1))
}
