//go:build !amd64 || purego

package srtp

// No instructions are used here, so that none of the other functions is called.

func processor() instructions { return instructions{} }

func aesExpandKey(key *aesKey, from *byte) { panic("srtp: no AES instructions") }

func aesCTR(key *aesKey, counter *[16]byte, data []byte, last *[16]byte) {
	panic("srtp: no AES instructions")
}

func gcmProduct(product, a, b *[16]byte) { panic("srtp: no multiplication") }

func gcmCrypt(keys *gcm, nonce *[16]byte, aad, text []byte, rests *[2][16]byte, tag *[16]byte, seal int) {
	panic("srtp: no AES instructions and multiplication")
}

func sha1Block(state *[5]uint32, block *[64]byte) { panic("srtp: no SHA-1 instructions") }

func hmacSHA1Sum(keyed *[2][5]uint32, msg, last []byte, digest *[20]byte) {
	panic("srtp: no SHA-1 instructions")
}
