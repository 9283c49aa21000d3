package srtp

import (
	"crypto/sha1"
	"encoding"
	"encoding/binary"
	"hash"
)

// hmacSHA1 is HMAC-SHA1 (RFC 2104) with the two keyed blocks hashed once: each message begins from the saved states.
type hmacSHA1 struct {
	keyed  [2][5]uint32 // states after the padded key: inner, outer
	std    *stdHMAC     // instead of keyed, where there are no SHA-1 instructions
	digest [sha1.Size]byte
}

// newHMACSHA1 takes a key no longer than a block.
func newHMACSHA1(key []byte, in instructions) (m hmacSHA1, err error) {
	if !in.sha1 {
		m.std, err = newStdHMAC(key)
		return m, err
	}
	for i, pad := range [2]byte{0x36, 0x5c} {
		m.keyed[i] = [5]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0} // FIPS 180-4 §5.3.1
		block := keyBlock(key, pad)
		sha1Block(&m.keyed[i], &block)
	}
	return m, nil
}

// sum is the MAC of msg, valid until the next call.
func (m *hmacSHA1) sum(msg []byte) []byte {
	if m.std != nil {
		return m.std.sum(msg, &m.digest)
	}
	var last [2 * sha1.BlockSize]byte
	n := copy(last[:], msg[len(msg)&^(sha1.BlockSize-1):])
	last[n] = 0x80 // FIPS 180-4 §5.1.1
	end := sha1.BlockSize
	if n+1+8 > end {
		end = 2 * sha1.BlockSize
	}
	binary.BigEndian.PutUint64(last[end-8:end], uint64(sha1.BlockSize+len(msg))*8)
	hmacSHA1Sum(&m.keyed, msg, last[:end], &m.digest)
	return m.digest[:]
}

// keyBlock is the key, padded to a block, xor pad.
func keyBlock(key []byte, pad byte) (block [sha1.BlockSize]byte) {
	copy(block[:], key)
	for i := range block {
		block[i] ^= pad
	}
	return block
}

// marshaledHash is a hash whose state can be saved and restored. crypto/sha1 documents that its hash is one.
type marshaledHash interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// stdHMAC is HMAC-SHA1 by the standard library.
type stdHMAC struct {
	hash  marshaledHash
	keyed [2][]byte
}

func newStdHMAC(key []byte) (*stdHMAC, error) {
	h, ok := sha1.New().(marshaledHash)
	if !ok {
		return nil, ErrKey
	}
	m := &stdHMAC{hash: h}
	for i, pad := range [2]byte{0x36, 0x5c} {
		block := keyBlock(key, pad)
		h.Reset()
		h.Write(block[:])
		var err error
		if m.keyed[i], err = h.AppendBinary(nil); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *stdHMAC) sum(msg []byte, digest *[sha1.Size]byte) []byte {
	// The states were made by the same hash, so restoring them cannot fail.
	_ = m.hash.UnmarshalBinary(m.keyed[0])
	m.hash.Write(msg)
	inner := m.hash.Sum(digest[:0])
	_ = m.hash.UnmarshalBinary(m.keyed[1])
	m.hash.Write(inner)
	return m.hash.Sum(digest[:0])
}
