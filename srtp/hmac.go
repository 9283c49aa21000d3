package srtp

import (
	"crypto/sha1"
	"encoding"
	"hash"
)

// marshaledHash is a hash whose state can be saved and restored. crypto/sha1 documents that its hash is one.
type marshaledHash interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// hmacSHA1 is HMAC-SHA1 (RFC 2104) with the two keyed blocks hashed once: each message begins from the saved states.
type hmacSHA1 struct {
	hash         marshaledHash
	inner, outer []byte // states after the padded key
	digest       [sha1.Size]byte
}

func newHMACSHA1(key []byte) (*hmacSHA1, error) {
	h, ok := sha1.New().(marshaledHash)
	if !ok {
		return nil, ErrKey
	}
	m := &hmacSHA1{hash: h}
	var err error
	if m.inner, err = m.keyed(key, 0x36); err != nil {
		return nil, err
	}
	m.outer, err = m.keyed(key, 0x5c)
	return m, err
}

// keyed is the state after the key xor pad. The key is shorter than a block.
func (m *hmacSHA1) keyed(key []byte, pad byte) ([]byte, error) {
	var block [sha1.BlockSize]byte
	copy(block[:], key)
	for i := range block {
		block[i] ^= pad
	}
	m.hash.Reset()
	m.hash.Write(block[:])
	return m.hash.AppendBinary(nil)
}

// sum is the MAC of msg, valid until the next call.
func (m *hmacSHA1) sum(msg []byte) []byte {
	// The states were made by the same hash, so restoring them cannot fail.
	_ = m.hash.UnmarshalBinary(m.inner)
	m.hash.Write(msg)
	inner := m.hash.Sum(m.digest[:0])
	_ = m.hash.UnmarshalBinary(m.outer)
	m.hash.Write(inner)
	return m.hash.Sum(m.digest[:0])
}
