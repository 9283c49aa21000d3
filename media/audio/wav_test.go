package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
)

// wavFile is a file with a fmt chunk of those values, what comes before the sound, and the sound.
func wavFile(format, channels, rate, bits int, extra, sound []byte) []byte {
	le := binary.LittleEndian
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, uint16(format))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	b = append(b, extra...)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(len(sound)))
	b = append(b, sound...)
	le.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// extensible is a file with an extensible header, sub-format PCM.
func extensible(sound []byte) []byte {
	le := binary.LittleEndian
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x28\x00\x00\x00\xfe\xff\x01\x00")
	b = le.AppendUint32(b, 16000)
	b = le.AppendUint32(b, 32000)
	b = append(b, 2, 0, 16, 0, 22, 0, 16, 0, 4, 0, 0, 0)
	b = append(b, "\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(len(sound)))
	return append(b, sound...)
}

func TestWAVReader(t *testing.T) {
	list := []byte("LIST\x05\x00\x00\x00abcde\x00")
	open := wavFile(1, 1, 8000, 16, nil, []byte{1, 0, 2, 0})
	copy(open[40:], "\xff\xff\xff\xff")
	short := wavFile(1, 1, 8000, 16, nil, []byte{1, 0, 2, 0, 9})
	long := wavFile(1, 1, 8000, 16, nil, []byte{1, 0, 2, 0})
	long[40] = 100
	trailing := append(wavFile(1, 1, 8000, 16, nil, []byte{1, 0, 2, 0}), list...)
	tests := []struct {
		name string
		file []byte
		rate int
		want []int16
	}{
		{"16 bits", wavFile(1, 1, 8000, 16, nil, []byte{1, 0, 0xff, 0xff, 0x34, 0x12}), 8000, []int16{1, -1, 0x1234}},
		{"8 bits are without sign", wavFile(1, 1, 11025, 8, nil, []byte{0, 128, 255}), 11025, []int16{-32768, 0, 32512}},
		{"24 bits", wavFile(1, 1, 48000, 24, nil, []byte{0x99, 0x34, 0x12, 0, 0xff, 0xff}), 48000, []int16{0x1234, -1}},
		{"stereo is mixed", wavFile(1, 2, 44100, 16, nil, []byte{10, 0, 20, 0, 0xff, 0x7f, 0xff, 0x7f}), 44100, []int16{15, 32767}},
		{"A-law", wavFile(6, 1, 8000, 8, nil, []byte{0xd5, 0x2a}), 8000, []int16{8, -32256}},
		{"mu-law, stereo", wavFile(7, 2, 8000, 8, nil, []byte{0xff, 0xfe, 0x80, 0x80}), 8000, []int16{4, 32124}},
		{"another chunk of odd size before the sound", wavFile(1, 1, 8000, 16, list, []byte{7, 0}), 8000, []int16{7}},
		{"chunks after the sound", trailing, 8000, []int16{1, 2}},
		{"extensible header", extensible([]byte{7, 0, 8, 0}), 16000, []int16{7, 8}},
		{"a length of all ones is to the end", open, 8000, []int16{1, 2}},
		{"half a sample at the end", short, 8000, []int16{1, 2}},
		{"shorter than it says", long, 8000, []int16{1, 2}},
		{"no sound", wavFile(1, 1, 8000, 16, nil, nil), 8000, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader(tt.file), iotest.OneByteReader(bytes.NewReader(tt.file))} {
				w, err := NewWAVReader(r)
				if err != nil {
					t.Fatal(err)
				}
				if w.Rate() != tt.rate {
					t.Errorf("rate %d, want %d", w.Rate(), tt.rate)
				}
				if got := readAll(t, w, 1000); !slices.Equal(got, tt.want) {
					t.Errorf("%v, want %v", got, tt.want)
				}
			}
		})
	}
}

