package audio

import (
	"fmt"
	"math"
)

// Tune is music on hold when an installation has none of its own: soft broken chords that go round in half a minute, made by
// oscillators. It is Talkpath's own, the same on every start, and never ends.
type Tune struct {
	rate   int
	step   int
	left   int // samples of the step still to come
	voices [6]note
}

// note is a string plucked: a sine with a weaker octave above that fade together.
type note struct {
	base, octave oscillator
	volume       float64 // of the next sample
	fade         float64 // factor of a sample
	attack       float64 // of a sample, until full
	onset        float64 // 0 to 1
}

// The tune: the chord of each bar as semitones from A3 (220 Hz), and the order in which a bar plays its notes. A negative number rests.
var (
	tuneChords = [8][4]int{
		{-9, 3, 7, 12}, {-12, 0, 3, 10}, {-4, 3, 8, 12}, {-2, 2, 5, 10},
		{-9, 3, 7, 15}, {-5, 2, 7, 10}, {-4, 0, 3, 8}, {-2, 2, 7, 5},
	}
	tuneOrder = [8]int{0, 1, 2, 3, 2, 1, 2, -1}
)

const (
	tuneStepMillis = 440
	tunePeak       = 1500 // of one note: about -21 dBm0 in all
)

// NewTune returns the tune from its start.
func NewTune(rate int) (*Tune, error) {
	if !rateOK(rate) {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	return &Tune{rate: rate}, nil
}

// Rate is the rate it was made with.
func (t *Tune) Rate() int { return t.rate }

// Read generates the next samples.
func (t *Tune) Read(samples []int16) (int, error) {
	for i := range samples {
		if t.left == 0 {
			t.pluck()
		}
		t.left--
		v := 0.0
		for j := range t.voices {
			v += t.voices[j].next()
		}
		samples[i] = round(v)
	}
	return len(samples), nil
}

// pluck starts the next step's note.
func (t *Tune) pluck() {
	t.left = int(samplesOf(tuneStepMillis, t.rate))
	bar, beat := t.step/len(tuneOrder)%len(tuneChords), t.step%len(tuneOrder)
	// The six voices take turns: a note has faded before its voice comes round.
	voice := &t.voices[t.step%len(t.voices)]
	t.step++
	which := tuneOrder[beat]
	if which < 0 {
		return
	}
	frequency := 220 * math.Pow(2, float64(tuneChords[bar][which])/12)
	seconds := 0.28 // in which it falls to 1/e
	if which == 0 {
		seconds = 0.45
	}
	*voice = note{base: newOscillator(frequency, t.rate), octave: newOscillator(2*frequency, t.rate), volume: tunePeak,
		fade: math.Exp(-1 / (seconds * float64(t.rate))), attack: 1 / (0.008 * float64(t.rate))}
}

func (n *note) next() float64 {
	if n.volume < 0.25 {
		return 0
	}
	v := (n.base.next() + 0.25*n.octave.next()) * n.volume * n.onset
	n.onset = min(n.onset+n.attack, 1)
	n.volume *= n.fade
	return v
}
