package profile

import (
	"slices"
	"strings"
	"sync"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/digest"
)

// credentials are a name and password at somebody else's server.
type credentials struct {
	user, password string
	realms         []string // whose challenges are answered; none: any realm's
}

// credentials are those that calls by the gateway answer challenges with. Once it has registered, only challenges in the realm that it registered in
// count, and in the one the tree names: a provider passes on what a callee behind it asks, and that is not the provider.
func (g *gateway) credentials() credentials {
	c := credentials{user: g.cfg.AuthUsername, password: g.cfg.Password}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.realm != "" {
		c.realms = []string{g.realm, g.cfg.Realm}
	}
	return c
}

// answer is the header that answers a challenge: the first in a realm that counts whose algorithm is known.
func (c credentials) answer(client *digest.Client, res *sip.Response, method, uri string) (sip.Header, bool) {
	challenge, name := "WWW-Authenticate", "Authorization"
	switch res.StatusCode {
	case 401:
	case 407:
		challenge, name = "Proxy-Authenticate", "Proxy-Authorization"
	default:
		return nil, false
	}
	if c.user == "" || c.password == "" {
		return nil, false
	}
	for h := range sip.FindHeaders(res, challenge) {
		if len(c.realms) > 0 && !slices.Contains(c.realms, realmOf(h)) {
			continue
		}
		if v, err := client.Authorize(h.Value(), method, uri, c.user, c.password); err == nil {
			return sip.NewHeader(name, v), true
		}
	}
	return nil, false
}

// realmOf is the realm of a challenge or of its answer.
func realmOf(h sip.Header) string {
	params, err := digest.Parse(h.Value())
	if err != nil {
		return ""
	}
	return params.Get("realm")
}

// prove lets challenges in a dialog be answered with the credentials, if there are any.
func (c credentials) prove(s *sip.Session) {
	if c.user == "" || c.password == "" {
		return
	}
	var mu sync.Mutex
	var client digest.Client
	s.SetAuthorizer(func(challenge *sip.Response, method, uri string) (sip.Header, bool) {
		mu.Lock()
		defer mu.Unlock()
		return c.answer(&client, challenge, method, uri)
	})
}

// stale says whether a challenge repeats itself only because its nonce is too old.
func stale(res *sip.Response) bool {
	if res.StatusCode != 401 && res.StatusCode != 407 {
		return false
	}
	for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
		for h := range sip.FindHeaders(res, name) {
			if f, err := digest.Parse(h.Value()); err == nil && strings.EqualFold(f.Get("stale"), "true") {
				return true
			}
		}
	}
	return false
}
