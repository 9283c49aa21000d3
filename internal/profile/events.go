package profile

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// Event is something that others are told of: one of FreeSWITCH's events, without the headers that all of them begin with.
type Event struct {
	Name     string
	Subclass string // of a CUSTOM event, such as sofia::register
	Origin   Origin
	Headers  [][2]string // in FreeSWITCH's order
	Body     string
}

// Origin is the place in FreeSWITCH's sources that sends the event: Event-Calling-File, -Function and -Line-Number.
type Origin struct {
	File, Function string
	Line           int
}

// The events of mod_sofia, with its headers in its order (FreeSWITCH 1.11.2, as recorded).

// custom is the name of events that have a subclass.
const custom = "CUSTOM"

// wanted says whether a sofia:: event is worth building, wants the same of any.
func (p *Profile) wanted(subclass string) bool {
	if p.cfg.Events == nil || p.cfg.Wants == nil {
		return p.cfg.Events != nil
	}
	switch subclass { // what each REGISTER asks for makes no text
	case "pre_register":
		return p.cfg.Wants(custom, "sofia::pre_register")
	case "register_attempt":
		return p.cfg.Wants(custom, "sofia::register_attempt")
	case "register":
		return p.cfg.Wants(custom, "sofia::register")
	}
	return p.cfg.Wants(custom, "sofia::"+subclass)
}

func (p *Profile) wants(name, subclass string) bool {
	return p.cfg.Events != nil && (p.cfg.Wants == nil || p.cfg.Wants(name, subclass))
}

// emit sends a sofia:: event.
func (p *Profile) emit(subclass string, from Origin, hs [][2]string) {
	p.cfg.Events(Event{Name: custom, Subclass: "sofia::" + subclass, Origin: from, Headers: hs})
}

// registering is a place in the function that handles REGISTER, and the passwords of all methods.
func registering(line int) Origin {
	return Origin{"sofia_reg.c", "sofia_reg_handle_register_token", line}
}

