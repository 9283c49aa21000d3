package config

import (
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// loadACLs loads a tree whose acl.conf has these lists.
func loadACLs(t testing.TB, lists string, directory string) *Snapshot {
	t.Helper()
	s, err := Load(Options{Dir: tree(t, map[string]string{"conf": `<configuration name="acl.conf"><network-lists>` + lists + `</network-lists></configuration>`, "directory": directory}),
		LocalNets: []netip.Prefix{netip.MustParsePrefix("192.168.7.9/24"), netip.MustParsePrefix("2001:db8:7::9/64")}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestACL(t *testing.T) {
	s := loadACLs(t, `
		<list name="lan" default="allow"><node type="deny" cidr="192.168.42.0/24"/><node type="allow" cidr="192.168.42.42/32"/></list>
		<list name="reversed" default="allow"><node type="allow" cidr="192.168.42.42/32"/><node type="deny" cidr="192.168.42.0/24"/></list>
		<list name="twice" default="deny"><node type="allow" cidr="10.0.0.0/8"/><node type="deny" cidr="10.0.0.0/8"/></list>
		<list name="domains" default="deny"><node type="allow" domain="example.com"/></list>
		<list name="not domains" default="allow"><node type="deny" domain="example.com"/></list>
		<list name="several" default="deny"><node type="allow" cidr="10.1.0.0/16,10.2.0.0/16, 2001:db8::/32"/></list>
		<list name="masked" default="deny"><node type="allow" host="172.16.5.9" mask="255.255.0.0"/></list>
		<list name="holes" default="deny"><node type="allow" host="10.0.0.5" mask="255.0.0.255"/><node type="deny" cidr="10.0.0.0/8"/></list>
		<list name="all" default="deny"><node type="allow" cidr="0.0.0.0/0"/></list>
		<list name="no default"/>
		<list name="typeless" default="deny"><node cidr="10.0.0.0/8"/></list>
		<list name="mapped" default="deny"><node type="allow" cidr="::ffff:10.0.0.0/104"/></list>
		<list name="ports" default="deny"><node type="allow" cidr="10.0.0.0/8" port="5060"/><node type="allow" cidr="11.0.0.0/8" ports="5060,5080"/><node type="allow" cidr="12.0.0.0/8" port-min="1000" port-max="2000"/></list>
		<list name="loopback.auto" default="allow"/>`,
		`<domain name="example.com"><users><user id="brian" cidr="192.0.2.0/24"><params><param name="password" value="x9"/></params></user></users>
		<groups><group name="g"><users><user id="ann" cidr="192.0.2.7/32,198.51.100.0/24"><params><param name="password" value="x9"/></params></user></users></group></groups></domain>`)
	for _, p := range s.Problems {
		t.Error(p)
	}
	for _, c := range []struct {
		list, addr string
		port       int
		want       bool
		token      string
	}{
		{"lan", "192.168.42.42", 0, true, ""}, {"lan", "192.168.42.43", 0, false, ""}, {"lan", "10.1.1.1", 0, true, ""}, {"lan", "2001:db8::1", 0, true, ""},
		{"reversed", "192.168.42.42", 0, true, ""}, {"reversed", "192.168.42.43", 0, false, ""},
		{"twice", "10.0.0.1", 0, true, ""}, // the first of the file
		{"domains", "192.0.2.8", 0, true, "brian@example.com"}, {"domains", "192.0.2.7", 0, true, "ann@example.com"}, {"domains", "198.51.100.200", 0, true, "ann@example.com"}, {"domains", "203.0.113.1", 0, false, ""},
		{"not domains", "192.0.2.8", 0, false, "brian@example.com"},
		{"several", "10.2.9.9", 0, true, ""}, {"several", "2001:db8:1::1", 0, true, ""}, {"several", "10.3.0.1", 0, false, ""}, {"several", "::ffff:10.1.0.1", 0, true, ""},
		{"masked", "172.16.200.1", 0, true, ""}, {"masked", "172.17.0.1", 0, false, ""},
		{"holes", "10.9.9.5", 0, true, ""}, {"holes", "10.9.9.6", 0, false, ""}, {"holes", "2001:db8::5", 0, false, ""},
		{"all", "203.0.113.1", 0, true, ""}, {"all", "2001:db8::1", 0, false, ""},
		{"no default", "203.0.113.1", 0, true, ""}, {"typeless", "10.0.0.1", 0, false, ""}, {"mapped", "10.0.0.1", 0, true, ""}, {"mapped", "11.0.0.1", 0, false, ""},
		{"ports", "10.0.0.1", 5060, true, ""}, {"ports", "10.0.0.1", 5061, false, ""}, {"ports", "10.0.0.1", 0, true, ""}, {"ports", "11.0.0.1", 5080, true, ""}, {"ports", "12.0.0.1", 999, false, ""}, {"ports", "12.0.0.1", 1000, true, ""},
		{"loopback.auto", "203.0.113.1", 0, true, ""}, // the file's replaces the built-in one
		{"rfc1918.auto", "10.1.2.3", 0, true, ""}, {"rfc1918.auto", "172.32.0.1", 0, false, ""}, {"rfc1918.auto", "fe80::1%eth0", 0, true, ""},
		{"rfc6598.auto", "100.64.0.1", 0, true, ""},
		{"nat.auto", "192.168.8.1", 0, true, ""}, {"nat.auto", "192.168.7.1", 0, false, ""}, {"nat.auto", "203.0.113.1", 0, false, ""}, {"nat.auto", "100.64.1.1", 0, true, ""},
		{"localnet.auto", "192.168.7.200", 0, true, ""}, {"localnet.auto", "192.168.8.1", 0, false, ""}, {"localnet.auto", "2001:db8:7::1", 0, true, ""},
		{"wan.auto", "203.0.113.1", 0, true, ""}, {"wan.auto", "10.0.0.1", 0, false, ""}, {"wan.auto", "2001:db8::1", 0, true, ""}, {"wan.auto", "169.254.1.1", 0, false, ""},
		{"wan_v4.auto", "203.0.113.1", 0, true, ""}, {"wan_v4.auto", "2001:db8::1", 0, false, ""}, {"wan_v6.auto", "2001:db8::1", 0, true, ""}, {"wan_v6.auto", "203.0.113.1", 0, false, ""}, {"wan_v6.auto", "fe80::1", 0, false, ""},
		{"any_v4.auto", "10.0.0.1", 0, true, ""}, {"any_v4.auto", "::1", 0, false, ""}, {"any_v6.auto", "::1", 0, true, ""}, {"any_v6.auto", "10.0.0.1", 0, false, ""},
		{"10.0.0.0/8", "10.1.1.1", 0, true, ""}, {"10.0.0.0/8", "11.1.1.1", 0, false, ""}, {"10.0.0.0/8,2001:db8::/32", "2001:db8::1", 0, true, ""},
	} {
		a, ok := s.ACL(c.list)
		if !ok {
			t.Errorf("no list %s", c.list)
			continue
		}
		if got, token := a.Lookup(netip.MustParseAddr(c.addr), c.port); got != c.want || token != c.token {
			t.Errorf("%s in %s: %v %q, want %v %q", c.addr, c.list, got, token, c.want, c.token)
		}
	}
	for _, name := range []string{"nosuch", "", "10.0.0.1", "10.0.0.0/33", "10.0.0.0/8,x"} {
		if _, ok := s.ACL(name); ok {
			t.Errorf("there is a list %q", name)
		}
	}
	if (&ACL{Default: true}).Match(netip.Addr{}) || (*ACL)(nil).Match(netip.MustParseAddr("::1")) {
		t.Error("nothing is allowed")
	}
	if ok, token := s.Allowed([]string{"nosuch", "twice", "domains"}, netip.MustParseAddr("192.0.2.7"), 0); !ok || token != "ann@example.com" {
		t.Errorf("%v %q", ok, token)
	}
	if ok, _ := s.Allowed(nil, netip.MustParseAddr("192.0.2.7"), 0); ok {
		t.Error("no list allows anybody")
	}
}

func TestACLProblems(t *testing.T) {
	for _, c := range []struct{ name, list, want string }{
		{"no name", `<list/>`, "error: an access list needs a name"},
		{"address without bits", `<list name="a"><node type="allow" cidr="10.0.0.1"/></list>`, `"10.0.0.1" is not address/bits`},
		{"too many bits", `<list name="a"><node type="allow" cidr="10.0.0.1/33"/></list>`, `"10.0.0.1/33" is not address/bits`},
		{"unknown domain", `<list name="a"><node type="allow" domain="x"/></list>`, `the directory has no domain "x"`},
		{"host without mask", `<list name="a"><node type="allow" host="10.0.0.1"/></list>`, "a node needs cidr, domain, or host and mask"},
		{"no mask", `<list name="a"><node type="allow" host="10.0.0.1" mask="x"/></list>`, "is no IPv4 network"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := loadACLs(t, c.list, "")
			if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].String(), c.want) || s.Problems[0].Line == 0 {
				t.Errorf("%v", s.Problems)
			}
		})
	}
	s, err := Load(Options{Dir: tree(t, map[string]string{"profile": param("apply-inbound-acl", "nosuch:a:b") + param("apply-inbound-acl", "lan2")})})
	if err != nil || len(s.Problems) != 2 || !strings.Contains(s.Problems[0].Text, `there is no access list "nosuch"`) {
		t.Errorf("%v %v", err, s.Problems)
	}
}

// TestACLAgreesWithFreeSWITCH compares with the rule of switch_utils.c, walked through as it is written: newest node first, a node of at least as many
// bits as the best so far decides.
func TestACLAgreesWithFreeSWITCH(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		a := &ACL{Name: "x", Default: r.IntN(2) == 0}
		type node struct {
			ip, mask uint32
			allow    bool
		}
		var nodes []node
		for range r.IntN(12) {
			n := node{ip: 0x0a000000 | r.Uint32()&0x00000707, allow: r.IntN(2) == 0}
			if r.IntN(4) == 0 {
				n.mask = r.Uint32()
				a.addMasked(addrOf(n.ip), addrOf(n.mask), network{allow: n.allow})
			} else {
				length := r.IntN(33)
				n.mask = ^uint32(0) << (32 - length)
				a.add(netip.PrefixFrom(addrOf(n.ip), length), network{allow: n.allow})
			}
			nodes = append(nodes, n)
		}
		for range 50 {
			ip := 0x0a000000 | r.Uint32()&0x00000f0f
			want, best := a.Default, 0
			for i := len(nodes) - 1; i >= 0; i-- {
				n := nodes[i]
				if ones := bits.OnesCount32(n.mask); ones >= best && ip&n.mask == n.ip&n.mask {
					want, best = n.allow, ones
				}
			}
			if got := a.Match(addrOf(ip)); got != want {
				t.Fatalf("%s: %v, want %v, nodes %+v default %v", addrOf(ip), got, want, nodes, a.Default)
			}
		}
	}
}

