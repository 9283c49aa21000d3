package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// cmChunk is how many keystream blocks are made before they are applied: a voice packet takes one or two rounds.
const cmChunk = 8

// cmKeys are the AES-CM and HMAC-SHA1 session keys for RTP or for RTCP, RFC 3711 §4.1.1, §4.2.
type cmKeys struct {
	block  cipher.Block
	salt   [aes.BlockSize]byte // 112 bits and the zero block counter
	mac    *hmacSHA1
	iv     [aes.BlockSize]byte
	stream [cmChunk * aes.BlockSize]byte
}

func newCMKeys(p profileParams, key, salt []byte, keyLabel, authLabel, saltLabel byte) (*cmKeys, error) {
	k := &cmKeys{}
	sessionKey, err := derive(key, salt, keyLabel, p.key)
	if err != nil {
		return nil, err
	}
	if k.block, err = aes.NewCipher(sessionKey); err != nil {
		return nil, err
	}
	authKey, err := derive(key, salt, authLabel, p.authKey)
	if err != nil {
		return nil, err
	}
	if k.mac, err = newHMACSHA1(authKey); err != nil {
		return nil, err
	}
	sessionSalt, err := derive(key, salt, saltLabel, p.salt)
	copy(k.salt[:], sessionSalt)
	return k, err
}

// xor applies the keystream of a packet in place. The counter block is (salt·2^16) xor (SSRC·2^64) xor (index·2^16) plus the number
// of the block, RFC 3711 §4.1.1. crypto/cipher's CTR cannot be given a new counter and would be allocated for each packet.
func (k *cmKeys) xor(payload []byte, ssrc uint32, index uint64) {
	k.iv = k.salt
	hi := binary.BigEndian.Uint64(k.iv[0:]) ^ uint64(ssrc)
	lo := binary.BigEndian.Uint64(k.iv[8:]) ^ index<<16
	binary.BigEndian.PutUint64(k.iv[0:], hi)
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
