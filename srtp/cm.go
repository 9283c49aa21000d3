package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// cmChunk is how many keystream blocks are made before they are applied: a voice packet takes one or two rounds.
const cmChunk = 8

// cmKeys are the AES-CM and HMAC-SHA1 session keys for RTP or for RTCP, RFC 3711 §4.1.1, §4.2. One of ctr and block is set.
type cmKeys struct {
	ctr    *ctr
	block  cipher.Block
	stream []byte              // keystream made with block
	salt   [aes.BlockSize]byte // 112 bits and the zero block counter
	iv     [aes.BlockSize]byte
	mac    *hmacSHA1
}

// newCMKeys derives the session keys. fast is for RTP: RTCP is rare, and spares the memory of a stream.
func newCMKeys(p profileParams, key, salt []byte, l labels, fast bool) (*cmKeys, error) {
	sessionKey, err := derive(key, salt, l.key, p.key)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sessionKey)
	if err != nil {
		return nil, err
	}
	authKey, err := derive(key, salt, l.auth, p.authKey)
	if err != nil {
		return nil, err
	}
	mac, err := newHMACSHA1(authKey)
	if err != nil {
		return nil, err
	}
	sessionSalt, err := derive(key, salt, l.salt, p.salt)
	if err != nil {
		return nil, err
	}
	k := &cmKeys{mac: mac}
	copy(k.salt[:], sessionSalt)
	k.setBlock(block, fast)
	return k, nil
}

// setBlock chooses how the keystream is made.
func (k *cmKeys) setBlock(block cipher.Block, fast bool) {
	if fast {
		k.ctr = newCTR(block)
	}
	if k.ctr == nil {
		k.block, k.stream = block, make([]byte, cmChunk*aes.BlockSize)
	}
}

// xor applies the keystream of a packet in place. The counter block is (salt·2^16) xor (SSRC·2^64) xor (index·2^16) plus the number
// of the block, RFC 3711 §4.1.1.
func (k *cmKeys) xor(payload []byte, ssrc uint32, index uint64) {
	hi := binary.BigEndian.Uint64(k.salt[:8]) ^ uint64(ssrc)
	lo := binary.BigEndian.Uint64(k.salt[8:]) ^ index<<16
	if k.ctr != nil {
		k.ctr.xor(payload, hi, lo)
		return
	}
	binary.BigEndian.PutUint64(k.iv[:8], hi)
	binary.BigEndian.PutUint64(k.iv[8:], lo)
	for counter := uint16(0); len(payload) > 0; {
		n := min(len(payload), len(k.stream))
		for at := 0; at < n; at += aes.BlockSize {
			binary.BigEndian.PutUint16(k.iv[14:], counter)
			k.block.Encrypt(k.stream[at:at+aes.BlockSize], k.iv[:])
			counter++
		}
		subtle.XORBytes(payload[:n], payload[:n], k.stream[:n])
		payload = payload[n:]
	}
}

// authenticates compares the tag in constant time.
func (k *cmKeys) authenticates(msg, tag []byte) bool {
	return subtle.ConstantTimeCompare(k.mac.sum(msg)[:len(tag)], tag) == 1
}
