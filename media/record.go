package media

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// Sink takes recorded samples; *audio.WAVWriter is one. It is used by one goroutine of the engine at a time, which may wait for the
// disk, and closed at the end.
type Sink interface {
	Write(samples []int16) error // with two channels left and right take turns
	Rate() int
	Close() error
}

// RecordOptions say what to record. The zero value but for Sink records what the peer says, in one channel, until Stop.
type RecordOptions struct {
	Sink  Sink
	Both  bool // also what the peer hears: Sink has two channels, what it says on the left
	Mono  bool // with Both: the sum of both in one channel
	Heard bool // without Both: only what the peer hears

	MaxDuration time.Duration // 0 = no end
	// Silence ends the recording when the peer has been silent for so long: each 20 ms with a mean amplitude (0 … 32767) below
	// SilenceThreshold. 0 = never.
	Silence          time.Duration
	SilenceThreshold int
}

func (o *RecordOptions) wantsSaid() bool  { return o.Both || !o.Heard || o.Silence > 0 }
func (o *RecordOptions) wantsHeard() bool { return o.Both || o.Heard }
func (o *RecordOptions) stereo() bool     { return o.Both && !o.Mono }

// RecordReason says why a recording ended.
type RecordReason int

// The reasons.
const (
	RecordStopped     RecordReason = iota // Recording.Stop
	RecordMaxDuration                     // RecordOptions.MaxDuration
	RecordSilence                         // RecordOptions.Silence
	RecordClosed                          // Session.Close
	RecordFailed                          // the sink failed: RecordResult.Err
)

// RecordResult tells of a finished recording.
type RecordResult struct {
	Reason   RecordReason
	Err      error         // of the sink
	Duration time.Duration // what was handed to the sink
	Lost     time.Duration // what the sink was too slow for
}

// recordQueue is how much sound waits for the sink; more is lost and counted.
const recordQueue = 4 * time.Second

// Recording is a recording that goes on. Its methods may be called from any goroutine.
type Recording struct {
	p    *pacer
	v    *voice
	opt  RecordOptions
	done func(RecordResult)

	// Guarded by the pacer's lock.
	said, heard rateAdapter
	frame       []int16
	length      time.Duration
	lost        time.Duration
	silent      time.Duration
	paused      bool
	masked      bool
	ended       bool

	broken atomic.Bool // the sink failed

	mu     sync.Mutex // guards queue and result
	queue  []int16
	result *RecordResult // once ended

	// The writer's.
	spare []int16
	err   error
}

// Record writes what the peer says, or hears, or both, to opt.Sink until Recording.Stop, one of the limits of opt, or Session.Close.
// Gaps are silence, so that it is as long as it took. done (may be nil) is called once, after Sink.Close, on a goroutine of the engine
// that also writes other recordings: it must not block. When Record itself returns an error, the sink is not closed and done is not
// called. A leg may have several recordings.
func (s *Session) Record(opt RecordOptions, done func(RecordResult)) (*Recording, error) {
	l := s.packetLeg()
	if l == nil {
		return nil, s.missing()
	}
	if _, err := audio.NewResampler(narrowRate, opt.Sink.Rate()); err != nil {
		return nil, err
	}
	p := s.e.pacer
	p.mu.Lock()
	defer p.mu.Unlock()
	v, err := p.voiceOf(s, l)
	if err != nil {
		return nil, err
	}
	r := &Recording{p: p, v: v, opt: opt, done: done}
	if !p.writer.add(r) {
		p.settle(v)
		return nil, ErrClosed
	}
	v.records = append(v.records, r)
	p.settle(v)
	return r, nil
}

// Stop ends the recording; idempotent. done tells when the sink is complete.
func (r *Recording) Stop() {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.p.finish(r, RecordStopped)
	r.p.settle(r.v)
}

// Pause leaves out what comes from now on; Pause(false) goes on.
func (r *Recording) Pause(on bool) {
	r.p.mu.Lock()
	r.paused = on
	r.p.mu.Unlock()
}

// Mask records silence instead of what comes from now on; Mask(false) goes on.
func (r *Recording) Mask(on bool) {
	r.p.mu.Lock()
	r.masked = on
	r.p.mu.Unlock()
}

// finish ends a recording. The lock is held; settle must follow.
func (p *pacer) finish(r *Recording, why RecordReason) {
	if r.ended {
		return
	}
	r.ended = true
	r.v.records = slices.DeleteFunc(r.v.records, func(x *Recording) bool { return x == r })
	r.mu.Lock()
	r.result = &RecordResult{Reason: why, Duration: r.length, Lost: r.lost}
	r.mu.Unlock()
	p.writer.signal()
}

