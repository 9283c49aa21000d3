package srtp

import (
	"crypto/aes"
	"encoding/binary"
)

// cmKeys are the AES-CM and HMAC-SHA1 session keys for RTP or for RTCP, RFC 3711 §4.1.1, §4.2.
type cmKeys struct {
	cipher counterMode
	mac    hmacSHA1
	salt   [aes.BlockSize]byte // 112 bits and the zero block counter
	iv     [aes.BlockSize]byte
}

func newCMKeys(p profileParams, m *master, l labels, in instructions) (*cmKeys, error) {
	k := &cmKeys{}
	copy(k.salt[:], m.derive(l.salt, p.salt))
	var err error
	if k.cipher, err = newCounterMode(m.derive(l.key, p.key), in); err != nil {
		return nil, err
	}
	k.mac, err = newHMACSHA1(m.derive(l.auth, p.authKey), in)
	return k, err
}

// xor applies the keystream of a packet in place. The counter block is (salt·2^16) xor (SSRC·2^64) xor (index·2^16) plus the number
// of the block, RFC 3711 §4.1.1.
func (k *cmKeys) xor(payload []byte, ssrc uint32, index uint64) {
	binary.BigEndian.PutUint64(k.iv[:8], binary.BigEndian.Uint64(k.salt[:8])^uint64(ssrc))
	binary.BigEndian.PutUint64(k.iv[8:], binary.BigEndian.Uint64(k.salt[8:])^index<<16)
	k.cipher.xor(payload, &k.iv)
}

// authenticates compares a tag of 4 or 10 bytes in constant time. crypto/subtle goes byte by byte.
func (k *cmKeys) authenticates(msg, tag []byte) bool {
	sum := k.mac.sum(msg)
	if len(tag) == 4 {
		return binary.LittleEndian.Uint32(sum) == binary.LittleEndian.Uint32(tag)
	}
	difference := binary.LittleEndian.Uint64(sum) ^ binary.LittleEndian.Uint64(tag)
	difference |= uint64(binary.LittleEndian.Uint16(sum[8:]) ^ binary.LittleEndian.Uint16(tag[8:10]))
	return difference == 0
}
