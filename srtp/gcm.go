package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

const (
	gcmNonceLen = 12
	gcmTagLen   = 16
)

// gcmKeys are the AES-GCM session keys for RTP or for RTCP, RFC 7714.
type gcmKeys struct {
	aead  cipher.AEAD
	salt  [gcmNonceLen]byte
	nonce [gcmNonceLen]byte
	aad   [rtcpHeaderLen + rtcpIndexLen]byte // associated data of RTCP, which is not contiguous in the packet
	tag   [gcmTagLen]byte
}

func newGCMKeys(p profileParams, key, salt []byte, l labels) (*gcmKeys, error) {
	k := &gcmKeys{}
	sessionKey, err := derive(key, salt, l.key, p.key)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sessionKey)
	if err != nil {
		return nil, err
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	sessionSalt, err := derive(key, salt, l.salt, p.salt)
	copy(k.salt[:], sessionSalt)
	return k, err
}

// setNonce builds the nonce of RFC 7714 §8.1 and §9.1: 16 zero bits, SSRC and the index of 48 bits, xor salt. The SRTCP index of 31
// bits with its zeros before it has the same shape.
func (k *gcmKeys) setNonce(ssrc uint32, index uint64) {
	k.nonce[0], k.nonce[1] = 0, 0
	binary.BigEndian.PutUint32(k.nonce[2:], ssrc)
	binary.BigEndian.PutUint16(k.nonce[6:], uint16(index>>32))
	binary.BigEndian.PutUint32(k.nonce[8:], uint32(index))
	for i := range k.nonce {
		k.nonce[i] ^= k.salt[i]
	}
}
