//go:build !amd64 || purego

package srtp

// The standard library does it here, so that none of the functions is called.

func gcmProduct(product, a, b *[16]byte) { panic("srtp: no multiplication") }

func gcmCrypt(keys *gcm, nonce *[16]byte, aad, text []byte, rests *[2][16]byte, tag *[16]byte, seal int) {
	panic("srtp: no AES instructions and multiplication")
}
