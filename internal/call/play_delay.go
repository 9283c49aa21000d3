package call

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// delayLine gives back what was written to it a while later: a media.Sink on one side, an audio.Source on the other.
type delayLine struct {
	rate, most int

	mu  sync.Mutex // guards buf
	buf []int16
}

// slack bounds how much the two sides may drift apart.
const slack = 200 * time.Millisecond

func newDelayLine(rate int, d time.Duration) *delayLine {
	samples := func(d time.Duration) int { return int(d * time.Duration(rate) / time.Second) }
	return &delayLine{rate: rate, most: samples(d + slack), buf: make([]int16, samples(d))}
}

// Rate implements media.Sink and audio.Source.
func (l *delayLine) Rate() int { return l.rate }

// Write implements media.Sink.
func (l *delayLine) Write(samples []int16) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, samples...)
	if over := len(l.buf) - l.most; over > 0 {
		l.buf = append(l.buf[:0], l.buf[over:]...)
	}
	return nil
}

// Read implements audio.Source; it never ends.
func (l *delayLine) Read(samples []int16) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := copy(samples, l.buf)
	l.buf = append(l.buf[:0], l.buf[n:]...)
	clear(samples[n:])
	return len(samples), nil
}

// Close implements media.Sink.
func (l *delayLine) Close() error { return nil }

// Bounds of delay_echo, in milliseconds, and what it is outside of them.
const (
	maxDelay     = 10000
	defaultDelay = 1000
)

// appDelayEcho answers and gives the peer's sound back some milliseconds later.
func appDelayEcho(ch *Channel, data dialplan.Expanded) string {
	ms, err := strconv.Atoi(strings.TrimSpace(data.String()))
	if err != nil || ms < 1 || ms > maxDelay {
		ms = defaultDelay
	}
	if !ch.openMedia(true) {
		return responseNone
	}
	if !media.Generable(ch.codec) { // relayed packets cannot be held back
		ch.log.Info("no delay in the codec of the call", "codec", ch.codec.Name)
		return appEcho(ch, data)
	}
	line := newDelayLine(ch.soundRate(), time.Duration(ms)*time.Millisecond)
	rec, err := ch.core.media.record(ch.media, media.RecordOptions{Sink: line}, func(media.RecordResult) {})
	if err != nil {
		ch.log.Info("no echo", "error", err)
		return responseNone
	}
	defer rec.Stop()
	s, err := ch.start("echo", line)
	if err != nil {
		ch.log.Info("no echo", "error", err)
		return responseNone
	}
	ch.listen(s, playOptions{})
	return responseNone
}

// discard is a media.Sink that keeps nothing.
type discard int

func (discard) Write([]int16) error { return nil }
func (d discard) Rate() int         { return int(d) }
func (discard) Close() error        { return nil }

// appWaitForSilence waits until the peer is silent: THRESHOLD HITS LISTEN [MILLISECONDS]. HITS are packets of 20 ms, so many in a row.
func appWaitForSilence(ch *Channel, data dialplan.Expanded) string {
	args := arguments(data.String())
	threshold, _ := strconv.Atoi(optional(args, 0))
	hits, _ := strconv.Atoi(optional(args, 1))
	if threshold <= 0 || hits <= 0 {
		ch.log.Warn("wait_for_silence needs at least: threshold hits", "data", data.String())
		return responseNone
	}
	if !ch.openMedia(false) {
		return responseNone
	}
	ended := false
	opt := media.RecordOptions{Sink: discard(ch.soundRate()), SilenceThreshold: threshold, Silence: time.Duration(min(hits, 1<<20)) * 20 * time.Millisecond,
		MaxDuration: milliseconds(optional(args, 3))}
	r, err := ch.core.media.record(ch.media, opt, func(media.RecordResult) { ch.box.put(func() { ended = true }) })
	if err != nil {
		ch.log.Info("nobody can listen for silence", "error", err)
		return responseNone
	}
	defer r.Stop()
	ch.wait(func() bool { return ended || ch.isDown() }, 0)
	return responseNone
}
