package audio

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// The frequencies of DTMF, ITU-T Q.23, and the digit of each pair.
var (
	dtmfRows    = [4]float64{697, 770, 852, 941}
	dtmfColumns = [4]float64{1209, 1336, 1477, 1633}
)

const dtmfKeys = "123A456B789C*0#D"

// dtmfPitches are the two frequencies of a digit; A-D in either case.
func dtmfPitches(digit byte) ([2]float64, bool) {
	if digit >= 'a' && digit <= 'd' {
		digit -= 'a' - 'A'
	}
	i := strings.IndexByte(dtmfKeys, digit)
	if i < 0 {
		return [2]float64{}, false
	}
	return [2]float64{dtmfRows[i/4], dtmfColumns[i%4]}, true
}

// Bounds of generated digits.
const (
	maxDTMFDigits = 1024
	maxDTMFTime   = 8 * time.Second // as an RFC 4733 event of 16 bits at 8000 Hz
	dtmfLevel     = -9              // dBm0 for the two together before they are mixed, what telephones send
)

// DTMF is a string of digits as tones in the sound itself, for peers without telephone-event (FreeSWITCH's start_dtmf_generate).
type DTMF struct {
	digits  string
	on, off int64
	rate    int
	tone    tone
}

// NewDTMF returns the tones of digits: 0-9, *, #, A-D, with w and W as pauses of half a second and a second. on and off are the length
// of a tone and of the silence after it; 0 means FreeSWITCH's 250 ms (2000 samples) and the 60 ms that keep ITU-T Q.24's 40 apart.
func NewDTMF(digits string, rate int, on, off time.Duration) (*DTMF, error) {
	if !rateOK(rate) {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	if len(digits) == 0 || len(digits) > maxDTMFDigits {
		return nil, fmt.Errorf("audio: dtmf: %d digits", len(digits))
	}
	for i := range len(digits) {
		if _, ok := dtmfPitches(digits[i]); !ok && digits[i] != 'w' && digits[i] != 'W' {
			return nil, fmt.Errorf("audio: dtmf: %q is no digit", digits[i])
		}
	}
	if on <= 0 {
		on = 250 * time.Millisecond
	}
	if off <= 0 {
		off = 60 * time.Millisecond
	}
	return &DTMF{digits: digits, on: min(on, maxDTMFTime).Milliseconds(), off: min(off, maxDTMFTime).Milliseconds(), rate: rate}, nil
}

// Rate is the rate it was made with.
func (d *DTMF) Rate() int { return d.rate }

// Read generates the next samples.
func (d *DTMF) Read(samples []int16) (int, error) {
	n := 0
	for n < len(samples) {
		if d.tone.ended() && !d.next() {
			break
		}
		n += d.tone.read(samples[n:])
	}
	if n == 0 && len(samples) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// next starts the next digit or pause.
func (d *DTMF) next() bool {
	if d.digits == "" {
		return false
	}
	c := d.digits[0]
	d.digits = d.digits[1:]
	switch c {
	case 'w':
		d.tone = tone{off: samplesOf(500, d.rate)}
	case 'W':
		d.tone = tone{off: samplesOf(1000, d.rate)}
	default:
		p, _ := dtmfPitches(c)
		l := toneLength{count: 2, on: d.on, off: d.off}
		copy(l.pitches[:], p[:])
		// A tone's level is halved for two voices; +6.02 dB makes each of them dtmfLevel.
		d.tone = newTone(l, toneSettings{level: dtmfLevel + 20*math.Log10(2)}, d.rate)
	}
	return true
}
