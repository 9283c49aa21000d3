package srtp

import "crypto/aes"

// Key derivation labels, RFC 3711 §4.3.2.
const (
	labelRTPKey   = 0x00
	labelRTPAuth  = 0x01
	labelRTPSalt  = 0x02
	labelRTCPKey  = 0x03
	labelRTCPAuth = 0x04
	labelRTCPSalt = 0x05
)

// labels are the labels of one set of session keys. AEAD profiles have no use for auth.
type labels struct{ key, auth, salt byte }

// master is a master key with its salt, from which session keys are derived.
type master struct {
	cipher counterMode
	salt   [14]byte // one of 96 bits is extended with zeros on the right, RFC 7714 §11
}

func newMaster(key, salt []byte, in instructions) (*master, error) {
	m := &master{}
	copy(m.salt[:], salt)
	var err error
	m.cipher, err = newCounterMode(key, in)
	return m, err
}

// derive is the AES-CM pseudo-random function of RFC 3711 §4.3.3 (RFC 6188 §3 for keys of 256 bits) for a key derivation rate of
// zero: n bytes of keystream under the master key from the counter (label·2^48 xor salt)·2^16.
func (m *master) derive(label byte, n int) []byte {
	var iv [aes.BlockSize]byte
	copy(iv[:], m.salt[:])
	iv[7] ^= label
	out := make([]byte, n)
	m.cipher.xor(out, counterOf(iv[:]))
	return out
}
