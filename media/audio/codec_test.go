package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestCodecByName(t *testing.T) {
	tests := []struct {
		name     string
		clock    int
		rate     int // 0: refused
		err      error
		channels int
	}{
		{"PCMU", 0, 8000, nil, 1},
		{"pcma", 8000, 8000, nil, 1},
		{"G722", 8000, 16000, nil, 1},
		{"g722", 16000, 16000, nil, 0},
		{"L16", 0, 8000, nil, 1},
		{"L16", 44100, 44100, nil, 1},
		{"L16", 44100, 44100, nil, 2},
		{"L16", 4, 0, ErrRate, 1},
		{"PCMU", 16000, 0, ErrRate, 1},
		{"opus", 48000, 0, ErrCodec, 2},
		{"", 0, 0, ErrCodec, 1},
	}
	for _, tt := range tests {
		e, err := NewEncoder(tt.name, tt.clock)
		d, err2 := NewDecoder(tt.name, tt.clock)
		if !errors.Is(err, tt.err) || !errors.Is(err2, tt.err) {
			t.Errorf("%s/%d: %v, %v, want %v", tt.name, tt.clock, err, err2, tt.err)
			continue
		}
		if err == nil && (e.Rate() != tt.rate || d.Rate() != tt.rate) {
			t.Errorf("%s/%d: rates %d and %d, want %d", tt.name, tt.clock, e.Rate(), d.Rate(), tt.rate)
		}
		if got, want := Supported(tt.name, tt.clock, tt.channels), tt.err == nil && tt.channels < 2; got != want {
			t.Errorf("Supported(%s, %d, %d) = %v", tt.name, tt.clock, tt.channels, got)
		}
	}
}

// The frame of each codec: 20 ms there and back.
func TestCodecFrame(t *testing.T) {
	tests := []struct {
		name         string
		samples, len int
		snr          float64
	}{
		{"PCMU", 160, 160, 36},
		{"PCMA", 160, 160, 36},
		{"G722", 320, 160, 30},
		{"L16", 160, 320, 90},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, _ := NewEncoder(tt.name, 0)
			d, _ := NewDecoder(tt.name, 0)
			in := sine(440, 10000, 50*tt.samples, e.Rate())
			var out []int16
			for frame := range slices.Chunk(in, tt.samples) {
				payload := e.Encode([]byte{0x80}, frame)
				if len(payload) != 1+tt.len || payload[0] != 0x80 {
					t.Fatalf("payload of %d bytes, want %d", len(payload)-1, tt.len)
				}
				out = d.Decode(out, payload[1:])
			}
			if len(out) != len(in) {
				t.Fatalf("%d samples, want %d", len(out), len(in))
			}
			if r := snr(in, out, 40); r < tt.snr {
				t.Errorf("SNR %.1f dB, want %v", r, tt.snr)
			}
		})
	}
}

func TestL16(t *testing.T) {
	pcm := []int16{0, 1, -1, 0x1234, -32768, 32767}
	want := []byte{0, 0, 0, 1, 0xff, 0xff, 0x12, 0x34, 0x80, 0, 0x7f, 0xff}
	if got := l16(8000).Encode(nil, pcm); !bytes.Equal(got, want) {
		t.Errorf("Encode = %x, want %x", got, want)
	}
	if got := l16(8000).Decode(nil, append(want, 0x55)); !slices.Equal(got, pcm) {
		t.Errorf("Decode = %v, want %v", got, pcm)
	}
}

// The decision and output values of ITU-T G.711 tables 1a and 2a, in 16 bits.
func TestG711Tables(t *testing.T) {
	mu := []struct {
		in   int16
		code byte
		out  int16
	}{
		{0, 0xff, 0}, {3, 0xff, 0}, {4, 0xfe, 8}, {8, 0xfe, 8}, {-1, 0x7f, 0}, {-4, 0x7f, 0}, {-8, 0x7e, -8}, {123, 0xf0, 120},
		{124, 0xef, 132}, {32767, 0x80, 32124}, {-32768, 0x00, -32124}, {1000, 0xce, 988}, {-1000, 0x4e, -988},
	}
	for _, tt := range mu {
		if c := MuLawEncode(tt.in); c != tt.code {
			t.Errorf("MuLawEncode(%d) = %#x, want %#x", tt.in, c, tt.code)
		}
		if v := MuLawDecode(tt.code); v != tt.out {
			t.Errorf("MuLawDecode(%#x) = %d, want %d", tt.code, v, tt.out)
		}
	}
	a := []struct {
		in   int16
		code byte
		out  int16
	}{
		{0, 0xd5, 8}, {15, 0xd5, 8}, {16, 0xd4, 24}, {-1, 0x55, -8}, {-16, 0x55, -8}, {-17, 0x54, -24}, {32767, 0xaa, 32256},
		{-32768, 0x2a, -32256}, {1000, 0xfa, 1008}, {-1000, 0x7a, -1008}, {255, 0xda, 248}, {256, 0xc5, 264},
	}
	for _, tt := range a {
		if c := ALawEncode(tt.in); c != tt.code {
			t.Errorf("ALawEncode(%d) = %#x, want %#x", tt.in, c, tt.code)
		}
		if v := ALawDecode(tt.code); v != tt.out {
			t.Errorf("ALawDecode(%#x) = %d, want %d", tt.code, v, tt.out)
		}
	}
}

