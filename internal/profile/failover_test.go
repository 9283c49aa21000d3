package profile

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/registrar"
)

// nameServer is a DNS server on the loopback interface with these records; it gives a resolver that asks nobody else.
func nameServer(t *testing.T, records ...string) DNS {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		for _, rr := range all {
			if rr.Header().Rrtype == q.Question[0].Qtype && strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
				m.Answer = append(m.Answer, rr)
			}
		}
		_ = w.WriteMsg(m)
	})}
	ready := make(chan struct{})
	server.NotifyStartedFunc = func() { close(ready) }
	go func() { _ = server.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = server.Shutdown() })
	addr := conn.LocalAddr().String()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", addr)
	}
	return DNS{Resolver: &net.Resolver{PreferGo: true, Dial: dial}, Servers: []string{addr}}
}

// silent is a UDP port that takes everything and says nothing.
func silent(t *testing.T) int {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().(*net.UDPAddr).Port
}

// domain are the records of carrier.example, whose servers are at these ports in this order.
func domain(service string, ports ...int) []string {
	out := []string{"node.carrier.example. 60 IN A 127.0.0.1"}
	for i, port := range ports {
		out = append(out, fmt.Sprintf("%s.carrier.example. 60 IN SRV %d 1 %d node.carrier.example.", service, 10*(i+1), port))
	}
	return out
}

// TestNAPTR: the domain's first record of a transport that we have decides, RFC 3263 §4.1; a transport that somebody chose stays.
func TestNAPTR(t *testing.T) {
	records := append(domain("_sip._tcp", 5071), domain("_sip._udp", 5072)[1:]...)
	records = append(records,
		`carrier.example. 60 IN NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.carrier.example.`,
		`carrier.example. 60 IN NAPTR 10 20 "s" "SIP+D2T" "" _sip._tcp.carrier.example.`,
		`carrier.example. 60 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.carrier.example.`,
		`carrier.example. 60 IN NAPTR 5 10 "u" "E2U+sip" "!^.*$!sip:x@evil.example!" .`)
	n := nameServer(t, records...)
	for _, tc := range []struct{ name, dest, params, want string }{
		{"nobody chose", "sip:x@carrier.example", "", "[tcp 127.0.0.1:5071 udp 127.0.0.1:5072]"},
		{"chosen", "sip:x@carrier.example;transport=udp", "", "[udp 127.0.0.1:5072]"},
		{"a port", "sip:x@node.carrier.example:5099", "", "[udp 127.0.0.1:5099]"},
		{"disable-naptr", "sip:x@carrier.example", param("disable-naptr", "true"), "[udp 127.0.0.1:5072]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startWith(t, registrar.Config{}, treeWith(t, tc.params, "", "", ""), func(c *Config) { c.Resolver = n })
			u, err := addressOf(tc.dest)
			if err != nil {
				t.Fatal(err)
			}
			transport, named := u.UriParams.Get("transport")
			r := route{profile: s.p, target: u, transport: "udp", anyTransport: !named, host: u.Host}
			if named {
				r.transport = transport
			}
			found, err := r.places(context.Background())
			want(t, "places", fmt.Sprint(found, err), tc.want+" <nil>")
		})
	}
}

// TestFailover: a server that says 503, and one that says nothing, are passed over for the domain's next one; for a while they are not asked first.
func TestFailover(t *testing.T) {
	for _, first := range []string{"503", "silence"} {
		t.Run(first, func(t *testing.T) {
			bad, good := newProvider(t), newProvider(t)
			bad.status.Store(503)
			port := bad.port
			if first == "silence" {
				port = silent(t)
			}
			n := nameServer(t, domain("_sip._udp", port, good.port)...)
			s := startWith(t, registrar.Config{}, func(c *Config) { c.Resolver = n })
			proof := []call.Variable{{Name: "sip_auth_username", Value: "u"}, {Name: "sip_auth_password", Value: "secret"}}
			for range 2 {
				leg, f, _ := gatewayDial(t, s, "internal/sip:4930@carrier.example", call.Outbound{CallerNum: "1000"}, proof...)
				c := recv(t, good.calls, "INVITE at the second server")
				if err := c.session.Accept([]byte(testAnswer)); err != nil {
					t.Fatal(err)
				}
				recv(t, f.answered, "answer")
				leg.Hangup(call.HangupReason{Cause: call.NormalClearing})
				recv(t, c.bye, "BYE")
			}
			want(t, "INVITEs that the first server saw", len(bad.requests) <= 1, true)
		})
	}
}

// TestFailoverEnds: when no server of the domain serves, the last one's answer is the call's; a refusal is nobody else's business.
func TestFailoverEnds(t *testing.T) {
	for _, tc := range []struct {
		name            string
		first, second   int64
		status, second2 int
	}{{"all 503", 503, 503, 503, 1}, {"refused", 403, 200, 403, 0}} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := newProvider(t), newProvider(t)
			a.status.Store(tc.first)
			b.status.Store(tc.second)
			n := nameServer(t, domain("_sip._udp", a.port, b.port)...)
			s := startWith(t, registrar.Config{}, func(c *Config) { c.Resolver = n })
			_, f, _ := gatewayDial(t, s, "internal/sip:4930@carrier.example", call.Outbound{CallerNum: "1000"})
			want(t, "status", recv(t, f.ended, "end").Status, tc.status)
			want(t, "asked second", len(b.requests), tc.second2)
		})
	}
}

// TestRegistrationFailover: a gateway registers at the domain's second server when the first does not serve.
func TestRegistrationFailover(t *testing.T) {
	bad, good := newProvider(t), newProvider(t)
	bad.status.Store(503)
	n := nameServer(t, domain("_sip._udp", bad.port, good.port)...)
	xml := strings.Replace(good.gatewayXML("carrier", ""), fmt.Sprintf("127.0.0.1:%d", good.port), "carrier.example", 1)
	s := startWith(t, registrar.Config{}, treeWith(t, "", "", xml, ""), func(c *Config) { c.Resolver = n })
	s.state("TRYING", "REGISTER", "REGED")
	recv(t, good.requests, "REGISTER")
	want(t, "asked first", len(bad.requests), 1)
	want(t, "the gateway's addresses", s.p.gateway("carrier").owns(netip.MustParseAddr("127.0.0.1")), true)
}
