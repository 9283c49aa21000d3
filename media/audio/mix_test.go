package audio

import (
	"math"
	"slices"
	"testing"
)

func TestMixer(t *testing.T) {
	a, b, c := []int16{1, 30000, -30000, 5}, []int16{10, 10000, -10000}, []int16{100, -10000, 10000, 7, 99}
	var m Mixer
	for range 2 { // the second round knows nothing of the first
		m.Reset(4)
		m.Add(a)
		m.Add(b)
		m.Add(c)
		got := make([]int16, 4)
		if n := m.Sum(got); n != 4 || !slices.Equal(got, []int16{111, 30000, -30000, 12}) {
			t.Errorf("Sum = %v", got)
		}
		if n := m.SumWithout(got, a); n != 4 || !slices.Equal(got, []int16{110, 0, 0, 7}) {
			t.Errorf("without a: %v", got)
		}
		if m.SumWithout(got, b); !slices.Equal(got, []int16{101, 20000, -20000, 12}) {
			t.Errorf("without b: %v", got)
		}
		if m.SumWithout(got, c); !slices.Equal(got, []int16{11, 32767, -32768, 5}) {
			t.Errorf("without c: %v", got)
		}
	}
	own := slices.Clone(a)
	if m.SumWithout(own, own); !slices.Equal(own, []int16{110, 0, 0, 7}) {
		t.Errorf("in place: %v", own)
	}
	if n := testing.AllocsPerRun(100, func() { m.Reset(4); m.Add(a); m.SumWithout(own, a) }); n != 0 {
		t.Errorf("%v allocations a round", n)
	}
	sum := []int16{32000, -32000, 1}
	Mix(sum, []int16{1000, -1000})
	if !slices.Equal(sum, []int16{32767, -32768, 1}) {
		t.Errorf("Mix = %v", sum)
	}
}

func TestGain(t *testing.T) {
	tests := []struct {
		db   float64
		in   int16
		want int16
	}{
		{0, 1234, 1234}, {6.0206, 1000, 2000}, {-6.0206, 1000, 500}, {20, 3277, 32767}, {20, -20000, -32768}, {-200, 20000, 0},
		{math.NaN(), 7, 7}, {math.Inf(1), 1, 15},
	}
	for _, tt := range tests {
		s := []int16{tt.in}
		if NewGain(tt.db).Apply(s); math.Abs(float64(s[0])-float64(tt.want)) > 1 {
			t.Errorf("%v dB of %d = %d, want %d", tt.db, tt.in, s[0], tt.want)
		}
	}
	var zero Gain
	s := []int16{123}
	if zero.Apply(s); s[0] != 123 {
		t.Error("the zero value changes samples")
	}
}

func TestLevel(t *testing.T) {
	for _, tt := range []struct {
		in   []int16
		want float64
	}{{nil, -96}, {make([]int16, 10), -96}, {sine(1000, 32767, 8000, 8000), 3.14}, {sine(1000, amplitude(-20), 8000, 8000), -20}} {
		if l := Level(tt.in); math.Abs(l-tt.want) > 0.05 {
			t.Errorf("%.2f dBm0, want %v", l, tt.want)
		}
	}
}

func BenchmarkMixer20ms(b *testing.B) {
	var m Mixer
	a, c, out := sine(440, 8000, 160, 8000), sine(880, 8000, 160, 8000), make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		m.Reset(160)
		m.Add(a)
		m.Add(c)
		m.SumWithout(out, a)
	}
}

func BenchmarkTune20ms(b *testing.B) {
	s, _ := NewTune(8000)
	out := make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Read(out)
	}
}
