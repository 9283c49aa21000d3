package talkpath

import (
	"fmt"
	"net/netip"
	"strings"
)

// builtinACL are FreeSWITCH's automatic lists that need no look at the machine's interfaces.
var builtinACL = map[string]func(netip.Addr) bool{
	"loopback.auto": netip.Addr.IsLoopback,
	"rfc1918.auto":  func(a netip.Addr) bool { return a.Is4() && a.IsPrivate() },
	"any_v4.auto":   netip.Addr.Is4,
	"any_v6.auto":   netip.Addr.Is6,
}

// parseACL understands apply-inbound-acl of the event socket: a built-in list or a CIDR block; several, separated by commas, let in who is in
// any of them. Empty means loopback.auto, as in FreeSWITCH.
func parseACL(acl string) (func(netip.Addr) bool, error) {
	if acl == "" {
		acl = "loopback.auto"
	}
	var lists []func(netip.Addr) bool
	for _, name := range strings.Split(acl, ",") {
		name = strings.TrimSpace(name)
		if list, ok := builtinACL[name]; ok {
			lists = append(lists, list)
			continue
		}
		prefix, err := netip.ParsePrefix(name)
		if err != nil {
			return nil, fmt.Errorf("talkpath: event socket: no access list %q", name)
		}
		lists = append(lists, prefix.Contains)
	}
	return func(a netip.Addr) bool {
		a = a.Unmap()
		for _, list := range lists {
			if list(a) {
				return true
			}
		}
		return false
	}, nil
}
