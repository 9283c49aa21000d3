package media

import "errors"

// Mixer lets each of its legs hear the sum of the others (three_way, eavesdrop). A leg may stay bridged: digits and RTCP still pass, the
// relayed audio does not. A playback on a leg replaces what it hears of the mixer.
type Mixer struct{}

// Mix starts a mixer of legs whose codecs are Generable; else ErrCannotEncode. A leg belongs to one mixer at a time: it leaves its former one.
func Mix(legs ...*Session) (*Mixer, error) { return nil, errors.ErrUnsupported }

// Add adds a leg.
func (m *Mixer) Add(s *Session) error { return errors.ErrUnsupported }

// Remove takes a leg out: it hears its bridge again. Session.Close does it too.
func (m *Mixer) Remove(s *Session) {}

// SetMute makes the others not hear a leg.
func (m *Mixer) SetMute(s *Session, on bool) {}

// Close takes all legs out; idempotent.
func (m *Mixer) Close() {}
