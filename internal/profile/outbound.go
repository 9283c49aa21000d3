package profile

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// dialTimeout bounds name resolution and the opening of a connection together.
const dialTimeout = 5 * time.Second

// route is where one INVITE goes.
type route struct {
	profile   *Profile
	target    sip.Uri
	domain    string       // host of From
	user      *config.User // nil for a foreign address
	url       string       // as FreeSWITCH writes the destination
	webrtc    bool
	transport string
	// anyTransport says that nobody chose the transport: NAPTR records may.
	anyTransport bool

	gateway     *gateway        // whose account calls; nil for none
	credentials credentials     // that answer a challenge to the INVITE
	vars        []call.Variable // of the dial string

	flow *sip.Flow      // the way, when there is one already
	addr netip.AddrPort // or the address
	host string         // or its name
	hop  *sip.Uri       // what host is from, when it is not the target
}

// dial implements call.Destination.Dial. Everything that goes wrong is reported by LegEnded: there is no error.
func (r *route) dial(o call.Outbound, h call.LegHandler) (call.Leg, error) {
	p := r.profile
	l := &leg{p: p, outbound: true, user: r.user, handler: h, gateway: r.gateway, credentials: r.credentials, log: p.log.With("channel", o.UUID)}
	l.began()
	if r.flow != nil {
		r.invite(l, o, r.flow)
		return l, nil
	}
	if addr, ok := r.address(); ok && r.transport == "udp" { // nothing to wait for
		flow, err := p.stack.FlowTo(p.ctx, "udp", addr)
		if err != nil {
			r.failed(l, err)
			return l, nil
		}
		r.invite(l, o, flow)
		return l, nil
	}
	r.search(l, o, r.open)
	return l, nil
}

// search opens a way off the channel's goroutine and sends the INVITE on it.
func (r *route) search(l *leg, o call.Outbound, open func(context.Context) (*sip.Flow, []place, error)) {
	ctx, cancel := context.WithTimeout(r.profile.ctx, dialTimeout)
	l.mu.Lock()
	l.abandon = cancel
	l.mu.Unlock()
	if !r.profile.spawn(func() {
		defer cancel()
		flow, rest, err := open(ctx)
		if err != nil {
			r.failed(l, err)
			return
		}
		l.mu.Lock()
		l.elsewhere = nil
		if len(rest) > 0 {
			l.elsewhere = func() {
				r.search(l, o, func(ctx context.Context) (*sip.Flow, []place, error) { return r.openFirst(ctx, rest) })
			}
		}
		l.mu.Unlock()
		r.invite(l, o, flow)
	}) {
		cancel()
		r.failed(l, context.Canceled)
	}
}

// address gives the callee's address when no name has to be resolved.
func (r *route) address() (netip.AddrPort, bool) {
	if r.addr.IsValid() {
		return r.addr, true
	}
	ip, err := netip.ParseAddr(strings.Trim(r.host, "[]"))
	return netip.AddrPortFrom(ip, r.port()), err == nil
}

func (r *route) port() uint16 {
	switch port := r.namedPort(); {
	case port > 0 && port <= 65535:
		return uint16(port)
	case r.transport == "tls":
		return 5061
	}
	return 5060
}

// failed reports that no INVITE could be sent.
func (r *route) failed(l *leg, err error) {
	l.log.Warn("callee not reached", "to", r.target.String(), "err", err)
	e := call.LegEnd{Cause: call.NormalTemporaryFailure, Status: 503, Phrase: "Service Unavailable", Disposition: "recv_refuse"}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		e.Cause = call.NoRouteDestination
	}
	l.end(e)
}

// clamp keeps Max-Forwards within RFC 3261 §20.22; zero means not told.
func clamp(n int) uint32 {
	if n <= 0 || n > 255 {
		return 70
	}
	return uint32(n)
}

// contact is where in-dialog requests of the peer go.
func (p *Profile) contact(flow *sip.Flow) *sip.ContactHeader {
	addr, err := netip.ParseAddrPort(p.contactHost(flow))
	uri := sip.Uri{Scheme: "sip", User: "mod_sofia", Host: addr.Addr().String(), Port: int(addr.Port())}
	if err != nil {
		uri.Host, uri.Port = p.contactHost(flow), 0
	}
	switch t := flow.Transport(); t {
	case "tcp", "tls", "ws":
		uri.UriParams = sip.HeaderParams{{K: "transport", V: t}}
	case "wss":
		uri.UriParams = sip.HeaderParams{{K: "transport", V: "ws"}} // RFC 7118 §5.2
	}
	return &sip.ContactHeader{Address: uri}
}
