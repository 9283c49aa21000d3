package audio

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// hear is what a detector hears in samples, fed in frames of 20 ms.
func hear(t testing.TB, samples []int16, rate int) (digits string, heard []DTMFDigit) {
	t.Helper()
	d, err := NewDTMFDetector(rate)
	if err != nil {
		t.Fatal(err)
	}
	on := func(x DTMFDigit) {
		digits += string(x.Digit)
		heard = append(heard, x)
	}
	for len(samples) > 0 {
		n := min(len(samples), rate/50)
		d.Process(samples[:n], on)
		samples = samples[n:]
	}
	d.Flush(on)
	if d.Active() != 0 {
		t.Errorf("%c is still heard after Flush", d.Active())
	}
	return digits, heard
}

const allDigits = "1234567890*#ABCD1155"

func TestDTMFHeard(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, on := range []time.Duration{40, 50, 80, 100, 250} {
			for _, off := range []time.Duration{40, 60, 100} {
				s, err := NewDTMF(allDigits, rate, on*time.Millisecond, off*time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				digits, heard := hear(t, readAll(t, s, 1<<20), rate)
				if digits != allDigits {
					t.Errorf("%d Hz, %d ms on, %d off: %q", rate, on, off, digits)
				}
				for _, h := range heard {
					if off := h.Duration - on*time.Millisecond; off < -20*time.Millisecond || off > 20*time.Millisecond {
						t.Errorf("%d ms of %c are heard as %v", on, h.Digit, h.Duration)
					}
				}
			}
		}
	}
}

// Through codecs, noise, level and twist a digit stays one.
func TestDTMFHeardThrough(t *testing.T) {
	noise, _ := NewSilence(-1, 60, 8000)
	change := map[string]func([]int16) []int16{
		"PCMU": func(s []int16) []int16 { return pcmu{}.Decode(nil, pcmu{}.Encode(nil, s)) },
		"PCMA": func(s []int16) []int16 { return pcma{}.Decode(nil, pcma{}.Encode(nil, s)) },
		"G722": func(s []int16) []int16 {
			up, _ := NewResampler(8000, 16000)
			down, _ := NewResampler(16000, 8000)
			return down.Process(nil, NewG722Decoder().Decode(nil, NewG722Encoder().Encode(nil, up.Process(nil, s))))
		},
		"noise": func(s []int16) []int16 { Mix(s, readAll(t, noise, len(s))); return s },
		"-18dB": func(s []int16) []int16 { NewGain(-18).Apply(s); return s },
		"+9dB":  func(s []int16) []int16 { NewGain(9).Apply(s); return s },
	}
	for name, f := range change {
		s, _ := NewDTMF(allDigits, 8000, 60*time.Millisecond, 60*time.Millisecond)
		if digits, _ := hear(t, f(readAll(t, s, 1<<20)), 8000); digits != allDigits {
			t.Errorf("%s: %q", name, digits)
		}
	}
}

// ITU-T Q.24: what is off by 1.5 % is a digit, what is off by 3.5 % or too short is none; twist within bounds.
func TestDTMFLimits(t *testing.T) {
	tests := []struct {
		name     string
		row, col float64 // factors of the frequencies of 5
		rowDB    float64
		colDB    float64
		ms       int
		isOne    bool
	}{
		{"exact", 1, 1, -10, -10, 50, true},
		{"1.5 % high", 1.015, 1.015, -10, -10, 50, true},
		{"1.5 % low", 0.985, 0.985, -10, -10, 50, true},
		{"6 % high", 1.06, 1, -10, -10, 50, false},
		{"one tone only", 1, 0, -10, -10, 50, false},
		{"20 ms", 1, 1, -10, -10, 20, false},
		{"column 6 dB louder", 1, 1, -14, -8, 50, true},
		{"row 4 dB louder", 1, 1, -8, -12, 50, true},
		{"column 12 dB louder", 1, 1, -20, -8, 50, false},
		{"row 10 dB louder", 1, 1, -8, -18, 50, false},
		{"quiet", 1, 1, -28, -28, 50, true},
		{"too quiet", 1, 1, -45, -45, 50, false},
	}
	for _, tt := range tests {
		got := make([]int16, 8000)
		n := tt.ms * 8
		copy(got[1000:], sine(770*tt.row, amplitude(tt.rowDB), n, 8000))
		Mix(got[1000:1000+n], sine(1336*tt.col, amplitude(tt.colDB), n, 8000))
		want := ""
		if tt.isOne {
			want = "5"
		}
		if digits, _ := hear(t, got, 8000); digits != want {
			t.Errorf("%s: %q, want %q", tt.name, digits, want)
		}
	}
}

