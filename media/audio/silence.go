package audio

import (
	"fmt"
	"io"
	"strings"
)

// Silence is FreeSWITCH's silence_stream: silence, or soft noise, for a time or for ever.
type Silence struct {
	rate    int
	left    int64 // samples; negative: for ever
	divisor int32 // of the noise; 0: none
	state   uint32
}

// NewSilence returns silence of ms milliseconds; 0 or less is for ever, as in FreeSWITCH. A divisor greater than 0 makes it white noise
// with a peak of 32767/divisor: FreeSWITCH's comfort noise has 1400.
func NewSilence(ms, divisor, rate int) (*Silence, error) {
	if !rateOK(rate) {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	s := &Silence{rate: rate, left: -1, divisor: int32(min(max(divisor, 0), 1<<20)), state: 1}
	if ms > 0 {
		s.left = samplesOf(int64(min(ms, maxToneMillis)), rate)
	}
	return s, nil
}

// ParseSilence reads what follows silence_stream://, as in "2000", "-1" or "-1,1400".
func ParseSilence(spec string, rate int) (*Silence, error) {
	_, noise, _ := strings.Cut(spec, ",")
	return NewSilence(int(leadingInt(spec)), int(leadingInt(noise)), rate)
}

// Rate is the rate it was made with.
func (s *Silence) Rate() int { return s.rate }

// Read writes the next samples.
func (s *Silence) Read(samples []int16) (int, error) {
	if s.left == 0 && len(samples) > 0 {
		return 0, io.EOF
	}
	if s.left > 0 {
		samples = samples[:min(int64(len(samples)), s.left)]
		s.left -= int64(len(samples))
	}
	if s.divisor == 0 {
		clear(samples)
		return len(samples), nil
	}
	for i := range samples {
		// A linear congruential generator: noise need not be secret, but must be the same in every run.
		s.state = s.state*1664525 + 1013904223
		samples[i] = int16(int32(int16(s.state>>16)) / s.divisor)
	}
	return len(samples), nil
}
