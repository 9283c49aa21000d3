package profile

import (
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// treeWith is the test tree with more params of the profile, lists, gateways and attributes of user 1000.
func treeWith(t *testing.T, params, lists, gateways, user1000 string) func(*Config) {
	t.Helper()
	tree := strings.Replace(testTree, "</settings>", params+"</settings>"+gateways, 1)
	tree = strings.Replace(tree, `<section name="configuration">`, `<section name="configuration">
		<configuration name="acl.conf"><network-lists>`+lists+`</network-lists></configuration>`, 1)
	tree = strings.Replace(tree, `<user id="1000"`, `<user id="1000" `+user1000, 1)
	snap := loadTree(t, tree)
	return func(c *Config) { c.Snapshot = func() *config.Snapshot { return snap } }
}

func param(name, value string) string { return `<param name="` + name + `" value="` + value + `"/>` }

func TestInboundACL(t *testing.T) {
	const lists = `<list name="here" default="deny"><node type="allow" cidr="127.0.0.0/8"/></list>
		<list name="elsewhere" default="deny"><node type="allow" cidr="192.0.2.0/24"/></list>
		<list name="domains" default="deny"><node type="allow" domain="example.com"/></list>`
	for _, tc := range []struct {
		name, params, user string
		status             int    // 0: the call comes in
		context, who       string // who: the user it is, as a variable
	}{
		{"no list", "", "", 407, "", ""},
		{"allowed: the profile's context, nobody", param("apply-inbound-acl", "here"), "", 0, "public", ""},
		{"allowed with a context", param("apply-inbound-acl", "here:office"), "", 0, "office", ""},
		{"not allowed: the password", param("apply-inbound-acl", "elsewhere"), "", 407, "", ""},
		{"not allowed, and no password is asked for", param("apply-inbound-acl", "elsewhere") + param("auth-calls", "false"), "", 403, "", ""},
		{"not allowed, with a context for it", param("apply-inbound-acl", "elsewhere::outside") + param("auth-calls", "false"), "", 0, "outside", ""},
		{"second list", param("apply-inbound-acl", "elsewhere") + param("apply-inbound-acl", "here"), "", 0, "public", ""},
		{"unknown list", param("apply-inbound-acl", "nosuch"), "", 407, "", ""},
		{"a user's address", param("apply-inbound-acl", "domains"), `cidr="127.0.0.1/32"`, 0, "default", "1000"},
		{"another address", param("apply-inbound-acl", "domains"), `cidr="192.0.2.1/32"`, 407, "", ""},
		{"no password asked for", param("auth-calls", "false"), "", 0, "public", ""},
		{"blind", param("accept-blind-auth", "true"), "", 0, "public", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startWith(t, registrar.Config{}, treeWith(t, tc.params, lists, "", tc.user))
			p := s.phone("udp", "4930", "")
			c := newPhoneCall()
			req := p.request(sip.INVITE, "1001")
			ct := sip.ContentTypeHeader("application/sdp")
			req.AppendHeader(&ct)
			req.SetBody([]byte(testOffer))
			if _, err := p.stack.Invite(req, p.flow, c); err != nil {
				t.Fatal(err)
			}
			if tc.status != 0 {
				want(t, "status", recv(t, c.rejected, "refusal").StatusCode, tc.status)
				return
			}
			in := recv(t, s.core.calls, "call").in
			want(t, "context", in.Context, tc.context)
			want(t, "user", value(in.Vars, "user_name", ""), tc.who)
			if tc.who != "" {
				want(t, "token", value(in.Vars, "sip_acl_token", ""), tc.who+"@example.com")
			}
		})
	}
}

// TestTrustedProxy: who stands behind a trusted proxy is asked about by X-AUTH-IP; from others that header is nothing.
func TestTrustedProxy(t *testing.T) {
	const lists = `<list name="lan" default="deny"><node type="allow" cidr="192.0.2.0/24"/></list>`
	for name, tc := range map[string]struct {
		params string
		status int
	}{
		"trusted": {param("apply-proxy-acl", "loopback.auto"), 0}, "not trusted": {param("apply-proxy-acl", "192.0.2.9/32"), 407}, "no proxies": {"", 407},
	} {
		t.Run(name, func(t *testing.T) {
			s := startWith(t, registrar.Config{}, treeWith(t, tc.params+param("apply-inbound-acl", "lan"), lists, "", ""))
			p := s.phone("udp", "1000", "pw1000")
			c := newPhoneCall()
			req := p.request(sip.INVITE, "1001")
			ct := sip.ContentTypeHeader("application/sdp")
			req.AppendHeader(&ct)
			req.AppendHeader(sip.NewHeader("X-AUTH-IP", "192.0.2.7"))
			req.SetBody([]byte(testOffer))
			if _, err := p.stack.Invite(req, p.flow, c); err != nil {
				t.Fatal(err)
			}
			if tc.status == 0 {
				recv(t, s.core.calls, "call")
				return
			}
			want(t, "status", recv(t, c.rejected, "refusal").StatusCode, tc.status)
		})
	}
}

