package audio

import (
	"errors"
	"io"
	"math"
	"slices"
	"testing"
)

func TestResampleTones(t *testing.T) {
	rates := []int{8000, 16000, 32000, 44100, 48000}
	for _, from := range rates {
		for _, to := range rates {
			for _, f := range []float64{100, 1000, 3300} {
				in := sine(f, 10000, from/2, from) // half a second
				s, err := Resample(&fixed{samples: in, rate: from}, to)
				if err != nil {
					t.Fatal(err)
				}
				got := readAll(t, s, 1<<20)
				if len(got) != to/2 || s.Rate() != to {
					t.Fatalf("%d to %d: half a second has %d samples", from, to, len(got))
				}
				// The tone stays, and where it was: no delay to speak of, no ripple.
				want := sine(f, 10000, to/2, to)
				middle := to / 10
				if r := snr(want[middle:to/2-middle], got[middle:to/2-middle], 1); r < 35 && f < 3000 {
					t.Errorf("%d to %d, %v Hz: SNR %.1f dB", from, to, f, r)
				}
				if p := peakAt(got[middle:to/2-middle], f, to); p < 9400 || p > 10100 {
					t.Errorf("%d to %d, %v Hz: peak %.0f", from, to, f, p)
				}
			}
		}
	}
}

// What the lower rate cannot carry is gone instead of folded back.
func TestResampleAliases(t *testing.T) {
	for _, tt := range []struct {
		from, to int
		f        float64
	}{{16000, 8000, 5000}, {48000, 8000, 7000}, {44100, 8000, 4700}, {48000, 16000, 9500}, {32000, 16000, 13000}} {
		s, _ := Resample(&fixed{samples: sine(tt.f, 20000, tt.from, tt.from), rate: tt.from}, tt.to)
		got := readAll(t, s, 1<<20)
		if l := Level(got[tt.to/10 : tt.to*9/10]); l > -65 {
			t.Errorf("%d to %d: %v Hz leaves %.1f dBm0", tt.from, tt.to, tt.f, l)
		}
	}
}

func TestResamplerFrames(t *testing.T) {
	for _, from := range resampleRates {
		for _, to := range resampleRates {
			r, err := NewResampler(from, to)
			if err != nil {
				t.Fatal(err)
			}
			if from%50 != 0 || to%50 != 0 {
				continue
			}
			whole, frames := r.Process(nil, g722Signal()[:from/50*10]), []int16(nil)
			r.Reset()
			for frame := range slices.Chunk(g722Signal()[:from/50*10], from/50) {
				out := r.Process(nil, frame)
				if len(out) != to/50 {
					t.Fatalf("%d to %d: 20 ms make %d samples", from, to, len(out))
				}
				frames = append(frames, out...)
			}
			if !slices.Equal(whole, frames) {
				t.Errorf("%d to %d: in frames the sound is another", from, to)
			}
		}
	}
	if _, err := NewResampler(8000, 7999); !errors.Is(err, ErrRate) {
		t.Errorf("7999 Hz: %v", err)
	}
}

func TestResampleConstant(t *testing.T) {
	in := make([]int16, 8000)
	for i := range in {
		in[i] = 12345
	}
	s, _ := Resample(&fixed{samples: in, rate: 8000}, 44100)
	for i, v := range readAll(t, s, 1<<20)[4410:39690] {
		if math.Abs(float64(v)-12345) > 1 {
			t.Fatalf("sample %d of a constant is %d", i, v)
		}
	}
}

func TestResampleErrors(t *testing.T) {
	broken := errors.New("broken")
	s, _ := Resample(&failing{err: broken}, 16000)
	if n, err := s.Read(make([]int16, 10)); n != 0 || !errors.Is(err, broken) {
		t.Errorf("Read of a broken source = %d, %v", n, err)
	}
	s, _ = Resample(&failing{}, 16000)
	if _, err := s.Read(make([]int16, 10)); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("Read of a source without progress: %v", err)
	}
	s, _ = Resample(&fixed{rate: 8000}, 16000)
	if n, err := s.Read(make([]int16, 10)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("Read of an empty source = %d, %v", n, err)
	}
	if _, err := Resample(&fixed{rate: 9000}, 16000); !errors.Is(err, ErrRate) {
		t.Errorf("from 9000 Hz: %v", err)
	}
}

// failing is a source that gives nothing.
type failing struct{ err error }

func (*failing) Rate() int                   { return 8000 }
func (f *failing) Read([]int16) (int, error) { return 0, f.err }

func TestResamplerDoesNotAllocate(t *testing.T) {
	r, _ := NewResampler(8000, 48000)
	in, out := make([]int16, 160), make([]int16, 0, 960)
	if n := testing.AllocsPerRun(100, func() { out = r.Process(out[:0], in) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkResample20ms(b *testing.B) {
	for _, tt := range []struct {
		name     string
		from, to int
	}{{"8000to16000", 8000, 16000}, {"8000to48000", 8000, 48000}, {"48000to8000", 48000, 8000}, {"44100to8000", 44100, 8000}} {
		b.Run(tt.name, func(b *testing.B) {
			r, _ := NewResampler(tt.from, tt.to)
			in, out := make([]int16, tt.from/50), make([]int16, 0, tt.to/50+1)
			b.ReportAllocs()
			for b.Loop() {
				out = r.Process(out[:0], in)
			}
		})
	}
}
