package audio

import (
	"errors"
	"io"
	"time"
)

// maxInstantEnds is how often in a row a looped source may end without a sound before the loop gives up.
const maxInstantEnds = 3

// loop opens a source again when it ends.
type loop struct {
	open  func() (Source, error)
	s     Source
	rate  int
	times int // still to play, this one included; negative: for ever
	empty int // ends in a row without a sound
	sound bool
}

// Loop plays what open returns, over and over: times in all, or for ever when times is negative. Each time must be at the same rate.
// open is called once at once.
func Loop(open func() (Source, error), times int) (Source, error) {
	s, err := open()
	if err != nil {
		return nil, err
	}
	if times == 0 {
		times = 1
	}
	return &loop{open: open, s: s, rate: s.Rate(), times: times}, nil
}

func (l *loop) Rate() int    { return l.rate }
func (l *loop) Close() error { return Close(l.s) }

func (l *loop) Read(samples []int16) (int, error) {
	for {
		n, err := l.s.Read(samples)
		if n > 0 || err == nil {
			l.sound = l.sound || n > 0
			return n, nil
		}
		if !errors.Is(err, io.EOF) {
			return 0, err
		}
		if err := l.again(); err != nil {
			return 0, err
		}
	}
}

// again opens the source for its next time.
func (l *loop) again() error {
	if l.times > 0 {
		l.times--
	}
	l.empty++
	if l.sound {
		l.empty = 0
	}
	if l.times == 0 || l.empty >= maxInstantEnds {
		l.times, l.empty = 1, maxInstantEnds // stays at its end
		return io.EOF
	}
	_ = Close(l.s)               // it was only read
	l.s = &Silence{rate: l.rate} // at its end, should there be no next one
	s, err := l.open()
	if err != nil {
		return err
	}
	if s.Rate() != l.rate {
		_ = Close(s)
		return ErrRate
	}
	l.s, l.sound = s, false
	return nil
}

// concat plays sources one after the other.
type concat struct {
	open []func() (Source, error)
	s    Source
	rate int
}

// Concat plays sources one after the other at one rate, each opened when its turn comes (FreeSWITCH's file_string, and file1!file2
// with playback_delimiter). One that cannot be opened is left out; an error is returned when that is so for all.
func Concat(rate int, open ...func() (Source, error)) (Source, error) {
	c := &concat{open: open, rate: rate}
	if err := c.next(); err != nil {
		return nil, err
	}
	return c, nil
}

// next opens the next source that can be opened. It is io.EOF when there is none, and the last error when there was an attempt.
func (c *concat) next() error {
	last := io.EOF
	for len(c.open) > 0 {
		open := c.open[0]
		c.open = c.open[1:]
		s, err := open()
		if err != nil {
			last = err
			continue
		}
		r, err := Resample(s, c.rate)
		if err != nil {
			_ = Close(s)
			last = err
			continue
		}
		c.s = r
		return nil
	}
	return last
}

func (c *concat) Rate() int { return c.rate }

func (c *concat) Close() error {
	if c.s == nil {
		return nil
	}
	return Close(c.s)
}

func (c *concat) Read(samples []int16) (int, error) {
	for c.s != nil {
		n, err := c.s.Read(samples)
		if n > 0 || err == nil {
			return n, nil
		}
		// A file that breaks off is over, the next one is not.
		_ = Close(c.s)
		c.s = nil
		_ = c.next() // what is left of an error is the end
	}
	return 0, io.EOF
}

// limited is the beginning of a source.
type limited struct {
	Source
	left int64
}

// Limit plays the source for a time at most.
func Limit(s Source, d time.Duration) Source {
	return &limited{Source: s, left: samplesOf(max(d, 0).Milliseconds(), s.Rate())}
}

func (l *limited) Close() error { return Close(l.Source) }

func (l *limited) Read(samples []int16) (int, error) {
	if l.left == 0 && len(samples) > 0 {
		return 0, io.EOF
	}
	n, err := l.Source.Read(samples[:min(int64(len(samples)), l.left)])
	l.left -= int64(n)
	return n, err
}
