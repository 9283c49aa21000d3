package audio

import (
	"errors"
	"io"
	"testing"
)

// ramp counts up, and notes that it was closed.
type ramp struct {
	next, end int
	closed    int
}

func (r *ramp) Rate() int { return 8000 }

func (r *ramp) Read(samples []int16) (int, error) {
	n := 0
	for ; n < len(samples) && r.next < r.end; n++ {
		samples[n] = int16(r.next)
		r.next++
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *ramp) Close() error {
	r.closed++
	return nil
}

// all reads a source to its end.
func all(t *testing.T, s Source) []int16 {
	t.Helper()
	var out []int16
	for buf := make([]int16, 100); ; {
		n, err := ReadFull(s, buf)
		out = append(out, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSteeredSpeed(t *testing.T) {
	to := func(n int) func(int) int { return func(int) int { return n } }
	for _, c := range []struct{ speed, want int }{{0, 8000}, {1, 6000}, {2, 4000}, {9, 4000}, {-1, 10000}, {-2, 12000}, {-9, 12000}} {
		s := NewSteered(&ramp{end: 8000})
		s.Speed(to(c.speed))
		got := all(t, s)
		if d := len(got) - c.want; d < -4 || d > 4 {
			t.Errorf("speed %d: %d samples, want %d", c.speed, len(got), c.want)
		}
		for i := 1; i < len(got); i++ {
			if d := got[i] - got[i-1]; d < 0 || d > 2 {
				t.Fatalf("speed %d: a step of %d at %d", c.speed, d, i)
			}
		}
	}
	s := NewSteered(&ramp{end: 2000})
	buf := make([]int16, 300)
	for _, speed := range []int{0, 2, 0} { // back at the old speed nothing is lost
		s.Speed(to(speed))
		if n, err := ReadFull(s, buf); n != 300 || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := buf[299]; got < 1190 || got > 1210 {
		t.Errorf("after 300, 600 and 300 samples it stands at %d", got)
	}
}

func TestSteeredLevel(t *testing.T) {
	for _, c := range []struct {
		level int
		want  int16
	}{{0, 1000}, {1, 1300}, {4, 4300}, {7, 4300}, {-1, 800}, {-4, 200}, {-7, 200}} {
		s := NewSteered(&ramp{next: 1000, end: 1001})
		s.Level(func(int) int { return c.level })
		if got := all(t, s)[0]; got < c.want-2 || got > c.want {
			t.Errorf("level %d: %d, want %d", c.level, got, c.want)
		}
	}
	loud := NewSteered(&ramp{next: 30000, end: 30001})
	loud.Level(func(n int) int { return n + 1 })
	if got := all(t, loud)[0]; got != 32767 {
		t.Errorf("too loud: %d", got)
	}
}

func TestSteeredEnds(t *testing.T) {
	first, second, third := &ramp{end: 1000}, &ramp{next: 500, end: 1000}, &ramp{end: 10}
	s := NewSteered(first)
	buf := make([]int16, 100)
	read := func(want int16) {
		t.Helper()
		if n, err := s.Read(buf); n != 100 || err != nil || buf[99] != want {
			t.Errorf("%d samples up to %d, %v", n, buf[99], err)
		}
	}
	read(99)
	s.Pause()
	read(0)
	s.Pause()
	read(199)
	if s.Position() != 200 {
		t.Errorf("it stands at %d", s.Position())
	}
	if err := s.Replace(second, 500); err != nil || first.closed != 1 {
		t.Error(err, first.closed)
	}
	read(599)
	if s.Position() != 600 {
		t.Errorf("it stands at %d", s.Position())
	}
	s.Stop()
	if n, err := s.Read(buf); n != 0 || !errors.Is(err, io.EOF) {
		t.Error("it goes on")
	}
	for range 2 {
		if err := s.Close(); err != nil || second.closed != 1 {
			t.Error("not closed once")
		}
	}
	if err := s.Replace(third, 0); err != nil || third.closed != 1 {
		t.Error("what came too late is left open")
	}
}

func TestSkip(t *testing.T) {
	r := &ramp{end: 10000}
	if n, err := Skip(r, 9000); n != 9000 || err != nil || r.next != 9000 {
		t.Error(n, err, r.next)
	}
	if n, err := Skip(r, 9000); n != 1000 || err != nil {
		t.Error(n, err)
	}
}
