package media

// Bridge relays RTP and RTCP between a and b, both ways. Each side sees one continuous stream: own SSRC, sequence numbers and timestamps
// go on when the source changes. Nothing is sent to a leg that is on hold. A leg that is bridged already leaves its former peer.
func Bridge(a, b *Session) error {
	la, lb := a.packetLeg(), b.packetLeg()
	if la == nil || lb == nil {
		return ErrNoAnswer
	}
	err := ErrClosed
	a.e.all.join(la, lb, func() {
		if la.closed || lb.closed || la == lb {
			return
		}
		if err = bridgeable(la, lb); err == nil {
			la.bridgeTo(lb)
		}
	})
	return err
}

// bridgeable tells whether the legs are negotiated and share an audio codec.
func bridgeable(a, b *leg) error {
	if len(a.formats) == 0 || len(b.formats) == 0 {
		return ErrNoAnswer
	}
	for _, f := range a.formats {
		if f.codec.IsAudio() && b.txFor(*f.codec) != unmapped {
			return nil
		}
	}
	return ErrNoCommonCodec
}

// Unbridge ends the relay between the leg and its peer.
func (s *Session) Unbridge() { s.inLoop((*leg).unbridge) }
