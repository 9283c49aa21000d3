package profile

import (
	"context"
	"errors"
	"fmt"
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

	flow *sip.Flow      // the way, when there is one already
	addr netip.AddrPort // or the address
	host string         // or its name
}

// dial implements call.Destination.Dial. Everything that goes wrong is reported by LegEnded: there is no error.
func (r *route) dial(o call.Outbound, h call.LegHandler) (call.Leg, error) {
	p := r.profile
	l := &leg{p: p, outbound: true, user: r.user, handler: h, log: p.log.With("channel", o.UUID)}
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
	ctx, cancel := context.WithTimeout(p.ctx, dialTimeout)
	l.abandon = cancel
	if !p.spawn(func() {
		defer cancel()
		flow, err := r.open(ctx)
		if err != nil {
			r.failed(l, err)
			return
		}
		r.invite(l, o, flow)
	}) {
		cancel()
		r.failed(l, context.Canceled)
	}
	return l, nil
}

// open finds or opens the way to the callee. RFC 3263 without NAPTR and SRV.
func (r *route) open(ctx context.Context) (*sip.Flow, error) {
	addr, ok := r.address()
	if !ok {
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", r.host)
		if err != nil {
			return nil, fmt.Errorf("profile: resolve %s: %w", r.host, err)
		}
		addr = netip.AddrPortFrom(ips[0].Unmap(), r.port())
	}
	return r.profile.stack.FlowTo(ctx, r.transport, addr)
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
	switch {
	case r.target.Port > 0 && r.target.Port <= 65535:
		return uint16(r.target.Port)
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

// invite sends the INVITE. Callbacks wait for the lock, so they find the session set.
func (r *route) invite(l *leg, o call.Outbound, flow *sip.Flow) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	session, err := r.profile.stack.Invite(r.request(o, flow), flow, l)
	if l.abandon = nil; err == nil {
		l.begin(session)
	}
	l.mu.Unlock()
	if err != nil {
		r.failed(l, err)
	}
}

// request builds the INVITE as FreeSWITCH addresses it: From is the caller's name and number at the dialled domain, To the callee's
// contact.
func (r *route) request(o call.Outbound, flow *sip.Flow) *sip.Request {
	req := sip.NewRequest(sip.INVITE, *r.target.Clone())
	number := escapeUser(o.CallerNum)
	from := sip.Uri{Scheme: "sip", User: number, Host: r.domain}
	req.AppendHeader(&sip.FromHeader{DisplayName: quoteName(o.CallerName), Address: from, Params: sip.HeaderParams{}})
	req.AppendHeader(&sip.ToHeader{Address: *r.target.Clone(), Params: sip.HeaderParams{}})
	hops, media := sip.MaxForwardsHeader(clamp(o.MaxForwards)), sip.ContentTypeHeader("application/sdp")
	req.AppendHeader(&hops)
	req.AppendHeader(r.profile.contact(flow))
	for _, h := range o.Headers {
		if token(h.Name) && isCustom(h.Name) {
			req.AppendHeader(sip.NewHeader(h.Name, clean(h.Value)))
		}
	}
	req.AppendHeader(&media)
	req.AppendHeader(sip.NewHeader("Content-Disposition", "session"))
	req.AppendHeader(sip.NewHeader("Remote-Party-ID", `"`+quoteName(o.CallerName)+`" <`+from.String()+">;party=calling;screen=yes;privacy=off"))
	req.SetBody(o.SDP)
	return req
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
