// Package audio is the sound of the exchange: codecs with 16-bit samples on one side and RTP payloads on the other, WAV files, a
// resampler, and the sources that FreeSWITCH names in its configuration (tone_stream, silence_stream, local_stream, file_string).
//
// It owns no socket, no timer and no goroutine: whoever plays or records calls it once per packet time. A value of this package
// belongs to one goroutine at a time unless its comment says otherwise; package-level functions may be called from anywhere.
// Samples are linear, signed, 16 bits, one channel.
//
// Sources: ITU-T G.711, ITU-T G.722, ITU-T Q.23 and Q.24 (DTMF), RFC 3551 (payload layouts), the RIFF/WAVE format, and the tone
// language of FreeSWITCH (TGML).
package audio

import (
	"errors"
	"io"
)

// Source is sound that is read piece by piece, as io.Reader is bytes. Read fills samples and tells how many it wrote; it may write
// fewer than asked for. At the end it returns 0 and io.EOF. A source that never ends never returns io.EOF. A source that holds a
// file also is an io.Closer: call Close when done with any source.
type Source interface {
	Read(samples []int16) (n int, err error)
	Rate() int // samples a second
}

// ErrRate is a sampling rate that this package does not handle.
var ErrRate = errors.New("audio: sampling rate not supported")

// Bounds of a sampling rate, in samples a second.
const (
	minRate = 8000
	maxRate = 48000
)

// rateOK tells whether a generated source can have that rate.
func rateOK(rate int) bool { return rate >= minRate && rate <= maxRate }

// emptyReads is how often in a row a source may return nothing before it counts as ended: a defect must not hang a call.
const emptyReads = 100

// ReadFull reads until samples is full or the source ends. It returns how many samples are sound, with the rest set to silence, and
// io.EOF only when there was none at all: a last, short frame is still a frame to play.
func ReadFull(s Source, samples []int16) (int, error) {
	n, empty := 0, 0
	for n < len(samples) {
		m, err := s.Read(samples[n:])
		n += m
		if err != nil {
			clear(samples[n:])
			if n > 0 && errors.Is(err, io.EOF) {
				return n, nil
			}
			return n, err
		}
		if m > 0 {
			empty = 0
		} else if empty++; empty >= emptyReads {
			clear(samples[n:])
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

// Close closes what the source holds open, if it holds anything. A nil source is fine.
func Close(s Source) error {
	if c, ok := s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// saturate brings a sum back into the 16 bits of a sample.
func saturate(v int32) int16 {
	if v > 32767 {
		return 32767
	}
	if v < -32768 {
		return -32768
	}
	return int16(v)
}

// samplesOf is how many samples a number of milliseconds has.
func samplesOf(ms int64, rate int) int64 { return ms * int64(rate) / 1000 }
