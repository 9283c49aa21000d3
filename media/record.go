package media

import (
	"errors"
	"time"
)

// Sink takes recorded samples; *audio.WAVWriter is one. It is used by one goroutine of the engine at a time, and closed at the end.
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

// Recording is a recording that goes on.
type Recording struct{}

// Record writes what the peer says, or hears, or both, to opt.Sink until Recording.Stop, one of the limits of opt, or Session.Close.
// Gaps are silence, so that it is as long as it took. done (may be nil) is called once, after Sink.Close, on a goroutine of the engine. When Record itself returns an
// error, the sink is not closed and done is not called. A leg may have several recordings.
func (s *Session) Record(opt RecordOptions, done func(RecordResult)) (*Recording, error) {
	return nil, errors.ErrUnsupported
}

// Stop ends the recording; idempotent. done tells when the sink is complete.
func (r *Recording) Stop() {}

// Pause leaves out what comes from now on; Pause(false) goes on.
func (r *Recording) Pause(on bool) {}

// DetectDTMF listens for digits in the sound of the peer and reports them as EventDTMF with InBand set (start_dtmf, stop_dtmf).
func (s *Session) DetectDTMF(on bool) error { return errors.ErrUnsupported }
