package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// counterChunk is how many keystream blocks are made before they are applied, where there are no AES instructions.
const counterChunk = 8

// aesKey is an expanded AES key.
type aesKey struct {
	//lint:ignore U1000 assembly writes and reads it
	schedule [15][aes.BlockSize]byte
	rounds   int
}

// counter is a counter block, as two numbers.
type counter struct{ high, low uint64 }

// counterOf is the block of 16 bytes.
func counterOf(b []byte) counter {
	return counter{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// counterMode is AES in counter mode: its counter is given with each message, which crypto/cipher cannot do without an allocation
// for each. A message is shorter than 2^16 blocks.
type counterMode struct {
	key aesKey
	std *stdCounterMode // instead of key, where there are no AES instructions
}

// newCounterMode takes a key of 16 or 32 bytes.
func newCounterMode(key []byte, in instructions) (c counterMode, err error) {
	if !in.aes {
		block, err := aes.NewCipher(key)
		c.std = &stdCounterMode{block: block}
		return c, err
	}
	switch len(key) {
	case 16:
		c.key.rounds = 10
	case 32:
		c.key.rounds = 14
	default:
		return c, ErrKey
	}
	aesExpandKey(&c.key, &key[0])
	return c, nil
}

// xor applies the keystream in place. The block number is the last 32 bits of the counter block.
func (c *counterMode) xor(data []byte, counter counter) {
	if c.std != nil {
		c.std.xor(data, counter)
		return
	}
	var last [aes.BlockSize]byte
	aesCTR(&c.key, counter, data, &last)
	end := data[len(data)&^(aes.BlockSize-1):]
	for i := range end {
		end[i] ^= last[i]
	}
}

// stdCounterMode is counter mode with single blocks of the standard library.
type stdCounterMode struct {
	block  cipher.Block
	number [aes.BlockSize]byte
	stream [counterChunk * aes.BlockSize]byte
}

func (c *stdCounterMode) xor(data []byte, counter counter) {
	binary.BigEndian.PutUint64(c.number[:8], counter.high)
	binary.BigEndian.PutUint64(c.number[8:], counter.low)
	number := uint32(counter.low)
	for len(data) > 0 {
		n := min(len(data), len(c.stream))
		for at := 0; at < n; at += aes.BlockSize {
			binary.BigEndian.PutUint32(c.number[12:], number)
			c.block.Encrypt(c.stream[at:at+aes.BlockSize], c.number[:])
			number++
		}
		subtle.XORBytes(data[:n], data[:n], c.stream[:n])
		data = data[n:]
	}
}
