package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"
)

// HA1 is the secret of a user: its password, or MD5(user:realm:password) in hex (FreeSWITCH's a1-hash), which serves MD5 only.
type HA1 struct {
	Password string
	MD5      string
}

// Lookup finds the secret of a user as the client wrote its name.
type Lookup func(user, realm string) (HA1, bool)

// Result says what an Authorization header proved.
type Result struct {
	OK    bool   // the client knows the secret and the nonce is good
	Stale bool   // the client knows the secret but the nonce is old, used up or not ours: challenge again with stale
	User  string // the name the client claims, whether OK or not
	Realm string
	URI   string // what the client says it asks for; it is part of the proof, but whether it fits the request is the caller's question
}

// Config is what a Server is made from; its zero value is useful.
type Config struct {
	Lifetime time.Duration // of a nonce; 0 = 60 s
	Secret   []byte        // key that signs nonces; nil = random
	SHA256   bool          // offer SHA-256 too, after MD5: a client that knows only MD5 and looks at the last challenge would fail
	Replays  int           // how many nonces in use are remembered at once; 0 = 100 000
}

// Server challenges and verifies. A nonce carries its time, to whom it was given and an HMAC, so a challenge costs no memory; only
// nonces that proved a password are remembered, for their lifetime, with the request counts seen (RFC 7616 §3.4: replay protection by
// nc).
type Server struct {
	lifetime time.Duration
	sha256   bool
	limit    int
	macs     sync.Pool // of *mac

	mu       sync.Mutex // guards what follows
	current  map[nonceKey]window
	previous map[nonceKey]window
	rotated  time.Time
}

// nonceKey is what makes a nonce one of a kind: its HMAC.
type nonceKey [signLength]byte

// window remembers which of the last 64 nonce counts were seen.
type window struct {
	highest uint32
	seen    uint64
}

// New makes a Server.
func New(cfg Config) *Server {
	s := &Server{lifetime: cfg.Lifetime, sha256: cfg.SHA256, limit: cfg.Replays, current: map[nonceKey]window{}}
	if s.lifetime <= 0 {
		s.lifetime = time.Minute
	}
	if s.limit <= 0 {
		s.limit = 100_000
	}
	secret := cfg.Secret
	if len(secret) == 0 {
		secret = make([]byte, 32)
		rand.Read(secret) //nolint:errcheck // never fails (crypto/rand documentation)
	}
	s.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, secret)} }
	s.rotated = time.Now()
	return s
}

// Challenge returns the values of the WWW-Authenticate (401) or Proxy-Authenticate (407) headers to send, in order. source is what
// Claim.Source tells apart: an address, "" when it does not matter. FreeSWITCH's order of parameters is kept: some phones look for it.
func (s *Server) Challenge(realm, source string, stale bool) []string {
	var buf [2 * nonceLength]byte
	nonce := s.appendNonce(buf[:0], realm, source, time.Now())
	values := []string{challenge(md5Algorithm, realm, nonce, stale)}
	if s.sha256 {
		values = append(values, challenge(sha256Algorithm, realm, nonce, stale))
	}
	return values
}

func challenge(a algorithm, realm string, nonce []byte, stale bool) string {
	var buf [256]byte
	b := appendQuoted(append(buf[:0], "Digest realm="...), realm)
	b = append(append(append(b, `, nonce="`...), nonce...), '"')
	if stale {
		b = append(b, ", stale=true"...)
	}
	b = append(append(b, ", algorithm="...), a...)
	return string(append(b, `, qop="auth"`...))
}

// Claim is an Authorization or Proxy-Authorization header that was read; Verify says whether it is true.
type Claim struct {
	User, Realm, URI string
	// Fresh: we made the nonce for this realm within its lifetime. Source is then a tag of the source it was made for: equal sources have equal
	// tags. A sender's address can be forged, this cannot: only who received the challenge knows the nonce.
	Fresh  bool
	Source string

	params Params
	nonce  nonceKey
}

// Read takes a header apart and checks its nonce.
func (s *Server) Read(header string) (Claim, error) {
	p, err := Parse(header)
	if err != nil {
		return Claim{}, err
	}
	c := Claim{User: p.Get("username"), Realm: p.Get("realm"), URI: p.Get("uri"), params: p}
	s.issued(&c, p.Get("nonce"))
	return c, nil
}

