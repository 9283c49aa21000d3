package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrWAV is a file that is no RIFF/WAVE file, or a kind of one that this package does not read.
var ErrWAV = errors.New("audio: wav")

// The sample formats of a fmt chunk.
const (
	wavPCM        = 1
	wavALaw       = 6
	wavMuLaw      = 7
	wavExtensible = 0xfffe
)

// Bounds of a WAV file's header.
const (
	maxWAVChunks   = 256      // before the sound
	maxWAVSkip     = 16 << 20 // bytes before the sound: pictures and titles
	maxWAVChannels = 8
)

// WAVInfo is what a WAV file says about itself.
type WAVInfo struct {
	Format   int // 1 PCM, 6 A-law, 7 µ-law
	Rate     int
	Channels int
	Bits     int   // a sample
	Frames   int64 // samples a channel; -1 when the file does not say
}

// WAVReader reads the sound of a RIFF/WAVE file as it plays, mixed to one channel: PCM of 8, 16 or 24 bits, A-law or µ-law, plain or
// with an extensible header. It is a Source.
type WAVReader struct {
	r      io.Reader
	closer io.Closer
	info   WAVInfo
	left   int64 // bytes of sound; negative: to the end of the file
	frame  int   // bytes of one sample of all channels
	buffer [4096]byte
	filled int
	err    error
}

// NewWAVReader reads the header of a file up to its sound. When r is an io.Closer, Close closes it; NewWAVReader never does.
func NewWAVReader(r io.Reader) (*WAVReader, error) {
	w := &WAVReader{r: r}
	if c, ok := r.(io.Closer); ok {
		w.closer = c
	}
	b := w.buffer[:12]
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, wavError("header", err)
	}
	if string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, fmt.Errorf("%w: no RIFF/WAVE header", ErrWAV)
	}
	if err := w.chunks(); err != nil {
		return nil, err
	}
	return w, nil
}

// chunks reads the chunks up to the data chunk.
func (w *WAVReader) chunks() error {
	skipped := int64(0)
	for range maxWAVChunks {
		b := w.buffer[:8]
		if _, err := io.ReadFull(w.r, b); err != nil {
			return wavError("no data chunk", err)
		}
		name, size := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:8]))
		switch name {
		case "fmt ":
			used, err := w.format(size)
			if err != nil {
				return err
			}
			size -= used
		case "data":
			return w.data(size)
		}
		size += size & 1 // chunks are padded to whole words; the length read of fmt is even
		if skipped += size; skipped > maxWAVSkip {
			return fmt.Errorf("%w: %d bytes before the sound", ErrWAV, skipped)
		}
		if _, err := io.CopyN(io.Discard, w.r, size); err != nil {
			return wavError("chunk "+name, err)
		}
	}
	return fmt.Errorf("%w: no data chunk", ErrWAV)
}

// format reads a fmt chunk of that size and tells how many bytes it took.
func (w *WAVReader) format(size int64) (int64, error) {
	if size < 16 {
		return 0, fmt.Errorf("%w: fmt chunk of %d bytes", ErrWAV, size)
	}
	b := w.buffer[:min(size, 40)&^1]
	if _, err := io.ReadFull(w.r, b); err != nil {
		return 0, wavError("fmt chunk", err)
	}
	w.info = WAVInfo{Format: int(binary.LittleEndian.Uint16(b)), Channels: int(binary.LittleEndian.Uint16(b[2:])),
		Rate: int(binary.LittleEndian.Uint32(b[4:])), Bits: int(binary.LittleEndian.Uint16(b[14:]))}
	if w.info.Format == wavExtensible {
		if len(b) < 26 {
			return 0, fmt.Errorf("%w: extensible header of %d bytes", ErrWAV, size)
		}
		// The first two bytes of the sub-format's GUID are the format itself.
		w.info.Format = int(binary.LittleEndian.Uint16(b[24:]))
	}
	i := w.info
	switch {
	case i.Format == wavPCM && (i.Bits == 8 || i.Bits == 16 || i.Bits == 24):
	case (i.Format == wavALaw || i.Format == wavMuLaw) && i.Bits == 8:
	default:
		return 0, fmt.Errorf("%w: format %d with %d bits", ErrWAV, i.Format, i.Bits)
	}
	if i.Channels < 1 || i.Channels > maxWAVChannels {
		return 0, fmt.Errorf("%w: %d channels", ErrWAV, i.Channels)
	}
	if !rateOK(i.Rate) {
		return 0, fmt.Errorf("%w: %w: %d", ErrWAV, ErrRate, i.Rate)
	}
	w.frame = i.Channels * i.Bits / 8
	return int64(len(b)), nil
}

