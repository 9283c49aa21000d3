package talkpath

import (
	"net/netip"
	"testing"
)

func TestParseACL(t *testing.T) {
	tests := []struct {
		name, acl  string
		in, out    []string
		unreadable bool
	}{
		{name: "default is loopback", in: []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"}, out: []string{"10.0.0.1"}},
		{name: "everyone", acl: "any_v4.auto, any_v6.auto", in: []string{"198.51.100.7", "2001:db8::7"}},
		{name: "IPv4 only", acl: "any_v4.auto", in: []string{"198.51.100.7", "::ffff:198.51.100.7"}, out: []string{"2001:db8::7"}},
		{name: "a block", acl: "10.1.0.0/16", in: []string{"10.1.2.3"}, out: []string{"10.2.0.1", "127.0.0.1"}},
		{name: "private", acl: "rfc1918.auto", in: []string{"192.168.1.1", "172.20.0.1"}, out: []string{"192.0.2.1"}},
		{name: "unknown", acl: "lan", unreadable: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			allow, err := parseACL(test.acl)
			if (err != nil) != test.unreadable {
				t.Fatalf("error %v", err)
			}
			for _, ip := range test.in {
				if !allow(netip.MustParseAddr(ip)) {
					t.Errorf("%s is kept out", ip)
				}
			}
			for _, ip := range test.out {
				if allow(netip.MustParseAddr(ip)) {
					t.Errorf("%s gets in", ip)
				}
			}
		})
	}
}
