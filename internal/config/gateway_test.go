package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func loadGateways(t *testing.T, gateways string, more map[string]string) *Snapshot {
	t.Helper()
	parts := map[string]string{"gateways": "<gateways>" + gateways + "</gateways>", "profile": param("context", "default")}
	for k, v := range more {
		parts[k] = v
	}
	s, err := Load(Options{Dir: tree(t, parts)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGateway(t *testing.T) {
	minimal := Gateway{Profile: "a", Register: true, AnyTransport: true, Transport: "udp", Context: "default", ExpireSeconds: 3600, RetrySeconds: 30, TimeoutSeconds: 60, PingMin: 1, PingMax: 1}
	with := func(change func(*Gateway)) Gateway {
		g := minimal
		change(&g)
		return g
	}
	for _, c := range []struct {
		name, xml string
		want      Gateway
		uris      string // RegisterURI FromURI ToURI ContactUser
	}{
		{"least", `<gateway name="g.x"><param name="username" value="u"/><param name="password" value="p"/></gateway>`, with(func(g *Gateway) {
			g.Name, g.Realm, g.Proxy, g.Username, g.AuthUsername, g.Password, g.FromUser, g.Extension = "g.x", "g.x", "g.x", "u", "u", "p", "u", "u"
		}), "sip:g.x;transport=udp sip:u@g.x sip:u@g.x gw+g.x"},
		{"proxy is the realm", `<gateway name="g"><params>` + param("username", "u") + param("password", "p") + param("proxy", "sip:h:5070") + `</params></gateway>`, with(func(g *Gateway) {
			g.Name, g.Realm, g.Proxy, g.Username, g.AuthUsername, g.Password, g.FromUser, g.Extension = "g", "sip:h:5070", "sip:h:5070", "u", "u", "p", "u", "u"
		}), "sip:h:5070;transport=udp sip:u@h:5070 sip:u@h:5070 gw+g"},
		{"everything", `<gateway name="g">` + param("username", "u") + param("auth-username", "au") + param("password", "p") + param("realm", "r") + param("proxy", "h;transport=tcp") +
			param("register-proxy", "rp") + param("outbound-proxy", "sips:op") + param("from-user", "fu") + param("from-domain", "fd") + param("extension", "e") + param("extension-in-contact", "true") +
			param("contact-host", "sip-ip") + param("contact-params", ";a=b") + param("destination-prefix", "9") + param("register-transport", "TCP") + param("context", "public") +
			param("expire-seconds", "600") + param("retry-seconds", "5") + param("timeout-seconds", "20") + param("caller-id-in-from", "yes") + param("cid-type", "pid") + param("ping", "25") +
			param("ping-min", "2") + param("ping-max", "3") + param("contact-in-ping", "true") + param("ping-monitoring", "true") + param("distinct-to", "true") + param("gw-auth-acl", "any_v4.auto") +
			`<variables><variable name="in" value="1" direction="inbound"/><variable name="out" value="2" direction="outbound"/><variable name="both" value="3"/></variables></gateway>`,
			Gateway{Name: "g", Profile: "a", Realm: "r", Username: "u", AuthUsername: "au", Password: "p", Proxy: "h;transport=tcp", RegisterProxy: "sip:rp", OutboundProxy: "sips:op", FromUser: "fu",
				FromDomain: "fd", Extension: "e", ExtensionSet: true, ExtensionInContact: true, ContactHost: "sip-ip", ContactParams: "a=b", DestinationPrefix: "9", Register: true, Transport: "tcp",
				Context: "public", ExpireSeconds: 600, RetrySeconds: 5, TimeoutSeconds: 20, CallerIDInFrom: true, CallerIDType: "pid", Ping: 25 * time.Second, PingMin: 2, PingMax: 3,
				ContactInPing: true, PingMonitoring: true, DistinctTo: true, ACL: "any_v4.auto", InVariables: Pairs{{"in", "1"}, {"both", "3"}}, OutVariables: Pairs{{"out", "2"}, {"both", "3"}}},
			"sip:h;transport=tcp sip:fu@fd sip:u@h;transport=tcp e"},
		{"trunk without registration", `<gateway name="g">` + param("register", "false") + param("proxy", "h") + `</gateway>`, with(func(g *Gateway) {
			g.Name, g.Realm, g.Proxy, g.Register = "g", "h", "h", false
			g.Username, g.AuthUsername, g.FromUser, g.Extension = "Talkpath", "Talkpath", "Talkpath", "Talkpath"
		}), "sip:h;transport=udp sip:Talkpath@h sip:Talkpath@h gw+g"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := loadGateways(t, c.xml, nil)
			for _, p := range s.Problems {
				t.Error(p)
			}
			if len(s.Gateways) != 1 || len(s.Unsupported) != 0 {
				t.Fatalf("%+v %v", s.Gateways, s.Unsupported)
			}
			g := s.Gateways[0]
			if g.Line != 5 || g.File != "freeswitch.xml" {
				t.Errorf("%s:%d", g.File, g.Line)
			}
			g.File, g.Line = "", 0
			if !reflect.DeepEqual(g, c.want) {
				t.Errorf("got  %+v\nwant %+v", g, c.want)
			}
			if got := strings.Join([]string{g.RegisterURI(), g.FromURI(), g.ToURI(), g.ContactUser()}, " "); got != c.uris {
				t.Errorf("got  %s\nwant %s", got, c.uris)
			}
		})
	}
}

func TestGatewayProblems(t *testing.T) {
	account := param("username", "u") + param("password", "p")
	gateway := func(params string) string { return `<gateway name="g">` + params + `</gateway>` }
	for _, c := range []struct {
		name, xml, want string
		left            int
	}{
		{"no username", gateway(""), "error: gateway g registers but has no username", 0},
		{"no password", gateway(param("username", "u")), "error: gateway g registers but has no password", 0},
		{"name", `<gateway name="a b">` + account + `</gateway>`, `error: gateway name "a b"`, 0},
		{"twice", gateway(account) + gateway(account), `warning: gateway "g" of profile a stands at freeswitch.xml:5 already`, 1},
		{"transport", gateway(account + param("register-transport", "pigeon")), `unknown transport "pigeon"`, 0},
		{"TLS that the profile has not", gateway(account + param("register-transport", "tls")), "profile a has no TLS", 0},
		{"ping", gateway(account + param("ping", "2")), "is too often", 1},
		{"expiry", gateway(account + param("expire-seconds", "1")), "expire-seconds must be 5 at least, not 1; 3600 is used", 1},
		{"scheme", gateway(account + param("scheme", "Basic")), "only Digest", 1},
		{"header in a name", gateway(param("username", "u&#13;&#10;X: y") + param("password", "p")), "cannot stand in a SIP URI", 0},
		{"direction", gateway(account + `<variables><variable name="v" value="1" direction="up"/></variables>`), "neither inbound nor outbound", 1},
		{"access list", gateway(account + param("gw-auth-acl", "nosuch")), `there is no access list "nosuch"`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := loadGateways(t, c.xml, nil)
			if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].String(), c.want) || s.Problems[0].Line == 0 || len(s.Gateways) != c.left {
				t.Errorf("%d left: %v", len(s.Gateways), s.Problems)
			}
		})
	}
}