func TestWAVReaderRefuses(t *testing.T) {
	good := wavFile(1, 1, 8000, 16, nil, []byte{1, 0})
	huge := append([]byte("RIFF\x00\x00\x00\x00WAVEjunk\xff\xff\xff\xff"), make([]byte, 100)...)
	tests := []struct {
		name string
		file []byte
		err  error
	}{
		{"nothing", nil, ErrWAV},
		{"an MP3", []byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), ErrWAV},
		{"ends in the header", good[:30], ErrWAV},
		{"ends before the sound", good[:36], ErrWAV},
		{"float", wavFile(3, 1, 8000, 32, nil, nil), ErrWAV},
		{"12 bits", wavFile(1, 1, 8000, 12, nil, nil), ErrWAV},
		{"no channel", wavFile(1, 0, 8000, 16, nil, nil), ErrWAV},
		{"many channels", wavFile(1, 9, 8000, 16, nil, nil), ErrWAV},
		{"no rate", wavFile(1, 1, 0, 16, nil, nil), ErrRate},
		{"sound before format", []byte("RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00ab"), ErrWAV},
		{"a chunk of 4 GiB", huge, ErrWAV},
		{"chunks without end", append([]byte("RIFF\x00\x00\x00\x00WAVE"), bytes.Repeat([]byte("junk\x00\x00\x00\x00"), 1000)...), ErrWAV},
	}
	for _, tt := range tests {
		if _, err := NewWAVReader(bytes.NewReader(tt.file)); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
	}
	broken := errors.New("broken")
	if _, err := NewWAVReader(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
	w, err := NewWAVReader(io.MultiReader(bytes.NewReader(good[:len(good)-2]), iotest.ErrReader(broken)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Read(make([]int16, 1)); !errors.Is(err, broken) {
		t.Errorf("a reader that fails in the sound: %v", err)
	}
}

func TestWAVWriter(t *testing.T) {
	for _, channels := range []int{1, 2} {
		f, err := os.Create(filepath.Join(t.TempDir(), "x.wav"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w, err := NewWAVWriter(f, 16000, channels)
		if err != nil {
			t.Fatal(err)
		}
		in := sine(440, 10000, 10000, 16000)
		for frame := range slices.Chunk(in, 320) {
			if channels == 1 {
				err = w.Write(frame)
			} else {
				err = w.WriteStereo(frame, frame)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if w.Frames() != 10000 {
			t.Errorf("%d frames", w.Frames())
		}
		if err := errors.Join(w.Close(), w.Close()); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(in); err == nil {
			t.Error("a closed file takes samples")
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if n := binary.LittleEndian.Uint32(b[4:]); int(n) != len(b)-8 {
			t.Errorf("RIFF length %d for a file of %d", n, len(b))
		}
		r, err := NewWAVReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if want := (WAVInfo{Format: 1, Rate: 16000, Channels: channels, Bits: 16, Frames: 10000}); r.Info() != want {
			t.Errorf("%+v, want %+v", r.Info(), want)
		}
		if !slices.Equal(readAll(t, r, 1<<20), in) {
			t.Error("another sound comes back")
		}
	}
}

// A recording that was never closed can be played.
func TestWAVWriterCrash(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, _ := NewWAVWriter(f, 8000, 1)
	if err := w.Write(make([]int16, 8000)); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(f.Name())
	r, err := NewWAVReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(readAll(t, r, 1<<20)); n < 3000 {
		t.Errorf("%d samples of 8000 are in the file", n)
	}
}

// seekBuffer is a file in memory that fails after limit bytes.
type seekBuffer struct {
	b          []byte
	pos, limit int
}

var errDiskFull = errors.New("disk full")

func (s *seekBuffer) Write(p []byte) (int, error) {
	if s.pos+len(p) > s.limit {
		return 0, errDiskFull
	}
	if end := s.pos + len(p); end > len(s.b) {
		s.b = append(s.b, make([]byte, end-len(s.b))...)
	}
	copy(s.b[s.pos:], p)
	s.pos += len(p)
	return len(p), nil
}

func (s *seekBuffer) Seek(offset int64, whence int) (int64, error) {
	s.pos = int(offset)
	if whence == io.SeekEnd {
		s.pos += len(s.b)
	}
	return int64(s.pos), nil
}

func TestWAVWriterDiskFull(t *testing.T) {
	f := &seekBuffer{limit: 10_000}
	w, err := NewWAVWriter(f, 8000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]int16, 16000)); !errors.Is(err, errDiskFull) {
		t.Fatalf("Write = %v", err)
	}
	if err := w.Close(); !errors.Is(err, errDiskFull) {
		t.Errorf("Close = %v", err)
	}
	r, err := NewWAVReader(bytes.NewReader(f.b))
	if err != nil {
		t.Fatal(err)
	}
	if r.Info().Frames != 4096 {
		t.Errorf("%d frames are in the header", r.Info().Frames)
	}
}

func TestWAVWriterFull(t *testing.T) {
	w, _ := NewWAVWriter(&seekBuffer{limit: 100}, 8000, 1)
	w.written = maxWAVData - 1
	if err := w.Write(make([]int16, 8192)); !errors.Is(err, ErrWAVFull) {
		t.Errorf("%v, want ErrWAVFull", err)
	}
	for _, tt := range []struct{ rate, channels int }{{0, 1}, {8000, 0}, {8000, 3}, {math.MaxInt32, 1}} {
		if _, err := NewWAVWriter(&seekBuffer{limit: 100}, tt.rate, tt.channels); err == nil {
			t.Errorf("%+v is taken", tt)
		}
	}
}

func FuzzWAVReader(f *testing.F) {
	f.Add(wavFile(1, 2, 8000, 16, []byte("LIST\x05\x00\x00\x00abcde\x00"), make([]byte, 50)))
	f.Add(wavFile(7, 1, 8000, 8, nil, make([]byte, 50)))
	f.Add(extensible(make([]byte, 10)))
	f.Add(wavFile(1, 8, 48000, 24, nil, make([]byte, 100)))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x11\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := NewWAVReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		if n := len(readAll(t, w, 1<<20)); n > len(b) {
			t.Fatalf("%d bytes have %d samples", len(b), n)
		}
	})
}

func BenchmarkWAVReader20ms(b *testing.B) {
	file, buffer := wavFile(1, 1, 8000, 16, nil, make([]byte, 1<<20)), make([]int16, 160)
	r := bytes.NewReader(file)
	w, _ := NewWAVReader(r)
	b.ReportAllocs()
	for b.Loop() {
		if n, _ := ReadFull(w, buffer); n == 0 {
			r.Reset(file)
			w, _ = NewWAVReader(r)
		}
	}
}