// Nothing is heard in noise, tones of the network, music, or silence.
func TestDTMFNotHeard(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	sounds := map[string][]int16{"silence": make([]int16, 80000), "noise": make([]int16, 160000)}
	for i := range sounds["noise"] {
		sounds["noise"][i] = int16(r.IntN(20000) - 10000)
	}
	for _, script := range []string{"%(2000,4000,440,480)", "%(400,200,383,417)", "%(274,0,913.8);%(274,0,1370.6);%(380,0,1776.7)", "%(1000,0,350,440)"} {
		s, _ := NewToneStream(script, 8000, 0)
		sounds[script] = readAll(t, s, 80000)
	}
	tune, _ := NewTune(8000)
	sounds["tune"] = readAll(t, tune, 30*8000)
	for name, samples := range sounds {
		if digits, _ := hear(t, samples, 8000); digits != "" {
			t.Errorf("%s: heard %q", name, digits)
		}
	}
	// A voice: a gliding fundamental with harmonics.
	voice, phase := make([]int16, 20*8000), 0.0
	for i := range voice {
		x := float64(i) / 8000
		phase += 2 * math.Pi * (150 + 60*math.Sin(3*x)) / 8000
		v := 0.0
		for h := 1.0; h < 20; h++ {
			v += math.Sin(h*phase) * (1 + math.Sin(h+5*x)) / h
		}
		voice[i] = round(3000 * v)
	}
	if digits, _ := hear(t, voice, 8000); digits != "" {
		t.Errorf("voice: heard %q", digits)
	}
}

func TestDTMFSource(t *testing.T) {
	s, err := NewDTMF("1w2", 8000, 100*time.Millisecond, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	got := readAll(t, s, 1<<20)
	checkSegments(t, got, []segment{{100, []float64{697, 1209}}, {50, nil}, {500, nil}, {100, []float64{697, 1336}}, {50, nil}}, 8000)
	if p := peakAt(got[:800], 697, 8000); math.Abs(20*math.Log10(p/32767)+3.14+9) > 0.5 {
		t.Errorf("a tone has a peak of %.0f", p)
	}
	for _, digits := range []string{"", "x", "1\x00", fmt.Sprintf("%02000d", 1)} {
		if _, err := NewDTMF(digits, 8000, 0, 0); err == nil {
			t.Errorf("%.10q is taken", digits)
		}
	}
	if _, err := NewDTMF("1", 0, 0, 0); err == nil {
		t.Error("a rate of 0 is taken")
	}
	if _, err := NewDTMFDetector(100); err == nil {
		t.Error("a detector at 100 Hz is made")
	}
}

func TestDTMFDetectorDoesNotAllocate(t *testing.T) {
	d, _ := NewDTMFDetector(8000)
	in, heard := sine(697, 8000, 160, 8000), func(DTMFDigit) {}
	if n := testing.AllocsPerRun(100, func() { d.Process(in, heard) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzDTMFDetector(f *testing.F) {
	f.Add([]byte{1, 2, 3}, 8000)
	f.Fuzz(func(t *testing.T, b []byte, rate int) {
		d, err := NewDTMFDetector(rate)
		if err != nil {
			return
		}
		samples := l16(8000).Decode(nil, b)
		n := 0
		d.Process(samples, func(DTMFDigit) { n++ })
		d.Flush(func(DTMFDigit) { n++ })
		if n > len(samples)/100+1 {
			t.Fatalf("%d digits in %d samples", n, len(samples))
		}
	})
}

func BenchmarkDTMFDetector20ms(b *testing.B) {
	d, _ := NewDTMFDetector(8000)
	in, heard := sine(697, 8000, 160, 8000), func(DTMFDigit) {}
	b.ReportAllocs()
	for b.Loop() {
		d.Process(in, heard)
	}
}
