package config

import (
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Gateway is an account at another SIP server: outgoing calls by sofia/gateway/NAME/number, and a registration there when Register is set.
// Fields are as parse_gateways of sofia.c leaves them: what the tree leaves out is filled in.
type Gateway struct {
	Name, Profile                string
	Realm                        string // of the credentials; else Proxy, else Name
	Username, AuthUsername       string // AuthUsername: else Username
	Password                     string
	Proxy                        string // host[:port], with or without "sip:"; where calls go; else Realm
	RegisterProxy, OutboundProxy string // SIP URIs that requests are sent to instead of Proxy; "" = none
	FromUser, FromDomain         string // FromUser: else Username; FromDomain "" = Proxy
	Extension                    string // what a call from the gateway is for; else Username
	ExtensionSet                 bool   // the tree says so itself: "auto_to_user" and others act only then
	ExtensionInContact           bool   // Contact is EXTENSION@… instead of gw+NAME@…
	ContactHost                  string // "" = the profile's external address, "sip-ip" = its own
	ContactParams                string // without leading ";"
	DestinationPrefix            string
	Register                     bool
	AnyTransport                 bool   // the tree names no transport: NAPTR records may choose that of calls
	Transport                    string // udp, tcp, tls, ws, wss: of the registration and of calls
	Context                      string // of calls from the gateway; else the profile's
	ExpireSeconds, RetrySeconds  int    // 3600 and 30
	TimeoutSeconds               int    // 60: without an answer to REGISTER the attempt has failed
	CallerIDInFrom               bool
	CallerIDType                 string        // cid-type: rpid, pid, none; "" = the profile's
	Ping                         time.Duration // between OPTIONS; 0 = none
	PingMin, PingMax             int           // answered pings count up to PingMax, others down; at PingMin it is up, below down: 1 and 1
	ContactInPing                bool
	PingMonitoring               bool
	DistinctTo                   bool
	ACL                          string // gw-auth-acl
	InVariables, OutVariables    Pairs  // for calls from and to the gateway
	User                         *User  // whose account it is; nil for one of the profile
	File                         string
	Line                         int
}

// RegisterURI is the request URI of REGISTER.
func (g *Gateway) RegisterURI() string {
	if strings.Contains(strings.ToLower(g.Proxy), "transport=") {
		return "sip:" + bareURI(g.Proxy)
	}
	return "sip:" + bareURI(g.Proxy) + ";transport=" + g.Transport
}

// FromURI is the address of record that is registered, and the From of calls without CallerIDInFrom.
func (g *Gateway) FromURI() string {
	if g.FromDomain != "" {
		return "sip:" + g.FromUser + "@" + g.FromDomain
	}
	return "sip:" + g.FromUser + "@" + bareURI(g.Proxy)
}

// ToURI is the To of REGISTER.
func (g *Gateway) ToURI() string { return "sip:" + g.Username + "@" + bareURI(g.Proxy) }

// ContactUser is the user part of the registered Contact. A call from the gateway is recognised by it.
func (g *Gateway) ContactUser() string {
	if g.ExtensionInContact {
		return g.Extension
	}
	return "gw+" + g.Name
}

func bareURI(s string) string {
	if hasScheme(s, "sip:") {
		return s[len("sip:"):]
	}
	if hasScheme(s, "sips:") {
		return s[len("sips:"):]
	}
	return s
}

func hasScheme(s, scheme string) bool {
	return len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme)
}

// sipURI gives a host the scheme that a proxy needs.
func sipURI(s string) string {
	if s == "" || hasScheme(s, "sip:") || hasScheme(s, "sips:") {
		return s
	}
	return "sip:" + s
}

// gatewayParams are the params parse_gateways reads; the others are reported.
var gatewayParams = map[string]bool{
	"register": true, "scheme": true, "realm": true, "username": true, "auth-username": true, "password": true, "caller-id-in-from": true,
	"extension": true, "extension-in-contact": true, "contact-in-ping": true, "ping": true, "ping-max": true, "ping-min": true,
	"ping-monitoring": true, "proxy": true, "context": true, "expire-seconds": true, "retry-seconds": true, "retry_seconds": true,
	"timeout-seconds": true, "from-user": true, "from-domain": true, "contact-host": true, "register-proxy": true, "outbound-proxy": true,
	"distinct-to": true, "destination-prefix": true, "contact-params": true, "register-transport": true, "gw-auth-acl": true, "cid-type": true,
}

