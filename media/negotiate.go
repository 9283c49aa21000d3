package media

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"

	"github.com/talkpath/talkpath/srtp"
)

// SetRemoteOffer takes the peer's first or new offer. An error means 488.
func (s *Session) SetRemoteOffer(sdp []byte) error {
	d, err := s.parse(sdp)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.leg != nil && d.Kind != s.kind {
		return ErrKindChanged
	}
	if s.leg != nil && d.Kind == KindWebRTC {
		if old := s.theirs(); old != nil && old.ICEUfrag != "" && old.ICEUfrag != d.ICEUfrag {
			s.restart = true
		}
	}
	s.kind = d.Kind
	s.took(d, sdp, true)
	return nil
}

// took notes the peer's description.
func (s *Session) took(d *Description, sdp []byte, offer bool) {
	s.remote, s.remoteSDP, s.direction, s.unanswered = d, bytes.Clone(sdp), d.Direction, offer
}

// parse reads the peer's description and checks what no leg can do without.
func (s *Session) parse(sdp []byte) (*Description, error) {
	d, err := ParseDescription(sdp)
	if err != nil {
		return nil, err
	}
	switch d.Kind {
	case KindWebRTC:
		if len(d.Fingerprint.Value) == 0 {
			return nil, ErrFingerprint
		}
		if !d.RTCPMux {
			return nil, &SDPError{Reason: "ICE without rtcp-mux"}
		}
		if d.ICELite { // neither side would send checks: no path would ever be validated
			return nil, &SDPError{Reason: "peer is ICE-lite, as we are"}
		}
	case KindSDES:
		if len(d.Crypto) == 0 {
			return nil, ErrNoCrypto
		}
	}
	if d.Kind != KindWebRTC && !s.e.reaches(d.Addr.Addr()) {
		return nil, &SDPError{Reason: "media address of an address family that is not configured"}
	}
	return d, nil
}

// Answer answers the last offer and starts receiving. codecs restricts what is accepted; nil = what was negotiated before if the offer
// still has it, else the engine's. The answer names one audio codec, the first common one in the offer's order, and its telephone-event.
// It may be called again for a re-offer and keeps ICE credentials, fingerprint, DTLS role, SSRC and SDES key then.
func (s *Session) Answer(codecs []Codec) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	offer := s.theirs()
	if offer == nil || !s.unanswered && s.localSDP == nil {
		return nil, ErrNoOffer
	}
	accepted := s.acceptable(offer.Codecs, codecs)
	if len(accepted) == 0 {
		return nil, ErrNoCodec
	}
	a := offer.NewAnswer()
	a.Direction = offer.Direction.Answer(s.wish)
	a.Codecs = accepted
	var pair sdesPair
	if offer.Kind == KindSDES {
		var err error
		if pair, err = s.answerCrypto(offer.Crypto); err != nil {
			return nil, err
		}
		a.Crypto = []srtp.SDES{pair.out}
	}
	if offer.Kind == KindWebRTC {
		if s.role != SetupNone && offer.Setup == SetupActpass && s.dtlsSame(offer) {
			a.Setup = s.role // RFC 8842 §5.3: the role stays with the association
		}
		s.role = a.Setup
		if s.restart || s.ufrag == "" { // RFC 8839 §4.4.1.1.1 wants new ones in the answer; an offer that is refused changes nothing
			s.ufrag, s.pwd, s.restart = iceToken(ufragLen), iceToken(24), false
		}
	}
	formats := make([]format8, 0, len(accepted))
	for _, c := range accepted {
		formats = append(formats, format8{codec: c.detached(), tx: c.PayloadType})
	}
	if err := s.describe(a); err != nil {
		return nil, err
	}
	s.formats, s.unanswered = formats, false
	s.usePair(pair)
	if err := s.apply(); err != nil {
		return nil, err
	}
	return s.localSDP, nil
}

// dtlsSame tells whether the peer's fingerprint is the one the association was made with.
func (s *Session) dtlsSame(d *Description) bool {
	same := false
	if l := s.leg; l != nil {
		l.do(func() { same = l.dtls.cfg.fingerprint.Equal(d.Fingerprint) })
	}
	return same
}

// acceptable is what of the offer we take: one audio codec and its telephone-event.
func (s *Session) acceptable(offer, codecs []Codec) []Codec {
	if codecs != nil {
		return Narrow(Intersect(offer, codecs))
	}
	if len(s.formats) > 0 {
		var current []Codec
		for _, f := range s.formats {
			current = append(current, *f.codec)
		}
		if again := Narrow(Intersect(offer, current)); len(again) > 0 {
			return again
		}
	}
	return Narrow(Intersect(offer, s.e.cfg.Codecs))
}

