//go:build !purego

package srtp

// gcmProduct multiplies two powers of H, in the form that gcm has them.
//
//go:noescape
func gcmProduct(product, a, b *[16]byte)

// gcmCrypt encrypts text in place when seal is -1, decrypts it when seal is 0, and makes the tag. The block number in nonce is 0. The bytes
// behind the whole blocks of aad and of text are in rests, filled up with zeros; those of text are changed there only.
//
//go:noescape
func gcmCrypt(keys *gcm, nonce *[16]byte, aad, text []byte, rests *[2][16]byte, tag *[16]byte, seal int)
