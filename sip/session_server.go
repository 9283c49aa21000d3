package sip

import (
	"fmt"
	"time"
)

// unacked is a 2xx that waits for its ACK (RFC 3261 §13.3.1.4): repeated on every transport, since a proxy may drop it.
type unacked struct {
	seq      uint32
	first    bool // of the first INVITE
	data     []byte
	flow     *Flow
	onAck    func(*Request) // nil: nobody waits for what it carries
	interval time.Duration
	repeat   *time.Timer
	deadline *time.Timer
}

// AcceptSession makes the session of a new INVITE and sends 100. It fails with ErrCancelled when the caller has hung up meanwhile, and
// then everything has been answered; on other errors tx is still to be answered.
func (st *Stack) AcceptSession(tx *ServerTx, h SessionHandler) (*Session, error) {
	r := tx.req
	if r.Method != INVITE {
		return nil, fmt.Errorf("%w: %s is no INVITE", ErrMessage, r.Method)
	}
	to := r.To()
	s := &Session{
		stack: st, handler: h, req: r, callID: r.CallID().Value(), localTag: tx.tag, invite: tx, flow: tx.flow,
		remoteTag: param(r.From().Params, "tag"), remoteTarget: *r.Contact().Address.Clone(), routes: routeSet(r, false),
		remoteSeq: r.CSeq().SeqNo, remote: r.From().AsTo(),
		local: FromHeader{DisplayName: to.DisplayName, Address: *to.Address.Clone(), Params: HeaderParams{{K: "tag", V: tx.tag}}},
	}
	if err := s.register(); err != nil {
		return nil, err
	}
	if err := tx.own(s); err != nil {
		s.discard()
		return nil, err
	}
	tx.flow.watch(s, func() { s.flowClosed(tx.flow) })
	_ = tx.Respond(tx.NewResponse(100, "")) // if a CANCEL came just now, OnCancel follows
	return s, nil
}

// Ring sends a provisional response to an incoming INVITE; body, when not empty, is SDP.
func (s *Session) Ring(code int, reason string, body []byte, headers ...Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uac || s.state != sessionEarly || code < 101 || code > 199 {
		return ErrState
	}
	if s.wantsReliable(body) {
		return s.ringReliablyLocked(code, reason, body, headers)
	}
	res := s.invite.NewResponse(code, reason, headers...)
	setBody(res, "application/sdp", body)
	return s.invite.Respond(res)
}

// Accept answers an incoming INVITE with 200 and repeats it until ACK comes. A reliable provisional response must be acknowledged first, and
// the 200 waits for that.
func (s *Session) Accept(body []byte, headers ...Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uac || s.state != sessionEarly {
		return ErrState
	}
	accept := func() error {
		if err := s.acceptLocked(s.invite, body, headers, true); err != nil {
			return err
		}
		s.state = sessionConfirmed
		s.settleLocked()
		return nil
	}
	if s.rel.pending != nil {
		s.rel.accept = accept // RFC 3262 §3
		return nil
	}
	return accept()
}

// acceptLocked sends a 200 and starts to wait for its ACK. That it could not be sent is no error: the flow may come back (the peer's
// next request moves it), and without ACK the session ends by itself.
func (s *Session) acceptLocked(tx *ServerTx, body []byte, headers []Header, first bool) error {
	res := tx.NewResponse(200, "", headers...)
	for _, h := range s.timerAnswerLocked(tx.req) {
		res.AppendHeader(h)
	}
	s.alive.sdp = body
	setBody(res, "application/sdp", body)
	s.stack.completeResponse(tx, res)
	data, err := s.stack.encode(res)
	if err != nil {
		return err
	}
	if err := tx.respond(200, data); err == ErrAnswered || err == ErrCancelled {
		return err
	}
	u := &unacked{seq: tx.req.CSeq().SeqNo, first: first, data: data, flow: tx.flow, interval: s.stack.cfg.Timers.T1}
	u.repeat = s.stack.after(u.interval, func() { s.repeatAnswer(u) })
	u.deadline = s.stack.after(s.stack.cfg.Timers.timeout(), func() { s.ackTimeout(u) })
	s.stopAckLocked()
	s.unacked = u
	return nil
}

func (s *Session) repeatAnswer(u *unacked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unacked != u {
		return
	}
	_ = u.flow.send(u.data)
	u.interval = min(2*u.interval, s.stack.cfg.Timers.T2)
	u.repeat = s.stack.after(u.interval, func() { s.repeatAnswer(u) })
}

func (s *Session) ackTimeout(u *unacked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unacked != u {
		return
	}
	s.stopAckLocked()
	_ = s.byeLocked(s.byeHeaders)
	if !s.byeWaits {
		s.post(func() { s.handler.OnAckTimeout(s) })
	}
}

func (s *Session) stopAckLocked() {
	if u := s.unacked; u != nil {
		u.repeat.Stop()
		u.deadline.Stop()
		s.unacked = nil
	}
}

// acked takes the ACK of a 2xx.
func (s *Session) acked(f *Flow, ack *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.unacked
	if u == nil || u.seq != ack.CSeq().SeqNo || s.state != sessionConfirmed || param(ack.From().Params, "tag") != s.remoteTag {
		return // a repeated ACK, usually
	}
	s.stopAckLocked()
	s.moveLocked(f)
	s.confirmLocked(u, ack)
}

func (s *Session) confirmLocked(u *unacked, ack *Request) {
	s.stopAckLocked()
	if s.byeWaits {
		_ = s.byeLocked(s.byeHeaders)
		return
	}
	if u.onAck != nil {
		s.post(func() { u.onAck(ack) })
	}
	if u.first {
		s.post(func() { s.handler.OnAck(s, ack) })
	}
}

// Reject answers an incoming INVITE with a failure and ends the session.
func (s *Session) Reject(code int, reason string, headers ...Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uac || s.state != sessionEarly || code < 300 || code > 699 {
		return ErrState
	}
	if checkValue("reason", reason) != nil {
		reason = ""
	}
	if err := s.invite.Respond(s.invite.NewResponse(code, reason, s.stack.sendable(headers)...)); err == ErrAnswered || err == ErrCancelled {
		return err
	}
	s.endLocked()
	s.forgetLocked()
	return nil
}

// cancelled: a CANCEL ended an INVITE of this session; 487 has been sent.
func (s *Session) cancelled(req *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sessionEarly || s.uac {
		s.reinvite = nil // a re-INVITE was cancelled; the session stays as it is
		return
	}
	s.endLocked()
	s.forgetLocked()
	s.post(func() { s.handler.OnCancel(s, req) })
}
