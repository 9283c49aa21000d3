package sip

import (
	"fmt"
	"time"
)

// Invite sends an INVITE and makes its session. Of req it needs the Request-URI, From and To; From tag, Via, Call-ID, CSeq,
// Max-Forwards and Contact are filled in when missing. The stack owns req from here on. Results go to h, the first possibly before
// Invite returns; after an error nothing goes to h.
func (st *Stack) Invite(req *Request, flow *Flow, h SessionHandler) (*Session, error) {
	if req.Method != INVITE {
		return nil, fmt.Errorf("%w: %s is no INVITE", ErrMessage, req.Method)
	}
	req, err := st.completeRequest(req, flow)
	if err != nil {
		return nil, err
	}
	st.askForTimer(req, flow)
	to := req.To()
	s := &Session{
		stack: st, handler: h, uac: true, req: req, callID: req.CallID().Value(), localTag: param(req.From().Params, "tag"), flow: flow,
		remoteTarget: *req.Recipient.Clone(), localSeq: req.CSeq().SeqNo, local: *CloneHeader(req.From()).(*FromHeader),
		remote: ToHeader{DisplayName: to.DisplayName, Address: *to.Address.Clone()},
	}
	if err := s.register(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive.sdp = req.Body()
	flow.watch(s, func() { s.flowClosed(flow) })
	s.outgoing, err = st.startClientTx(req, flow, s.inviteResponse)
	if err != nil {
		s.endLocked()
		s.forgetLocked()
		return nil, err
	}
	return s, nil
}

// inviteResponse takes the responses to the first INVITE.
func (s *Session) inviteResponse(res *Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case res.StatusCode < 200:
		s.provisionalLocked(res)
	case res.StatusCode < 300:
		s.answerLocked(res)
	default:
		s.endLocked()
		s.forgetLocked()
		s.rejectLocked(res)
	}
}

func (s *Session) provisionalLocked(res *Response) {
	if s.state != sessionEarly {
		return
	}
	s.rung = true
	if s.hungUp {
		s.cancelLocked()
		return
	}
	s.guardLocked(s.stack.cfg.Timers.TimerC, 408)
	if res.StatusCode == 100 || !s.acknowledgeLocked(res) {
		return
	}
	if tag := param(res.To().Params, "tag"); tag != "" {
		s.remoteTag = tag
		s.routes = routeSet(res, true)
		s.refreshLocked(res)
	}
	s.post(func() { s.handler.OnProvisional(s, res) })
}

// guardLocked (re)starts the timer that ends an INVITE which never gets a final response: timer C while it rings, 64*T1 once it is
// cancelled (RFC 3261 §9.1).
func (s *Session) guardLocked(d time.Duration, code int) {
	if s.guard != nil {
		s.guard.Stop()
	}
	s.guard = s.stack.after(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.state != sessionEarly {
			return
		}
		if !s.cancelSent {
			s.hungUp = true
			s.cancelLocked()
			s.rejectLocked(localResponse(s.req, code, ""))
			return
		}
		s.endLocked()
		s.forgetLocked()
		s.outgoing.terminate()
		s.rejectLocked(localResponse(s.req, 487, ""))
	})
}

// rejectLocked reports the failure of the INVITE, once.
func (s *Session) rejectLocked(res *Response) {
	if s.reported {
		return
	}
	s.reported = true
	s.post(func() { s.handler.OnReject(s, res) })
}

// cancelLocked sends CANCEL when that is allowed: after a provisional response (RFC 3261 §9.1); before, it waits for one.
func (s *Session) cancelLocked() {
	if s.cancelSent || !s.rung {
		return
	}
	s.cancelSent = true
	req := NewRequest(CANCEL, *s.req.Recipient.Clone())
	req.AppendHeader(s.req.Via().Clone())
	for h := range FindHeaders(s.req, "Route") {
		req.AppendHeader(h)
	}
	mf := MaxForwardsHeader(70)
	req.AppendHeader(&mf)
	req.AppendHeader(s.req.From())
	req.AppendHeader(s.req.To())
	req.AppendHeader(s.req.CallID())
	req.AppendHeader(&CSeqHeader{SeqNo: s.req.CSeq().SeqNo, MethodName: CANCEL})
	for _, h := range s.cancelHeaders {
		req.AppendHeader(h)
	}
	if _, err := s.stack.startClientTx(req, s.flow, nil); err != nil {
		s.stack.log.Debug("CANCEL not sent", "call", s.callID, "error", err)
	}
	s.guardLocked(s.stack.cfg.Timers.timeout(), 487)
}

// answerLocked takes a 2xx: the first is the answer; the same again gets its ACK again; one of another fork, or one that crossed our
// CANCEL, is acknowledged and ended (RFC 3261 §13.2.2.4).
func (s *Session) answerLocked(res *Response) {
	tag := param(res.To().Params, "tag")
	switch {
	case s.state == sessionEarly && !s.hungUp:
		s.adoptLocked(res, tag)
		s.sendAckLocked(res.CSeq().SeqNo)
		s.state = sessionConfirmed
		if s.guard != nil {
			s.guard.Stop()
		}
		s.reported = true
		s.timerResponseLocked(res)
		s.settleLocked()
		s.post(func() { s.handler.OnAnswer(s, res) })
	case s.state == sessionEarly: // crossed our CANCEL
		s.adoptLocked(res, tag)
		s.sendAckLocked(res.CSeq().SeqNo)
		_ = s.byeLocked(s.cancelHeaders)
		s.rejectLocked(localResponse(s.req, 487, ""))
	case tag == s.remoteTag:
		if s.ack != nil && s.ackSeq == res.CSeq().SeqNo {
			_ = s.flow.send(s.ack)
		}
	default:
		s.endForkLocked(res, tag)
	}
}

// adoptLocked takes the dialog of a 2xx over.
func (s *Session) adoptLocked(res *Response, tag string) {
	s.remoteTag = tag
	s.routes = routeSet(res, true)
	s.refreshLocked(res)
}

// sendAckLocked acknowledges a 2xx: a request of its own, with the CSeq number of the INVITE (RFC 3261 §13.2.2.4).
func (s *Session) sendAckLocked(seq uint32) {
	ack := s.newRequestLocked(ACK)
	ack.CSeq().SeqNo = seq
	if seq == s.req.CSeq().SeqNo { // it has the credentials of its INVITE
		for _, name := range []string{"Authorization", "Proxy-Authorization"} {
			for h := range FindHeaders(s.req, name) {
				ack.AppendHeader(CloneHeader(h))
			}
		}
	}
	s.stack.decorate(ack)
	data, err := s.stack.encode(ack)
	if err != nil {
		s.stack.count.sendErrors.Add(1)
		return
	}
	s.ack, s.ackSeq = data, seq
	_ = s.flow.send(data)
}

// endForkLocked acknowledges and ends the dialog of a second callee that answered.
func (s *Session) endForkLocked(res *Response, tag string) {
	fork := &Session{
		stack: s.stack, handler: NopSessionHandler{}, uac: true, req: s.req, callID: s.callID, localTag: s.localTag, flow: s.flow,
		remoteTarget: *s.req.Recipient.Clone(), localSeq: s.req.CSeq().SeqNo, local: s.local, remote: s.remote, forgotten: true,
	}
	fork.adoptLocked(res, tag)
	fork.sendAckLocked(res.CSeq().SeqNo)
	_ = fork.byeLocked(nil)
}
