package media

import (
	"errors"
	"io"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// Errors of sound that is made or heard here.
var (
	// ErrCannotEncode is a leg whose codec (opus) we relay but neither make nor understand.
	ErrCannotEncode = errors.New("media: the leg's codec cannot be made here")
	// ErrStopped is the end of a playback that was stopped or replaced by another.
	ErrStopped = errors.New("media: playback stopped")
)

// Generable tells whether sound in the codec can be played, recorded and mixed here.
func Generable(c Codec) bool {
	return c.IsAudio() && audio.Supported(c.Name, c.ClockRate, c.Channels) && c.ClockRate%ticksPerSecond == 0
}

// ticksPerSecond is how often the pacer sends: packets of 20 ms.
const ticksPerSecond = 50

// startWait is how long a playback waits for a peer that nothing can be sent to yet.
const startWait = 5 * time.Second

// Playback is a sound that is being played to the peer of a leg. Its methods may be called from any goroutine.
type Playback struct {
	p *pacer
	v *voice

	// Guarded by the pacer's lock.
	src    audio.Source // as given
	at     audio.Source // src at the codec's rate
	done   func(error)
	frames int64 // packet times played
	waited time.Duration
	paused bool
	ended  bool
}

// Play sends src to the leg's peer, instead of what it would hear otherwise (bridge, echo, mixer), from the next packet time on, until
// src ends, Playback.Stop, another Play on the leg, or Session.Close. Digits of a bridge and RTCP still pass. A peer that
// cannot be reached yet (ICE and DTLS are on their way) is waited for, 5 s at most; while it takes no media (hold), src goes on unheard.
//
// Play owns src, reads it on a goroutine of the engine that must not wait long, and closes it. done (may be nil) is called exactly once,
// on that goroutine, and must not block: nil at the end of src, ErrStopped, ErrClosed, ErrCannotEncode after a re-negotiation to another
// codec, or what src returned. When Play itself returns an error, src is closed and done is not called.
func (s *Session) Play(src audio.Source, done func(err error)) (*Playback, error) {
	b, err := s.play(src, done)
	if err != nil {
		_ = audio.Close(src)
		return nil, err
	}
	return b, nil
}

func (s *Session) play(src audio.Source, done func(err error)) (*Playback, error) {
	l := s.packetLeg()
	if l == nil {
		return nil, s.missing()
	}
	p := s.e.pacer
	p.mu.Lock()
	defer p.mu.Unlock()
	v, err := p.voiceOf(s, l)
	if err != nil {
		return nil, err
	}
	b := &Playback{p: p, v: v, src: src, done: done}
	if b.at, err = audio.Resample(src, v.encoder.Rate()); err != nil {
		p.settle(v)
		return nil, err
	}
	if v.play != nil {
		p.end(v, ErrStopped)
	}
	v.play = b
	p.settle(v)
	return b, nil
}

// missing says why there is no packet side.
func (s *Session) missing() error {
	if s.over.Load() {
		return ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return ErrNoAnswer
}

// end ends the voice's playback. The lock is held; settle must follow.
func (p *pacer) end(v *voice, err error) {
	b := v.play
	v.play = nil
	b.ended = true
	if errors.Is(err, io.EOF) {
		err = nil
	}
	p.later(func() {
		_ = audio.Close(b.src)
		if b.done != nil {
			b.done(err)
		}
	})
}

// read takes the next packet time into the voice's frame; an error is the end, io.EOF that of the source.
func (b *Playback) read(v *voice) error {
	v.size()
	if !v.l.reached.Load() && b.waited < startWait { // ICE and DTLS take their time: nobody shall miss the beginning
		b.waited += packetTime
		clear(v.frame)
		return nil
	}
	if b.paused {
		clear(v.frame)
		return nil
	}
	if b.at.Rate() != v.encoder.Rate() { // another codec since
		at, err := audio.Resample(b.src, v.encoder.Rate())
		if err != nil {
			return err
		}
		b.at = at
	}
	if _, err := audio.ReadFull(b.at, v.frame); err != nil {
		return err
	}
	b.frames++
	return nil
}

// Stop ends the playback; idempotent.
func (b *Playback) Stop() {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if !b.ended {
		b.p.end(b.v, ErrStopped)
		b.p.settle(b.v)
	}
}

// Pause makes the peer hear silence while src waits; Pause(false) goes on.
func (b *Playback) Pause(on bool) {
	b.p.mu.Lock()
	b.paused = on
	b.p.mu.Unlock()
}

// Position is how much of src has been played.
func (b *Playback) Position() time.Duration {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	return time.Duration(b.frames) * packetTime
}
