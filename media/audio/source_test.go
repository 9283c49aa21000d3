package audio

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestSilence(t *testing.T) {
	tests := []struct {
		spec string
		want int // samples at 8000 Hz, -1 for ever
		peak int // of the noise at most
	}{
		{"2000", 16000, 0}, {"50", 400, 0}, {"-1", -1, 0}, {"0", -1, 0}, {"", -1, 0}, {"100,1400", 800, 23}, {"-1,400", -1, 81},
		{"100,0", 800, 0}, {"100,-5", 800, 0}, {"99999999999999", -1, 0},
	}
	for _, tt := range tests {
		s, err := ParseSilence(tt.spec, 8000)
		if err != nil {
			t.Fatal(err)
		}
		got := readAll(t, s, 100_000)
		if len(got) != tt.want && (tt.want >= 0 || len(got) != 100_000) {
			t.Errorf("%q: %d samples, want %d", tt.spec, len(got), tt.want)
		}
		peak := 0
		for _, v := range got {
			peak = max(peak, int(v), -int(v))
		}
		if peak > tt.peak || peak < tt.peak*3/4 {
			t.Errorf("%q: peak %d, want %d", tt.spec, peak, tt.peak)
		}
	}
	if _, err := NewSilence(1, 0, 1); !errors.Is(err, ErrRate) {
		t.Errorf("a rate of 1: %v", err)
	}
}

func TestReadFull(t *testing.T) {
	s := &fixed{samples: []int16{1, 2, 3}, rate: 8000}
	frame := []int16{9, 9, 9, 9, 9}
	if n, err := ReadFull(s, frame); n != 3 || err != nil || !slices.Equal(frame, []int16{1, 2, 3, 0, 0}) {
		t.Errorf("the last frame: %d, %v, %v", n, err, frame)
	}
	if n, err := ReadFull(s, frame); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after it: %d, %v", n, err)
	}
	if n, err := ReadFull(&failing{}, frame); n != 0 || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a source without progress: %d, %v", n, err)
	}
}

func TestLoop(t *testing.T) {
	opened, closed := 0, 0
	open := func() (Source, error) {
		opened++
		return &fixed{samples: []int16{1, 2}, rate: 8000, closed: &closed}, nil
	}
	s, err := Loop(open, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s, 100); !slices.Equal(got, []int16{1, 2, 1, 2, 1, 2}) {
		t.Errorf("three times: %v", got)
	}
	if err := Close(s); err != nil || opened != 3 || closed != 3 {
		t.Errorf("opened %d, closed %d, %v", opened, closed, err)
	}
	s, _ = Loop(open, -1)
	if n := len(readAll(t, s, 1001)); n != 1001 {
		t.Errorf("for ever has %d samples", n)
	}
	s, _ = Loop(func() (Source, error) { return &fixed{rate: 8000}, nil }, -1)
	if n := len(readAll(t, s, 100)); n != 0 {
		t.Errorf("nothing for ever has %d samples", n)
	}
	rate := 4000
	s, _ = Loop(func() (Source, error) { rate *= 2; return &fixed{samples: []int16{1}, rate: rate}, nil }, 2)
	_, _ = s.Read(make([]int16, 1))
	if _, err := s.Read(make([]int16, 1)); !errors.Is(err, ErrRate) {
		t.Errorf("a rate that changes: %v", err)
	}
}

func TestConcat(t *testing.T) {
	bad := errors.New("not there")
	closed := 0
	of := func(v ...int16) func() (Source, error) {
		return func() (Source, error) { return &fixed{samples: v, rate: 8000, closed: &closed}, nil }
	}
	missing := func() (Source, error) { return nil, bad }
	s, err := Concat(8000, missing, of(1, 2), of(), missing, of(3))
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s, 100); !slices.Equal(got, []int16{1, 2, 3}) || closed != 3 {
		t.Errorf("%v, %d closed", got, closed)
	}
	if err := Close(s); err != nil || closed != 3 {
		t.Errorf("closed again: %v, %d", err, closed)
	}
	if _, err := Concat(8000, missing, missing); !errors.Is(err, bad) {
		t.Errorf("nothing to play: %v", err)
	}
}

func TestLimit(t *testing.T) {
	tune, _ := NewTune(16000)
	s := Limit(tune, 250*time.Millisecond)
	if n := len(readAll(t, s, 1<<20)); n != 4000 {
		t.Errorf("%d samples", n)
	}
}

// soundFile is a WAV file of that constant sample.
func soundFile(v int16, n, rate int) []byte {
	return wavFile(1, 1, rate, 16, nil, bytes.Repeat([]byte{byte(v), byte(uint16(v) >> 8)}, n))
}

// runs shortens a sound to its different samples in a row.
func runs(samples []int16) []int16 { return slices.Compact(slices.Clone(samples)) }

