package audio

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// segment is a stretch of a sound: the frequencies in it, or silence.
type segment struct {
	ms      int
	pitches []float64
}

func TestToneStream(t *testing.T) {
	tests := []struct {
		name   string
		script string
		loops  int
		want   []segment
	}{
		{"one tone", "%(100,50,440)", 0, []segment{{100, []float64{440}}, {50, nil}}},
		{"blanks, as in the stock tree", "%(100, 0, 320)", 0, []segment{{100, []float64{320}}}},
		{"two frequencies", "%(100,50,440,480)", 0, []segment{{100, []float64{440, 480}}, {50, nil}}},
		{"a chain", "%(100,0,400);%(60,40,900)", 0, []segment{{100, []float64{400}}, {60, []float64{900}}, {40, nil}}},
		{"tones without a separator", "%(100,0,400)%(60,0,900)", 0, []segment{{100, []float64{400}}, {60, []float64{900}}}},
		{"loops in the script", "%(100,50,440);loops=2", 0, []segment{{100, []float64{440}}, {50, nil}, {100, []float64{440}}, {50, nil}}},
		{"loops of the caller win", "%(50,50,440);loops=9", 1, []segment{{50, []float64{440}}, {50, nil}}},
		{"l repeats the next tone only", "l=2;%(50,50,440);%(50,0,900)", 0,
			[]segment{{50, []float64{440}}, {50, nil}, {50, []float64{440}}, {50, nil}, {50, []float64{900}}}},
		{"L repeats the script", "L=2;%(50,50,440);%(50,0,900)", 0,
			[]segment{{50, []float64{440}}, {50, nil}, {50, []float64{900}}, {50, []float64{440}}, {50, nil}, {50, []float64{900}}}},
		{"digits with d and w", "d=80;w=40;1#", 0, []segment{{80, []float64{697, 1209}}, {40, nil}, {80, []float64{941, 1477}}, {40, nil}}},
		{"a digit with its own times", "7(60,20)", 0, []segment{{60, []float64{852, 1209}}, {20, nil}}},
		{"a digit by default", "5", 0, []segment{{250, []float64{770, 1336}}, {62, nil}}},
		{"a negative frequency is a pause", "%(100,50,-1);%(50,0,440)", 0, []segment{{50, nil}, {50, []float64{440}}}},
		{"a first frequency of zero is left out", "%(100,0,0,0);%(50,0,440)", 0, []segment{{50, []float64{440}}}},
		{"letters that mean nothing", "xyz%(50,0,440)", 0, []segment{{50, []float64{440}}}},
		{"channels and rate are ignored", "c=2;r=16000;%(50,0,440)", 0, []segment{{50, []float64{440}}}},
		{"a syntax error ends the line", "%(50,0,440);%(50,0);%(50,0,900)", 0, []segment{{50, []float64{440}}}},
		{"no closing bracket", "%(50,0,440", 0, []segment{{50, []float64{440}}}},
		{"a frequency above half the rate is silent", "%(50,0,440,9000)", 0, []segment{{50, []float64{440}}}},
	}
	for _, tt := range tests {
		for _, rate := range []int{8000, 16000} {
			t.Run(tt.name, func(t *testing.T) {
				s, err := NewToneStream(tt.script, rate, tt.loops)
				if err != nil {
					t.Fatal(err)
				}
				checkSegments(t, readAll(t, s, 1<<20), tt.want, rate)
			})
		}
	}
}

// checkSegments compares a sound with what it should be made of.
func checkSegments(t *testing.T, got []int16, want []segment, rate int) {
	t.Helper()
	for i, w := range want {
		n := w.ms * rate / 1000
		if len(got) < n {
			t.Fatalf("segment %d: the sound ends after %d of %d samples", i, len(got), n)
		}
		part := got[:n]
		got = got[n:]
		if len(w.pitches) == 0 {
			if l := Level(part); l > -96 {
				t.Errorf("segment %d: %.1f dBm0 instead of silence", i, l)
			}
			continue
		}
		total := 0.0
		for _, f := range w.pitches {
			p := peakAt(part, f, rate)
			total += p * p / 2
			if p < 1500 {
				t.Errorf("segment %d: %v Hz has a peak of %.0f", i, f, p)
			}
		}
		power := 0.0
		for _, v := range part {
			power += float64(v) * float64(v) / float64(n)
		}
		if total < 0.75*power || total > 1.25*power {
			t.Errorf("segment %d: %v are %.0f %% of the sound", i, w.pitches, 100*total/power)
		}
	}
	if len(got) != 0 {
		t.Errorf("%d samples too many", len(got))
	}
}

