package sip

import (
	"context"
	"errors"
	"net/netip"
	"strings"
)

// sendLocked starts the transaction of an in-dialog request on the session's flow. When that is a TCP or TLS connection that has gone, as
// trunks close idle ones, a new one is opened to where the dialog says (RFC 3261 §18.1.1); what comes of it then arrives at onResponse.
// build is called again for that: Via and Contact depend on the flow.
func (s *Session) sendLocked(build func() *Request, onResponse func(*Response)) error {
	build, onResponse = s.authorizedLocked(build, onResponse)
	_, err := s.stack.startClientTx(build(), s.flow, onResponse)
	if !errors.Is(err, ErrFlowClosed) {
		return err
	}
	transport, addr, ok := s.nextHopLocked()
	if !ok {
		return err
	}
	if !s.stack.spawn(func() { s.redial(transport, addr, build, onResponse) }) {
		return ErrClosed
	}
	return nil
}

func (s *Session) redial(transport string, addr netip.AddrPort, build func() *Request, onResponse func(*Response)) {
	ctx, cancel := context.WithTimeout(s.stack.base, s.stack.cfg.Limits.Handshake)
	defer cancel()
	f, err := s.stack.FlowTo(ctx, transport, addr)
	s.mu.Lock()
	if err == nil {
		s.moveLocked(f)
	}
	req := build()
	if err == nil {
		_, err = s.stack.startClientTx(req, f, onResponse)
	}
	s.mu.Unlock()
	if err != nil {
		onResponse(localResponse(req, 503, "Connection Lost"))
	}
}

// nextHopLocked is where a new connection would go: the first route or the peer's Contact, if that is an address. A WebSocket peer
// cannot be called back (RFC 7118 §5).
func (s *Session) nextHopLocked() (transport string, addr netip.AddrPort, ok bool) {
	transport = s.flow.transport
	if transport != "tcp" && transport != "tls" {
		return "", addr, false
	}
	hop := &s.remoteTarget
	if len(s.routes) > 0 {
		hop = &s.routes[0]
	}
	if p := param(hop.UriParams, "transport"); p != "" && !strings.EqualFold(p, transport) {
		return "", addr, false
	}
	ip, err := netip.ParseAddr(strings.Trim(hop.Host, "[]"))
	port := hop.Port
	if port == 0 {
		port = 5060
		if transport == "tls" {
			port = 5061
		}
	}
	return transport, netip.AddrPortFrom(ip, uint16(port)), err == nil
}