func TestRegisterSettings(t *testing.T) {
	const lists = `<list name="elsewhere" default="deny"><node type="allow" cidr="192.0.2.0/24"/></list>`
	for _, tc := range []struct {
		name, params, user string
		status             int
		expires            string
	}{
		{"disable-register", param("disable-register", "true"), "", 403, ""},
		{"apply-register-acl, elsewhere", param("apply-register-acl", "elsewhere"), "", 403, ""},
		{"apply-register-acl, here", param("apply-register-acl", "loopback.auto"), "", 200, "600"},
		{"sip-force-expires", param("sip-force-expires", "120"), "", 200, "120"},
		{"sip-force-expires-max", param("sip-force-expires-max", "300"), "", 200, "300"},
		{"sip-force-expires-min", param("sip-force-expires-min", "900"), "", 200, "900"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startWith(t, registrar.Config{}, treeWith(t, tc.params, lists, "", tc.user))
			p := s.phone("udp", "1000", "pw1000")
			res := p.register("600")
			want(t, "status", res.StatusCode, tc.status)
			if tc.expires != "" {
				want(t, "expires", res.Contact().Params[0].V, tc.expires)
			}
		})
	}
	t.Run("max-registrations-per-extension", func(t *testing.T) {
		s := startWith(t, registrar.Config{}, treeWith(t, param("max-registrations-per-extension", "1"), "", "", ""))
		want(t, "first", s.phone("udp", "1000", "pw1000").register("600").StatusCode, 200)
		want(t, "second", s.phone("ws", "1000", "pw1000").register("600").StatusCode, 403)
	})
	t.Run("multiple-registrations off", func(t *testing.T) {
		s := startWith(t, registrar.Config{}, treeWith(t, param("multiple-registrations", "false"), "", "", ""))
		want(t, "first", s.phone("udp", "1000", "pw1000").register("600").StatusCode, 200)
		want(t, "second", s.phone("ws", "1000", "pw1000").register("600").StatusCode, 200)
		want(t, "left", len(s.reg.Lookup("1000", "example.com")), 1)
	})
	t.Run("accept-blind-reg", func(t *testing.T) {
		s := startWith(t, registrar.Config{}, treeWith(t, param("accept-blind-reg", "true"), "", "", ""))
		want(t, "status", s.phone("udp", "4711", "").register("600").StatusCode, 200)
		want(t, "registered", len(s.reg.Lookup("4711", "example.com")), 1)
	})
}

func TestUserAuthACL(t *testing.T) {
	for list, status := range map[string]int{"loopback.auto": 200, "192.0.2.0/24": 403} {
		t.Run(list, func(t *testing.T) {
			tree := strings.Replace(testTree, `<param name="password" value="pw1000"/>`, `<param name="password" value="pw1000"/>`+param("auth-acl", list), 1)
			snap := loadTree(t, tree)
			s := startWith(t, registrar.Config{}, func(c *Config) { c.Snapshot = func() *config.Snapshot { return snap } })
			want(t, "status", s.phone("udp", "1000", "pw1000").register("600").StatusCode, status)
		})
	}
}

func TestParseAllInviteHeaders(t *testing.T) {
	s := startWith(t, registrar.Config{}, treeWith(t, param("parse-all-invite-headers", "true"), "", "", ""))
	s.phone("udp", "1000", "pw1000").invite("1001", func(req *sip.Request) { req.AppendHeader(sip.NewHeader("Alert-Info", "<x>")) })
	in := recv(t, s.core.calls, "call").in
	want(t, "header", value(in.Vars, "sip_i_alert_info", ""), "<x>")
	want(t, "proof of the password", value(in.Vars, "sip_i_proxy_authorization", ""), "")
}

// TestMediaIP: whoever is in local-network-acl is told the profile's own media address, everybody else ext-rtp-ip.
func TestMediaIP(t *testing.T) {
	for _, tc := range []struct{ name, params, want string }{
		{"no external address", param("local-network-acl", "none"), "invalid IP"},
		{"a peer outside", param("ext-rtp-ip", "203.0.113.9") + param("local-network-acl", "none"), "203.0.113.9"},
		{"a peer in our network", param("ext-rtp-ip", "203.0.113.9") + param("local-network-acl", "loopback.auto"), "invalid IP"},
		{"a peer in another network", param("ext-rtp-ip", "203.0.113.9") + param("local-network-acl", "192.0.2.0/24"), "203.0.113.9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startWith(t, registrar.Config{}, treeWith(t, tc.params, "", "", ""))
			p := s.phone("udp", "1000", "pw1000")
			want(t, "register", p.register("600").StatusCode, 200)
			p.invite("1001", nil)
			want(t, "caller is told", recv(t, s.core.calls, "call").in.MediaIP.String(), tc.want)
			ds, _ := s.p.Resolve("user", "1000@example.com", nil)
			want(t, "callee is told", ds[0].MediaIP.String(), tc.want)
		})
	}
}