// answerCrypto picks the offer's key and ours: the same as before as long as the peer offers its suite.
func (s *Session) answerCrypto(offer []srtp.SDES) (sdesPair, error) {
	for _, c := range offer {
		if s.sdes != nil && s.sdes.pair.out.Key != nil && c.Profile == s.sdes.pair.out.Profile {
			out := s.sdes.pair.out
			out.Tag = c.Tag
			return sdesPair{in: c, out: out}, nil
		}
	}
	for _, c := range offer {
		if c.Profile.KeyLen() > 0 {
			return sdesPair{in: c, out: srtp.GenerateSDES(c.Tag, c.Profile)}, nil
		}
	}
	return sdesPair{}, ErrNoCrypto
}

// usePair takes the keys of an SDES session over.
func (s *Session) usePair(pair sdesPair) {
	switch {
	case s.kind != KindSDES:
	case s.sdes == nil:
		s.sdes = &sessionSDES{pair: pair}
	default:
		s.sdes.pair = pair
	}
}

// Offer makes the first offer of a leg that we call. nil codecs = the engine's.
func (s *Session) Offer(kind Kind, codecs []Codec) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.leg != nil && kind != s.kind {
		return nil, ErrKindChanged
	}
	if codecs == nil {
		codecs = s.e.cfg.Codecs
	}
	s.kind = kind
	if kind == KindSDES && s.sdes == nil {
		s.sdes = &sessionSDES{}
	}
	if kind == KindSDES && s.sdes.offered == nil {
		s.sdes.offered = []srtp.SDES{srtp.GenerateSDES(1, srtp.AEADAES128GCM), srtp.GenerateSDES(2, srtp.AES128CMHMACSHA1_80)}
	}
	return s.offer(SendRecv, NumberPayloads(slices.Clone(codecs)))
}

// Reoffer offers the current parameters again with another direction: hold, resume.
func (s *Session) Reoffer(dir Direction) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.leg == nil || len(s.formats) == 0 {
		return nil, ErrNoAnswer
	}
	var codecs []Codec
	for _, f := range s.formats {
		codecs = append(codecs, *f.codec)
	}
	if s.kind == KindSDES {
		s.sdes.offered = []srtp.SDES{s.sdes.pair.out}
	}
	return s.offer(dir, codecs)
}

// offer describes and starts listening.
func (s *Session) offer(dir Direction, codecs []Codec) ([]byte, error) {
	d := NewOffer(s.kind)
	theirs, ours := s.theirs(), s.ours()
	if theirs != nil && ours != nil { // a re-offer keeps the shape of the session, RFC 3264 §8
		d.Proto, d.RTCPMux, d.RTCPRsize = theirs.Proto, theirs.RTCPMux, theirs.RTCPRsize
		d.Mid, d.Bundle, d.AudioIndex, d.Rejected = ours.Mid, ours.Bundle, ours.AudioIndex, ours.Rejected
	}
	d.Direction, d.Codecs = dir, codecs
	switch s.kind {
	case KindSDES:
		d.Crypto = s.sdes.offered
	case KindWebRTC:
		if s.ufrag == "" {
			s.ufrag, s.pwd = iceToken(ufragLen), iceToken(24)
		}
	}
	if err := s.describe(d); err != nil {
		return nil, err
	}
	s.wish, s.offering = dir, true
	if s.kind == KindWebRTC && theirs == nil {
		if err := s.applyUpdate(legUpdate{ufrag: s.ufrag, pwd: s.pwd}); err != nil { // checks may precede the answer
			return nil, err
		}
	}
	return s.localSDP, nil
}

// SetRemoteAnswer takes the peer's answer to the last offer.
func (s *Session) SetRemoteAnswer(sdp []byte) error {
	d, err := s.parse(sdp)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.leg == nil || !s.offering {
		return ErrNoOffer
	}
	if d.Kind != s.kind {
		return ErrKindChanged
	}
	formats := answeredFormats(d.Codecs, s.ours().Codecs)
	if len(formats) == 0 {
		return ErrNoCodec
	}
	var pair sdesPair
	if s.kind == KindSDES {
		if pair, err = s.answeredCrypto(d.Crypto); err != nil {
			return err
		}
	}
	if s.kind == KindWebRTC {
		s.role = SetupPassive
		if d.Setup == SetupPassive {
			s.role = SetupActive
		}
	}
	s.took(d, sdp, false)
	s.formats = formats
	s.usePair(pair)
	return s.apply()
}

