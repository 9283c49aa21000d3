package srtp

import (
	"crypto/aes"
	"encoding/binary"
)

// cmKeys are the AES-CM and HMAC-SHA1 session keys for RTP or for RTCP, RFC 3711 §4.1.1, §4.2.
type cmKeys struct {
	cipher counterMode
	mac    hmacSHA1
	salt   counter // 112 bits and the zero block counter
}

func newCMKeys(p profileParams, m *master, l labels, in instructions) (*cmKeys, error) {
	var salt [aes.BlockSize]byte
	copy(salt[:], m.derive(l.salt, p.salt))
	k := &cmKeys{salt: counterOf(salt[:])}
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
	k.cipher.xor(payload, counter{k.salt.high ^ uint64(ssrc), k.salt.low ^ index<<16})
}

// cmTag is an authentication tag of 4 or 10 bytes, in registers: crypto/subtle and copy go byte by byte, or call.
type cmTag struct {
	first uint64
	rest  uint16
}

// cmTagOf is the tag of n bytes at the beginning of b.
func cmTagOf(b []byte, n int) cmTag {
	if n == 4 {
		return cmTag{first: uint64(binary.LittleEndian.Uint32(b))}
	}
	return cmTag{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint16(b[8:])}
}

// put writes the tag of n bytes.
func (t cmTag) put(b []byte, n int) {
	if n == 4 {
		binary.LittleEndian.PutUint32(b, uint32(t.first))
		return
	}
	binary.LittleEndian.PutUint64(b, t.first)
	binary.LittleEndian.PutUint16(b[8:], t.rest)
}

// tag is the tag of n bytes of a message.
func (k *cmKeys) tag(msg []byte, n int) cmTag { return cmTagOf(k.mac.sum(msg), n) }

// authenticates compares tags in constant time.
func (k *cmKeys) authenticates(msg []byte, n int, tag cmTag) bool {
	sum := k.tag(msg, n)
	return (sum.first^tag.first)|uint64(sum.rest^tag.rest) == 0
}