// Every code decodes to a value that encodes to the same code; over all samples the law rises and is off by half a step at most.
func TestG711Exhaustive(t *testing.T) {
	for name, law := range map[string]struct {
		encode func(int16) byte
		decode func(byte) int16
	}{"mu": {MuLawEncode, MuLawDecode}, "a": {ALawEncode, ALawDecode}} {
		for i := range 256 {
			v := law.decode(byte(i))
			// µ-law has two codes for zero.
			if c := law.encode(v); c != byte(i) && v != 0 {
				t.Errorf("%s: %#x decodes to %d, which encodes to %#x", name, i, v, c)
			}
		}
		last := -32768
		for v := -32768; v <= 32767; v++ {
			got := int(law.decode(law.encode(int16(v))))
			if got < last {
				t.Fatalf("%s: %d becomes %d, less than the value before", name, v, got)
			}
			last = got
			if off := math.Abs(float64(got - v)); off > max(8, (math.Abs(float64(v))+132)/32)+1 {
				t.Fatalf("%s: %d becomes %d", name, v, got)
			}
		}
	}
}

// g722Signal is noise in four strengths, most of it with a saw.
func g722Signal() []int16 {
	pcm := make([]int16, 16000)
	s := uint32(1)
	for i := range pcm {
		s = s*1664525 + 1013904223
		part := i / 2000 % 4
		v := int32(int16(s>>16)) / [4]int32{64, 8, 2, 1}[part]
		if part < 3 {
			v += int32(i*37%400-200) * 60
		}
		pcm[i] = saturate(v)
	}
	return pcm
}

func hash(v any) uint64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, v)
	return h.Sum64()
}

// The expected values are those of an independent implementation (libg722, which is bit-exact with the ITU's).
func TestG722KnownAnswers(t *testing.T) {
	code := NewG722Encoder().Encode(nil, g722Signal())
	if h := hash(code); len(code) != 8000 || h != 0x409f15d51447be6e {
		t.Errorf("encoded %d bytes %x, hash %#x", len(code), code[:16], h)
	}
	if h := hash(NewG722Decoder().Decode(nil, code)); h != 0xaa46de1777c2b394 {
		t.Errorf("decoded: hash %#x", h)
	}
	s := uint32(7)
	for i := range code {
		s = s*1664525 + 1013904223
		code[i] = byte(s >> 24)
	}
	if h := hash(NewG722Decoder().Decode(nil, code)); h != 0x432d5171353b4c3a {
		t.Errorf("any bytes decoded: hash %#x", h)
	}
}

func TestG722Quality(t *testing.T) {
	const n = 16000
	sweep := make([]int16, n)
	for i := range sweep {
		x := float64(i) / 16000
		sweep[i] = round(8000 * math.Sin(2*math.Pi*(100*x+3400*x*x)))
	}
	tests := []struct {
		name string
		in   []int16
		snr  float64
	}{
		{"300 Hz", sine(300, 8000, n, 16000), 30},
		{"1 kHz", sine(1000, 8000, n, 16000), 30},
		{"3 kHz", sine(3000, 8000, n, 16000), 25},
		{"6 kHz, the upper band", sine(6000, 8000, n, 16000), 13},
		{"a faint tone", sine(1000, 100, n, 16000), 18},
		{"full scale", sine(1000, 32000, n, 16000), 25},
		{"sweep from 100 to 6900 Hz", sweep, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := NewG722Decoder().Decode(nil, NewG722Encoder().Encode(nil, tt.in))
			if r := snr(tt.in, out, 40); r < tt.snr {
				t.Errorf("SNR %.1f dB, want %v", r, tt.snr)
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		for _, v := range NewG722Decoder().Decode(nil, NewG722Encoder().Encode(nil, make([]int16, n))) {
			if v < -4 || v > 4 {
				t.Fatalf("silence becomes %d", v)
			}
		}
	})
}

// A stream gives the same bytes however it is cut, in odd pieces too.
func TestG722Pieces(t *testing.T) {
	in := g722Signal()[:4000]
	want := NewG722Encoder().Encode(nil, in)
	e, rest := NewG722Encoder(), in
	var got []byte
	for r := rand.New(rand.NewPCG(1, 2)); len(rest) > 0; {
		n := min(len(rest), 1+r.IntN(50))
		got = e.Encode(got, rest[:n])
		rest = rest[n:]
	}
	if !bytes.Equal(got, want) {
		t.Error("in pieces the code is another")
	}
}

func FuzzG722Decode(f *testing.F) {
	f.Add([]byte{0, 0xff, 0x55, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := NewG722Decoder().Decode(nil, b); len(got) != 2*len(b) {
			t.Fatalf("%d bytes make %d samples", len(b), len(got))
		}
	})
}

func TestCodecsDoNotAllocate(t *testing.T) {
	for _, name := range []string{"PCMU", "PCMA", "G722", "L16"} {
		e, _ := NewEncoder(name, 0)
		d, _ := NewDecoder(name, 0)
		pcm, payload := sine(440, 8000, e.Rate()/50, e.Rate()), make([]byte, 0, 1500)
		back := make([]int16, 0, 1500)
		if n := testing.AllocsPerRun(100, func() { back = d.Decode(back[:0], e.Encode(payload[:0], pcm)) }); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
}

func BenchmarkCodec20ms(b *testing.B) {
	for _, name := range []string{"PCMU", "PCMA", "G722", "L16"} {
		e, _ := NewEncoder(name, 0)
		d, _ := NewDecoder(name, 0)
		pcm := sine(440, 8000, e.Rate()/50, e.Rate())
		payload, back := e.Encode(nil, pcm), make([]int16, 0, 1500)
		b.Run(name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				payload = e.Encode(payload[:0], pcm)
			}
		})
		b.Run(name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				back = d.Decode(back[:0], payload)
			}
		})
	}
}
