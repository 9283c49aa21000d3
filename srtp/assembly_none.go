//go:build (!amd64 && !arm64) || purego

package srtp

// No instructions are used here, so that none of the other functions is called.

func processor() instructions { return instructions{} }

func aesExpandKey(key *aesKey, from *byte) { panic("srtp: no AES instructions") }

func aesCTR(key *aesKey, from counter, data []byte, last *[16]byte) {
	panic("srtp: no AES instructions")
}

func sha1Block(state *[5]uint32, block *[64]byte) { panic("srtp: no SHA-1 instructions") }

func hmacSHA1Sum(keyed *[2][5]uint32, msg, last []byte, digest *[20]byte) {
	panic("srtp: no SHA-1 instructions")
}