// record takes this packet time into the voice's recordings.
func (p *pacer) record(v *voice) {
	if len(v.records) == 0 {
		return
	}
	for _, r := range slices.Clone(v.records) {
		switch {
		case r.broken.Load():
			p.finish(r, RecordFailed)
		case r.paused:
		default:
			r.take(v)
			if r.opt.MaxDuration > 0 && r.length+r.lost >= r.opt.MaxDuration {
				p.finish(r, RecordMaxDuration)
			} else if r.quiet(v) {
				p.finish(r, RecordSilence)
			}
		}
	}
	p.writer.signal()
}

// take queues the sound of this packet time for the sink.
func (r *Recording) take(v *voice) {
	rate := r.opt.Sink.Rate()
	var said, heard []int16
	if r.opt.Both || !r.opt.Heard {
		said = r.said.convert(v.said.frame, v.said.rate, rate)
	}
	if r.opt.wantsHeard() {
		heard = r.heard.convert(v.heard.frame, v.heard.rate, rate)
	}
	n, channels := max(len(said), len(heard)), 1
	if r.opt.stereo() {
		channels = 2
	}
	r.frame = r.frame[:0]
	for i := range n {
		a, b := at(said, i), at(heard, i)
		if channels == 2 {
			r.frame = append(r.frame, a, b)
		} else {
			r.frame = append(r.frame, int16(min(max(int32(a)+int32(b), -32768), 32767)))
		}
	}
	if r.masked {
		clear(r.frame)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue)+len(r.frame) > channels*rate*int(recordQueue/time.Second) {
		r.lost += packetTime
		return
	}
	r.queue = append(r.queue, r.frame...)
	r.length += packetTime
}

func at(pcm []int16, i int) int16 {
	if i < len(pcm) {
		return pcm[i]
	}
	return 0
}

// quiet tells whether the peer has been silent for too long.
func (r *Recording) quiet(v *voice) bool {
	if r.opt.Silence <= 0 {
		return false
	}
	sum := 0
	for _, x := range v.said.frame {
		sum += max(int(x), -int(x))
	}
	if sum >= r.opt.SilenceThreshold*len(v.said.frame) {
		r.silent = 0
		return false
	}
	r.silent += packetTime
	return r.silent >= r.opt.Silence
}

// recordWriter writes the recordings of an engine to their sinks: one goroutine, which runs only while there are recordings. A slow disk
// makes recordings lose sound (RecordResult.Lost), not calls.
type recordWriter struct {
	group *group
	wake  chan struct{}

	mu      sync.Mutex // guards what follows
	records map[*Recording]struct{}
	running bool
}

// add takes a recording; false when the engine is closed.
func (w *recordWriter) add(r *Recording) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.running && !w.group.start(w.run) {
		return false
	}
	w.running = true
	if w.records == nil {
		w.records = map[*Recording]struct{}{}
	}
	w.records[r] = struct{}{}
	return true
}

func (w *recordWriter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run is the writer's goroutine.
func (w *recordWriter) run() {
	for {
		w.mu.Lock()
		if len(w.records) == 0 {
			w.running = false
			w.mu.Unlock()
			return
		}
		records := make([]*Recording, 0, len(w.records))
		for r := range w.records {
			records = append(records, r)
		}
		w.mu.Unlock()
		ended := false
		for _, r := range records {
			if r.write() {
				ended = true
				w.mu.Lock()
				delete(w.records, r)
				w.mu.Unlock()
			}
		}
		if !ended {
			<-w.wake
		}
	}
}

// write gives the sink what waits; true when that was all.
func (r *Recording) write() bool {
	r.mu.Lock()
	pcm, result := r.queue, r.result
	r.queue = r.spare[:0]
	r.mu.Unlock()
	r.spare = pcm
	if r.err == nil && len(pcm) > 0 {
		if r.err = r.opt.Sink.Write(pcm); r.err != nil {
			r.broken.Store(true)
		}
	}
	if result == nil {
		return false
	}
	if err := r.opt.Sink.Close(); r.err == nil {
		r.err = err
	}
	if result.Err = r.err; r.err != nil {
		result.Reason = RecordFailed
	}
	if r.done != nil {
		r.done(*result)
	}
	return true
}
