package srtp

import "encoding/binary"

// rtcpEncrypted is the E flag before the SRTCP index, RFC 3711 §3.4.
const rtcpEncrypted = 1 << 31

// ProtectRTCP encrypts and authenticates the compound RTCP packet pkt[:n] in place and returns the new length, n plus Overhead;
// pkt must have that much capacity. After an error the content of pkt is undefined.
func (c *Context) ProtectRTCP(pkt []byte, n int) (int, error) {
	out, err := c.protectRTCP(pkt, n)
	if err != nil {
		return 0, c.refused(err)
	}
	return out, nil
}

func (c *Context) protectRTCP(pkt []byte, n int) (int, error) {
	if n < rtcpHeaderLen || n > min(cap(pkt), maxPacket) || pkt[:n][0]>>6 != 2 {
		return 0, ErrShort
	}
	buf := pkt[:cap(pkt)]
	end := n + rtcpIndexLen + c.params.rtcpTag
	if end > len(buf) {
		return 0, ErrSpace
	}
	ssrc := binary.BigEndian.Uint32(buf[4:])
	s, err := c.source(ssrc)
	if err != nil {
		return 0, err
	}
	index := s.rtcpNext
	if index >= rtcpEncrypted {
		return 0, ErrExpired
	}
	word := uint32(index) | rtcpEncrypted
	if k := c.gcmRTCP; k != nil {
		// RFC 7714 §9: header, ciphertext, tag, index word; header and index word are the associated data.
		copy(k.aad[:], buf[:rtcpHeaderLen])
		binary.BigEndian.PutUint32(k.aad[rtcpHeaderLen:], word)
		k.setNonce(ssrc, index)
		k.seal(buf[rtcpHeaderLen:n], k.aad[:])
		binary.BigEndian.PutUint32(buf[n+gcmTagLen:], word)
	} else {
		k := c.cmRTCP
		k.xor(buf[rtcpHeaderLen:n], ssrc, index)
		binary.BigEndian.PutUint32(buf[n:], word)
		k.tag(buf[:n+rtcpIndexLen], c.params.rtcpTag).put(buf[n+rtcpIndexLen:], c.params.rtcpTag)
	}
	s.rtcpNext++
	c.keep(s)
	return end, nil
}

// UnprotectRTCP verifies and decrypts the SRTCP packet pkt in place and returns the length of the RTCP packet. A packet whose E flag
// says that it is only authenticated is accepted. After an error the content of pkt is undefined.
func (c *Context) UnprotectRTCP(pkt []byte) (int, error) {
	n, err := c.unprotectRTCP(pkt)
	if err != nil {
		return 0, c.refused(err)
	}
	return n, nil
}

func (c *Context) unprotectRTCP(pkt []byte) (int, error) {
	n := len(pkt) - rtcpIndexLen - c.params.rtcpTag
	if n < rtcpHeaderLen || pkt[0]>>6 != 2 {
		return 0, ErrShort
	}
	wordAt := n
	if c.gcmRTCP != nil {
		wordAt = n + gcmTagLen
	}
	word := binary.BigEndian.Uint32(pkt[wordAt:])
	index := uint64(word &^ rtcpEncrypted)
	ssrc := binary.BigEndian.Uint32(pkt[4:])
	s, err := c.source(ssrc)
	if err != nil {
		return 0, err
	}
	if !s.rtcp.fresh(index) {
		return 0, ErrReplay
	}
	encrypted := word&rtcpEncrypted != 0
	if k := c.gcmRTCP; k != nil {
		if !k.openRTCP(pkt, n, word, ssrc) {
			return 0, ErrAuth
		}
	} else {
		k := c.cmRTCP
		if !k.authenticates(pkt[:n+rtcpIndexLen], c.params.rtcpTag, cmTagOf(pkt[n+rtcpIndexLen:], c.params.rtcpTag)) {
			return 0, ErrAuth
		}
		if encrypted {
			k.xor(pkt[rtcpHeaderLen:n], ssrc, index)
		}
	}
	s.rtcp.use(index)
	c.keep(s)
	return n, nil
}

// openRTCP verifies and decrypts pkt[:n], which its tag and index word follow.
func (k *gcmKeys) openRTCP(pkt []byte, n int, word, ssrc uint32) bool {
	k.setNonce(ssrc, uint64(word&^rtcpEncrypted))
	if word&rtcpEncrypted == 0 {
		// RFC 7714 §9.3: the whole packet and the index word are associated data, the ciphertext is empty. The word moves to the
		// end of the packet, where the tag was, to make them contiguous.
		copy(k.tag[:], pkt[n:])
		binary.BigEndian.PutUint32(pkt[n:], word)
		return k.open(k.tag[:], pkt[:n+rtcpIndexLen])
	}
	copy(k.aad[:], pkt[:rtcpHeaderLen])
	binary.BigEndian.PutUint32(k.aad[rtcpHeaderLen:], word)
	return k.open(pkt[rtcpHeaderLen:n+gcmTagLen], k.aad[:])
}
