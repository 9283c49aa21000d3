package srtp

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// SDES is one a=crypto attribute (RFC 4568 §9.1): a suite with its master key and salt.
type SDES struct {
	Tag     int // 0 to 999999999, unique in its m-line; the answer repeats the tag of the line it accepts
	Profile Profile
	Key     []byte
	Salt    []byte
}

// Errors of ParseCrypto that a caller may want to tell apart: a line that is not understood is skipped, not fatal.
var (
	ErrCryptoSyntax      = errors.New("srtp: malformed crypto attribute")
	ErrCryptoUnsupported = errors.New("srtp: crypto attribute not supported")
)

// ParseCrypto reads the value of an a=crypto attribute: `tag suite inline:key||salt[|lifetime][|MKI:len] [session params]`.
// Lifetime is ignored (the limits of RFC 3711 §9.2 are far beyond a call); an MKI, more than one key, and the session parameters
// that change the packets (UNENCRYPTED_…, UNAUTHENTICATED_SRTP, FEC_…, KDR other than 0) are ErrCryptoUnsupported.
func ParseCrypto(value string) (SDES, error) {
	fields := strings.Fields(value)
	if len(fields) < 3 {
		return SDES{}, ErrCryptoSyntax
	}
	tag, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil || tag > 999_999_999 {
		return SDES{}, fmt.Errorf("%w: tag", ErrCryptoSyntax)
	}
	p, ok := ProfileByName(fields[1])
	if !ok {
		return SDES{}, fmt.Errorf("%w: suite", ErrCryptoUnsupported)
	}
	if err := checkSessionParams(fields[3:]); err != nil {
		return SDES{}, err
	}
	raw, err := parseKeyParams(fields[2])
	if err != nil {
		return SDES{}, err
	}
	if len(raw) != p.KeyLen()+p.SaltLen() {
		return SDES{}, fmt.Errorf("%w: key length", ErrCryptoSyntax)
	}
	k := p.KeyLen()
	return SDES{Tag: int(tag), Profile: p, Key: raw[:k:k], Salt: raw[k:]}, nil
}

// parseKeyParams reads the single inline key of key-params and returns key||salt.
func parseKeyParams(s string) ([]byte, error) {
	if strings.Contains(s, ";") {
		return nil, fmt.Errorf("%w: several keys", ErrCryptoUnsupported)
	}
	const method = "inline:"
	if len(s) < len(method) || !strings.EqualFold(s[:len(method)], method) {
		return nil, fmt.Errorf("%w: key method", ErrCryptoUnsupported)
	}
	parts := strings.Split(s[len(method):], "|")
	if len(parts) > 3 {
		return nil, fmt.Errorf("%w: key info", ErrCryptoSyntax)
	}
	for _, part := range parts[1:] {
		if strings.Contains(part, ":") {
			return nil, fmt.Errorf("%w: MKI", ErrCryptoUnsupported)
		}
	}
	// Some phones leave the padding out that RFC 4648 wants.
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(parts[0], "="))
	if err != nil {
		return nil, fmt.Errorf("%w: key encoding", ErrCryptoSyntax)
	}
	return raw, nil
}

// checkSessionParams accepts the session parameters that leave the packets as they are (RFC 4568 §6.3).
func checkSessionParams(params []string) error {
	for _, p := range params {
		switch {
		case p == "KDR=0", strings.HasPrefix(p, "WSH="):
		case strings.HasPrefix(p, "-"): // optional extension: RFC 4568 §6.3.7 lets the answerer ignore it
		default:
			return fmt.Errorf("%w: session parameter", ErrCryptoUnsupported)
		}
	}
	return nil
}

// String is the value of the a=crypto attribute. It contains the key: never log it.
func (s SDES) String() string {
	raw := make([]byte, 0, len(s.Key)+len(s.Salt))
	raw = append(append(raw, s.Key...), s.Salt...)
	return strconv.Itoa(s.Tag) + " " + s.Profile.String() + " inline:" + base64.StdEncoding.EncodeToString(raw)
}

// GenerateSDES makes a fresh random key for a profile.
func GenerateSDES(tag int, p Profile) SDES {
	k := p.KeyLen()
	raw := make([]byte, k+p.SaltLen())
	rand.Read(raw) // never fails: crypto/rand ends the process instead
	return SDES{Tag: tag, Profile: p, Key: raw[:k:k], Salt: raw[k:]}
}
