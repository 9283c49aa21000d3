package media

import (
	"slices"

	"github.com/talkpath/talkpath/media/audio"
)

// Mixer lets each of its legs hear the sum of the others (three_way, eavesdrop). A leg may stay bridged: digits and RTCP still pass, the
// relayed audio does not. A playback on a leg replaces what it hears of the mixer. Its methods may be called from any goroutine.
type Mixer struct {
	p *pacer

	// Guarded by the pacer's lock.
	members []*member
	sum     audio.Mixer
	rate    int // of this packet time
	closed  bool
}

// member is a leg of a mixer.
type member struct {
	v     *voice
	muted bool
	in    rateAdapter
	said  []int16 // at the mixer's rate
	hears []int16
}

// Rates of mixing: wide as soon as one leg is.
const (
	narrowRate = 8000
	wideRate   = 16000
)

// Mix starts a mixer of legs whose codecs are Generable; else ErrCannotEncode. A leg belongs to one mixer at a time: it leaves its former
// one. All legs must be of one engine.
func Mix(legs ...*Session) (*Mixer, error) {
	if len(legs) == 0 {
		return nil, ErrNoAnswer
	}
	m := &Mixer{p: legs[0].e.pacer}
	for _, s := range legs {
		if err := m.Add(s); err != nil {
			m.Close()
			return nil, err
		}
	}
	return m, nil
}

// Add adds a leg.
func (m *Mixer) Add(s *Session) error {
	l := s.packetLeg()
	if l == nil {
		return s.missing()
	}
	p := m.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.closed || s.e.pacer != p {
		return ErrClosed
	}
	v, err := p.voiceOf(s, l)
	if err != nil {
		return err
	}
	if v.mixer != m {
		if v.mixer != nil {
			v.mixer.remove(v)
		}
		v.mixer = m
		m.members = append(m.members, &member{v: v})
		p.mixers[m] = struct{}{}
	}
	p.settle(v)
	return nil
}

// Remove takes a leg out: it hears its bridge again. Session.Close does it too.
func (m *Mixer) Remove(s *Session) {
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	if v := m.p.voices[s]; v != nil && v.mixer == m {
		m.remove(v)
		m.p.settle(v)
	}
}

// remove forgets a voice. The lock is held; settle must follow.
func (m *Mixer) remove(v *voice) {
	v.mixer = nil
	m.members = slices.DeleteFunc(m.members, func(x *member) bool { return x.v == v })
	if len(m.members) == 0 {
		delete(m.p.mixers, m)
	}
}

// SetMute makes the others not hear a leg.
func (m *Mixer) SetMute(s *Session, on bool) {
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	for _, x := range m.members {
		if x.v.s == s {
			x.muted = on
		}
	}
}

// Close takes all legs out; idempotent.
func (m *Mixer) Close() {
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	m.closed = true
	for len(m.members) > 0 {
		v := m.members[0].v
		m.remove(v)
		m.p.settle(v)
	}
}

// mix makes what each member hears at this packet time.
func (m *Mixer) mix() {
	m.rate = narrowRate
	for _, x := range m.members {
		if x.v.said.rate > narrowRate {
			m.rate = wideRate
		}
	}
	n := m.rate / ticksPerSecond
	m.sum.Reset(n)
	for _, x := range m.members {
		x.said = x.in.convert(x.v.said.frame, x.v.said.rate, m.rate)
		if !x.muted {
			m.sum.Add(x.said)
		}
	}
	for _, x := range m.members {
		if cap(x.hears) < n {
			x.hears = make([]int16, n)
		}
		x.hears = x.hears[:n]
		if x.muted {
			m.sum.Sum(x.hears)
		} else {
			m.sum.SumWithout(x.hears, x.said)
		}
	}
}

// mixed takes what the voice hears of its mixer into its frame.
func (v *voice) mixed() {
	v.size()
	for _, x := range v.mixer.members {
		if x.v == v {
			n := copy(v.frame, v.out.convert(x.hears, v.mixer.rate, v.encoder.Rate()))
			clear(v.frame[n:])
			return
		}
	}
}