// TestUserGateways: a profile has the gateways of users only of the domains it parses.
func TestUserGateways(t *testing.T) {
	domains := func(text string) map[string]string {
		return map[string]string{"profiles": `<profile name="a"><settings/>` + text + `</profile>`,
			"directory": `<domain name="d"><groups><group name="g"><users><user id="1"><gateways><gateway name="mine">` + param("username", "u") + param("password", "p") +
				`</gateway></gateways><params><param name="password" value="x9"/></params></user></users></group></groups></domain>`}
	}
	s := loadGateways(t, "", domains(`<domains><domain name="all" alias="true" parse="true"/></domains>`))
	g, ok := s.Gateway("mine")
	if !ok || g.User == nil || g.User.ID != "1" || g.Profile != "a" {
		t.Errorf("%+v %v", g, s.Problems)
	}
	if same, _ := s.Gateway("a::mine"); same != g {
		t.Error("a::mine is another one")
	}
	if aliases := s.ProfileAliases(&s.Profiles[0]); !reflect.DeepEqual(aliases, []string{"d"}) {
		t.Errorf("aliases %q", aliases)
	}
	if s := loadGateways(t, "", domains(`<domains><domain name="all" alias="true" parse="false"/></domains>`)); len(s.Gateways) != 0 {
		t.Errorf("%+v", s.Gateways)
	}
	if s := loadGateways(t, "", domains(`<domains><domain name="D" parse="true"/></domains>`)); len(s.Gateways) != 1 {
		t.Errorf("%+v", s.Gateways)
	}
}

func TestStockGateway(t *testing.T) {
	s, err := Load(Options{Dir: stockTree(t, "vanilla"), Set: map[string]string{"default_password": "own"}})
	if err != nil {
		t.Fatal(err)
	}
	g, ok := s.Gateway("example.com")
	if !ok || len(s.Gateways) != 1 || g.Profile != "external" || g.Register || g.Username != "joeuser" || g.Password != "password" || g.RetrySeconds != 30 || g.ExpireSeconds != 600 || g.Context != "public" || g.Extension != "5000" {
		t.Errorf("%+v", g)
	}
}