func TestLocalStream(t *testing.T) {
	files := fstest.MapFS{
		"a.wav":     {Data: soundFile(1, 500, 8000)},
		"b.WAV":     {Data: soundFile(2, 500, 8000)},
		"c.wav":     {Data: soundFile(3, 500, 8000)},
		"d.wav":     {Data: []byte("no sound at all")},
		"e.mp3":     {Data: soundFile(9, 500, 8000)},
		"sub/f.wav": {Data: soundFile(9, 500, 8000)},
	}
	s, err := LocalStream{Files: files}.Open(8000)
	if err != nil {
		t.Fatal(err)
	}
	if got := runs(readAll(t, s, 3000)); !slices.Equal(got, []int16{1, 2, 3, 1, 2, 3}) {
		t.Errorf("in order: %v", got)
	}
	files["a.wav"] = &fstest.MapFile{Data: soundFile(7, 500, 8000)}
	delete(files, "b.WAV")
	if got := runs(readAll(t, s, 1000)); !slices.Equal(got, []int16{7, 3}) {
		t.Errorf("a round after a change of the folder: %v", got)
	}
	if err := Close(s); err != nil {
		t.Error(err)
	}

	for i := range 8 {
		files["x"+string(rune('0'+i))+".wav"] = &fstest.MapFile{Data: soundFile(int16(10+i), 100, 8000)}
	}
	play := func(seed uint64) []int16 {
		s, err := LocalStream{Files: files, Shuffle: true, Seed: seed}.Open(8000)
		if err != nil {
			t.Fatal(err)
		}
		return readAll(t, s, 20_000)
	}
	if !slices.Equal(play(1), play(1)) {
		t.Error("the same seed gives another order")
	}
	if slices.Equal(play(1), play(2)) {
		t.Error("another seed gives the same order")
	}
}

func TestLocalStreamAtAnotherRate(t *testing.T) {
	s, err := LocalStream{Files: fstest.MapFS{"a.wav": {Data: soundFile(1000, 44100, 44100)}}}.Open(8000)
	if err != nil {
		t.Fatal(err)
	}
	got := readAll(t, s, 16000)
	if l := Level(got[1000:7000]); math.Abs(l-Level([]int16{1000})) > 0.1 {
		t.Errorf("%.2f dBm0", l)
	}
}

// Without a file that can be played there is music all the same.
func TestLocalStreamFallback(t *testing.T) {
	want, _ := NewTune(16000)
	tune := readAll(t, want, 50_000)
	for name, files := range map[string]fs.FS{
		"none": nil, "empty": fstest.MapFS{}, "missing": os.DirFS(filepath.Join(t.TempDir(), "x")),
		"broken": fstest.MapFS{"a.wav": {Data: []byte("RIFF")}}, "silent": fstest.MapFS{"a.wav": {Data: soundFile(1, 0, 8000)}},
	} {
		s, err := LocalStream{Files: files, Shuffle: true}.Open(16000)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(readAll(t, s, 50_000), tune) {
			t.Errorf("%s: not the tune", name)
		}
	}
	if _, err := (LocalStream{}).Open(12345); !errors.Is(err, ErrRate) {
		t.Errorf("12345 Hz: %v", err)
	}
}

