//go:build (amd64 || arm64) && !purego

package srtp

// aesExpandKey makes the round keys of a key of 16 bytes (10 rounds, which key has) or 32 (14 rounds), FIPS 197 §5.2.
//
//go:noescape
func aesExpandKey(key *aesKey, from *byte)

// aesCTR applies the keystream from a counter block on to the whole blocks of data, and puts the block of keystream behind them in last.
// The counter block comes in registers: read from memory just after it was written in halves, it would wait for both to arrive there. Its last 32 bits
// count.
//
//go:noescape
func aesCTR(key *aesKey, from counter, data []byte, last *[16]byte)

// sha1Block hashes one block.
//
//go:noescape
func sha1Block(state *[5]uint32, block *[64]byte)

// hmacSHA1Sum hashes the whole blocks of msg and of last, which has one at least, from the first state; and the digest with its padding
// from the second.
//
//go:noescape
func hmacSHA1Sum(keyed *[2][5]uint32, msg, last []byte, digest *[20]byte)
