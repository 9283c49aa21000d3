// Package digest is SIP digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): a server that keeps no state for a challenge, and a
// client. Passwords, hashes and nonces never appear in errors or logs.
package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Errors of the parser and the client.
var (
	ErrSyntax    = errors.New("digest: malformed header")
	ErrAlgorithm = errors.New("digest: no algorithm in common")
)

// maxHeader bounds an Authorization or challenge header; real ones are below 1 KiB.
const maxHeader = 8 << 10

// algorithm is one hash of RFC 8760 §2.
type algorithm struct {
	name string
	hash func(parts ...string) string
}

var md5Algorithm = algorithm{"MD5", func(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}}

var sha256Algorithm = algorithm{"SHA-256", func(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}}

// algorithmByName finds an algorithm; no name means MD5 (RFC 7616 §3.3).
func algorithmByName(name string) (algorithm, bool) {
	switch {
	case name == "" || strings.EqualFold(name, "MD5"):
		return md5Algorithm, true
	case strings.EqualFold(name, "SHA-256"):
		return sha256Algorithm, true
	}
	return algorithm{}, false
}

// response computes the request digest of RFC 7616 §3.4.1, or with no qop that of RFC 2617 §3.2.2.1.
func (a algorithm) response(ha1, nonce, nc, cnonce, qop, method, uri string) string {
	ha2 := a.hash(method, uri)
	if qop == "" {
		return a.hash(ha1, nonce, ha2)
	}
	return a.hash(ha1, nonce, nc, cnonce, qop, ha2)
}

// Params is the content of an Authorization or WWW-Authenticate header with lower-case names.
type Params map[string]string

// Parse reads a header value of the scheme Digest.
func Parse(value string) (Params, error) {
	if len(value) > maxHeader {
		return nil, fmt.Errorf("%w: %d bytes", ErrSyntax, len(value))
	}
	scheme, rest, ok := strings.Cut(strings.TrimSpace(value), " ")
	if !ok || !strings.EqualFold(scheme, "Digest") {
		return nil, fmt.Errorf("%w: not Digest", ErrSyntax)
	}
	p := Params{}
	for rest = strings.TrimSpace(rest); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" {
			return nil, fmt.Errorf("%w: parameter without value", ErrSyntax)
		}
		v, after, err := parseValue(strings.TrimSpace(after))
		if err != nil {
			return nil, err
		}
		if _, twice := p[name]; twice {
			return nil, fmt.Errorf("%w: %s given twice", ErrSyntax, name)
		}
		p[name] = v
		rest = strings.TrimLeft(after, ", \t")
	}
	return p, nil
}

// parseValue reads a token or a quoted string and returns what follows it.
func parseValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ',')
		if end < 0 {
			return strings.TrimSpace(s), "", nil
		}
		return strings.TrimSpace(s[:end]), s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '"':
			rest := strings.TrimLeft(s[i+1:], " \t")
			if rest != "" && rest[0] != ',' {
				return "", "", fmt.Errorf("%w: text after a quoted string", ErrSyntax)
			}
			return b.String(), rest, nil
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("%w: open quoted string", ErrSyntax)
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quote writes a quoted string.
func quote(s string) string { return `"` + quoter.Replace(s) + `"` }
