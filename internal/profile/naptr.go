package profile

import (
	"context"
	"fmt"
	"net"

	"github.com/miekg/dns"
)

// DNS is the system's resolver, which also asks for NAPTR records. The standard library has no way to.
type DNS struct {
	*net.Resolver
	// Servers are asked for NAPTR records, host:port; none: those of /etc/resolv.conf.
	Servers []string
}

// LookupNAPTR implements NAPTRResolver. The first server that answers counts.
func (d DNS) LookupNAPTR(ctx context.Context, name string) ([]NAPTR, error) {
	servers := d.Servers
	if len(servers) == 0 {
		conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil {
			return nil, fmt.Errorf("profile: NAPTR: %w", err)
		}
		for _, s := range conf.Servers {
			servers = append(servers, net.JoinHostPort(s, conf.Port))
		}
	}
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.TypeNAPTR)
	m.SetEdns0(1232, false) // DNS flag day 2020: fits every path
	var last error
	for _, server := range servers {
		res, _, err := new(dns.Client).ExchangeContext(ctx, m, server)
		if err != nil {
			last = err
			continue
		}
		var out []NAPTR
		for _, rr := range res.Answer {
			if n, ok := rr.(*dns.NAPTR); ok && len(out) < mostAddresses {
				out = append(out, NAPTR{n.Order, n.Preference, n.Flags, n.Service, n.Replacement})
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("profile: NAPTR %s: %w", name, last)
}
