package audio

import (
	"errors"
	"io"
	"sync"
)

// MaxLevel is the loudest level; -MaxLevel is the softest.
const MaxLevel = 4

// LevelFactor is what a level, in -MaxLevel … MaxLevel, makes of a sample (switch_resample.c switch_change_sln_volume).
func LevelFactor(level int) float64 {
	switch level = min(max(level, -MaxLevel), MaxLevel); {
	case level > 0:
		return float64(level) + 0.3
	case level < 0:
		return 1 + float64(level)*0.2
	}
	return 1
}

// MaxSpeed is the fastest speed; -MaxSpeed is the slowest.
const MaxSpeed = 2

// Steered is a source that is changed while it is read. Its methods may be called from any goroutine.
type Steered struct {
	rate int

	mu      sync.Mutex // guards what follows
	src     Source
	level   int
	speed   int
	paused  bool
	stopped bool
	closed  bool
	pos     int64   // samples of src that were read
	buf     []int16 // read at another speed and not heard yet
	at      float64 // between buf[0] and buf[1]
}

// NewSteered steers a source, which it owns.
func NewSteered(src Source) *Steered { return &Steered{rate: src.Rate(), src: src} }

// Rate implements Source.
func (s *Steered) Rate() int { return s.rate }

// Close implements io.Closer.
func (s *Steered) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return Close(s.src)
}

// Read implements Source.
func (s *Steered) Read(samples []int16) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.closed {
		return 0, io.EOF
	}
	if s.paused {
		clear(samples)
		return len(samples), nil
	}
	var n int
	var err error
	if s.speed == 0 && len(s.buf) == 0 {
		n, err = s.src.Read(samples)
		s.pos += int64(n)
	} else {
		n, err = s.stretched(samples)
	}
	if f := int64(LevelFactor(s.level) * 4096); f != 4096 {
		for i, v := range samples[:n] {
			samples[i] = saturate(int32(int64(v) * f >> 12))
		}
	}
	return n, err
}

// stretched reads at another speed: each step makes a sound a quarter shorter or longer, and higher or lower (switch_ivr_play_say.c).
func (s *Steered) stretched(samples []int16) (int, error) {
	step := 1 / (1 - 0.25*float64(s.speed))
	for i := range samples {
		for len(s.buf) < 2 {
			chunk := make([]int16, s.rate/50)
			n, err := s.src.Read(chunk)
			s.pos += int64(n)
			s.buf = append(s.buf, chunk[:n]...)
			if err != nil && len(s.buf) < 2 {
				s.buf = nil
				if errors.Is(err, io.EOF) && i > 0 {
					err = nil
				}
				return i, err
			}
		}
		samples[i] = int16(float64(s.buf[0])*(1-s.at) + float64(s.buf[1])*s.at)
		s.at += step
		skip := min(int(s.at), len(s.buf))
		s.buf, s.at = s.buf[skip:], s.at-float64(skip)
	}
	return len(samples), nil
}

// Level sets the level that change makes of the present one.
func (s *Steered) Level(change func(level int) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.level = min(max(change(s.level), -MaxLevel), MaxLevel)
}

// Speed sets the speed that change makes of the present one.
func (s *Steered) Speed(change func(speed int) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.speed = min(max(change(s.speed), -MaxSpeed), MaxSpeed)
}

// Pause makes it silent until the next Pause.
func (s *Steered) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = !s.paused
}

// Stop ends it as if it had come to its end.
func (s *Steered) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// Position is how many samples of the source were read.
func (s *Steered) Position() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pos
}

// Replace goes on with another source of the same rate, of which pos samples were read already. It closes the old one, or src when it was
// closed itself meanwhile.
func (s *Steered) Replace(src Source, pos int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Close(src)
	}
	old := s.src
	s.src, s.pos, s.buf, s.at = src, pos, nil, 0
	return Close(old)
}

// Skip reads n samples of a source and drops them; fewer when it ends before.
func Skip(src Source, n int64) (skipped int64, err error) {
	buf := make([]int16, 4096)
	for skipped < n {
		m, err := ReadFull(src, buf[:min(int64(len(buf)), n-skipped)])
		skipped += int64(m)
		if errors.Is(err, io.EOF) {
			return skipped, nil
		}
		if err != nil {
			return skipped, err
		}
	}
	return skipped, nil
}