// answeredFormats pairs the answer's payload types with those we offered.
func answeredFormats(answer, offered []Codec) []format8 {
	var out []format8
	audio := false
	for _, c := range Intersect(answer, offered) {
		o, ok := findCodec(offered, c)
		if !ok {
			continue
		}
		audio = audio || c.IsAudio()
		tx := c.PayloadType
		c.PayloadType = o.PayloadType
		out = append(out, format8{codec: c.detached(), tx: tx})
	}
	if !audio {
		return nil
	}
	return out
}

// answeredCrypto finds which of our keys the peer accepted, by its tag.
func (s *Session) answeredCrypto(answer []srtp.SDES) (sdesPair, error) {
	for _, c := range answer {
		for _, k := range s.sdes.offered {
			if k.Tag == c.Tag && k.Profile == c.Profile {
				return sdesPair{in: c, out: k}, nil
			}
		}
	}
	return sdesPair{}, ErrNoCrypto
}

// describe fills in what is ours and keeps the text. It opens the leg's ports.
func (s *Session) describe(d *Description) error {
	if err := s.open(); err != nil {
		return err
	}
	var like netip.Addr
	if theirs := s.theirs(); theirs != nil {
		like = theirs.Addr.Addr()
	}
	all, ip := s.advertised(like)
	if s.kind == KindWebRTC {
		d.Addr = netip.AddrPortFrom(ip, s.e.muxAddr.Port())
		d.ICELite, d.ICEUfrag, d.ICEPwd, d.EndOfCandidates = true, s.ufrag, s.pwd, true
		for i, a := range all {
			d.Candidates = append(d.Candidates, HostCandidate("udp", netip.AddrPortFrom(a, s.e.muxAddr.Port()), i))
			if s.e.tcpAddr.IsValid() {
				d.Candidates = append(d.Candidates, HostCandidate("tcp", netip.AddrPortFrom(a, s.e.tcpAddr.Port()), i))
			}
		}
		d.Fingerprint = s.e.fingerprint
		d.MSID = "talkpath " + s.cname()
	} else {
		d.Addr = netip.AddrPortFrom(ip, s.rtpPort)
		d.RTCPAddr = netip.AddrPortFrom(ip, s.rtpPort+1)
	}
	d.SSRC, d.CNAME, d.SessionID = s.ssrc, s.cname(), s.id
	s.version++
	d.SessionVersion = uint64(s.version)
	s.local, s.localSDP = d, bytes.Clone(d.Marshal()) // without spare room: it is kept
	return nil
}

// open makes the packet side of the leg.
func (s *Session) open() error {
	if s.leg != nil {
		return nil
	}
	l := newLeg(s, s.kind)
	l.stream.ssrc = s.ssrc
	if s.kind != KindWebRTC {
		var err error
		if l.rtp, l.rtcp, err = s.e.ports.open(); err != nil {
			return err
		}
		s.rtpPort = l.rtp.local.Port()
	}
	if err := s.e.all.enter(l); err != nil {
		if l.rtp != nil {
			s.e.ports.release(s.rtpPort)
			s.rtpPort = 0
		}
		return err
	}
	s.leg = l
	return nil
}

// apply hands the result of the negotiation to the packet side.
func (s *Session) apply() error {
	theirs, ours := s.theirs(), s.ours()
	u := legUpdate{
		formats: s.formats,
		takes:   theirs.Direction.Receives() && ours.Direction.Sends(),
		gives:   theirs.Direction.Sends() && ours.Direction.Receives(),
		remote:  theirs.Addr, remoteRTCP: theirs.RTCPAddr, rtcpMux: theirs.RTCPMux && ours.RTCPMux,
		ufrag: s.ufrag, pwd: s.pwd,
		dtls:    dtlsConfig{role: s.role, fingerprint: theirs.Fingerprint, certificate: &s.e.cfg.Certificate},
		timeout: s.cfg.RTPTimeout, holdTimeout: s.cfg.HoldTimeout,
	}
	if s.kind == KindSDES {
		u.sdesIn, u.sdesOut = s.sdes.pair.in, s.sdes.pair.out
	}
	s.agreed()
	return s.applyUpdate(u)
}

func (s *Session) applyUpdate(u legUpdate) error {
	l := s.leg
	var err error
	if !l.do(func() { err = l.apply(u) }) {
		return ErrClosed
	}
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	return nil
}
