package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
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
	secret   []byte
	sha256   bool
	limit    int

	mu       sync.Mutex // guards what follows
	current  map[string]*window
	previous map[string]*window
	rotated  time.Time
}

// window remembers which of the last 64 nonce counts were seen.
type window struct {
	highest uint32
	seen    uint64
}

// New makes a Server.
func New(cfg Config) *Server {
	s := &Server{lifetime: cfg.Lifetime, secret: cfg.Secret, sha256: cfg.SHA256, limit: cfg.Replays, current: map[string]*window{}}
	if s.lifetime <= 0 {
		s.lifetime = time.Minute
	}
	if s.limit <= 0 {
		s.limit = 100_000
	}
	if len(s.secret) == 0 {
		s.secret = make([]byte, 32)
		rand.Read(s.secret) //nolint:errcheck // never fails (crypto/rand documentation)
	}
	s.rotated = time.Now()
	return s
}

// Challenge returns the values of the WWW-Authenticate (401) or Proxy-Authenticate (407) headers to send, in order. source is what
// Issued tells apart: an address, "" when it does not matter. FreeSWITCH's order of parameters is kept: some phones look for it.
func (s *Server) Challenge(realm, source string, stale bool) []string {
	nonce := s.nonce(realm, source, time.Now())
	algorithms := []algorithm{md5Algorithm}
	if s.sha256 {
		algorithms = append(algorithms, sha256Algorithm)
	}
	var values []string
	for _, a := range algorithms {
		var b strings.Builder
		b.WriteString("Digest realm=" + quote(realm) + ", nonce=" + quote(nonce))
		if stale {
			b.WriteString(", stale=true")
		}
		b.WriteString(", algorithm=" + a.name + `, qop="auth"`)
		values = append(values, b.String())
	}
	return values
}

// Verify checks the value of an Authorization or Proxy-Authorization header against the method of its request. An unknown user costs
// the same time as a wrong password.
func (s *Server) Verify(header, method string, lookup Lookup) Result {
	p, err := Parse(header)
	if err != nil {
		return Result{}
	}
	r := Result{User: p["username"], Realm: p["realm"]}
	a, ok := algorithmByName(p["algorithm"])
	if !ok || (a.name == sha256Algorithm.name && !s.sha256) {
		return r
	}
	qop := p["qop"]
	if p["uri"] == "" || qop != "" && qop != "auth" {
		return r
	}
	r.URI = p["uri"]
	secret, known := lookup(r.User, r.Realm)
	ha1 := a.hash(r.User, r.Realm, secret.Password)
	if a.name == md5Algorithm.name && secret.MD5 != "" {
		ha1 = strings.ToLower(secret.MD5)
	} else if secret.Password == "" {
		known = false // an empty password never authenticates
	}
	want := a.response(ha1, p["nonce"], p["nc"], p["cnonce"], qop, method, p["uri"])
	same := subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(p["response"]))) == 1
	if !same || !known {
		return r
	}
	_, fresh := s.Issued(p["nonce"], r.Realm)
	r.OK = fresh && s.count(p["nonce"], qop, p["nc"], time.Now())
	r.Stale = !r.OK
	return r
}

// Lengths of a nonce's parts.
const (
	nonceSource = 16              // offset of the source's tag, after time and random
	nonceSigned = nonceSource + 8 // what the HMAC covers
	nonceLength = nonceSigned + 16
)

// nonce makes base64(time ‖ random ‖ tag of source ‖ HMAC(time ‖ random ‖ tag ‖ realm)).
func (s *Server) nonce(realm, source string, now time.Time) string {
	raw := make([]byte, nonceSource, nonceLength)
	binary.BigEndian.PutUint64(raw, uint64(now.UnixMilli()))
	rand.Read(raw[8:nonceSource]) //nolint:errcheck // never fails
	raw = append(raw, s.sign([]byte("source"), source)[:nonceSigned-nonceSource]...)
	return base64.RawURLEncoding.EncodeToString(append(raw, s.sign(raw, realm)...))
}

func (s *Server) sign(raw []byte, text string) []byte {
	m := hmac.New(sha256.New, s.secret)
	m.Write(raw)
	m.Write([]byte(text))
	return m.Sum(nil)[:16]
}

// Issued reports whether we made the nonce for this realm within its lifetime, and gives a tag of the source it was made for: equal
// sources have equal tags. A sender's address can be forged, this cannot: only who received the challenge knows the nonce.
func (s *Server) Issued(nonce, realm string) (tag string, fresh bool) {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != nonceLength || !hmac.Equal(raw[nonceSigned:], s.sign(raw[:nonceSigned], realm)) {
		return "", false
	}
	age := time.Since(time.UnixMilli(int64(binary.BigEndian.Uint64(raw))))
	return string(raw[nonceSource:nonceSigned]), age >= -time.Second && age <= s.lifetime
}

// count takes note of one use of a nonce and reports whether it is the first with this count. Without qop there is no count: such a
// nonce serves once.
func (s *Server) count(nonce, qop, ncText string, now time.Time) bool {
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
		s.previous, s.current, s.rotated = s.current, map[string]*window{}, now
	}
	w := s.current[nonce]
	if w == nil {
		if w = s.previous[nonce]; w == nil {
			w = &window{}
		}
		if len(s.current) >= s.limit {
			return false // full: the client gets a new challenge; only users with a password can fill it
		}
		s.current[nonce] = w
	}
	return w.use(uint32(nc))
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
