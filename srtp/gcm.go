package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

const (
	gcmNonceLen = 12
	gcmTagLen   = 16
)

// gcm is AES-GCM (NIST SP 800-38D) with nonces of 96 bits, in place, with the processor's instructions.
type gcm struct {
	key aesKey
	// powers are H to H^5, each divided by x, bytes turned round.
	powers [5][aes.BlockSize]byte
}

// newGCM takes a key of 16 or 32 bytes.
func newGCM(key []byte, in instructions) (*gcm, error) {
	c, err := newCounterMode(key, in)
	if err != nil {
		return nil, err
	}
	g := &gcm{key: c.key}
	var h [aes.BlockSize]byte
	c.xor(h[:], counter{})
	hi, lo := binary.BigEndian.Uint64(h[:8]), binary.BigEndian.Uint64(h[8:])
	// In these numbers x^0 is the highest bit, and a shift to the left divides by x; 1/x is x^127 + x^6 + x + 1.
	carry := -(hi >> 63)
	hi, lo = hi<<1|lo>>63, lo<<1
	binary.LittleEndian.PutUint64(g.powers[0][:8], lo^carry&1)
	binary.LittleEndian.PutUint64(g.powers[0][8:], hi^carry&0xc200000000000000)
	for i := range len(g.powers) - 1 {
		gcmProduct(&g.powers[i+1], &g.powers[i], &g.powers[0])
	}
	return g, nil
}

// crypt encrypts text in place when seal is -1, decrypts it when seal is 0, and makes the tag.
func (g *gcm) crypt(nonce *[aes.BlockSize]byte, text, aad []byte, tag *[gcmTagLen]byte, seal int) {
	var rests [2][aes.BlockSize]byte
	copy(rests[0][:], aad[len(aad)&^(aes.BlockSize-1):])
	end := text[len(text)&^(aes.BlockSize-1):]
	copy(rests[1][:], end)
	gcmCrypt(g, nonce, aad, text, &rests, tag, seal)
	copy(end, rests[1][:])
}

// gcmKeys are the AES-GCM session keys for RTP or for RTCP, RFC 7714. One of own and std is set.
type gcmKeys struct {
	own   *gcm
	std   cipher.AEAD // where there are no instructions for own
	salt  [gcmNonceLen]byte
	nonce [aes.BlockSize]byte                // and the block number 0
	aad   [rtcpHeaderLen + rtcpIndexLen]byte // associated data of RTCP, which is not contiguous in the packet
	tag   [gcmTagLen]byte
}

func newGCMKeys(p profileParams, m *master, l labels, in instructions) (*gcmKeys, error) {
	k := &gcmKeys{}
	copy(k.salt[:], m.derive(l.salt, p.salt))
	return k, k.setKey(m.derive(l.key, p.key), in)
}

// setKey takes the session key.
func (k *gcmKeys) setKey(key []byte, in instructions) error {
	if in.aes && in.mul {
		var err error
		k.own, err = newGCM(key, in)
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	k.std, err = cipher.NewGCM(block)
	return err
}

// seal encrypts text in place. The tag follows it, where text has the capacity.
func (k *gcmKeys) seal(text, aad []byte) {
	if k.std != nil {
		k.std.Seal(text[:0], k.nonce[:gcmNonceLen], text, aad)
		return
	}
	k.own.crypt(&k.nonce, text, aad, (*[gcmTagLen]byte)(text[len(text):len(text)+gcmTagLen]), -1)
}

// open decrypts text in place and tells whether the tag that follows it is right; text is of no use when not. The two are sealed.
func (k *gcmKeys) open(sealed, aad []byte) bool {
	if k.std != nil {
		_, err := k.std.Open(sealed[:0], k.nonce[:gcmNonceLen], sealed, aad)
		return err == nil
	}
	text, tag := sealed[:len(sealed)-gcmTagLen], sealed[len(sealed)-gcmTagLen:]
	var want [gcmTagLen]byte
	k.own.crypt(&k.nonce, text, aad, &want, 0)
	difference := binary.LittleEndian.Uint64(want[:8]) ^ binary.LittleEndian.Uint64(tag)
	difference |= binary.LittleEndian.Uint64(want[8:]) ^ binary.LittleEndian.Uint64(tag[8:])
	return difference == 0
}

// setNonce builds the nonce of RFC 7714 §8.1 and §9.1: 16 zero bits, SSRC and the index of 48 bits, xor salt. The SRTCP index of 31
// bits with its zeros before it has the same shape.
func (k *gcmKeys) setNonce(ssrc uint32, index uint64) {
	binary.BigEndian.PutUint64(k.nonce[:8], binary.BigEndian.Uint64(k.salt[:8])^uint64(ssrc)<<16^index>>32)
	binary.BigEndian.PutUint32(k.nonce[8:12], binary.BigEndian.Uint32(k.salt[8:])^uint32(index))
}
