package digest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
)

// Client answers challenges and counts the uses of the nonce it was given last. Its zero value is ready.
type Client struct {
	mu    sync.Mutex // guards what follows
	nonce string
	nc    uint32
}

// Authorize makes the value of an Authorization or Proxy-Authorization header that answers a challenge header's value.
func (c *Client) Authorize(challenge, method, uri, user, password string) (string, error) {
	p, err := Parse(challenge)
	if err != nil {
		return "", err
	}
	a, ok := algorithmByName(p.Get("algorithm"))
	if !ok {
		return "", fmt.Errorf("%w: %q", ErrAlgorithm, p.Get("algorithm"))
	}
	nonce, realm := p.Get("nonce"), p.Get("realm")
	if nonce == "" {
		return "", fmt.Errorf("%w: no nonce", ErrSyntax)
	}
	qop, err := chooseQop(p.Get("qop"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Digest username=%s, realm=%s, nonce=%s, uri=%s", quote(user), quote(realm), quote(nonce), quote(uri))
	var nc, cnonce string
	if qop != "" {
		nc, cnonce = fmt.Sprintf("%08x", c.next(nonce)), randomHex()
	}
	ha1 := a.hash(user, realm, password)
	fmt.Fprintf(&b, ", response=%s, algorithm=%s", quote(a.response(ha1, nonce, nc, cnonce, qop, method, uri)), a)
	if qop != "" {
		fmt.Fprintf(&b, ", qop=%s, nc=%s, cnonce=%s", qop, nc, quote(cnonce))
	}
	if opaque, ok := p.Lookup("opaque"); ok {
		fmt.Fprintf(&b, ", opaque=%s", quote(opaque))
	}
	return b.String(), nil
}

// chooseQop takes auth out of the offered list; auth-int alone cannot be served.
func chooseQop(offered string) (string, error) {
	if offered == "" {
		return "", nil
	}
	for q := range strings.SplitSeq(offered, ",") {
		if strings.EqualFold(strings.TrimSpace(q), "auth") {
			return "auth", nil
		}
	}
	return "", fmt.Errorf("%w: qop %q", ErrAlgorithm, offered)
}

func (c *Client) next(nonce string) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if nonce != c.nonce {
		c.nonce, c.nc = nonce, 0
	}
	c.nc++
	return c.nc
}

func randomHex() string {
	b := make([]byte, 8)
	rand.Read(b) //nolint:errcheck // never fails
	return hex.EncodeToString(b)
}
