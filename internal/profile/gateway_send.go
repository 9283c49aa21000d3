package profile

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/digest"
)

// addressSet is the addresses a gateway's proxies have.
type addressSet map[netip.Addr]struct{}

// lookup finds the addresses of the gateway's proxies: calls from there are its own.
func (g *gateway) lookup(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	addrs := addressSet{}
	for _, proxy := range []string{g.cfg.Proxy, g.cfg.RegisterProxy, g.cfg.OutboundProxy} {
		uri, err := addressOf(proxy)
		if proxy == "" || err != nil {
			continue
		}
		r, err := g.way(uri, "")
		if err != nil {
			continue
		}
		found, err := r.places(ctx)
		if err != nil {
			g.p.log.Warn("gateway not found", "gateway", g.cfg.Name, "err", err)
			g.mu.Lock()
			for a := range g.addresses { // a name server that is away takes nobody's calls away
				addrs[a] = struct{}{}
			}
			g.mu.Unlock()
		}
		for _, at := range found {
			addrs[at.addr.Addr()] = struct{}{}
		}
	}
	g.mu.Lock()
	g.addresses = addrs
	g.mu.Unlock()
}

// owns says whether an address is one of the gateway's proxies.
func (g *gateway) owns(addr netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.addresses[addr.Unmap()]
	return ok
}

// way is how a request to target goes out: to proxy, when one is named, otherwise to target itself.
func (g *gateway) way(target sip.Uri, proxy string) (*route, error) {
	r := &route{profile: g.p, target: target, transport: g.cfg.Transport, anyTransport: g.cfg.AnyTransport, host: target.Host}
	if proxy == "" {
		return r, nil
	}
	hop, err := addressOf(proxy)
	if err != nil {
		return nil, fmt.Errorf("profile: proxy of gateway %s: %w", g.cfg.Name, err)
	}
	r.through(&hop)
	return r, nil
}

// through sends a request to hop instead of to its target's host.
func (r *route) through(hop *sip.Uri) {
	r.hop, r.host, r.addr, r.flow = hop, hop.Host, netip.AddrPort{}, nil
	if t, ok := hop.UriParams.Get("transport"); ok {
		r.transport, r.anyTransport = strings.ToLower(t), false
	}
}

// contact is where the gateway's calls come in: its user part says which gateway they are from.
func (g *gateway) contact(flow *sip.Flow) *sip.ContactHeader {
	c := g.p.contact(flow)
	c.Address.User, c.Address.UriParams = g.cfg.ContactUser(), nil
	switch host := g.cfg.ContactHost; {
	case host == "sip-ip":
		c.Address.Host = g.p.view(g.p.cfg.Snapshot()).SIPIP
	case host != "":
		c.Address.Host = host
	}
	for kv := range strings.SplitSeq(g.cfg.ContactParams, ";") {
		if k, v, _ := strings.Cut(kv, "="); k != "" {
			c.Address.UriParams = append(c.Address.UriParams, sip.HeaderKV{K: k, V: v})
		}
	}
	c.Address.UriParams = append(c.Address.UriParams, sip.HeaderKV{K: "transport", V: flow.Transport()}, sip.HeaderKV{K: "gw", V: g.cfg.Name})
	g.mu.Lock()
	g.contactURI = c.Address.String()
	g.mu.Unlock()
	return c
}

// made up is a final response that nobody sent.
func madeUp(status int, phrase string) *sip.Response {
	if phrase == "" {
		phrase = sip.Phrase(status)
	}
	return sip.NewResponse(status, phrase)
}

// exchange sends REGISTER and gives the final response, which is made up where none came. A server that does not serve it is passed over for the
// domain's next one.
func (g *gateway) exchange(ctx context.Context, expires time.Duration) *sip.Response {
	tried := map[netip.AddrPort]bool{}
	var last *sip.Response
	for {
		target, flow, more, res := g.open(ctx, g.cfg.RegisterURI(), g.cfg.RegisterProxy)
		switch {
		case res != nil:
			return res
		case tried[flow.RemoteAddr()]:
			return last
		}
		tried[flow.RemoteAddr()] = true
		attempt, cancel := ctx, context.CancelFunc(func() {})
		if more {
			attempt, cancel = context.WithTimeout(ctx, signTime)
		}
		last = g.prove(attempt, target, flow, expires)
		cancel()
		if !g.failed(flow, last) || !more || ctx.Err() != nil {
			return last
		}
	}
}

