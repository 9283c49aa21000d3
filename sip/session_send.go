package sip

import (
	"context"
	"errors"
	"net/netip"
	"strings"
)

// Send sends another in-dialog request: INFO, MESSAGE, NOTIFY, REFER, UPDATE, OPTIONS. onFinal, which may be nil, gets the final
// response in order with the other callbacks; 408 and 503 are made up as for Stack.Send.
func (s *Session) Send(method, contentType string, body []byte, headers []Header, onFinal func(*Response)) error {
	m := RequestMethod(strings.ToUpper(method))
	switch m {
	case INVITE, ACK, CANCEL, BYE, PRACK:
		return ErrState
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == sessionEnded || s.hungUp || s.remoteTag == "" {
		return ErrState
	}
	build := func() *Request {
		req := s.newRequestLocked(m)
		for _, h := range headers {
			req.AppendHeader(h)
		}
		setBody(req, contentType, body)
		return req
	}
	return s.sendLocked(build, func(res *Response) {
		if res.StatusCode < 200 {
			return
		}
		if m == UPDATE && res.StatusCode < 300 {
			s.mu.Lock()
			s.refreshLocked(res)
			s.mu.Unlock()
		}
		if onFinal != nil {
			s.post(func() { onFinal(res) })
		}
	})
}

// sendLocked starts the transaction of an in-dialog request on the session's flow. When that is a TCP or TLS connection that has gone, as
// trunks close idle ones, a new one is opened to where the dialog says (RFC 3261 §18.1.1); what comes of it then arrives at onResponse.
// build is called again for that: Via and Contact depend on the flow.
func (s *Session) sendLocked(build func() *Request, onResponse func(*Response)) error {
	build, onResponse = s.authorizedLocked(build, onResponse)
	req := build()
	// A browser that comes back would show an ended call for ever, if it did not get its BYE then.
	err := s.startLocked(req, onResponse, req.Method == BYE && s.overWebSocket())
	if !errors.Is(err, ErrFlowClosed) {
		return err
	}
	transport, addr, ok := s.nextHopLocked()
	if !ok {
		return err
	}
	host := ""
	if addr == s.flow.remote {
		host = s.flow.host
	}
	if !s.stack.spawn(func() { s.redial(transport, addr, host, build, onResponse) }) {
		return ErrClosed
	}
	return nil
}

func (s *Session) overWebSocket() bool { return s.flow.transport == "ws" || s.flow.transport == "wss" }

// startLocked starts a transaction and remembers it until its final response, so that it can follow the peer to another flow.
func (s *Session) startLocked(req *Request, onResponse func(*Response), patient bool) error {
	var tx *clientTx
	done := func(res *Response) {
		if res.StatusCode >= 200 {
			s.mu.Lock()
			delete(s.requests, tx)
			s.mu.Unlock()
		}
		onResponse(res)
	}
	tx, err := s.stack.startPatientTx(req, s.flow, done, patient)
	if err != nil {
		return err
	}
	if s.requests == nil {
		s.requests = map[*clientTx]struct{}{}
	}
	s.requests[tx] = struct{}{}
	return nil
}

// resendLocked sends what has no answer yet to the session's new flow: it may have been written to a connection that was dead already.
func (s *Session) resendLocked() {
	for tx := range s.requests {
		tx.move(s.flow)
	}
	if u := s.unacked; u != nil {
		u.flow = s.flow
		_ = u.flow.send(u.data)
	}
}

func (s *Session) redial(transport string, addr netip.AddrPort, host string, build func() *Request, onResponse func(*Response)) {
	ctx, cancel := context.WithTimeout(s.stack.base, s.stack.cfg.Limits.Handshake)
	defer cancel()
	f, err := s.stack.FlowToHost(ctx, transport, addr, host)
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