func TestToneStreamLevel(t *testing.T) {
	tests := []struct {
		script string
		want   float64 // of the first 100 ms; 0 is not looked at
		end    float64 // of the last 100 ms
	}{
		{"%(500,0,1000)", -7, -7},
		{"v=-20;%(500,0,1000)", -20, -20},
		{"v=5;%(500,0,1000)", -7, -7},
		{"v=-20;>=10;%(500,0,1000)", -23.6, -64.6},
		{"v=-20;<=10;+=.1;%(500,0,1000)", -19.5, -15.4},
		{"v=-20;>=10;+=.1;%(10,0,500);%(500,0,1000)", 0, -24.5}, // each tone starts at the level that was set
	}
	for _, tt := range tests {
		s, err := NewToneStream(tt.script, 8000, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := readAll(t, s, 1<<20)
		if l := Level(got[:800]); math.Abs(l-tt.want) > 0.5 && tt.want != 0 {
			t.Errorf("%s: begins with %.1f dBm0, want %v", tt.script, l, tt.want)
		}
		if l := Level(got[len(got)-800:]); math.Abs(l-tt.end) > 3 {
			t.Errorf("%s: ends with %.1f dBm0, want %v", tt.script, l, tt.end)
		}
	}
}

func TestToneStreamForEver(t *testing.T) {
	for _, script := range []string{"%(251,0,1004);loops=-1", "l=-1;%(100,100,440)", "%(1,0,400);loops=2000000000", "L=2000000000;%(1,0,440)",
		"%(2000000000,0,440)"} {
		s, err := NewToneStream(script, 8000, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(readAll(t, s, 100_000)); n != 100_000 {
			t.Errorf("%s: ends after %d samples", script, n)
		}
	}
}

func TestToneStreamRefused(t *testing.T) {
	for _, tt := range []struct {
		script string
		rate   int
		err    error
	}{
		{"", 8000, ErrToneScript}, {"hello", 8000, ErrToneScript}, {"%(100,0)", 8000, ErrToneScript}, {"%(0,0,440)", 8000, ErrToneScript},
		{"%(100,0,-1);loops=-1", 8000, ErrToneScript}, {strings.Repeat(" ", 1<<20), 8000, ErrToneScript}, {"1", 0, ErrRate},
		{"L=2000000000;x", 8000, ErrToneScript}, {"l=-1;%(100,0,-1)", 8000, ErrToneScript},
	} {
		if _, err := NewToneStream(tt.script, tt.rate, 0); !errors.Is(err, tt.err) {
			t.Errorf("%.20q at %d: %v, want %v", tt.script, tt.rate, err, tt.err)
		}
	}
}

func TestToneFile(t *testing.T) {
	s, err := NewToneFile(strings.NewReader("%(50,0,440)\r\n\nv=-20\n%(50,0,900)\n"), 8000, 2)
	if err != nil {
		t.Fatal(err)
	}
	got := readAll(t, s, 1<<20)
	checkSegments(t, got, []segment{{50, []float64{440}}, {50, []float64{900}}, {50, []float64{440}}, {50, []float64{900}}}, 8000)
	if l := Level(got[400:800]); math.Abs(l+20) > 0.5 {
		t.Errorf("the level of a line does not hold for the next: %.1f dBm0", l)
	}
}

// Every tone of FreeSWITCH's stock tree plays, to its end or for a minute.
func TestStockTones(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "freeswitch-conf", "vanilla")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the stock configuration tree is not there")
	}
	tones := regexp.MustCompile(`(?:tone_stream://|-ring=|"beep=|"sit=|gentones" data=")([^"']*%\([^"']*)["']`)
	seen := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Ext(path) == ".ttml" {
			playStock(t, path, func() (Source, error) { return NewToneFile(strings.NewReader(string(b)), 8000, 0) })
			seen++
		}
		for _, m := range tones.FindAllStringSubmatch(string(b), -1) {
			playStock(t, m[1], func() (Source, error) { return NewToneStream(m[1], 8000, 0) })
			seen++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 40 {
		t.Errorf("only %d tones found", seen)
	}
}

func playStock(t *testing.T, name string, open func() (Source, error)) {
	t.Helper()
	s, err := open()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	got := readAll(t, s, 60*8000)
	if l := Level(got); l < -30 {
		t.Errorf("%s: %.1f dBm0", name, l)
	}
}

func FuzzToneStream(f *testing.F) {
	for _, s := range []string{"%(400,200,383,417);%(400,2000,383,417)", "v=-7;%(100,0,941.0,1477.0);v=-7;>=2;+=.1;%(1400,0,350,440)",
		"L=3;l=2;d=80;w=40;123;loops=-1", "%(0,0,0)", "%(,,,,", "1()", "%(1,1,1", "<=0;+=9;*", "l=-1;%(9,9,-9);loops=-1", "\n\n2\n"} {
		f.Add(s, 0)
	}
	f.Fuzz(func(t *testing.T, script string, loops int) {
		s, err := NewToneStream(script, 8000, loops)
		if err != nil {
			return
		}
		readAll(t, s, 20_000)
		if s, err = NewToneFile(strings.NewReader(script), 8000, loops); err == nil {
			readAll(t, s, 20_000)
		}
	})
}

func BenchmarkToneStream20ms(b *testing.B) {
	s, _ := NewToneStream("%(2000,4000,440,480)", 8000, -1)
	buffer := make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Read(buffer); err != nil {
			b.Fatal(err)
		}
	}
}