func addrOf(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestStockACLs(t *testing.T) {
	s, err := Load(Options{Dir: stockTree(t, "vanilla"), Defaults: map[string]string{"local_ip_v4": "192.0.2.1"}, Set: map[string]string{"default_password": "own"}})
	if err != nil {
		t.Fatal(err)
	}
	domains, ok := s.ACL("domains")
	if ok, token := domains.Lookup(netip.MustParseAddr("192.0.2.77"), 5060); !ok || token != "brian@192.0.2.1" {
		t.Errorf("domains: %v %q", ok, token)
	}
	if lan, _ := s.ACL("lan"); !ok || lan.Match(netip.MustParseAddr("192.168.42.1")) || !lan.Match(netip.MustParseAddr("192.168.42.42")) || domains.Match(netip.MustParseAddr("203.0.113.1")) {
		t.Error("lan, domains")
	}
	if p, _ := s.Profile("internal"); len(p.InboundACL) != 1 || p.InboundACL[0].List != "domains" || p.LocalNetworkACL != "localnet.auto" {
		t.Errorf("%+v", p.InboundACL)
	}
}

// BenchmarkACL is a list of 10,000 users' addresses.
func BenchmarkACL(b *testing.B) {
	a := &ACL{Name: "x"}
	for i := range 10_000 {
		a.add(netip.PrefixFrom(addrOf(0x0a000000+uint32(i)*7), 32), network{allow: true, token: strconv.Itoa(i)})
	}
	addr := netip.MustParseAddr("10.1.2.3")
	b.ReportAllocs()
	for b.Loop() {
		a.Match(addr)
	}
}

func FuzzACL(f *testing.F) {
	f.Add("10.0.0.0/8", "10.1.1.1")
	f.Add("10.0.0.0/8, ::/0,::ffff:1.2.3.4/128", "::ffff:1.2.3.4")
	f.Add("0.0.0.0/0", "255.255.255.255")
	f.Fuzz(func(t *testing.T, list, addr string) {
		ip, err := netip.ParseAddr(addr)
		a, ok := (&Snapshot{}).ACL(list)
		if err != nil || !ok {
			return
		}
		in := false
		for _, x := range strings.Split(list, ",") {
			if p, err := parseCIDR(x); err == nil && p.Contains(ip.Unmap().WithZone("")) {
				in = true
			}
		}
		if a.Match(ip) != in {
			t.Errorf("%s in %s: %v", addr, list, !in)
		}
	})
}
