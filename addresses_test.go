package talkpath

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/talkpath/talkpath/internal/config"
)

func TestMediaAddresses(t *testing.T) {
	tests := []struct {
		name       string
		profiles   []config.Profile
		listen     string
		advertised []string
	}{
		{"one profile", []config.Profile{{Name: "internal", RTPIP: "10.0.0.5"}}, "10.0.0.5", []string{"10.0.0.5"}},
		{"behind NAT", []config.Profile{{Name: "internal", RTPIP: "10.0.0.5", ExtRTPIP: "198.51.100.7"}}, "10.0.0.5", []string{"10.0.0.5", "198.51.100.7"}},
		{"all addresses", []config.Profile{{Name: "internal", RTPIP: "0.0.0.0"}}, "0.0.0.0", []string{"192.0.2.1"}},
		{
			"the stock tree with its IPv6 twins",
			[]config.Profile{{Name: "external-ipv6", RTPIP: "2001:db8::5"}, {Name: "external", RTPIP: "10.0.0.5"}, {Name: "internal", RTPIP: "10.0.0.5"}},
			"::", []string{"10.0.0.5", "2001:db8::5"},
		},
		{
			"two networks",
			[]config.Profile{{Name: "external", RTPIP: "198.51.100.7"}, {Name: "internal", RTPIP: "10.0.0.5"}},
			"0.0.0.0", []string{"10.0.0.5", "198.51.100.7"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			listen, advertised := mediaAddresses(&config.Snapshot{Profiles: test.profiles, Vars: map[string]string{"local_ip_v4": "192.0.2.1"}})
			var got []string
			for _, a := range advertised {
				got = append(got, a.String())
			}
			if listen != netip.MustParseAddr(test.listen) || !slices.Equal(got, test.advertised) {
				t.Errorf("listens on %s and tells %v, want %s and %v", listen, got, test.listen, test.advertised)
			}
		})
	}
}
