package e2e

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// domainServers is a name server that knows one domain, whose servers are on loopback at these ports, in this order.
type domainServers struct {
	domain string
	ports  []uint16
}

func (d domainServers) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host != d.domain && host != "node."+d.domain {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

func (d domainServers) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if name != d.domain || service != "sip" || proto != "udp" {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	var all []*net.SRV
	for i, port := range d.ports {
		all = append(all, &net.SRV{Target: "node." + d.domain, Port: port, Priority: uint16(i)})
	}
	return "", all, nil
}

func portNumber(t *testing.T, port string) uint16 {
	t.Helper()
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

// startWithProvider runs a server with the gateway carrier: calls go to the servers of carrier.example, which are at these ports, the registration to
// a registrar at a port of its own. Users reach it by the prefix 0; what it calls rings 1001.
func startWithProvider(t *testing.T, registrar string, servers ...string) *exchange {
	t.Helper()
	gateway := `<gateway name="carrier">
		<param name="username" value="line7"/><param name="password" value="secret"/><param name="realm" value="carrier.example"/>
		<param name="proxy" value="carrier.example"/><param name="register-proxy" value="sip:127.0.0.1:` + registrar + `"/>
		<param name="extension" value="4930"/><param name="context" value="carrier"/></gateway>`
	out := `<extension name="out"><condition field="destination_number" expression="^0(\d+)$">
		<action application="bridge" data="sofia/gateway/carrier/$1"/></condition></extension>`
	in := `<context name="carrier"><extension name="in"><condition field="destination_number" expression="^4930$">
		<action application="bridge" data="user/1001@${domain}"/></condition></extension></context>`
	conf := embeddedWith(t, func(text string) string {
		text = strings.Replace(text, "<gateways>", "<gateways>"+gateway, 1)
		text = strings.Replace(text, `<context name="default">`, in+`<context name="default">`+out, 1)
		return text
	})
	cfg := testConfig(t, conf)
	d := domainServers{domain: "carrier.example"}
	for _, s := range servers {
		d.ports = append(d.ports, portNumber(t, s))
	}
	cfg.Resolver = d
	return boot(t, cfg)
}

// gateway waits until the gateway has a state.
func (ex *exchange) gateway(t *testing.T, state string) {
	t.Helper()
	await(t, "the gateway to be "+state, func() (bool, string) {
		out := ex.command(t, "sofia status gateway carrier")
		return strings.Contains(out, "\t"+state), out
	})
}

// TestProvider: sipp is a telephone provider: we register with a password, refresh before 2 s are over and sign off; calls go out with the password,
// to the second server where the first says 503, and what the provider calls comes in where its gateway's context says.
func TestProvider(t *testing.T) {
	registrar, first, second := freePort(t), freePort(t), freePort(t)
	registered := sipp(t, "provider_registrar.xml", registrar)
	ex := startWithProvider(t, registrar, first, second)
	ex.gateway(t, "REGED")
	caller := ex.phone(t, rtpPhone, "1000")

	t.Run("busy", func(t *testing.T) {
		served := sipp(t, "provider_busy.xml", first)
		if res := caller.invite(t, "04930").failure(t); res.StatusCode != 486 {
			t.Errorf("the caller gets %s", res.StartLine())
		}
		served()
	})
	t.Run("answered, by the second server", func(t *testing.T) {
		down := sipp(t, "provider_down.xml", first)
		served := sipp(t, "provider_answers.xml", second, "-rtp_echo", "-mp", freePort(t), "-key", "realm", "carrier.example")
		a := caller.invite(t, "04930")
		a.answered(t)
		heard := a.media.listener().expect(440)
		a.media.talk(440)
		within(t, "the echo", heard)
		a.hangup(t)
		down()
		served()
	})
	t.Run("another realm", func(t *testing.T) { // the second server is asked first for a while
		served := sipp(t, "provider_challenges.xml", second, "-key", "realm", "evil.example")
		if res := caller.invite(t, "04930").failure(t); res.StatusCode != 603 {
			t.Errorf("the caller gets %s", res.StartLine())
		}
		served()
	})
	t.Run("it calls", func(t *testing.T) {
		callee := ex.phone(t, rtpPhone, "1001")
		port := freePort(t)
		called := sipp(t, "provider_calls.xml", port, ex.at.SIP, "-rtp_echo", "-mp", freePort(t))
		call := callee.incoming(t)
		if got := call.Request().From().Address.User; got != "+4930123" {
			t.Errorf("the caller is %s", got)
		}
		b := callee.accept(t, call)
		heard := b.media.listener().expect(440)
		b.media.talk(440)
		within(t, "the echo", heard)
		b.hangup(t)
		called()
	})
	t.Run("a stranger calls", func(t *testing.T) {
		sipp(t, "stranger_calls.xml", freePort(t), ex.at.SIP, "-i", "127.0.0.9")()
	})
	ex.awaitIdle(t)
	ex.command(t, "sofia profile internal killgw carrier")
	registered()
}

// TestProviderWrongPassword: a registrar that knows another password refuses; the gateway says so, and calls to it fail at once.
func TestProviderWrongPassword(t *testing.T) {
	registrar := freePort(t)
	refused := sipp(t, "provider_refuses.xml", registrar)
	ex := startWithProvider(t, registrar, freePort(t))
	ex.gateway(t, "FAIL_WAIT")
	refused()
	if res := ex.phone(t, rtpPhone, "1000").invite(t, "04930").failure(t); res.StatusCode != 503 {
		t.Errorf("the caller gets %s", res.StartLine())
	}
}
