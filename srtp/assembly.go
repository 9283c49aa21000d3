//go:build amd64 && !purego

package srtp

// aesExpandKey makes the round keys of a key of 16 bytes (10 rounds, which key has) or 32 (14 rounds), FIPS 197 §5.2.
//
//go:noescape
func aesExpandKey(key *aesKey, from *byte)

// aesCTR applies the keystream from the counter block on to the whole blocks of data, and puts the block of keystream behind them in last.
// The last 32 bits of the counter count.
//
//go:noescape
func aesCTR(key *aesKey, counter *[16]byte, data []byte, last *[16]byte)

// gcmProduct multiplies two powers of H, in the form that gcm has them.
//
//go:noescape
func gcmProduct(product, a, b *[16]byte)

// gcmCrypt encrypts text in place when seal is -1, decrypts it when seal is 0, and makes the tag. The block number in nonce is 0. The bytes
// behind the whole blocks of aad and of text are in rests, filled up with zeros; those of text are changed there only.
//
//go:noescape
func gcmCrypt(keys *gcm, nonce *[16]byte, aad, text []byte, rests *[2][16]byte, tag *[16]byte, seal int)

// sha1Block hashes one block.
//
//go:noescape
func sha1Block(state *[5]uint32, block *[64]byte)

// hmacSHA1Sum hashes the whole blocks of msg and of last, which has one at least, from the first state; and the digest with its padding
// from the second.
//
//go:noescape
func hmacSHA1Sum(keyed *[2][5]uint32, msg, last []byte, digest *[20]byte)