// issued checks the nonce of a claim.
func (s *Server) issued(c *Claim, nonce string) {
	var raw [nonceLength]byte
	if base64.RawURLEncoding.DecodedLen(len(nonce)) != nonceLength {
		return
	}
	if n, err := base64.RawURLEncoding.Decode(raw[:], []byte(nonce)); err != nil || n != nonceLength {
		return
	}
	signed := s.sign(raw[:nonceSigned], c.Realm)
	c.nonce = nonceKey(raw[nonceSigned:])
	if !hmac.Equal(signed[:], c.nonce[:]) {
		return
	}
	age := time.Since(time.UnixMilli(int64(binary.BigEndian.Uint64(raw[:]))))
	c.Source, c.Fresh = string(raw[nonceSource:nonceSigned]), age >= -time.Second && age <= s.lifetime
}

// Verify checks a claim against the method of its request. An unknown user costs the same time as a wrong password.
func (s *Server) Verify(c *Claim, method string, lookup Lookup) Result {
	p := c.params
	r := Result{User: c.User, Realm: c.Realm}
	a, ok := algorithmByName(p.Get("algorithm"))
	if !ok || (a == sha256Algorithm && !s.sha256) {
		return r
	}
	qop := p.Get("qop")
	if c.URI == "" || qop != "" && qop != "auth" {
		return r
	}
	r.URI = c.URI
	secret, known := lookup(r.User, r.Realm)
	ha1 := a.hash(r.User, r.Realm, secret.Password)
	if a == md5Algorithm && secret.MD5 != "" {
		ha1 = strings.ToLower(secret.MD5)
	} else if secret.Password == "" {
		known = false // an empty password never authenticates
	}
	want := a.response(ha1, p.Get("nonce"), p.Get("nc"), p.Get("cnonce"), qop, method, c.URI)
	same := subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(p.Get("response")))) == 1
	if !same || !known {
		return r
	}
	r.OK = c.Fresh && s.count(c.nonce, qop, p.Get("nc"), time.Now())
	r.Stale = !r.OK
	return r
}

// Lengths of a nonce's parts.
const (
	nonceSource = 16              // offset of the source's tag, after time and random
	nonceSigned = nonceSource + 8 // what the HMAC covers
	signLength  = 16
	nonceLength = nonceSigned + signLength
)

// appendNonce writes base64(time ‖ random ‖ tag of source ‖ HMAC(time ‖ random ‖ tag ‖ realm)).
func (s *Server) appendNonce(b []byte, realm, source string, now time.Time) []byte {
	var raw [nonceLength]byte
	binary.BigEndian.PutUint64(raw[:], uint64(now.UnixMilli()))
	rand.Read(raw[8:nonceSource]) //nolint:errcheck // never fails
	tag := s.sign([]byte("source"), source)
	copy(raw[nonceSource:nonceSigned], tag[:])
	signed := s.sign(raw[:nonceSigned], realm)
	copy(raw[nonceSigned:], signed[:])
	return base64.RawURLEncoding.AppendEncode(b, raw[:])
}

// mac is an HMAC with the server's key and room for what goes in and comes out.
type mac struct {
	hash.Hash
	buf []byte
}

func (s *Server) sign(raw []byte, text string) nonceKey {
	m := s.macs.Get().(*mac)
	defer s.macs.Put(m)
	m.Reset()
	m.buf = append(append(m.buf[:0], raw...), text...)
	m.Write(m.buf)
	m.buf = m.Sum(m.buf[:0])
	return nonceKey(m.buf[:signLength])
}

// count takes note of one use of a nonce and reports whether it is the first with this count. Without qop there is no count: such a
// nonce serves once.
func (s *Server) count(nonce nonceKey, qop, ncText string, now time.Time) bool {
	nc := uint64(1)
	if qop != "" {
		var err error
		if nc, err = strconv.ParseUint(ncText, 16, 32); err != nil || nc == 0 {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.rotated) > s.lifetime {
		s.previous, s.current, s.rotated = s.current, map[nonceKey]window{}, now
	}
	w, known := s.current[nonce]
	if !known {
		w = s.previous[nonce]
		if len(s.current) >= s.limit {
			return false // full: the client gets a new challenge; only users with a password can fill it
		}
	}
	first := w.use(uint32(nc))
	s.current[nonce] = w
	return first
}

// use marks a count as seen and reports whether it was not; counts more than 63 below the highest are taken as seen.
func (w *window) use(nc uint32) bool {
	if nc > w.highest {
		w.seen = w.seen<<min(64, nc-w.highest) | 1
		w.highest = nc
		return true
	}
	back := w.highest - nc
	if back > 63 || w.seen&(1<<back) != 0 {
		return false
	}
	w.seen |= 1 << back
	return true
}
