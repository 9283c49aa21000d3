package profile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// names is a name server of a few names.
type names struct {
	ips  map[string][]string
	srvs map[string][]*net.SRV // by service.proto.name
}

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, ip := range n.ips[host] {
		out = append(out, netip.MustParseAddr(ip))
	}
	if len(out) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return out, nil
}

func (n names) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if r := n.srvs[service+"."+proto+"."+name]; r != nil {
		return "", r, nil
	}
	return "", nil, errors.New("no such host")
}

func TestAddresses(t *testing.T) {
	n := names{
		ips: map[string][]string{"a.example": {"192.0.2.1", "2001:db8::1"}, "b.example": {"192.0.2.2"}, "sip.example": {"192.0.2.3"}},
		srvs: map[string][]*net.SRV{
			"sip.udp.sip.example":  {{Target: "gone.example.", Port: 5070}, {Target: "b.example.", Port: 5072}, {Target: "a.example.", Port: 5071}},
			"sips.tcp.sip.example": {{Target: "b.example.", Port: 5081}},
		},
	}
	for _, tc := range []struct {
		name, uri, transport, params, want string
	}{
		{"SRV", "sip:x@sip.example", "udp", "", "[192.0.2.2:5072 192.0.2.1:5071 [2001:db8::1]:5071]"},
		{"SRV of TLS", "sip:x@sip.example", "tls", "", "[192.0.2.2:5081]"},
		{"no SRV of TCP", "sip:x@sip.example", "tcp", "", "[192.0.2.3:5060]"},
		{"a port", "sip:x@sip.example:5099", "udp", "", "[192.0.2.3:5099]"},
		{"disable-srv", "sip:x@sip.example", "udp", param("disable-srv", "true"), "[192.0.2.3:5060]"},
		{"an address", "sip:x@192.0.2.9", "udp", "", "[192.0.2.9:5060]"},
		{"nobody", "sip:x@nosuch.example", "udp", "", "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startWith(t, registrar.Config{}, treeWith(t, tc.params, "", "", ""), func(c *Config) { c.Resolver = n })
			target, err := sip.ParseURI(tc.uri)
			if err != nil {
				t.Fatal(err)
			}
			r := route{profile: s.p, target: target, transport: tc.transport, host: target.Host}
			found, err := r.places(context.Background())
			addrs := []netip.AddrPort{}
			for _, at := range found {
				addrs = append(addrs, at.addr)
			}
			want(t, "addresses", fmt.Sprint(addrs), tc.want)
			want(t, "error", err != nil, tc.want == "[]")
		})
	}
}

// TestSecondAddress: a server that takes no connection is passed over.
func TestSecondAddress(t *testing.T) {
	pr := newProvider(t)
	port := netip.MustParseAddrPort(pr.stack.Addr("tcp").String()).Port()
	n := names{ips: map[string][]string{"one.example": {"127.0.0.1"}, "two.example": {"127.0.0.1"}},
		srvs: map[string][]*net.SRV{"sip.tcp.carrier.example": {{Target: "one.example", Port: 1}, {Target: "two.example", Port: port}}}}
	s := startWith(t, registrar.Config{}, func(c *Config) { c.Resolver = n })
	gatewayDial(t, s, "internal/sip:1@carrier.example;transport=tcp", call.Outbound{CallerNum: "1"},
		call.Variable{Name: "sip_auth_username", Value: "u"}, call.Variable{Name: "sip_auth_password", Value: "secret"})
	recv(t, pr.calls, "INVITE with the proof of the password in the dial string")
}
