package profile

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// mostAddresses bounds how many addresses of one name are tried.
const mostAddresses = 8

// Resolver looks names up; *net.Resolver is one, and DNS one with NAPTR.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// NAPTRResolver is a Resolver that also knows which transports a domain wants.
type NAPTRResolver interface {
	LookupNAPTR(ctx context.Context, name string) ([]NAPTR, error)
}

// NAPTR is a record of RFC 3403.
type NAPTR struct {
	Order, Preference uint16
	Flags, Service    string // "s", "SIP+D2U"
	Replacement       string // the name with the SRV records
}

// place is where a request may go.
type place struct {
	transport string
	addr      netip.AddrPort
}

// String is "udp 192.0.2.1:5060".
func (at place) String() string { return at.transport + " " + at.addr.String() }

// open finds or opens the way to the callee: the first of its places that takes a connection. rest is what can be tried after it.
func (r *route) open(ctx context.Context) (flow *sip.Flow, rest []place, err error) {
	places, err := r.places(ctx)
	if err != nil {
		return nil, nil, err
	}
	return r.openFirst(ctx, places)
}

func (r *route) openFirst(ctx context.Context, places []place) (flow *sip.Flow, rest []place, err error) {
	for i, at := range places {
		if flow, err = r.profile.stack.FlowToHost(ctx, at.transport, at.addr, r.name()); err == nil {
			return flow, places[i+1:], nil
		}
		r.profile.known.fail(at)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, nil, err
}

// name is the name that the callee was found under, "" when it was an address.
func (r *route) name() string {
	if _, err := netip.ParseAddr(strings.Trim(r.host, "[]")); err == nil || r.addr.IsValid() {
		return ""
	}
	return r.host
}

// places are where the callee may be, best first: RFC 3263 §4. Those that did not answer lately come last. What was found is remembered for a
// while, so that not each call waits for a name server.
func (r *route) places(ctx context.Context) ([]place, error) {
	if addr, ok := r.address(); ok {
		return []place{{r.transport, addr}}, nil
	}
	key := fmt.Sprintf("%s:%d %s %t", r.host, r.namedPort(), r.transport, r.anyTransport)
	if found, ok := r.profile.known.find(key); ok {
		return found, nil
	}
	found, err := r.lookUp(ctx)
	if err != nil {
		return nil, err
	}
	return r.profile.known.keep(key, found), nil
}

// namedPort is the port that the URI names; 0 for none.
func (r *route) namedPort() int {
	if r.hop != nil {
		return r.hop.Port
	}
	return r.target.Port
}

// lookUp asks the name server. A name with a port has no SRV records to look for, and disable-srv looks for none. NAPTR records choose the
// transport where nothing else does (RFC 3263 §4.1), unless disable-naptr.
func (r *route) lookUp(ctx context.Context) ([]place, error) {
	view := r.profile.view(r.profile.cfg.Snapshot())
	q := query{ctx: ctx, resolver: r.profile.cfg.Resolver}
	if r.namedPort() == 0 && !view.DisableSRV {
		if r.anyTransport && !view.DisableNAPTR {
			q.naptr(r.host, transports(view))
		}
		if len(q.found) == 0 {
			service, proto := "sip", r.transport
			if proto == "tls" {
				service, proto = "sips", "tcp"
			}
			q.srv(service, proto, r.host, r.transport)
		}
	}
	if len(q.found) > 0 {
		return q.found, nil
	}
	if err := q.host(r.host, r.port(), r.transport); len(q.found) == 0 {
		return nil, fmt.Errorf("profile: resolve %s: %w", r.host, err)
	}
	return q.found, nil
}

// transports are those a profile can call by, with the NAPTR service of each.
func transports(view *config.Profile) map[string]string {
	all := map[string]string{"SIP+D2U": "udp", "SIP+D2T": "tcp"}
	if view.TLS {
		all["SIPS+D2T"] = "tls"
	}
	return all
}

// query gathers places.
type query struct {
	ctx      context.Context
	resolver Resolver
	found    []place
}

// host adds the addresses of a name.
func (q *query) host(host string, port uint16, transport string) error {
	ips, err := q.resolver.LookupNetIP(q.ctx, "ip", host)
	for _, ip := range ips {
		if len(q.found) < mostAddresses {
			q.found = append(q.found, place{transport, netip.AddrPortFrom(ip.Unmap(), port)})
		}
	}
	return err
}

// srv adds the places of a service; the resolver has sorted them by priority and weight (RFC 2782).
func (q *query) srv(service, proto, name, transport string) {
	_, records, err := q.resolver.LookupSRV(q.ctx, service, proto, name)
	if err != nil {
		return
	}
	for _, record := range records {
		_ = q.host(strings.TrimSuffix(record.Target, "."), record.Port, transport) // another one may be found
	}
}

// naptr adds the places of the transports that the domain wants and that are ours, in its order.
func (q *query) naptr(name string, ours map[string]string) {
	resolver, ok := q.resolver.(NAPTRResolver)
	if !ok {
		return
	}
	records, err := resolver.LookupNAPTR(q.ctx, name)
	if err != nil {
		return
	}
	slices.SortStableFunc(records, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	for _, record := range records {
		if transport, ok := ours[strings.ToUpper(record.Service)]; ok && strings.EqualFold(record.Flags, "s") {
			q.srv("", "", strings.TrimSuffix(record.Replacement, "."), transport)
		}
	}
}
