package talkpath

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
)

func TestEventSocketACL(t *testing.T) {
	tests := []struct {
		name, acl string
		in, out   []string
		unknown   bool
	}{
		{name: "default is loopback", in: []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"}, out: []string{"10.0.0.1"}},
		{name: "everyone", acl: "any_v4.auto, any_v6.auto", in: []string{"198.51.100.7", "2001:db8::7"}},
		{name: "a block", acl: "10.1.0.0/16", in: []string{"10.1.2.3"}, out: []string{"10.2.0.1", "127.0.0.1"}},
		{name: "private", acl: "rfc1918.auto", in: []string{"192.168.1.1", "172.20.0.1"}, out: []string{"192.0.2.1"}},
		{name: "unknown", acl: "nobody-wrote-this", unknown: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := New(Config{StateDir: t.TempDir(), Set: map[string]string{"esl_acl": test.acl}, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			if err := checkEventSocketACL(s.snapshot.Load()); (err != nil) != test.unknown {
				t.Errorf("check: %v", err)
			}
			if told := strings.Contains(fmt.Sprint(s.snapshot.Load().Problems), "there is no access list"); told != test.unknown {
				t.Errorf("the configuration's problems: %v", s.snapshot.Load().Problems)
			}
			for _, ip := range test.in {
				if !s.allowEventSocket(netip.MustParseAddr(ip)) {
					t.Errorf("%s is kept out", ip)
				}
			}
			for _, ip := range test.out {
				if s.allowEventSocket(netip.MustParseAddr(ip)) {
					t.Errorf("%s gets in", ip)
				}
			}
		})
	}
}
