package profile

import (
	"strings"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/digest"
)

// identity is a user who proved the password.
type identity struct {
	user   *config.User
	domain string // the directory domain
	realm  string
	name   string // as it stands in the digest
}

// authenticate challenges or verifies a request and answers it itself unless it returns an identity. proxy chooses 407 over 401:
// FreeSWITCH challenges everything but REGISTER with 407.
func (p *Profile) authenticate(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile, proxy bool) *identity {
	req := tx.Request()
	from, to := req.From(), req.To()
	claimed, host := from.Address.User, from.Address.Host
	if !proxy {
		claimed, host = to.Address.User, to.Address.Host
	}
	domain := p.domain(snap, view, host)
	header := credentials(req, proxy)
	claimedName := digestUser(header)
	if claimedName == "" { // none, or none that can be read
		p.emitAuth("pre_register", tx, domain, "", "", "")
		p.challenge(tx, view, proxy, false)
		return nil
	}
	addr := tx.Flow().RemoteAddr().Addr()
	var found *config.User
	result := digest.Result{}
	verify := func(name, realm string) (digest.HA1, bool) {
		if u, ok := snap.Directory.User(name, domain); ok {
			found = u
			return digest.HA1{Password: u.Password(), MD5: u.A1Hash()}, true
		}
		return digest.HA1{}, false
	}
	if p.lock.locked(addr, claimedName) {
		result.User = claimedName
	} else {
		result = p.digest.Verify(header, string(req.Method), verify)
	}
	switch {
	case result.Stale:
		p.emitAuth("register_attempt", tx, domain, result.User, result.Realm, "STALE")
		p.emitAuth("pre_register", tx, domain, "", "", "")
		p.challenge(tx, view, proxy, true)
		return nil
	case result.OK && found != nil && p.same(snap, found, claimed, domain):
		p.lock.succeeded(addr, result.User)
		p.emitAuth("register_attempt", tx, domain, result.User, result.Realm, "RENEWED")
		return &identity{user: found, domain: found.Domain, realm: result.Realm, name: result.User}
	}
	lock := p.lock.failed(addr, result.User)
	p.log.Warn("wrong credentials", "method", string(req.Method), "user", result.User, "peer", tx.Flow().RemoteAddr(), "locked", lock)
	p.emitAuth("register_attempt", tx, domain, result.User, result.Realm, "FORBIDDEN")
	p.emitFailure(tx, domain)
	p.respond(tx, 403, "")
	return nil
}

// same says whether the address claimed in the request is the authenticated user's own: nobody registers or calls as another.
func (p *Profile) same(snap *config.Snapshot, u *config.User, claimed, domain string) bool {
	c, ok := snap.Directory.User(claimed, domain)
	return ok && c.ID == u.ID && c.Domain == u.Domain
}

// challenge answers 401 or 407.
func (p *Profile) challenge(tx *sip.ServerTx, view *config.Profile, proxy, stale bool) {
	status, name := 401, "WWW-Authenticate"
	if proxy {
		status, name = 407, "Proxy-Authenticate"
	}
	var hs []sip.Header
	for _, v := range p.digest.Challenge(p.realm(tx.Request(), view), stale) {
		hs = append(hs, sip.NewHeader(name, v))
	}
	p.respond(tx, status, "", hs...)
}

// credentials finds the digest of a request. Clients answer a 407 with Proxy-Authorization, some with the other one.
func credentials(req *sip.Request, proxy bool) string {
	names := []string{"Authorization", "Proxy-Authorization"}
	if proxy {
		names = []string{"Proxy-Authorization", "Authorization"}
	}
	for _, n := range names {
		if h := req.GetHeader(n); h != nil {
			return h.Value()
		}
	}
	return ""
}

// digestUser reads the user name out of credentials.
func digestUser(header string) string {
	fields, err := digest.Parse(header)
	if err != nil {
		return ""
	}
	return fields["username"]
}

// realm is what the challenge names: challenge-realm of the profile.
func (p *Profile) realm(req *sip.Request, view *config.Profile) string {
	realm := view.ChallengeRealm
	switch {
	case realm == "auto_to":
		realm = req.To().Address.Host
	case realm == "auto_from" || realm == "":
		realm = req.From().Address.Host
	}
	if realm == "" || strings.ContainsAny(realm, "\"\\\r\n\x00") || len(realm) > 255 {
		return "talkpath"
	}
	return realm
}

// domain maps the host a client uses to a domain of the directory. With force-register-domain it is always that one, as in
// FreeSWITCH; without, an unknown host means the only or the default domain: browsers take it from the address of the WebSocket.
func (p *Profile) domain(snap *config.Snapshot, view *config.Profile, host string) string {
	if view.ForceRegisterDomain != "" {
		return strings.ToLower(view.ForceRegisterDomain)
	}
	if d, ok := snap.Directory.Domain(host); ok {
		return strings.ToLower(d.Name)
	}
	if d, ok := snap.Directory.Domain(snap.Vars["domain"]); ok {
		return strings.ToLower(d.Name)
	}
	if all := snap.Directory.Domains(); len(all) == 1 {
		return strings.ToLower(all[0].Name)
	}
	return strings.ToLower(host)
}
