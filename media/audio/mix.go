package audio

import "math"

// Mixer adds streams: of three parties each hears the two others (FreeSWITCH's three_way, eavesdrop). A round is Reset, Add for each
// stream, then Sum or SumWithout for each listener. It allocates only when a round is longer than any before.
type Mixer struct{ sum []int32 }

// Reset starts a round of n samples of silence.
func (m *Mixer) Reset(n int) {
	if cap(m.sum) < n {
		m.sum = make([]int32, n)
	}
	m.sum = m.sum[:n]
	clear(m.sum)
}

// Add adds a stream. One that is shorter than the round is silent at its end; what is longer is left out.
func (m *Mixer) Add(samples []int16) {
	for i, v := range samples[:min(len(samples), len(m.sum))] {
		m.sum[i] += int32(v)
	}
}

// Sum writes the sum of all streams, cut off at full scale, and returns how many samples that is.
func (m *Mixer) Sum(dst []int16) int {
	n := min(len(dst), len(m.sum))
	for i, v := range m.sum[:n] {
		dst[i] = saturate(v)
	}
	return n
}

// SumWithout writes the sum of all streams but one that was added before: what its own party hears. dst may be own.
func (m *Mixer) SumWithout(dst, own []int16) int {
	n := min(len(dst), len(m.sum))
	for i, v := range m.sum[:n] {
		if i < len(own) {
			v -= int32(own[i])
		}
		dst[i] = saturate(v)
	}
	return n
}

// Mix adds samples to dst in place, cut off at full scale.
func Mix(dst, samples []int16) {
	for i, v := range samples[:min(len(samples), len(dst))] {
		dst[i] = saturate(int32(dst[i]) + int32(v))
	}
}

// Gain is a change of level. The zero value changes nothing.
type Gain struct{ factor int32 } // less one, in 1/4096

// NewGain is a gain in decibels, within -96 and 24.
func NewGain(db float64) Gain {
	if math.IsNaN(db) {
		return Gain{}
	}
	db = min(max(db, -96), 24)
	return Gain{factor: int32(math.Round(4096*math.Pow(10, db/20))) - 4096}
}

// Apply changes samples in place, cut off at full scale.
func (g Gain) Apply(samples []int16) {
	if g.factor == 0 {
		return
	}
	f := int64(g.factor) + 4096
	for i, v := range samples {
		samples[i] = saturate(int32(int64(v) * f >> 12))
	}
}

// Level is the power of samples in dBm0, -96 for silence (+3.14 dBm0 is a sine of full scale).
func Level(samples []int16) float64 {
	if len(samples) == 0 {
		return -96
	}
	power := 0.0
	for _, v := range samples {
		power += float64(v) * float64(v)
	}
	if power == 0 {
		return -96
	}
	return max(-96, 10*math.Log10(power/float64(len(samples))/(32767*32767/2.0))+3.14)
}
