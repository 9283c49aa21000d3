package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrWAVFull is a recording that has reached the 4 GiB that a WAV file can hold.
var ErrWAVFull = errors.New("audio: wav: the file is full")

const (
	wavHeaderSize = 44
	maxWAVData    = 0xffff_ff00 - wavHeaderSize
)

// WAVWriter writes a RIFF/WAVE file of 16-bit PCM. The lengths in its header are filled in by Close; until then, and after a crash, they
// say "to the end of the file", so that what was recorded can be played.
type WAVWriter struct {
	w        io.WriteSeeker
	rate     int
	channels int
	written  int64 // bytes of sound in the file
	filled   int
	buffer   [8192]byte
	err      error // the first one; nothing is written after it
}

// NewWAVWriter writes the header. channels is 1 or 2. Close does not close w.
func NewWAVWriter(w io.WriteSeeker, rate, channels int) (*WAVWriter, error) {
	if !rateOK(rate) {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	if channels != 1 && channels != 2 {
		return nil, fmt.Errorf("%w: %d channels", ErrWAV, channels)
	}
	x := &WAVWriter{w: w, rate: rate, channels: channels}
	h := x.header(0xffff_ffff)
	if _, err := w.Write(h[:]); err != nil {
		return nil, fmt.Errorf("audio: wav: %w", err)
	}
	return x, nil
}

// header is the file's start for that many bytes of sound.
func (w *WAVWriter) header(size uint32) (h [wavHeaderSize]byte) {
	le := binary.LittleEndian
	copy(h[0:], "RIFF")
	le.PutUint32(h[4:], min(size, 0xffff_ffff-36)+36)
	copy(h[8:], "WAVEfmt ")
	le.PutUint32(h[16:], 16)
	le.PutUint16(h[20:], wavPCM)
	le.PutUint16(h[22:], uint16(w.channels))
	le.PutUint32(h[24:], uint32(w.rate))
	le.PutUint32(h[28:], uint32(w.rate*w.channels*2))
	le.PutUint16(h[32:], uint16(w.channels*2))
	le.PutUint16(h[34:], 16)
	copy(h[36:], "data")
	le.PutUint32(h[40:], size)
	return h
}

// Rate is the rate of the file.
func (w *WAVWriter) Rate() int { return w.rate }

// Frames is how many samples a channel have been written.
func (w *WAVWriter) Frames() int64 { return (w.written + int64(w.filled)) / int64(2*w.channels) }

// Write appends samples; with two channels those of the left and right take turns.
func (w *WAVWriter) Write(samples []int16) error {
	for _, v := range samples {
		w.put(v)
	}
	return w.err
}

// WriteStereo appends the same time of both channels. When one is shorter, the rest of it is silence.
func (w *WAVWriter) WriteStereo(left, right []int16) error {
	if w.channels != 2 {
		return fmt.Errorf("%w: two channels for a file of one", ErrWAV)
	}
	for i := range max(len(left), len(right)) {
		var l, r int16
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		w.put(l)
		w.put(r)
	}
	return w.err
}

func (w *WAVWriter) put(v int16) {
	if w.err != nil {
		return
	}
	w.buffer[w.filled], w.buffer[w.filled+1] = byte(v), byte(uint16(v)>>8)
	if w.filled += 2; w.filled == len(w.buffer) {
		w.err = w.flush()
	}
}

// flush writes the buffer to the file.
func (w *WAVWriter) flush() error {
	if w.written+int64(w.filled) > maxWAVData {
		return ErrWAVFull
	}
	n, err := w.w.Write(w.buffer[:w.filled])
	w.written += int64(n)
	w.filled = 0
	if err != nil {
		return fmt.Errorf("audio: wav: %w", err)
	}
	return nil
}

// Close writes what is left and the lengths in the header, and leaves w at its end. Closing twice is fine.
func (w *WAVWriter) Close() error {
	if errors.Is(w.err, errWAVClosed) {
		return nil
	}
	err := w.err
	if err == nil {
		err = w.flush()
	}
	w.err = errWAVClosed
	// The header is set right even after an error: what is in the file can be played.
	h := w.header(uint32(w.written))
	if _, e := w.w.Seek(0, io.SeekStart); e != nil {
		return errors.Join(err, fmt.Errorf("audio: wav: %w", e))
	}
	if _, e := w.w.Write(h[:]); e != nil {
		return errors.Join(err, fmt.Errorf("audio: wav: %w", e))
	}
	if _, e := w.w.Seek(0, io.SeekEnd); e != nil {
		return errors.Join(err, fmt.Errorf("audio: wav: %w", e))
	}
	return err
}

var errWAVClosed = errors.New("audio: wav: the file is closed")
