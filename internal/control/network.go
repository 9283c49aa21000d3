package control

import (
	"net/netip"
	"strings"
)

// lanAddresses is what FreeSWITCH's is_lan_addr takes for local. It is more than private addresses; a test for those is
// acl ADDRESS rfc1918.auto.
var lanAddresses = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("1.0.0.0/8"), netip.MustParsePrefix("2.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("255.0.0.0/8"),
}

// acl is "address list", the list by its name or as blocks.
func (c *Control) acl(args string) string {
	words := strings.Fields(args)
	if len(words) < 2 {
		return "false"
	}
	addr, err := netip.ParseAddr(strings.Trim(words[0], "[]"))
	if err != nil {
		return "false"
	}
	list, ok := c.deps.Config().ACL(words[1])
	return boolText(ok && list.Match(addr))
}

func isLANAddress(args string) string {
	addr, err := netip.ParseAddr(args)
	if err != nil {
		return "false"
	}
	for _, p := range lanAddresses {
		if p.Contains(addr.Unmap()) {
			return "true"
		}
	}
	return "false"
}