// prove sends REGISTER to one server. A challenge is answered on the same way only, so the password's proof goes nowhere but to the server that is
// configured.
func (g *gateway) prove(ctx context.Context, target sip.Uri, flow *sip.Flow, expires time.Duration) *sip.Response {
	build := func() *sip.Request {
		req := g.request(sip.REGISTER, target, g.cfg.ToURI())
		req.AppendHeader(g.contact(flow))
		req.AppendHeader(sip.NewHeader("Expires", strconv.Itoa(int(expires/time.Second))))
		return req
	}
	res := g.send(ctx, flow, build())
	var client digest.Client
	account := credentials{user: g.cfg.AuthUsername, password: g.cfg.Password}
	for range 2 { // the second for a nonce that is stale
		h, ok := account.answer(&client, res, "REGISTER", target.String())
		if !ok {
			return res
		}
		realm := realmOf(h)
		req := build()
		req.AppendHeader(h)
		res = g.send(ctx, flow, req)
		if res.StatusCode >= 200 && res.StatusCode < 300 {
			g.mu.Lock()
			g.realm = realm
			g.mu.Unlock()
		}
		if stale(res) {
			continue
		}
		return res
	}
	return res
}

// options asks the gateway whether it is there.
func (g *gateway) options(ctx context.Context) *sip.Response {
	target, flow, _, res := g.open(ctx, g.cfg.RegisterURI(), g.cfg.OutboundProxy)
	if res != nil {
		return res
	}
	req := g.request(sip.OPTIONS, target, target.String())
	if g.cfg.ContactInPing {
		req.AppendHeader(g.contact(flow))
	}
	res = g.send(ctx, flow, req)
	g.failed(flow, res) // the next ping asks another server of the domain
	return res
}

// open finds the way to one of the gateway's servers; more says that there are others, a response why there is none.
func (g *gateway) open(ctx context.Context, uri, proxy string) (target sip.Uri, flow *sip.Flow, more bool, res *sip.Response) {
	target, err := addressOf(uri)
	if err != nil {
		return target, nil, false, madeUp(503, "Bad Address")
	}
	if t, ok := target.UriParams.Get("transport"); ok && t == "udp" { // which is what no parameter means
		target.UriParams.Remove("transport")
	}
	r, err := g.way(target, proxy)
	if err != nil {
		return target, nil, false, madeUp(503, "Bad Proxy")
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	flow, rest, err := r.open(ctx)
	if err != nil {
		g.p.log.Info("gateway not reached", "gateway", g.cfg.Name, "err", err)
		return target, nil, false, madeUp(503, "No Route")
	}
	return target, flow, len(rest) > 0, nil
}

// request makes a request of the gateway's account.
func (g *gateway) request(method sip.RequestMethod, target sip.Uri, to string) *sip.Request {
	req := sip.NewRequest(method, *target.Clone())
	from, _ := sip.ParseURI(g.cfg.FromURI())
	callee, _ := sip.ParseURI(to)
	req.AppendHeader(&sip.FromHeader{Address: from, Params: sip.HeaderParams{}})
	req.AppendHeader(&sip.ToHeader{Address: callee, Params: sip.HeaderParams{}})
	id := sip.CallIDHeader(g.callID)
	g.cseq++
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: g.cseq, MethodName: method})
	return req
}

// send gives the final response to a request, or what stands for it when ctx ends first.
func (g *gateway) send(ctx context.Context, flow *sip.Flow, req *sip.Request) *sip.Response {
	final := make(chan *sip.Response, 1)
	var once sync.Once
	err := g.p.stack.Send(req, flow, func(res *sip.Response) {
		if res.StatusCode >= 200 {
			once.Do(func() { final <- res })
		}
	})
	if err != nil {
		return madeUp(503, "")
	}
	select {
	case res := <-final:
		if req.Method == sip.REGISTER {
			g.mu.Lock()
			g.peer = flow.RemoteAddr()
			g.mu.Unlock()
		}
		return res
	case <-ctx.Done():
		return madeUp(408, "")
	}
}

// failed notes a place that did not serve a request of ours: the next one goes to another, if there is one.
func (g *gateway) failed(flow *sip.Flow, res *sip.Response) bool {
	if !unserved(res) {
		return false
	}
	g.p.known.fail(place{flow.Transport(), flow.RemoteAddr()})
	return true
}