// gateways reads the <gateway> elements of a container. FreeSWITCH's names are global; of two in one profile the first counts.
func (r *reader) gateways(list *fsxml.Node, p *Profile, owner *User, all *gatewayList) {
	for _, n := range list.All("gateway") {
		name := n.Attr("name")
		if !gatewayName(name) {
			r.problem(n, fsxml.Error, "gateway name %q may have letters, digits, dots, - and _ only; it is ignored", name)
			continue
		}
		key := p.Name + "::" + name
		if i, ok := all.at[key]; ok {
			first := &all.list[i]
			r.problem(n, fsxml.Warning, "gateway %q of profile %s stands at %s:%d already; this one is ignored", name, p.Name, first.File, first.Line)
			continue
		}
		if g, ok := r.gateway(n, p); ok {
			g.User = owner
			all.at[key] = len(all.list)
			all.list = append(all.list, g)
		}
	}
}

// gatewayList is the gateways in order, and where each profile::name is.
type gatewayList struct {
	list []Gateway
	at   map[string]int
}

// allGateways reads the gateways of every profile: its own, then those of the users of the domains it parses.
func (r *reader) allGateways(sofia *fsxml.Node, s *Snapshot) []Gateway {
	all := &gatewayList{at: map[string]int{}}
	for i := range s.Profiles {
		p := &s.Profiles[i]
		for _, list := range sofia.Find("profiles").All("profile") {
			if list.File == p.File && list.Line == p.Line {
				for _, g := range list.All("gateways") {
					r.gateways(g, p, nil, all)
				}
			}
		}
		for _, d := range p.Domains {
			if !d.Parse {
				continue
			}
			for _, x := range s.Directory.domains {
				if d.Name != "all" && !strings.EqualFold(d.Name, x.Name) {
					continue
				}
				for _, u := range x.Users {
					for _, n := range u.extra {
						if n.Name == "gateways" {
							r.gateways(n, p, u, all)
						}
					}
				}
			}
		}
	}
	return all.list
}

// Gateway finds a gateway by name, or by profile::name. Of two of one name the one of the earlier profile is meant.
func (s *Snapshot) Gateway(name string) (*Gateway, bool) {
	profile, own, ok := strings.Cut(name, "::")
	for i := range s.Gateways {
		g := &s.Gateways[i]
		if g.Name == name || ok && g.Profile == profile && g.Name == own {
			return g, true
		}
	}
	return nil, false
}

// gatewayName is the pattern ^[\w.\-_]+$ that sofia.c asks for.
func gatewayName(s string) bool {
	for _, c := range s {
		word := c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !word {
			return false
		}
	}
	return s != ""
}

// gateway reads one account. It is left out when it has to register and lacks name or password, as in sofia.c.
func (r *reader) gateway(n *fsxml.Node, p *Profile) (Gateway, bool) {
	s := r.params(n)
	g := Gateway{
		Name: n.Attr("name"), Profile: p.Name, File: n.File, Line: n.Line,
		Realm: s.text("realm", ""), Username: s.text("username", ""), AuthUsername: s.text("auth-username", ""), Password: s.text("password", ""),
		Proxy: s.text("proxy", ""), RegisterProxy: sipURI(s.text("register-proxy", "")), OutboundProxy: sipURI(s.text("outbound-proxy", "")),
		FromUser: s.text("from-user", ""), FromDomain: s.text("from-domain", ""),
		Extension: s.text("extension", ""), ExtensionInContact: s.flag("extension-in-contact", false),
		ContactHost: s.text("contact-host", ""), ContactParams: strings.TrimPrefix(s.text("contact-params", ""), ";"),
		DestinationPrefix: s.text("destination-prefix", ""),
		Register:          s.flag("register", true),
		Transport:         strings.ToLower(s.text("register-transport", "udp")),
		Context:           s.text("context", p.Context),
		ExpireSeconds:     s.atLeast("expire-seconds", 3600, 5),
		RetrySeconds:      s.atLeast("retry-seconds", s.atLeast("retry_seconds", 30, 5), 5),
		TimeoutSeconds:    s.atLeast("timeout-seconds", 60, 5),
		CallerIDInFrom:    s.flag("caller-id-in-from", false), CallerIDType: s.text("cid-type", ""),
		PingMin: s.number("ping-min", 1, 0, 1000), PingMax: s.number("ping-max", 1, 0, 1000),
		ContactInPing: s.flag("contact-in-ping", false), PingMonitoring: s.flag("ping-monitoring", false),
		DistinctTo: s.flag("distinct-to", false), ACL: s.text("gw-auth-acl", ""),
	}
	if s.text("ping", "") != "" {
		if g.Ping = s.seconds("ping", 0); g.Ping > 0 && g.Ping < 5*time.Second {
			r.problem(s.nodes["ping"], fsxml.Error, "gateway %s: ping every %s is too often: 5 seconds at least; it is switched off", g.Name, g.Ping)
			g.Ping = 0
		}
	}
	_, named := s.nodes["register-transport"]
	g.AnyTransport = !named
	if g.Context == "" {
		g.Context = "default"
	}
	r.gatewayVariables(n, &g)
	return g, r.completeGateway(n, s, p, &g)
}

