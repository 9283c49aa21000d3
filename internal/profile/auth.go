package profile

import (
	"net/url"
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
	// byAddress: an access list vouched for the address; there was no password.
	byAddress bool
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
	server := p.digest.Load()
	claim := readClaim(server, req, proxy)
	name := claim.User
	if name == "" { // none, or none that can be read
		p.emitAuth("pre_register", tx, domain, "", "", "")
		p.challenge(tx, view, proxy, false)
		return nil
	}
	// Who has a nonce that is old or not ours is asked again, whatever the password: otherwise guesses would be free.
	source, fresh := claim.Source, claim.Fresh
	locked := fresh && p.lock.locked(source, name) && !p.registeredHere(snap, tx.Flow(), name, domain)
	var found *config.User
	result := digest.Result{User: name, Realm: claim.Realm, Stale: !fresh}
	if fresh && !locked {
		result = server.Verify(&claim, string(req.Method), func(name, _ string) (digest.HA1, bool) {
			u, ok := snap.Directory.User(name, domain)
			if !ok {
				return digest.HA1{}, false
			}
			found = u
			return digest.HA1{Password: u.Password(), MD5: u.A1Hash()}, true
		})
	}
	switch {
	case result.Stale:
		p.emitAuth("register_attempt", tx, domain, result.User, result.Realm, "STALE")
		p.emitAuth("pre_register", tx, domain, "", "", "")
		p.challenge(tx, view, proxy, true)
		return nil
	case result.OK && found != nil && sameUser(result.URI, &req.Recipient) && p.same(snap, found, claimed, domain) &&
		userMayBeAt(tx, snap, view, found):
		p.lock.succeeded(source, name)
		p.emitAuth("register_attempt", tx, domain, result.User, result.Realm, "RENEWED")
		return &identity{user: found, domain: found.Domain, realm: result.Realm, name: result.User}
	}
	if !locked { // a phone that keeps asking while it is locked must not prolong that
		lock := p.lock.failed(source, name)
		p.log.Warn("wrong credentials", "method", string(req.Method), "user", name, "peer", tx.Flow().RemoteAddr(), "locked", lock)
	}
	p.refusals.credentials.Add(1)
	if locked {
		p.refusals.locked.Add(1)
	}
	p.emitAuth("register_attempt", tx, domain, result.User, result.Realm, "FORBIDDEN")
	p.emitFailure(tx, domain)
	_ = tx.Refuse(403, "") // as a challenge: guesses leave nothing behind
	return nil
}

// registeredHere says whether a user is registered on the very connection a request comes by, which proves the password: guessing by
// somebody behind the same address locks out nobody who is already there. Datagrams prove nothing, since their source can be forged.
func (p *Profile) registeredHere(snap *config.Snapshot, f *sip.Flow, name, domain string) bool {
	u, ok := snap.Directory.User(name, domain)
	if !ok || !f.Reliable() {
		return false
	}
	for _, b := range p.cfg.Registrar.Lookup(u.ID, u.Domain) {
		if b.FlowID == f.ID() {
			return true
		}
	}
	return false
}

// sameUser compares the URI in a digest with the Request-URI (RFC 7616 §3.4.6): what was proved for one number must not serve to dial
// another. Hosts, ports and parameters are not compared, since clients and proxies differ in them; FreeSWITCH compares nothing.
func sameUser(digestURI string, target *sip.Uri) bool {
	if target.User == "" {
		return true
	}
	u, err := sip.ParseURI(digestURI)
	if err != nil || u.User == "" {
		return true
	}
	a, errA := url.PathUnescape(u.User)
	b, errB := url.PathUnescape(target.User)
	return u.User == target.User || errA == nil && errB == nil && a == b
}

// same says whether the address claimed in the request is the authenticated user's own: nobody registers or calls as another.
func (p *Profile) same(snap *config.Snapshot, u *config.User, claimed, domain string) bool {
	c, ok := snap.Directory.User(claimed, domain)
	return ok && c.ID == u.ID && c.Domain == u.Domain
}

// challenge answers 401 or 407, and keeps nothing of who was asked.
func (p *Profile) challenge(tx *sip.ServerTx, view *config.Profile, proxy, stale bool) {
	status, name := 401, "WWW-Authenticate"
	if proxy {
		status, name = 407, "Proxy-Authenticate"
	}
	var hs []sip.Header
	for _, v := range p.digest.Load().Challenge(p.realm(tx.Request(), view), sourceKey(tx.Flow()), stale) {
		hs = append(hs, sip.NewHeader(name, v))
	}
	if err := tx.Refuse(status, "", hs...); err != nil {
		p.log.Debug("challenge not sent", "peer", tx.Flow().RemoteAddr(), "err", err)
	}
}

// readClaim finds the digest of a request: the one that answers a challenge of ours, else the first. Clients answer a 407 with
// Proxy-Authorization, some with the other one.
func readClaim(server *digest.Server, req *sip.Request, proxy bool) (first digest.Claim) {
	names := [...]string{"authorization", "proxy-authorization"}
	if proxy {
		names[0], names[1] = names[1], names[0]
	}
	found := false
	for _, name := range names {
		for h := range sip.FindHeaders(req, name) {
			c, err := server.Read(h.Value())
			switch {
			case err != nil:
			case c.Fresh:
				return c
			case !found:
				first, found = c, true
			}
		}
	}
	return first
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