// emitAuth tells of a challenge (pre_register, no user) or of its answer (register_attempt); challenges and failures come for every method. FreeSWITCH
// names the To header from-… and the From header to-… there.
func (p *Profile) emitAuth(subclass string, tx *sip.ServerTx, domain, user, realm, result string) {
	req, remote := tx.Request(), tx.Flow().RemoteAddr()
	known := result == "RENEWED" && req.Method != sip.REGISTER && req.Method != sip.INVITE // a MESSAGE's password is nothing to tell of
	if known || !p.wanted(subclass) {
		return
	}
	contact, nat := requestContact(tx)
	status := registrar.Binding{Transport: tx.Flow().Transport(), Remote: remote, ContactHost: contactHost(req)}
	if !nat {
		status.ContactHost = remote.String()
	}
	expires := "300"
	if h := sip.FindHeader(req, "Expires"); h != nil {
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
	line := map[string]int{"pre_register": 1810, "register_attempt": 1606}[subclass]
	p.emit(subclass, registering(line), hs)
}

func (p *Profile) emitFailure(tx *sip.ServerTx, domain string) {
	if !p.wanted("register_failure") {
		return
	}
	req, remote := tx.Request(), tx.Flow().RemoteAddr()
	p.emit("register_failure", registering(1792), [][2]string{
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
		p.comeBack(b)
		p.pingSoon(b)
		if p.wanted("register") {
			p.emitRegister(b)
		}
		p.emitPresent(b, ev.Type)
	case ev.Type == registrar.Unregistered:
		p.emitAbsent(b, false)
		if p.wanted("unregister") {
			p.emitUnregister(b)
		}
	default: // ran out, connection closed, or pushed out by newer ones
		if p.wanted("expire") {
			p.emitExpire(b)
		}
		p.emitAbsent(b, true)
	}
}

// emitAbsent tells that a user can be reached no more. FreeSWITCH puts the contact's state where the phone's name belongs when it ran out.
func (p *Profile) emitAbsent(b *registrar.Binding, ranOut bool) {
	if !p.wants("PRESENCE_IN", "") || len(p.cfg.Registrar.Lookup(b.User, b.Domain)) > 0 {
		return
	}
	rpid, agent, from := "unknown", orUnknown(b.UserAgent), registering(2103)
	if ranOut {
		rpid, agent, from = "away", b.Status(), Origin{"sofia_reg.c", "sofia_reg_del_callback", 741}
	}
	hs := [][2]string{
		{"proto", "sip"}, {"rpid", rpid}, {"login", p.URL()}, {"user-agent", agent},
		{"from", b.User + "@" + b.Domain}, {"status", "Unregistered"},
	}
	if !ranOut {
		hs = append(hs, [2]string{"presence-source", "register"})
	}
	p.cfg.Events(Event{Name: "PRESENCE_IN", Origin: from, Headers: append(hs, [2]string{"event_type", "presence"})})
}

// emitPresent asks for a user's messages and presence as the profile's parameters say: at each REGISTER, at the first contact of a user
// (the default for messages), or never (for presence). Who keeps mailboxes answers a MESSAGE_QUERY.
func (p *Profile) emitPresent(b *registrar.Binding, t registrar.EventType) {
	if !p.wants("MESSAGE_QUERY", "") && !p.wants("PRESENCE_IN", "") && !p.wants("PRESENCE_PROBE", "") {
		return
	}
	first := t == registrar.Registered && len(p.cfg.Registrar.Lookup(b.User, b.Domain)) == 1
	params := p.view(p.cfg.Snapshot()).Params
	when := func(name, otherwise string) bool {
		switch v := cmp.Or(strings.ToLower(params[name]), otherwise); v {
		case "first-only":
			return first
		default:
			return isTrue(v)
		}
	}
	if p.wants("MESSAGE_QUERY", "") && when("send-message-query-on-register", "first-only") {
		p.cfg.Events(Event{Name: "MESSAGE_QUERY", Origin: registering(2168), Headers: [][2]string{
			{"Message-Account", "sip:" + b.User + "@" + b.Domain}, {"VM-Sofia-Profile", p.cfg.Name}, {"VM-Call-ID", b.CallID},
		}})
	}
	if !when("send-presence-on-register", "false") {
		return
	}
	user := b.User + "@" + b.Domain
	if isTrue(params["presence-probe-on-register"]) {
		p.cfg.Events(Event{Name: "PRESENCE_PROBE", Origin: registering(2180), Headers: [][2]string{
			{"proto", "sip"}, {"login", p.cfg.Name}, {"from", user}, {"to", user}, {"event_type", "presence"}, {"presence-source", "register"},
			{"alt_event_type", "dialog"},
		}})
		return
	}
	p.cfg.Events(Event{Name: "PRESENCE_IN", Origin: registering(2191), Headers: [][2]string{
		{"proto", "sip"}, {"login", p.cfg.Name}, {"presence-source", "register"}, {"from", user}, {"rpid", "unknown"}, {"status", "Registered"},
	}})
}

// emitStarted tells that the profile serves.
func (p *Profile) emitStarted() {
	if p.wanted("profile_start") {
		p.emit("profile_start", Origin{"sofia.c", "config_sofia", 6343},
			[][2]string{{"module_name", "mod_sofia"}, {"profile_name", p.cfg.Name}, {"profile_uri", p.URL()}})
	}
}

// emitLookup tells that a user's contacts are looked up to be called. FreeSWITCH does it by a command in the user's dial string.
func (p *Profile) emitLookup(user, domain string) {
	if p.wants("API", "") {
		p.cfg.Events(Event{Name: "API", Origin: Origin{"switch_loadable_module.c", "switch_api_execute", 3140},
			Headers: [][2]string{{"API-Command", "sofia_contact"}, {"API-Command-Argument", "*/" + user + "@" + domain}}})
	}
}

func (p *Profile) emitGatewayAdded(name string) {
	if p.wanted("gateway_add") {
		p.emit("gateway_add", Origin{"sofia_reg.c", "sofia_reg_add_gateway", 3723}, [][2]string{{"Gateway", name}, {"profile-name", p.cfg.Name}})
	}
}

func (p *Profile) emitGatewayGone(name string) {
	if p.wanted("gateway_delete") {
		p.emit("gateway_delete", Origin{"sofia_reg.c", "sofia_reg_check_gateway", 343}, [][2]string{{"profile-name", p.cfg.Name}, {"Gateway", name}})
	}
}

// emitGatewayState tells of a gateway's state and of the answer that brought it there, if any. peer is where the registration was sent.
func (p *Profile) emitGatewayState(name string, state GatewayState, up bool, peer netip.AddrPort, status int, phrase string) {
	if !p.wanted("gateway_state") {
		return
	}
	hs := [][2]string{{"Gateway", name}, {"State", string(state)}, {"Ping-Status", upDown(up)}}
	if peer.IsValid() {
		hs = append(hs, [2]string{"Register-Network-IP", bracketedIP(peer.Addr().Unmap())}, [2]string{"Register-Network-Port", strconv.Itoa(int(peer.Port()))})
	}
	if phrase != "" {
		hs = append(hs, [2]string{"Phrase", clean(phrase)})
	}
	if status != 0 {
		hs = append(hs, [2]string{"Status", strconv.Itoa(status)})
	}
	p.emit("gateway_state", Origin{"sofia_reg.c", "sofia_reg_fire_custom_gateway_state_event", 156}, hs)
}

func (p *Profile) emitExpire(b *registrar.Binding) {
	p.emit("expire", Origin{"sofia_reg.c", "sofia_reg_del_callback", 726}, [][2]string{
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
	p.emit("register", registering(2059), append(hs, p.userHeaders(b)...))
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
	p.emit("unregister", registering(2213), append(hs, p.userHeaders(b)...))
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

// bracketedIP is an address as FreeSWITCH writes a gateway's: IPv6 in brackets.
func bracketedIP(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
