package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

var errTODO = errors.New("sip: not there yet")

type Stack struct{}

func NewStack(cfg Config) (*Stack, error)       { return nil, errTODO }
func (s *Stack) Addr(transport string) net.Addr { return nil }
func (s *Stack) Close() error                   { return nil }
func (s *Stack) Stats() Stats                   { return Stats{} }
func (s *Stack) FlowTo(ctx context.Context, transport string, addr netip.AddrPort) (*Flow, error) {
	return nil, errTODO
}
func (s *Stack) Send(req *Request, flow *Flow, onResponse func(*Response)) error { return errTODO }
func (s *Stack) AcceptSession(tx *ServerTx, h SessionHandler) (*Session, error)  { return nil, errTODO }
func (s *Stack) Invite(req *Request, flow *Flow, h SessionHandler) (*Session, error) {
	return nil, errTODO
}

type Stats struct{}

type Flow struct{}

func (f *Flow) Transport() string          { return "" }
func (f *Flow) RemoteAddr() netip.AddrPort { return netip.AddrPort{} }
func (f *Flow) LocalAddr() netip.AddrPort  { return netip.AddrPort{} }
func (f *Flow) ID() string                 { return "" }
func (f *Flow) Reliable() bool             { return false }
func (f *Flow) Done() <-chan struct{}      { return nil }
func (f *Flow) Close()                     {}

type ServerTx struct{}

func (tx *ServerTx) Request() *Request                                                { return nil }
func (tx *ServerTx) Flow() *Flow                                                      { return nil }
func (tx *ServerTx) NewResponse(code int, reason string, headers ...Header) *Response { return nil }
func (tx *ServerTx) Respond(res *Response) error                                      { return errTODO }

type Session struct{}

func (s *Session) Request() *Request                                                  { return nil }
func (s *Session) Flow() *Flow                                                        { return nil }
func (s *Session) CallID() string                                                     { return "" }
func (s *Session) LocalTag() string                                                   { return "" }
func (s *Session) RemoteTag() string                                                  { return "" }
func (s *Session) Ring(code int, reason string, body []byte, headers ...Header) error { return errTODO }
func (s *Session) Accept(body []byte, headers ...Header) error                        { return errTODO }
func (s *Session) Reject(code int, reason string, headers ...Header) error            { return errTODO }
func (s *Session) Hangup(headers ...Header) error                                     { return errTODO }
func (s *Session) Reinvite(body []byte, onResult func(*Response)) error               { return errTODO }
func (s *Session) Send(method string, contentType string, body []byte, headers []Header, onFinal func(*Response)) error {
	return errTODO
}

type Reinvite struct{}

func (r *Reinvite) Request() *Request                                       { return nil }
func (r *Reinvite) Accept(body []byte, headers ...Header) error             { return errTODO }
func (r *Reinvite) Reject(code int, reason string, headers ...Header) error { return errTODO }