// completeGateway fills in what follows from other fields and says whether the account can be used.
func (r *reader) completeGateway(n *fsxml.Node, s settings, p *Profile, g *Gateway) bool {
	switch g.Transport {
	case "udp", "tcp", "ws":
	case "tls", "wss":
		if !p.TLS && g.Transport == "tls" {
			r.problem(s.nodes["register-transport"], fsxml.Error, "gateway %s: profile %s has no TLS; the gateway is ignored", g.Name, p.Name)
			return false
		}
	default:
		r.problem(s.nodes["register-transport"], fsxml.Error, "gateway %s: unknown transport %q; the gateway is ignored", g.Name, g.Transport)
		return false
	}
	if scheme := s.text("scheme", "Digest"); !strings.EqualFold(scheme, "Digest") {
		r.problem(s.nodes["scheme"], fsxml.Warning, "gateway %s: only Digest is supported, not %q", g.Name, scheme)
	}
	g.Realm = firstOf(g.Realm, g.Proxy, g.Name)
	g.Proxy = firstOf(g.Proxy, g.Realm)
	switch {
	case g.Register && g.Username == "":
		r.problem(n, fsxml.Error, "gateway %s registers but has no username; it is ignored", g.Name)
		return false
	case g.Register && g.Password == "":
		r.problem(n, fsxml.Error, "gateway %s registers but has no password; it is ignored", g.Name)
		return false
	}
	g.Username = firstOf(g.Username, "Talkpath")
	g.AuthUsername = firstOf(g.AuthUsername, g.Username)
	g.FromUser = firstOf(g.FromUser, g.Username)
	g.ExtensionSet = g.Extension != ""
	g.Extension = firstOf(g.Extension, g.Username)
	for _, x := range []struct{ what, value string }{{"proxy", g.Proxy}, {"register-proxy", g.RegisterProxy}, {"outbound-proxy", g.OutboundProxy},
		{"username", g.Username}, {"from-user", g.FromUser}, {"from-domain", g.FromDomain}, {"contact-params", g.ContactParams}, {"extension", g.Extension}} {
		if strings.ContainsAny(x.value, "\r\n\x00<> ") {
			r.problem(n, fsxml.Error, "gateway %s: %s %q cannot stand in a SIP URI; the gateway is ignored", g.Name, x.what, x.value)
			return false
		}
	}
	r.unknownParams("gateway", s, gatewayParams)
	return true
}

// gatewayVariables reads <variables>, each for calls in one direction or both.
func (r *reader) gatewayVariables(n *fsxml.Node, g *Gateway) {
	list := n.Child("variables")
	if list == nil {
		list = n
	}
	for _, v := range list.All("variable") {
		x := Pair{v.Attr("name"), v.Attr("value")}
		switch strings.ToLower(v.Attr("direction")) {
		case "inbound":
			g.InVariables = g.InVariables.with(x)
		case "outbound":
			g.OutVariables = g.OutVariables.with(x)
		case "":
			g.InVariables, g.OutVariables = g.InVariables.with(x), g.OutVariables.with(x)
		default:
			r.problem(v, fsxml.Warning, "gateway %s: direction of variable %s is neither inbound nor outbound; it is ignored", g.Name, x.Name)
		}
	}
}

// firstOf returns the first text that is not empty.
func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
