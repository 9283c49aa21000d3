package media

import (
	"errors"
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

// Playback is a sound that is being played to the peer of a leg.
type Playback struct{}

// Play sends src to the leg's peer, instead of what it would hear otherwise (bridge, echo, mixer), from the next packet time on, until
// src ends, Playback.Stop, another Play on the leg, or Session.Close. Digits of a bridge and RTCP still pass. Play owns src and closes it.
// done (may be nil) is called exactly once, on a goroutine of the engine, and must not block: nil at the end of src, ErrStopped, ErrClosed,
// ErrCannotEncode after a re-negotiation to another codec, or what src returned. When Play itself returns an error, src is closed and done is not called.
func (s *Session) Play(src audio.Source, done func(err error)) (*Playback, error) {
	return nil, errors.ErrUnsupported
}

// Stop ends the playback; idempotent.
func (p *Playback) Stop() {}

// Pause makes the peer hear silence and src wait; Resume goes on.
func (p *Playback) Pause(on bool) {}

// Position is how much of src has been played.
func (p *Playback) Position() time.Duration { return 0 }
