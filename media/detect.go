package media

import (
	"github.com/talkpath/talkpath/media/audio"
)

// detector hears digits in the sound of a peer.
type detector struct {
	d    *audio.DTMFDetector
	rate int
}

// DetectDTMF listens for digits in the sound of the peer and reports them as EventDTMF with InBand set (start_dtmf, stop_dtmf). A peer that
// sends a digit in both ways is heard twice.
func (s *Session) DetectDTMF(on bool) error {
	l := s.packetLeg()
	if l == nil {
		return s.missing()
	}
	p := s.e.pacer
	p.mu.Lock()
	defer p.mu.Unlock()
	if !on {
		if v := p.voices[s]; v != nil {
			v.detector = nil
			p.settle(v)
		}
		return nil
	}
	v, err := p.voiceOf(s, l)
	if err != nil {
		return err
	}
	if v.detector == nil {
		v.detector = &detector{}
	}
	p.settle(v)
	return nil
}

// detect listens to this packet time.
func (p *pacer) detect(v *voice) {
	d := v.detector
	if d == nil {
		return
	}
	if d.d == nil || d.rate != v.said.rate {
		d.rate = v.said.rate
		var err error
		if d.d, err = audio.NewDTMFDetector(d.rate); err != nil { // no rate of a codec of ours
			v.detector = nil
			return
		}
	}
	d.d.Process(v.said.frame, func(g audio.DTMFDigit) {
		ev := Event{Type: EventDTMF, Digit: g.Digit, Duration: int(g.Duration.Milliseconds()), InBand: true}
		v.l.post(func() { v.l.event(ev) })
	})
}
