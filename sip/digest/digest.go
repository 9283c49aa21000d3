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

// algorithm is one hash of RFC 8760 §2, by its name.
type algorithm string

const (
	md5Algorithm    algorithm = "MD5"
	sha256Algorithm algorithm = "SHA-256"
)

// algorithmByName finds an algorithm; no name means MD5 (RFC 7616 §3.3).
func algorithmByName(name string) (algorithm, bool) {
	switch {
	case name == "" || strings.EqualFold(name, string(md5Algorithm)):
		return md5Algorithm, true
	case strings.EqualFold(name, string(sha256Algorithm)):
		return sha256Algorithm, true
	}
	return "", false
}

// hash gives the hash of the parts with colons between them, in hex.
func (a algorithm) hash(parts ...string) string {
	var buf [512]byte
	text := buf[:0]
	for i, p := range parts {
		if i > 0 {
			text = append(text, ':')
		}
		text = append(text, p...)
	}
	var out [2 * sha256.Size]byte
	if a == sha256Algorithm {
		sum := sha256.Sum256(text)
		return string(out[:hex.Encode(out[:], sum[:])])
	}
	sum := md5.Sum(text)
	return string(out[:hex.Encode(out[:], sum[:])])
}

// response computes the request digest of RFC 7616 §3.4.1, or with no qop that of RFC 2617 §3.2.2.1.
func (a algorithm) response(ha1, nonce, nc, cnonce, qop, method, uri string) string {
	ha2 := a.hash(method, uri)
	if qop == "" {
		return a.hash(ha1, nonce, ha2)
	}
	return a.hash(ha1, nonce, nc, cnonce, qop, ha2)
}

// Params is the content of an Authorization or WWW-Authenticate header, in its order.
type Params []Param

// Param is a parameter; Name is in lower case.
type Param struct{ Name, Value string }

// Get gives the value of a parameter by its name in lower case, "" when it is missing.
func (p Params) Get(name string) string {
	v, _ := p.Lookup(name)
	return v
}

// Lookup gives the value of a parameter and whether it is there.
func (p Params) Lookup(name string) (string, bool) {
	for i := range p {
		if p[i].Name == name {
			return p[i].Value, true
		}
	}
	return "", false
}

// Parse reads a header value of the scheme Digest.
func Parse(value string) (Params, error) {
	if len(value) > maxHeader {
		return nil, fmt.Errorf("%w: %d bytes", ErrSyntax, len(value))
	}
	scheme, rest, ok := strings.Cut(strings.TrimSpace(value), " ")
	if !ok || !strings.EqualFold(scheme, "Digest") {
		return nil, fmt.Errorf("%w: not Digest", ErrSyntax)
	}
	p := make(Params, 0, 12)
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
		if _, twice := p.Lookup(name); twice {
			return nil, fmt.Errorf("%w: %s given twice", ErrSyntax, name)
		}
		if len(p) >= maxParams {
			return nil, fmt.Errorf("%w: more than %d parameters", ErrSyntax, maxParams)
		}
		p = append(p, Param{name, v})
		rest = strings.TrimLeft(after, ", \t")
	}
	return p, nil
}

// maxParams bounds the parameters of a header; RFC 7616 knows a dozen.
const maxParams = 64

// parseValue reads a token or a quoted string and returns what follows it.
func parseValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ',')
		if end < 0 {
			return strings.TrimSpace(s), "", nil
		}
		return strings.TrimSpace(s[:end]), s[end:], nil
	}
	value, rest, err = parseQuoted(s[1:])
	if err != nil {
		return "", "", err
	}
	rest = strings.TrimLeft(rest, " \t")
	if rest != "" && rest[0] != ',' {
		return "", "", fmt.Errorf("%w: text after a quoted string", ErrSyntax)
	}
	return value, rest, nil
}

// parseQuoted reads what stands behind an opening quote and returns what follows the closing one.
func parseQuoted(s string) (value, rest string, err error) {
	end := strings.IndexAny(s, `"\`)
	if end >= 0 && s[end] == '"' { // nothing is escaped
		return s[:end], s[end+1:], nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '"':
			return b.String(), s[i+1:], nil
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("%w: open quoted string", ErrSyntax)
}

// quote writes a quoted string.
func quote(s string) string { return string(appendQuoted(nil, s)) }

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
