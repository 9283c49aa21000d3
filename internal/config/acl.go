package config

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ACL is a network list: blocks of addresses that are allowed or denied, and what holds for all others.
//
// Of the blocks that hold an address the one with the longest mask decides, and of several equally long ones the first of the file
// (switch_network_list_validate_ip_port_token in switch_utils.c). The order in which blocks stand has no other meaning. IPv4 and IPv6 are
// apart: an IPv4 block says nothing about an IPv6 address; an IPv4-mapped address is its IPv4 one.
type ACL struct {
	Name    string
	Default bool // whether an address outside of all blocks is allowed

	lengths []int // mask lengths that occur, longest first
	blocks  map[netip.Prefix][]network
	odd     []network // masks with holes: only host and mask make them
	count   int
}

// network is one node of a list.
type network struct {
	allow bool
	token string // user@domain that gave the block
	ports ports
	order int
	ip    uint32 // of odd ones
	mask  uint32
}

// ports narrows a node to some source ports; the zero value is all of them.
type ports struct {
	list      []int
	low, high int
}

// has says whether a port is meant. Port 0 is an unknown one, for which the ports of a node are not looked at, as in FreeSWITCH.
func (p ports) has(port int) bool {
	switch {
	case port == 0:
		return true
	case len(p.list) > 0:
		return slices.Contains(p.list, port)
	}
	return p.low == 0 && p.high == 0 || port >= p.low && port <= p.high
}

// Match says whether an address is allowed.
func (a *ACL) Match(addr netip.Addr) bool {
	ok, _ := a.Lookup(addr, 0)
	return ok
}

// Lookup says whether an address and port are allowed. token is the user@domain whose cidr attribute decided, "" when none did: sofia takes an
// allowed peer with a token for that user, without a password.
func (a *ACL) Lookup(addr netip.Addr, port int) (ok bool, token string) {
	addr = addr.Unmap().WithZone("")
	if a == nil || !addr.IsValid() {
		return false, ""
	}
	best, n := a.block(addr, port)
	if addr.Is4() {
		if odd, length := a.oddBlock(addr, port); odd != nil && (best == nil || length > n || length == n && odd.order < best.order) {
			best = odd
		}
	}
	if best == nil {
		return a.Default, ""
	}
	return best.allow, best.token
}

// Len is the number of blocks.
func (a *ACL) Len() int { return a.count }

// block finds the longest block that holds an address.
func (a *ACL) block(addr netip.Addr, port int) (*network, int) {
	for _, n := range a.lengths {
		if n > addr.BitLen() {
			continue
		}
		p, err := addr.Prefix(n)
		if err != nil {
			continue
		}
		nodes := a.blocks[p]
		for i := range nodes {
			if addr.Is6() || nodes[i].ports.has(port) { // ports of IPv6 nodes are not looked at, as in FreeSWITCH
				return &nodes[i], n
			}
		}
	}
	return nil, 0
}

// oddBlock does the same for masks with holes; their length is the number of ones.
func (a *ACL) oddBlock(addr netip.Addr, port int) (best *network, length int) {
	if len(a.odd) == 0 {
		return nil, 0
	}
	ip := number(addr)
	for i := range a.odd {
		o := &a.odd[i]
		if ip&o.mask == o.ip&o.mask && o.ports.has(port) && (best == nil || bits.OnesCount32(o.mask) > length) {
			best, length = o, bits.OnesCount32(o.mask)
		}
	}
	return best, length
}

// number is an IPv4 address as FreeSWITCH computes with it.
func number(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// add appends a block. An IPv4-mapped one counts as IPv4.
func (a *ACL) add(p netip.Prefix, n network) {
	if a.blocks == nil {
		a.blocks = map[netip.Prefix][]network{}
	}
	a.count++
	n.order = a.count
	p = p.Masked()
	a.blocks[p] = append(a.blocks[p], n)
	if i, ok := slices.BinarySearchFunc(a.lengths, p.Bits(), func(x, y int) int { return cmp.Compare(y, x) }); !ok {
		a.lengths = slices.Insert(a.lengths, i, p.Bits())
	}
}

// addMasked appends a block of host and mask, which need not be a prefix.
func (a *ACL) addMasked(host, mask netip.Addr, n network) {
	m := number(mask)
	if ones := bits.LeadingZeros32(^m); ones == bits.OnesCount32(m) {
		a.add(netip.PrefixFrom(host, ones), n)
		return
	}
	a.count++
	n.order, n.ip, n.mask = a.count, number(host), m
	a.odd = append(a.odd, n)
}

// parseCIDR reads address/bits. FreeSWITCH takes no address without bits for a block.
func parseCIDR(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(strings.TrimSpace(s))
	if err == nil && p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, err
}

// newACL makes a list of blocks given as text that is known to be right: "-" before one denies it.
func newACL(name string, def bool, blocks ...string) *ACL {
	a := &ACL{Name: name, Default: def}
	for _, b := range blocks {
		text, deny := strings.CutPrefix(b, "-")
		if p, err := netip.ParsePrefix(text); err == nil {
			a.add(p, network{allow: !deny})
		}
	}
	return a
}

// builtinACLs are the lists FreeSWITCH makes by itself (switch_load_network_lists in switch_core.c). local is the networks this machine is in,
// for localnet.auto and nat.auto.
func builtinACLs(local []netip.Prefix) map[string]*ACL {
	private4 := []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}
	notWAN4 := []string{"-0.0.0.0/8", "-10.0.0.0/8", "-172.16.0.0/12", "-192.168.0.0/16", "-169.254.0.0/16", "-100.64.0.0/10"}
	lists := []*ACL{
		newACL("rfc6598.auto", false, "100.64.0.0/10"),
		newACL("rfc1918.auto", false, append(private4, "fe80::/10")...),
		newACL("wan.auto", true, append(notWAN4, "-fe80::/10")...),
		newACL("wan_v6.auto", true, "-0.0.0.0/0", "-fe80::/10"),
		newACL("wan_v4.auto", true, append(notWAN4, "-::/0")...),
		newACL("any_v6.auto", true, "-0.0.0.0/0"),
		newACL("any_v4.auto", true, "-::/0"),
		newACL("loopback.auto", false, "127.0.0.0/8", "::1/128"),
	}
	nat, localnet := newACL("nat.auto", false), newACL("localnet.auto", false)
	for _, p := range local {
		nat.add(p, network{})
		localnet.add(p, network{allow: true})
	}
	for _, b := range append(private4, "100.64.0.0/10") {
		nat.add(netip.MustParsePrefix(b), network{allow: true})
	}
	all := make(map[string]*ACL, len(lists)+2)
	for _, a := range append(lists, nat, localnet) {
		all[a.Name] = a
	}
	return all
}

// inlineACL is a list that stands where a name is expected: one or more blocks, separated by commas.
func inlineACL(name string) (*ACL, bool) {
	if !strings.Contains(name, "/") {
		return nil, false
	}
	a := &ACL{Name: name}
	for _, b := range strings.Split(name, ",") {
		p, err := parseCIDR(b)
		if err != nil {
			return nil, false
		}
		a.add(p, network{allow: true})
	}
	return a, true
}

// atoi reads a port as atoi of C does: what is no number is 0.
func atoi(s string) int {
	if s == "" {
		return 0 // most are; no error is made of it
	}
	n, _ := strconv.Atoi(strings.TrimSpace(s))
	return n
}
