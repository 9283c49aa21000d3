package sip

// SessionHandler is told what happens to a session: in order, one call at a time for each session, on a goroutine of the stack. It
// must not block. Exactly one of OnAnswer and OnReject comes for an outgoing session, whatever happens.
type SessionHandler interface {
	// OnProvisional: an outgoing INVITE got a 101–199 response.
	OnProvisional(s *Session, res *Response)
	// OnAnswer: an outgoing INVITE got its first 2xx; ACK has been sent.
	OnAnswer(s *Session, res *Response)
	// OnReject: an outgoing INVITE failed: a response ≥ 300; 408 when nothing was heard, 503 when the flow died and 487 when the
	// answer crossed our CANCEL are made up here.
	OnReject(s *Session, res *Response)
	// OnCancel: an incoming INVITE was cancelled before its final response (by CANCEL, or BYE on the early dialog); 200 and 487 have
	// been sent. Or nobody acknowledged our reliable provisional response: cancel is nil, and 504 has been sent.
	OnCancel(s *Session, cancel *Request)
	// OnAck: the answer to an incoming INVITE was acknowledged.
	OnAck(s *Session, ack *Request)
	// OnAckTimeout: a 2xx was not acknowledged in 64*T1; BYE has been sent.
	OnAckTimeout(s *Session)
	// OnExpired: nobody refreshed the session in time (RFC 4028), or it is not known to the peer any more; BYE has been sent.
	OnExpired(s *Session)
	// OnReinvite: the peer offers a change; answer through r. Without a body it asks for our offer: Reinvite.Offer.
	OnReinvite(s *Session, r *Reinvite)
	// OnRequest: any other in-dialog request (INFO MESSAGE REFER NOTIFY UPDATE OPTIONS …); answer through tx. A MESSAGE may come after our
	// BYE, until that is answered.
	OnRequest(s *Session, tx *ServerTx)
	// OnBye: the peer ended the session; 200 has been sent.
	OnBye(s *Session, bye *Request)
	// OnFlowClosed: the peer's connection closed while the session lives. The session goes on; a later request of the peer on
	// another flow moves it there.
	OnFlowClosed(s *Session)
}

// NopSessionHandler does nothing on every event except refuse requests: embed it to implement only some.
type NopSessionHandler struct{}

func (NopSessionHandler) OnProvisional(*Session, *Response) {}
func (NopSessionHandler) OnAnswer(*Session, *Response)      {}
func (NopSessionHandler) OnReject(*Session, *Response)      {}
func (NopSessionHandler) OnCancel(*Session, *Request)       {}
func (NopSessionHandler) OnAck(*Session, *Request)          {}
func (NopSessionHandler) OnAckTimeout(*Session)             {}
func (NopSessionHandler) OnExpired(*Session)                {}
func (NopSessionHandler) OnReinvite(_ *Session, r *Reinvite) {
	_ = r.Reject(488, "")
}
func (NopSessionHandler) OnRequest(_ *Session, tx *ServerTx) {
	_ = tx.Respond(tx.NewResponse(405, ""))
}
func (NopSessionHandler) OnBye(*Session, *Request) {}
func (NopSessionHandler) OnFlowClosed(*Session)    {}
