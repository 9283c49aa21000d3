// Package digest is SIP digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): a server that keeps no state per challenge, and a client.
package digest

import "time"

// HA1 is where the secret of a user comes from: its password, or MD5(user:realm:password) in hex (FreeSWITCH's a1-hash).
type HA1 struct {
	Password string
	MD5      string
}

// Result says what an Authorization header proved.
type Result struct {
	OK    bool   // the user knows the secret and the nonce is fresh
	Stale bool   // the secret is right but the nonce is old: challenge again with stale=true
	User  string // who it claims to be
	Realm string
}

// Config is what a Server is made from.
type Config struct {
	Lifetime time.Duration // of a nonce; 0 = 60 s
	Secret   []byte        // key of the nonces; nil = random
	SHA256   bool          // offer SHA-256 after MD5
	Replays  int           // how many nonces are remembered with their counts; 0 = 65 536
}
