package audio

import (
	"fmt"
	"math"
	"time"
)

// Criteria of ITU-T Q.24 for a digit in one block of sound.
const (
	detectBlockMicros = 12_750 // 102 samples at 8000 Hz: fits twice into the shortest digit of 40 ms wherever it begins
	detectLevel       = -33.0  // dBm0 of the weaker tone at least
	detectShare       = 0.62   // of the block's energy in the two tones at least: speech has more around them
	detectPeak        = 6.3    // a tone's power over the others of its group, 8 dB
	detectTwist       = 6.3    // column over row at most, 8 dB
	detectReverse     = 3.2    // row over column at most, 5 dB
	detectBlocks      = 2      // in a row to begin a digit, and without it to end one
)

// DTMFDigit is a digit that was heard.
type DTMFDigit struct {
	Digit    byte // 0-9, *, #, A-D
	Duration time.Duration
}

// DTMFDetector hears DTMF digits in the sound itself (FreeSWITCH's start_dtmf, spandsp_start_dtmf), by Goertzel's algorithm at the
// eight frequencies of ITU-T Q.23. It allocates nothing after NewDTMFDetector.
type DTMFDetector struct {
	rate  int
	block int
	k     [8]float64 // 2·cos(w)
	s1    [8]float64
	s2    [8]float64
	power float64
	n     int // samples in the block so far

	last   byte // digit of the block before; 0: none
	active byte // digit that has begun; 0: none
	length int  // of it, in blocks, from the first to the last that had it
	misses int  // blocks without it at the end
}

// NewDTMFDetector returns a detector for sound of that rate.
func NewDTMFDetector(rate int) (*DTMFDetector, error) {
	if !rateOK(rate) {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	d := &DTMFDetector{rate: rate, block: rate * detectBlockMicros / 1_000_000}
	for i := range 4 {
		d.k[i] = 2 * math.Cos(2*math.Pi*dtmfRows[i]/float64(rate))
		d.k[4+i] = 2 * math.Cos(2*math.Pi*dtmfColumns[i]/float64(rate))
	}
	return d, nil
}

// Active is the digit that is being heard, 0 for none: it has begun, and Process will tell of it when it ends.
func (d *DTMFDetector) Active() byte { return d.active }

// Process listens to the next samples and calls heard for each digit that ended in them.
func (d *DTMFDetector) Process(samples []int16, heard func(DTMFDigit)) {
	for len(samples) > 0 {
		n := min(len(samples), d.block-d.n)
		d.run(samples[:n])
		samples = samples[n:]
		if d.n += n; d.n == d.block {
			d.decide(d.digit(), heard)
			d.n, d.power = 0, 0
			d.s1, d.s2 = [8]float64{}, [8]float64{}
		}
	}
}

// Flush ends the digit that is being heard: the sound is over.
func (d *DTMFDetector) Flush(heard func(DTMFDigit)) {
	for range detectBlocks {
		d.decide(0, heard)
	}
}

// run takes samples into the block's filters.
func (d *DTMFDetector) run(samples []int16) {
	for i := range d.k {
		k, s1, s2 := d.k[i], d.s1[i], d.s2[i]
		for _, v := range samples {
			s1, s2 = float64(v)+k*s1-s2, s1
		}
		d.s1[i], d.s2[i] = s1, s2
	}
	for _, v := range samples {
		d.power += float64(v) * float64(v)
	}
}

// digit is what the finished block says, 0 for no digit.
func (d *DTMFDetector) digit() byte {
	var p [8]float64 // mean power of each tone, were it the only one
	scale := 2 / (float64(d.block) * float64(d.block))
	for i := range p {
		p[i] = (d.s1[i]*d.s1[i] + d.s2[i]*d.s2[i] - d.k[i]*d.s1[i]*d.s2[i]) * scale
	}
	row, ok := peak(p[:4])
	column, alsoOK := peak(p[4:])
	if !ok || !alsoOK {
		return 0
	}
	low, high := p[row], p[4+column]
	least := math.Pow(amplitude(detectLevel), 2) / 2
	switch {
	case low < least || high < least:
	case high > low*detectTwist || low > high*detectReverse:
	case low+high < detectShare*d.power/float64(d.block):
	default:
		return dtmfKeys[4*row+column]
	}
	return 0
}

// peak is the strongest of a group, if it stands out.
func peak(p []float64) (int, bool) {
	best := 0
	for i := range p {
		if p[i] > p[best] {
			best = i
		}
	}
	for i := range p {
		if i != best && p[i]*detectPeak > p[best] {
			return best, false
		}
	}
	return best, true
}

// decide takes in the digit of a block.
func (d *DTMFDetector) decide(digit byte, heard func(DTMFDigit)) {
	if d.active != 0 {
		if digit == d.active {
			d.length += d.misses + 1
			d.misses = 0
		} else if d.misses++; d.misses >= detectBlocks {
			heard(DTMFDigit{Digit: d.active, Duration: time.Duration(d.length) * time.Duration(d.block) * time.Second / time.Duration(d.rate)})
			d.active = 0
		}
	}
	if d.active == 0 && digit != 0 && digit == d.last {
		d.active, d.length, d.misses = digit, detectBlocks, 0
	}
	d.last = digit
}