// data takes the length of the sound. Programs that write to a pipe leave it at all ones, and then it reaches to the end of the file.
func (w *WAVReader) data(size int64) error {
	if w.frame == 0 {
		return fmt.Errorf("%w: no fmt chunk before the sound", ErrWAV)
	}
	w.left, w.info.Frames = size, size/int64(w.frame)
	if size >= 0xffff_ff00 {
		w.left, w.info.Frames = -1, -1
	}
	return nil
}

// wavError is an error of reading a file: one that ends too early is a wrong file.
func wavError(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s: the file ends", ErrWAV, what)
	}
	return fmt.Errorf("audio: wav: %s: %w", what, err)
}

// Info is what the file says about itself.
func (w *WAVReader) Info() WAVInfo { return w.info }

// Rate is the file's sampling rate.
func (w *WAVReader) Rate() int { return w.info.Rate }

// Close closes what the file is read from, if that can be closed.
func (w *WAVReader) Close() error {
	if w.closer == nil {
		return nil
	}
	return w.closer.Close()
}

// Read reads the next samples. A file that is shorter than it says just ends there.
func (w *WAVReader) Read(samples []int16) (int, error) {
	if len(samples) == 0 {
		return 0, nil
	}
	want := min(len(samples)*w.frame, len(w.buffer)/w.frame*w.frame)
	for w.filled < w.frame && w.err == nil {
		w.load(want)
	}
	frames := min(w.filled/w.frame, len(samples))
	if frames == 0 {
		return 0, w.err
	}
	used := frames * w.frame
	w.convert(samples[:frames], w.buffer[:used])
	w.filled = copy(w.buffer[:], w.buffer[used:w.filled])
	return frames, nil
}

// load reads up to want bytes of sound into the buffer, in one read.
func (w *WAVReader) load(want int) {
	if w.left >= 0 {
		want = int(min(int64(want), w.left+int64(w.filled)))
	}
	if w.filled >= want {
		w.err = io.EOF
		return
	}
	n, err := w.r.Read(w.buffer[w.filled:want])
	w.filled += n
	if w.left >= 0 {
		w.left -= int64(n)
	}
	switch {
	case errors.Is(err, io.EOF):
		w.err = io.EOF
	case err != nil:
		w.err = fmt.Errorf("audio: wav: %w", err)
	case n == 0:
		w.err = io.ErrNoProgress
	}
}

// convert turns whole frames into samples, the mean of the channels.
func (w *WAVReader) convert(samples []int16, b []byte) {
	channels, width := w.info.Channels, w.info.Bits/8
	for i := range samples {
		sum := int32(0)
		for range channels {
			sum += int32(w.sample(b))
			b = b[width:]
		}
		samples[i] = int16(sum / int32(channels))
	}
}

// sample is the value of one channel.
func (w *WAVReader) sample(b []byte) int16 {
	switch {
	case w.info.Format == wavMuLaw:
		return muToLinear[b[0]]
	case w.info.Format == wavALaw:
		return aToLinear[b[0]]
	case w.info.Bits == 8:
		return (int16(b[0]) - 128) << 8 // 8 bits are without sign
	case w.info.Bits == 16:
		return int16(binary.LittleEndian.Uint16(b))
	}
	return int16(binary.LittleEndian.Uint16(b[1:]))
}
