package sip

import "net/netip"

// Authorizer answers a challenge (401 or 407) to a request of a method and URI with the header that goes on its repetition; false when it
// cannot. It must not call the session.
type Authorizer func(challenge *Response, method, uri string) (Header, bool)

// SetAuthorizer lets challenged requests in the dialog be repeated once with a proof of the password. Only challenges that come from where
// the session's requests go now are answered: whoever takes the dialog over from elsewhere gets no proof.
func (s *Session) SetAuthorizer(a Authorizer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.authorize, s.authorizeAt = a, s.flow.remote
}

// authorizedLocked wraps a request so that a challenge to it is answered.
func (s *Session) authorizedLocked(build func() *Request, onResponse func(*Response)) (func() *Request, func(*Response)) {
	authorize, at := s.authorize, s.authorizeAt
	if authorize == nil {
		return build, onResponse
	}
	var req *Request
	first := func() *Request {
		req = build()
		return req
	}
	return first, func(res *Response) {
		if (res.StatusCode == 401 || res.StatusCode == 407) && s.repeat(res, req, at, authorize, build, onResponse) {
			return
		}
		onResponse(res)
	}
}

// repeat sends a challenged request again, with the answer; its response goes to onResponse, whatever it is.
func (s *Session) repeat(res *Response, req *Request, at netip.AddrPort, a Authorizer, build func() *Request, onResponse func(*Response)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flow.remote != at {
		return false
	}
	proof, ok := a(res, string(req.Method), req.Recipient.String())
	if !ok {
		return false
	}
	again := func() *Request {
		r := build()
		r.AppendHeader(proof)
		return r
	}
	_, err := s.stack.startClientTx(again(), s.flow, onResponse)
	return err == nil
}