func TestTune(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		s, err := NewTune(rate)
		if err != nil {
			t.Fatal(err)
		}
		got := readAll(t, s, 32*rate)
		peak := int16(0)
		for second := range slices.Chunk(got, rate) {
			if l := Level(second); l < -34 || l > -15 {
				t.Errorf("%d Hz: a second of %.1f dBm0", rate, l)
			}
			peak = max(peak, slices.Max(second))
		}
		if peak > 8000 {
			t.Errorf("%d Hz: a peak of %d is not soft", rate, peak)
		}
		for i := 1; i < len(got); i++ {
			if d := math.Abs(float64(got[i]) - float64(got[i-1])); d > 3000*8000/float64(rate)*1.5 {
				t.Fatalf("%d Hz: a click of %.0f at %d", rate, d, i)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for name, b := range map[string][]byte{
		"a.wav": soundFile(1, 400, 8000), "sub/8000/b.wav": soundFile(2, 400, 8000), "sub/16000/b.wav": soundFile(3, 800, 16000),
		"t.ttml": []byte("%(50,0,440)\n"), "bad.wav": []byte("x"), "music/m.wav": soundFile(5, 400, 8000), "odd!name.wav": soundFile(6, 400, 8000),
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := &Files{Sounds: dir, Local: func(name string) (LocalStream, bool) {
		return LocalStream{Files: os.DirFS(filepath.Join(dir, "music"))}, name == "moh/8000" || name == "default"
	}}
	tests := []struct {
		name string
		rate int
		want []int16 // the different samples in a row
		n    int     // samples; -1 for ever
	}{
		{"a.wav", 8000, []int16{1}, 400},
		{filepath.Join(dir, "a.wav"), 8000, []int16{1}, 400},
		{"{loops=2,x=y}a.wav", 8000, []int16{1}, 400},
		{"sub/b.wav", 8000, []int16{2}, 400},
		{"sub/b.wav", 16000, []int16{3}, 800},
		{"odd!name.wav", 8000, []int16{6}, 400},
		{"file_string://a.wav!sub/b.wav!nowhere.wav!silence_stream://50", 8000, []int16{1, 2, 0}, 1200},
		{"silence_stream://50", 8000, []int16{0}, 400},
		{"local_stream://moh", 8000, []int16{5}, -1},
		{"local_stream://unknown", 8000, []int16{5}, -1},
	}
	for _, tt := range tests {
		s, err := f.Open(tt.name, tt.rate)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := readAll(t, s, 5000)
		if err := Close(s); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !slices.Equal(runs(got), tt.want) || len(got) != tt.n && tt.n >= 0 || tt.n < 0 && len(got) != 5000 || s.Rate() != tt.rate {
			t.Errorf("%s: %d samples at %d: %v", tt.name, len(got), s.Rate(), runs(got))
		}
	}
	for name, n := range map[string]int{
		"tone_stream://%(50,0,440)": 400, "tone_stream://%(50,0,440);loops=3": 1200, "{loops=2}tone_stream://%(50,0,440)": 800,
		"tone_stream://path=t.ttml": 400, "{loops=2}tone_stream://path=t.ttml": 800, "TONE_STREAM://path=t.ttml;loops=3": 1200,
		"{loops=-1}tone_stream://%(251,0,1004)": 5000,
	} {
		s, err := f.Open(name, 8000)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := readAll(t, s, 5000); len(got) != n || Level(got) < -12 {
			t.Errorf("%s: %d samples of %.1f dBm0, want %d", name, len(got), Level(got), n)
		}
	}
	for name, want := range map[string]error{
		"": ErrFile, "a.mp3": ErrFile, "http_cache://x/y.wav": ErrFile, "file_string://": ErrFile, "file_string://file_string://a.wav": ErrFile,
		"nowhere.wav": fs.ErrNotExist, "bad.wav": ErrWAV, "tone_stream://": ErrToneScript, "tone_stream://path=nowhere": fs.ErrNotExist,
		"file_string://" + strings.Repeat("a.wav!", 300): ErrFile, "{a.wav": fs.ErrNotExist, "file_string://nowhere.wav!nowhere.wav": fs.ErrNotExist,
	} {
		if s, err := f.Open(name, 8000); !errors.Is(err, want) || s != nil {
			t.Errorf("%.30q: %v, want %v", name, err, want)
		}
	}
	f.Delimiter = "!"
	s, err := f.Open("a.wav!sub/b.wav", 8000)
	if err != nil {
		t.Fatal(err)
	}
	if got := runs(readAll(t, s, 5000)); !slices.Equal(got, []int16{1, 2}) {
		t.Errorf("with a delimiter: %v", got)
	}
}

// A file is closed in the end, and at once when it is no sound.
func TestFilesClose(t *testing.T) {
	open := 0
	data := soundFile(1, 400, 8000)
	f := &Files{OpenFile: func(string) (io.ReadCloser, error) {
		open++
		return &countedFile{Reader: bytes.NewReader(data), open: &open}, nil
	}}
	for _, name := range []string{"a.wav", "file_string://a.wav!b.wav"} {
		for _, rate := range []int{8000, 16000} {
			s, err := f.Open(name, rate)
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, s, 100)
			if err := Close(s); err != nil || open != 0 {
				t.Errorf("%s: %d files are open, %v", name, open, err)
			}
		}
	}
	data = []byte("x")
	if _, err := f.Open("a.wav", 8000); err == nil || open != 0 {
		t.Errorf("%d files are open after an error", open)
	}
	if err := Close(nil); err != nil {
		t.Error(err)
	}
}

type countedFile struct {
	io.Reader
	open *int
}

func (c *countedFile) Close() error { *c.open--; return nil }

func FuzzFiles(f *testing.F) {
	for _, s := range []string{"{loops=2}tone_stream://1;loops=-1", "file_string://a.wav!silence_stream://1", "local_stream://moh", "tone_stream://path=;loops=", "{}!"} {
		f.Add(s)
	}
	data := soundFile(1, 50, 16000)
	files := &Files{Delimiter: "!", OpenFile: func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
	f.Fuzz(func(t *testing.T, name string) {
		if s, err := files.Open(name, 8000); err == nil {
			readAll(t, s, 5000)
		}
	})
}
