package media

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
)

// Media that goes straight from one peer to the other: each is told the other's description, and the two sessions stand aside.

// Errors of Straight: why the peer's media cannot go to anybody but us.
var (
	ErrSecured = errors.New("media: keys are agreed on with us alone")
	ErrMoved   = errors.New("media: the peer sends from elsewhere than it says")
)

// Straight is the peer's description if another peer could be told it in place of ours: plain RTP from the very address it names. What is
// encrypted cannot be: its keys, and how far the packets have been counted under them (RFC 3711 §3.3.1), are between the peer and us. A
// phone behind NAT names an address that only we have found the way from.
func (s *Session) Straight() ([]byte, error) {
	s.mu.Lock()
	sdp, kind, negotiated := s.remoteSDP, s.kind, len(s.formats) > 0
	s.mu.Unlock()
	d, err := ParseDescription(sdp)
	switch {
	case !negotiated:
		return nil, ErrNoAnswer
	case kind != KindRTP:
		return nil, ErrSecured
	case err != nil:
		return nil, err
	case d.Kind != KindRTP: // SRTP was an option that was not taken, and would be offered anew
		return nil, ErrSecured
	case s.RemoteAddr() != d.Addr:
		return nil, ErrMoved
	}
	return sdp, nil
}

// CrossOffer writes the description of another session's peer as an offer to ours: with our origin line, in the shape of this session, reduced
// to the codec that was agreed on. Our own description stays what it is.
func (s *Session) CrossOffer(peer []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := NewOffer(KindRTP)
	if d, err := ParseDescription(s.remoteSDP); err == nil {
		o.Proto = d.Proto
	}
	if d, err := ParseDescription(s.localSDP); err == nil {
		o.Mid, o.AudioIndex, o.Rejected = d.Mid, d.AudioIndex, d.Rejected // RFC 3264 §8: the lines keep their places
	}
	return s.cross(o, peer)
}

// CrossAnswer writes the answer of another session's peer as the answer to an offer of ours.
func (s *Session) CrossAnswer(offer, peer []byte) ([]byte, error) {
	d, err := ParseDescription(offer)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := d.NewAnswer()
	a.RTCPMux, a.RTCPRsize, a.Bundle = false, false, nil
	return s.cross(a, peer)
}

// cross fills the frame of a description with what is the other peer's. RTCP is not multiplexed: what one side agreed on with us the other
// knows nothing of.
func (s *Session) cross(frame *Description, peer []byte) ([]byte, error) {
	d, err := ParseDescription(peer)
	switch {
	case err != nil:
		return nil, err
	case s.closed:
		return nil, ErrClosed
	case d.Kind != KindRTP || frame.Kind != KindRTP || s.kind != KindRTP:
		return nil, ErrSecured
	}
	frame.Codecs = Narrow(slices.DeleteFunc(slices.Clone(d.Codecs), func(c Codec) bool {
		return !slices.ContainsFunc(s.formats, func(f format8) bool { return f.codec.Same(c) })
	}))
	if len(frame.Codecs) == 0 {
		return nil, ErrNoCodec
	}
	frame.Addr, frame.RTCPAddr = d.Addr, rtcpOf(d)
	frame.Direction, frame.Ptime, frame.MaxPtime = d.Direction, d.Ptime, d.MaxPtime
	s.version++
	frame.SessionID, frame.SessionVersion = s.id, uint64(s.version)
	return bytes.Clone(frame.Marshal()), nil
}

// rtcpOf is where a peer takes RTCP that is not multiplexed.
func rtcpOf(d *Description) netip.AddrPort {
	if d.RTCPMux && d.Addr.Port() < 65535 {
		return netip.AddrPortFrom(d.Addr.Addr(), d.Addr.Port()+1)
	}
	return d.RTCPAddr
}

// SamePlace tells whether two descriptions of a peer want the same packets at the same place: who knows the one needs not be told the other.
func SamePlace(a, b []byte) bool {
	x, err1 := ParseDescription(a)
	y, err2 := ParseDescription(b)
	if err1 != nil || err2 != nil || x.Addr != y.Addr || rtcpOf(x) != rtcpOf(y) {
		return false
	}
	for _, c := range Narrow(y.Codecs) { // what y narrowed x to must be in x under the same number
		if !slices.ContainsFunc(x.Codecs, func(o Codec) bool { return o.Same(c) && o.PayloadType == c.PayloadType }) {
			return false
		}
	}
	return true
}

// StandAside ends the relay of the leg and has it neither send nor miss anything, because its peer talks to somebody else, or ends that. Its ports
// stay its own.
func (s *Session) StandAside(on bool) { s.inLoop(func(l *leg) { l.standAside(on) }) }

func (l *leg) standAside(on bool) {
	if l.aside == on {
		return
	}
	l.aside = on
	if on {
		l.unbridge()
		return
	}
	l.quietSince, l.timedOut = l.sh.now, false
}
