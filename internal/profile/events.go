package profile

import (
	"strconv"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// The CUSTOM events of mod_sofia's registrar, with its headers in its order (sofia_reg.c of FreeSWITCH 1.11.2, as recorded).

func (p *Profile) emit(subclass string, hs [][2]string) { p.cfg.Events("sofia::"+subclass, hs) }

// wanted says whether an event is worth building.
func (p *Profile) wanted(subclass string) bool {
	return p.cfg.Events != nil && (p.cfg.Wants == nil || p.cfg.Wants("sofia::"+subclass))
}

// emitAuth tells of a challenge (pre_register, no user) or of its answer (register_attempt); both come for every method. FreeSWITCH
// names the To header from-… and the From header to-… there.
func (p *Profile) emitAuth(subclass string, tx *sip.ServerTx, domain, user, realm, result string) {
	if !p.wanted(subclass) {
		return
	}
	req, remote := tx.Request(), tx.Flow().RemoteAddr()
	contact, nat := requestContact(tx)
	status := registrar.Binding{Transport: tx.Flow().Transport(), Remote: remote, ContactHost: contactHost(req)}
	if !nat {
		status.ContactHost = remote.String()
	}
	expires := "300"
	if h := req.GetHeader("Expires"); h != nil {
		expires = h.Value()
	} else if c := req.Contact(); c != nil {
		if v, ok := c.Params.Get("expires"); ok {
			expires = v
		}
	}
	hs := [][2]string{
		{"profile-name", p.cfg.Name},
		{"from-user", req.To().Address.User}, {"from-host", domain},
		{"contact", `"" <` + contact + ">"},
		{"call-id", callID(req)},
		{"rpid", "unknown"},
		{"status", status.Status()},
		{"expires", expires},
		{"to-user", req.From().Address.User}, {"to-host", domain},
		{"network-ip", remote.Addr().Unmap().String()}, {"network-port", strconv.Itoa(int(remote.Port()))},
	}
	if subclass == "register_attempt" {
		hs = append(hs, [2]string{"username", orUnknown(user)}, [2]string{"realm", orUnknown(realm)})
	}
	hs = append(hs, [2]string{"user-agent", orUnknown(headerValue(req, "User-Agent"))})
	if subclass == "register_attempt" {
		hs = append(hs, [2]string{"auth-result", result})
	}
	p.emit(subclass, hs)
}

func (p *Profile) emitFailure(tx *sip.ServerTx, domain string) {
	if !p.wanted("register_failure") {
		return
	}
	req, remote := tx.Request(), tx.Flow().RemoteAddr()
	p.emit("register_failure", [][2]string{
		{"profile-name", p.cfg.Name},
		{"to-user", req.To().Address.User}, {"to-host", domain},
		{"network-ip", remote.Addr().Unmap().String()},
		{"user-agent", orUnknown(headerValue(req, "User-Agent"))},
		{"network-port", strconv.Itoa(int(remote.Port()))},
		{"registration-type", string(req.Method)},
	})
}

// registration passes what happened to a binding of this profile on. It is called by the registrar.
func (p *Profile) registration(ev registrar.Event) {
	b := &ev.Binding
	if b.Profile != p.cfg.Name {
		return
	}
	switch {
	case ev.Type == registrar.Registered || ev.Type == registrar.Refreshed:
		if p.wanted("register") {
			p.emitRegister(b)
		}
	case ev.Type == registrar.Unregistered:
		if p.wanted("unregister") {
			p.emitUnregister(b)
		}
	case p.wanted("expire"): // ran out, connection closed, or pushed out by newer ones
		p.emitExpire(b)
	}
}

func (p *Profile) emitExpire(b *registrar.Binding) {
	p.emit("expire", [][2]string{
		{"profile-name", p.cfg.Name},
		{"call-id", b.CallID},
		{"user", b.User}, {"username", b.User}, {"host", b.Domain},
		{"contact", `"" <` + b.URI() + ">"},
		{"expires", strconv.FormatInt(b.Deadline.Unix(), 10)},
		{"user-agent", orUnknown(b.UserAgent)},
		{"realm", b.Domain},
		{"network-ip", b.Remote.Addr().Unmap().String()}, {"network-port", strconv.Itoa(int(b.Remote.Port()))},
	})
}

func (p *Profile) emitRegister(b *registrar.Binding) {
	hs := [][2]string{
		{"profile-name", p.cfg.Name},
		{"from-user", b.User}, {"from-host", b.Domain},
		{"presence-hosts", b.Domain + "," + b.Domain},
		{"contact", `"" <` + b.URI() + ">"},
		{"call-id", b.CallID},
		{"rpid", "unknown"},
		{"status", b.Status()},
		{"expires", strconv.Itoa(int(b.Granted.Seconds()))},
		{"to-user", b.User}, {"to-host", b.Domain},
		{"network-ip", b.Remote.Addr().Unmap().String()}, {"network-port", strconv.Itoa(int(b.Remote.Port()))},
		{"username", b.User}, {"realm", b.Domain},
		{"user-agent", orUnknown(b.UserAgent)},
	}
	p.emit("register", append(hs, p.userHeaders(b)...))
}

func (p *Profile) emitUnregister(b *registrar.Binding) {
	hs := [][2]string{
		{"profile-name", p.cfg.Name},
		{"username", b.User},
		{"from-user", b.User}, {"from-host", b.Domain},
		{"contact", `"" <` + b.URI() + ">"},
		{"call-id", b.CallID},
		{"rpid", "unknown"},
		{"realm", b.Domain},
		{"network-ip", b.Remote.Addr().Unmap().String()}, {"network-port", strconv.Itoa(int(b.Remote.Port()))},
		{"user-agent", orUnknown(b.UserAgent)},
		{"expires", "0"},
	}
	p.emit("unregister", append(hs, p.userHeaders(b)...))
}

// userHeaders is the part of sofia::register that the directory contributes.
func (p *Profile) userHeaders(b *registrar.Binding) [][2]string {
	snap := p.cfg.Snapshot()
	u, ok := snap.Directory.User(b.User, b.Domain)
	if !ok {
		return nil
	}
	alias := aliasOf(u)
	hs := [][2]string{
		{"sip_number_alias", alias}, {"sip_auth_username", u.ID}, {"sip_auth_realm", b.Domain}, {"number_alias", alias},
		{"user_name", u.ID}, {"domain_name", u.Domain},
	}
	for _, v := range userVariables(snap, u) {
		hs = append(hs, [2]string{v.Name, v.Value})
	}
	return hs
}

func aliasOf(u *config.User) string {
	if u.NumberAlias != "" {
		return u.NumberAlias
	}
	return u.ID
}

// userVariables lists a user's variables as FreeSWITCH's events do: those inherited from the domain first.
func userVariables(snap *config.Snapshot, u *config.User) config.Pairs {
	var inherited, own config.Pairs
	d, ok := snap.Directory.Domain(u.Domain)
	for _, v := range u.Variables.Merged() {
		if dv, has := "", false; ok {
			if dv, has = d.Variables.Lookup(v.Name); has && dv == v.Value {
				inherited = append(inherited, v)
				continue
			}
		}
		own = append(own, v)
	}
	return append(inherited, own...)
}

// requestContact is the Contact of a request as FreeSWITCH would keep it, and whether it is behind a NAT.
func requestContact(tx *sip.ServerTx) (string, bool) {
	c := tx.Request().Contact()
	if c == nil || c.Address.Wildcard {
		return "sip:(null)@(null)", false
	}
	b := registrar.Binding{
		Contact: c.Address.String(), ContactUser: c.Address.User, ContactHost: contactHost(tx.Request()),
		Transport: tx.Flow().Transport(), Remote: tx.Flow().RemoteAddr(),
	}
	return b.URI(), b.NAT()
}

func contactHost(req *sip.Request) string {
	if c := req.Contact(); c != nil {
		return hostPort(&c.Address)
	}
	return ""
}
