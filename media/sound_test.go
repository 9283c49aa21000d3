package media

import (
	"io"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/talkpath/talkpath/media/audio"
)

// sine is a source of one frequency for a number of packet times; negative is for ever.
type sine struct {
	hz     float64
	rate   int
	left   int // samples
	at     int
	failed error // instead of io.EOF

	mu     sync.Mutex
	closed int
}

const sinePeak = 8000

func newSine(hz float64, rate, packets int) *sine {
	return &sine{hz: hz, rate: rate, left: packets * rate / ticksPerSecond}
}

func (s *sine) Rate() int { return s.rate }

func (s *sine) Read(samples []int16) (int, error) {
	if s.left == 0 {
		if s.failed != nil {
			return 0, s.failed
		}
		return 0, io.EOF
	}
	n := len(samples)
	if s.left > 0 {
		n = min(n, s.left)
		s.left -= n
	}
	for i := range n {
		samples[i] = int16(sinePeak * math.Sin(2*math.Pi*s.hz*float64(s.at)/float64(s.rate)))
		s.at++
	}
	return n, nil
}

func (s *sine) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func (s *sine) closes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// peakAt is the peak of the frequency in the middling one of the 50 ms pieces of pcm: a gap or a jump of the phase, as a busy machine
// makes them, does not count.
func peakAt(pcm []int16, hz float64, rate int) float64 {
	n := rate / 20
	var peaks []float64
	for ; len(pcm) >= n; pcm = pcm[n:] {
		peaks = append(peaks, peakIn(pcm[:n], hz, rate))
	}
	slices.Sort(peaks)
	return peaks[len(peaks)/2]
}

func peakIn(pcm []int16, hz float64, rate int) float64 {
	var re, im float64
	for i, v := range pcm {
		w := 2 * math.Pi * hz * float64(i) / float64(rate)
		re, im = re+float64(v)*math.Cos(w), im+float64(v)*math.Sin(w)
	}
	return 2 * math.Hypot(re, im) / float64(max(len(pcm), 1))
}

// assertTone fails unless the frequency is there, or is not.
func assertTone(t *testing.T, what string, pcm []int16, hz float64, rate int, want bool) {
	t.Helper()
	if len(pcm) < rate/10 {
		t.Errorf("%s: only %d samples", what, len(pcm))
		return
	}
	p := peakAt(pcm, hz, rate)
	if want && (p < 0.8*sinePeak || p > 1.2*sinePeak) || !want && p > 0.05*sinePeak {
		t.Errorf("%s: %.0f Hz has peak %.0f, want it: %v", what, hz, p, want)
	}
}

// decode is the sound of packets.
func decode(t *testing.T, c Codec, pkts []rtp.Packet) []int16 {
	t.Helper()
	d, err := audio.NewDecoder(c.Name, c.ClockRate)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	for _, p := range pkts {
		if p.PayloadType == c.PayloadType {
			pcm = d.Decode(pcm, p.Payload)
		}
	}
	return pcm
}

// assertContinuous checks that packets are one stream: numbers without a gap, audio timestamps that grow but for at most a second.
func assertContinuous(t *testing.T, pkts []rtp.Packet) {
	t.Helper()
	for i := 1; i < len(pkts); i++ {
		a, b := pkts[i-1], pkts[i]
		if a.SSRC != b.SSRC {
			t.Fatalf("packet %d: SSRC changed", i)
		}
		if d := int16(b.SequenceNumber - a.SequenceNumber); d != 1 {
			t.Errorf("packet %d: sequence step %d", i, d)
		}
		if d := int32(b.Timestamp - a.Timestamp); (d <= 0 || d > 8000) && b.PayloadType != 101 && a.PayloadType != 101 {
			t.Errorf("packet %d: timestamp step %d", i, d)
		}
	}
}

// talker sends a tone to us.
type talker struct {
	p     peer
	codec Codec
	src   audio.Source
	enc   audio.Encoder
	pkt   *rtp.Packet
	next  time.Time
}

func newTalker(t *testing.T, p peer, c Codec, src audio.Source, ssrc uint32) *talker {
	t.Helper()
	enc, err := audio.NewEncoder(c.Name, c.ClockRate)
	if err != nil {
		t.Fatal(err)
	}
	return &talker{p: p, codec: c, src: src, enc: enc, pkt: &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: c.PayloadType, SequenceNumber: 100, Timestamp: 1000, SSRC: ssrc}}}
}

func (k *talker) say(t *testing.T) {
	t.Helper()
	now := time.Now()
	if k.next.IsZero() {
		k.next = now
	}
	for !k.next.After(now) {
		k.packet(t, now.Sub(k.next) < 5*packetTime) // after a pause of the test it goes on where a phone would be
		k.next = k.next.Add(packetTime)
	}
}

func (k *talker) packet(t *testing.T, send bool) {
	t.Helper()
	frame := make([]int16, k.enc.Rate()/ticksPerSecond)
	if _, err := audio.ReadFull(k.src, frame); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	k.pkt.Payload = k.enc.Encode(nil, frame)
	if send {
		k.p.send(t, k.pkt)
		k.pkt.SequenceNumber++
	}
	k.pkt.Timestamp += uint32(k.codec.ClockRate / ticksPerSecond)
}

// converse lets the talkers talk at the pace of telephones until ok.
func converse(t *testing.T, what string, ok func() bool, talkers ...*talker) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	tick := time.NewTicker(packetTime / 4)
	defer tick.Stop()
	for now := range tick.C {
		if ok() {
			return
		}
		if now.After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
		for _, k := range talkers {
			k.say(t)
		}
	}
}

// ending collects what done was called with.
type ending struct {
	mu   sync.Mutex
	errs []error
}

func (e *ending) done(err error) {
	e.mu.Lock()
	e.errs = append(e.errs, err)
	e.mu.Unlock()
}

// wait waits for the end.
func (e *ending) wait(t testing.TB) error {
	t.Helper()
	waitFor(t, "the end of the playback", func() bool { return e.count() > 0 })
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.errs[0]
}

func (e *ending) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.errs)
}
