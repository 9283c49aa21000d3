package srtp

import "encoding/binary"

// ProtectRTP encrypts and authenticates the RTP packet pkt[:n] in place and returns the new length, n plus AuthTagLen; pkt must have
// that much capacity. A sequence number used before under this key is ErrReplay: sending another packet under it would give both
// away (RFC 3711 §9.1). After an error the content of pkt is undefined.
func (c *Context) ProtectRTP(pkt []byte, n int) (int, error) {
	out, err := c.protectRTP(pkt, n)
	if err != nil {
		return 0, c.refused(err)
	}
	return out, nil
}

func (c *Context) protectRTP(pkt []byte, n int) (int, error) {
	if n < 0 || n > min(cap(pkt), maxPacket) {
		return 0, ErrShort
	}
	buf := pkt[:cap(pkt)]
	header := rtpHeader(buf[:n])
	if header == 0 {
		return 0, ErrShort
	}
	if n+c.params.rtpTag > len(buf) {
		return 0, ErrSpace
	}
	ssrc := binary.BigEndian.Uint32(buf[8:])
	s, err := c.source(ssrc)
	if err != nil {
		return 0, err
	}
	index := s.rtp.estimate(binary.BigEndian.Uint16(buf[2:]))
	if index >= 1<<48 {
		return 0, ErrExpired
	}
	if !s.rtp.fresh(index) {
		return 0, ErrReplay
	}
	if k := c.gcmRTP; k != nil {
		k.setNonce(ssrc, index)
		k.seal(buf[header:n], buf[:header])
	} else {
		k := c.cmRTP
		k.xor(buf[header:n], ssrc, index)
		// The roll-over counter is authenticated behind the packet, RFC 3711 §4.2; the tag then takes its place. The shortest
		// tag is as long.
		binary.BigEndian.PutUint32(buf[n:], uint32(index>>16))
		k.tag(buf[:n+4], c.params.rtpTag).put(buf[n:], c.params.rtpTag)
	}
	s.rtp.use(index)
	c.keep(s)
	return n + c.params.rtpTag, nil
}

// UnprotectRTP verifies and decrypts the SRTP packet pkt in place and returns the length of the RTP packet. After an error the
// content of pkt is undefined.
func (c *Context) UnprotectRTP(pkt []byte) (int, error) {
	n, err := c.unprotectRTP(pkt)
	if err != nil {
		return 0, c.refused(err)
	}
	return n, nil
}

func (c *Context) unprotectRTP(pkt []byte) (int, error) {
	n := len(pkt) - c.params.rtpTag
	if n < rtpHeaderLen {
		return 0, ErrShort
	}
	header := rtpHeader(pkt[:n])
	if header == 0 {
		return 0, ErrShort
	}
	ssrc := binary.BigEndian.Uint32(pkt[8:])
	s, err := c.source(ssrc)
	if err != nil {
		return 0, err
	}
	index := s.rtp.estimate(binary.BigEndian.Uint16(pkt[2:]))
	if index >= 1<<48 {
		return 0, ErrExpired
	}
	if !s.rtp.fresh(index) { // before the costly part, RFC 3711 §3.3
		return 0, ErrReplay
	}
	if k := c.gcmRTP; k != nil {
		k.setNonce(ssrc, index)
		if !k.open(pkt[header:], pkt[:header]) {
			return 0, ErrAuth
		}
	} else {
		k := c.cmRTP
		tag := cmTagOf(pkt[n:], c.params.rtpTag)
		binary.BigEndian.PutUint32(pkt[n:], uint32(index>>16))
		if !k.authenticates(pkt[:n+4], c.params.rtpTag, tag) {
			return 0, ErrAuth
		}
		k.xor(pkt[header:n], ssrc, index)
	}
	s.rtp.use(index)
	c.keep(s)
	return n, nil
}
