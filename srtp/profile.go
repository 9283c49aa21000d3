package srtp

// Profile is an SRTP protection profile. The values are the IANA "DTLS-SRTP Protection Profiles" numbers (RFC 5764 §4.1.2,
// RFC 7714 §14.2), so that a profile negotiated by DTLS converts without a table. AES256CMHMACSHA1_80 has no number there
// (it is reachable by SDES only) and uses one of the private range.
type Profile uint16

// The protection profiles this package implements.
const (
	AES128CMHMACSHA1_80 Profile = 0x0001 // RFC 3711, RFC 5764
	AES128CMHMACSHA1_32 Profile = 0x0002 // RFC 3711, RFC 5764; SRTCP keeps the tag of 80 bits (RFC 4568 §6.2.2)
	AEADAES128GCM       Profile = 0x0007 // RFC 7714
	AEADAES256GCM       Profile = 0x0008 // RFC 7714
	AES256CMHMACSHA1_80 Profile = 0xff01 // RFC 6188; private value
)

// profileParams are the sizes of a profile in bytes.
type profileParams struct {
	name    string // SDES crypto-suite, RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.1
	key     int
	salt    int
	authKey int // HMAC-SHA1 key; 0 for AEAD
	rtpTag  int
	rtcpTag int
}

func (p Profile) params() (profileParams, bool) {
	switch p {
	case AES128CMHMACSHA1_80:
		return profileParams{"AES_CM_128_HMAC_SHA1_80", 16, 14, 20, 10, 10}, true
	case AES128CMHMACSHA1_32:
		return profileParams{"AES_CM_128_HMAC_SHA1_32", 16, 14, 20, 4, 10}, true
	case AES256CMHMACSHA1_80:
		return profileParams{"AES_256_CM_HMAC_SHA1_80", 32, 14, 20, 10, 10}, true
	case AEADAES128GCM:
		return profileParams{"AEAD_AES_128_GCM", 16, 12, 0, 16, 16}, true
	case AEADAES256GCM:
		return profileParams{"AEAD_AES_256_GCM", 32, 12, 0, 16, 16}, true
	}
	return profileParams{}, false
}

// ProfileByName finds a profile by its SDES crypto-suite name (RFC 4568 §6.2). Names are case-sensitive there. The spelling
// AES_CM_256_HMAC_SHA1_80 of some phones and of FreeSWITCH is taken for RFC 6188's AES_256_CM_HMAC_SHA1_80.
func ProfileByName(sdesName string) (Profile, bool) {
	switch sdesName {
	case "AES_CM_128_HMAC_SHA1_80":
		return AES128CMHMACSHA1_80, true
	case "AES_CM_128_HMAC_SHA1_32":
		return AES128CMHMACSHA1_32, true
	case "AES_256_CM_HMAC_SHA1_80", "AES_CM_256_HMAC_SHA1_80":
		return AES256CMHMACSHA1_80, true
	case "AEAD_AES_128_GCM":
		return AEADAES128GCM, true
	case "AEAD_AES_256_GCM":
		return AEADAES256GCM, true
	}
	return 0, false
}

// String is the SDES crypto-suite name, "" for an unknown profile.
func (p Profile) String() string { v, _ := p.params(); return v.name }

// KeyLen is the length of the master key in bytes, 0 for an unknown profile.
func (p Profile) KeyLen() int { v, _ := p.params(); return v.key }

// SaltLen is the length of the master salt in bytes.
func (p Profile) SaltLen() int { v, _ := p.params(); return v.salt }

// AuthTagLen is the length of the tag of an SRTP packet in bytes.
func (p Profile) AuthTagLen() int { v, _ := p.params(); return v.rtpTag }

// Overhead is the largest growth of a packet by protection: the SRTCP index and tag.
func (p Profile) Overhead() int {
	v, ok := p.params()
	if !ok {
		return 0
	}
	return 4 + v.rtcpTag
}

// AEAD tells whether the profile authenticates by its cipher (RFC 7714) instead of an HMAC.
func (p Profile) AEAD() bool { v, ok := p.params(); return ok && v.authKey == 0 }
