package profile

import (
	"net/netip"
	"strings"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// access is what the address of a request alone decides.
type access struct {
	trusted bool      // no password is asked for
	user    *identity // as whom, when a list of the directory's users held the address
	context string    // where the call goes instead of the profile's context
	refused bool      // 403
	list    string    // that decided
	gateway *gateway  // whose call it is
	known   bool      // and whose address it comes from
	looped  bool      // the profile called itself
}

// screen applies apply-inbound-acl (sofia_handle_sip_i_invite of sofia.c): the first list that allows the address lets the caller in
// without a password, as the user whose cidr it is if there is one. Others are asked for a password or, on a profile that asks nobody,
// refused, unless a list names a context for them.
func (p *Profile) screen(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile) access {
	if len(view.InboundACL) == 0 {
		return access{}
	}
	addr, port := origin(tx, snap, view)
	var a access
	for _, rule := range view.InboundACL {
		list, known := snap.ACL(rule.List)
		if known {
			if ok, token := list.Lookup(addr, port); ok {
				return access{trusted: true, user: userOf(snap, token), context: rule.Pass, list: rule.List}
			}
		}
		if rule.Fail != "" {
			a.context = rule.Fail
		}
		a.list = rule.List
	}
	a.refused = !view.AuthCalls && a.context == ""
	return a
}

// origin is the address that lists are asked about: the sender's, or behind a trusted proxy (apply-proxy-acl) the one X-AUTH-IP names.
func origin(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile) (netip.Addr, int) {
	remote := tx.Flow().RemoteAddr()
	addr, port := remote.Addr().Unmap(), int(remote.Port())
	if len(view.ProxyACL) == 0 {
		return addr, port
	}
	claimed, err := netip.ParseAddr(strings.TrimSpace(headerValue(tx.Request(), "X-AUTH-IP")))
	if err != nil {
		return addr, port
	}
	if ok, _ := snap.Allowed(view.ProxyACL, addr, port); ok {
		return claimed.Unmap(), 0
	}
	return addr, port
}

// userOf is the user whose address a list held.
func userOf(snap *config.Snapshot, token string) *identity {
	id, domain, ok := cutLast(token, "@")
	if !ok {
		return nil
	}
	u, ok := snap.Directory.User(id, domain)
	if !ok {
		return nil
	}
	return &identity{user: u, domain: u.Domain, realm: u.Domain, name: u.ID, byAddress: true}
}

// mayRegister says whether apply-register-acl lets an address try: every list must allow it.
func mayRegister(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile) bool {
	addr, port := origin(tx, snap, view)
	for _, name := range view.RegisterACL {
		if ok, _ := snap.Allowed([]string{name}, addr, port); !ok {
			return false
		}
	}
	return true
}

// userMayBeAt applies a user's auth-acl.
func userMayBeAt(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile, u *config.User) bool {
	name := u.AuthACL()
	if name == "" {
		return true
	}
	addr, port := origin(tx, snap, view)
	ok, _ := snap.Allowed([]string{name}, addr, port)
	return ok
}

// mediaIP is the address that a peer is told for media: ext-rtp-ip when it is outside, zero for the profile's own.
func mediaIP(snap *config.Snapshot, view *config.Profile, peer netip.Addr) netip.Addr {
	ext, err := netip.ParseAddr(view.ExtRTPIP)
	if err != nil || peer.IsValid() && isLocal(snap, view, peer) {
		return netip.Addr{}
	}
	return ext
}

// isLocal says whether a peer is in the profile's own network (local-network-acl), where ext-sip-ip is not our address.
func isLocal(snap *config.Snapshot, view *config.Profile, addr netip.Addr) bool {
	if view.LocalNetworkACL == "" {
		return false
	}
	list, ok := snap.ACL(view.LocalNetworkACL)
	return ok && list.Match(addr.Unmap())
}
