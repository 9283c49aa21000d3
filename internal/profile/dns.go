package profile

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/talkpath/talkpath/sip"
)

// mostAddresses bounds how many addresses of one name are tried.
const mostAddresses = 8

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// open finds or opens the way to the callee: the first of its addresses that takes a connection.
func (r *route) open(ctx context.Context) (*sip.Flow, error) {
	addrs, err := r.addresses(ctx)
	if err != nil {
		return nil, err
	}
	var flow *sip.Flow
	for _, addr := range addrs {
		if flow, err = r.profile.stack.FlowTo(ctx, r.transport, addr); err == nil || ctx.Err() != nil {
			break
		}
	}
	return flow, err
}

// addresses are where the callee may be, best first: RFC 3263 §4.2 without NAPTR, since the transport is always known. A name with a port
// has no SRV records to look for, and disable-srv looks for none.
func (r *route) addresses(ctx context.Context) ([]netip.AddrPort, error) {
	if addr, ok := r.address(); ok {
		return []netip.AddrPort{addr}, nil
	}
	resolver := r.profile.cfg.Resolver
	port := r.target.Port
	if r.hop != nil {
		port = r.hop.Port
	}
	var out []netip.AddrPort
	add := func(host string, port uint16) error {
		ips, err := resolver.LookupNetIP(ctx, "ip", host)
		for _, ip := range ips {
			if len(out) < mostAddresses {
				out = append(out, netip.AddrPortFrom(ip.Unmap(), port))
			}
		}
		return err
	}
	if port == 0 && !r.profile.view(r.profile.cfg.Snapshot()).DisableSRV {
		service, proto := "sip", r.transport
		if proto == "tls" {
			service, proto = "sips", "tcp"
		}
		if _, records, err := resolver.LookupSRV(ctx, service, proto, r.host); err == nil {
			for _, record := range records {
				_ = add(strings.TrimSuffix(record.Target, "."), record.Port) // another one may be found
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	if err := add(r.host, r.port()); len(out) == 0 {
		return nil, fmt.Errorf("profile: resolve %s: %w", r.host, err)
	}
	return out, nil
}
