package sip

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// request takes an in-dialog request (RFC 3261 §12.2.2).
func (s *Session) request(tx *ServerTx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := tx.req
	answer := func(code int, headers ...Header) { _ = tx.Reply(code, "", headers...) }
	if s.state == sessionEnded {
		s.lateRequestLocked(tx, answer)
		return
	}
	seq := r.CSeq().SeqNo
	switch {
	case s.remoteTag == "" || param(r.From().Params, "tag") != s.remoteTag:
		answer(481)
		return
	case s.remoteSeq != 0 && seq <= s.remoteSeq:
		answer(500) // out of order
		return
	}
	s.remoteSeq = seq
	s.moveLocked(tx.flow)
	switch r.Method {
	case BYE:
		s.byeReceivedLocked(tx)
	case INVITE:
		s.reinviteReceivedLocked(tx)
	case PRACK:
		s.prackReceivedLocked(tx)
	default:
		if r.Method == UPDATE && !s.updateReceivedLocked(tx) {
			return
		}
		if s.hungUp {
			answer(481)
			return
		}
		if !s.post(func() { s.handler.OnRequest(s, tx) }) {
			answer(503)
		}
	}
}

// lateRequestLocked takes a request that crossed our BYE. A MESSAGE still goes to the handler: it needs no session, and clients send one
// after a REFER that was accepted, which is when we say BYE.
func (s *Session) lateRequestLocked(tx *ServerTx, answer func(code int, headers ...Header)) {
	r := tx.req
	ours := param(r.From().Params, "tag") == s.remoteTag
	switch {
	case ours && r.Method == BYE:
		answer(200)
	case ours && r.Method == MESSAGE && r.CSeq().SeqNo > s.remoteSeq:
		s.remoteSeq = r.CSeq().SeqNo
		if !s.post(func() { s.handler.OnRequest(s, tx) }) {
			answer(503)
		}
	default:
		answer(481)
	}
}

func (s *Session) byeReceivedLocked(tx *ServerTx) {
	if s.uac && s.state == sessionEarly { // a callee that has not answered cannot (RFC 3261 §15)
		_ = tx.Reply(481, "")
		return
	}
	early := s.state == sessionEarly
	quiet := s.byeWaits
	_ = tx.Reply(200, "")
	s.endLocked()
	s.forgetLocked()
	switch {
	case early:
		_ = s.invite.Respond(s.invite.NewResponse(487, ""))
		s.post(func() { s.handler.OnCancel(s, tx.req) })
	case !quiet:
		s.post(func() { s.handler.OnBye(s, tx.req) })
	}
}

// reinviteReceivedLocked is RFC 3261 §14.2.
func (s *Session) reinviteReceivedLocked(tx *ServerTx) {
	switch {
	case s.hungUp:
		_ = tx.Reply(481, "")
		return
	case s.pendingSeq != 0, s.uac && s.state == sessionEarly:
		_ = tx.Reply(491, "")
		return
	case s.reinvite != nil, s.state == sessionEarly:
		_ = tx.Reply(500, "", NewHeader("Retry-After", strconv.Itoa(rand.IntN(11))))
		return
	}
	if hs := s.stack.tooBrief(tx.req); hs != nil {
		_ = tx.Reply(422, "", hs...)
		return
	}
	if u := s.unacked; u != nil {
		s.confirmLocked(u, tx.req) // its ACK was lost or overtaken: a new INVITE proves that the answer arrived
	}
	if err := tx.own(s); err != nil {
		return
	}
	_ = tx.Reply(100, "")
	s.reinvite = tx
	s.refreshLocked(tx.req)
	if !s.post(func() { s.handler.OnReinvite(s, &Reinvite{session: s, tx: tx}) }) {
		s.reinvite = nil
		_ = tx.Reply(503, "")
	}
}

// updateReceivedLocked decides whether an UPDATE goes to the handler; otherwise it has been answered (RFC 3311 §5.2).
func (s *Session) updateReceivedLocked(tx *ServerTx) bool {
	offer := len(tx.req.Body()) > 0
	if hs := s.stack.tooBrief(tx.req); hs != nil {
		_ = tx.Reply(422, "", hs...)
		return false
	}
	if offer && s.pendingSeq != 0 {
		_ = tx.Reply(491, "")
		return false
	}
	if offer && s.reinvite != nil {
		_ = tx.Reply(500, "", NewHeader("Retry-After", strconv.Itoa(rand.IntN(11))))
		return false
	}
	s.refreshLocked(tx.req)
	if s.state == sessionConfirmed {
		tx.extra = s.timerAnswerLocked(tx.req)
	}
	return true
}

// Reinvite is an incoming re-INVITE to be answered once.
type Reinvite struct {
	session *Session
	tx      *ServerTx
}

// Request is the re-INVITE. It must not be changed.
func (r *Reinvite) Request() *Request { return r.tx.req }

// Accept answers 200 and repeats it until ACK comes.
func (r *Reinvite) Accept(body []byte, headers ...Header) error {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reinvite != r.tx || s.state != sessionConfirmed {
		return ErrState
	}
	if err := s.acceptLocked(r.tx, body, headers, false); err != nil {
		return err
	}
	s.reinvite = nil
	return nil
}

// Offer answers an offerless re-INVITE with our offer and repeats it until ACK comes, which carries the answer. onAnswer gets the ACK; its
// body is empty when the peer gave none, and the request that stands for a lost ACK has another method.
func (r *Reinvite) Offer(body []byte, onAnswer func(ack *Request)) error {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reinvite != r.tx || s.state != sessionConfirmed {
		return ErrState
	}
	if err := s.acceptLocked(r.tx, body, nil, false); err != nil {
		return err
	}
	s.unacked.onAck = onAnswer
	s.reinvite = nil
	return nil
}

// Reject answers with a failure; the session stays as it was.
func (r *Reinvite) Reject(code int, reason string, headers ...Header) error {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reinvite != r.tx || code < 300 || code > 699 {
		return ErrState
	}
	s.reinvite = nil
	if checkValue("reason", reason) != nil {
		reason = ""
	}
	return r.tx.Respond(r.tx.NewResponse(code, reason, s.stack.sendable(headers)...))
}

// maxGlare is how often a re-INVITE that met the peer's own is tried.
const maxGlare = 5

// Reinvite offers new SDP. onResult gets the final response, in order with the other callbacks; ACK is automatic, and after glare
// (491) it is tried again first. headers are added to the request. It fails with ErrPending when another INVITE is under way on this session.
func (s *Session) Reinvite(body []byte, onResult func(*Response), headers ...Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retrying {
		return ErrPending
	}
	return s.reinviteLocked(body, headers, onResult, 1)
}

func (s *Session) reinviteLocked(body []byte, headers []Header, onResult func(*Response), try int) error {
	switch {
	case s.state != sessionConfirmed || s.hungUp:
		return ErrState
	case s.pendingSeq != 0, s.reinvite != nil, s.unacked != nil:
		return ErrPending
	}
	var req *Request
	build := func() *Request {
		req = s.newRequestLocked(INVITE)
		for _, h := range headers {
			req.AppendHeader(CloneHeader(h))
		}
		setBody(req, "application/sdp", body)
		s.pendingSeq = req.CSeq().SeqNo
		return req
	}
	report := func(res *Response) {
		if onResult != nil {
			s.post(func() { onResult(res) })
		}
	}
	err := s.sendLocked(build, func(res *Response) {
		if res.StatusCode < 200 {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.pendingSeq == req.CSeq().SeqNo { // else it is a repeated 2xx
			s.pendingSeq = 0
		}
		switch {
		case res.StatusCode < 300:
			s.alive.sdp = body
			s.reinviteAnsweredLocked(res, report)
		case res.StatusCode == 491 && try < maxGlare && s.state == sessionConfirmed:
			s.retryLocked(res, body, headers, onResult, try)
		default:
			report(res)
		}
	})
	if err != nil {
		s.pendingSeq = 0
	}
	return err
}

// retryLocked tries a re-INVITE that met glare again after a delay. While it waits the peer's own is welcome.
func (s *Session) retryLocked(res *Response, body []byte, headers []Header, onResult func(*Response), try int) {
	s.retrying = true
	s.stack.after(s.glareDelay(), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.retrying = false
		err := s.reinviteLocked(body, headers, onResult, try+1)
		switch {
		case err == ErrPending && try < maxGlare:
			s.retryLocked(res, body, headers, onResult, try+1)
		case err != nil && onResult != nil:
			s.post(func() { onResult(res) })
		}
	})
}

func (s *Session) reinviteAnsweredLocked(res *Response, report func(*Response)) {
	seq := res.CSeq().SeqNo
	if s.ackSeq == seq && s.ack != nil { // repeated
		_ = s.flow.send(s.ack)
		return
	}
	s.refreshLocked(res)
	s.sendAckLocked(seq)
	s.timerResponseLocked(res)
	report(res)
}

// glareDelay is RFC 3261 §14.1: the owner of the Call-ID waits 2.1–4 s, the other 0–2 s, in steps of 10 ms.
func (s *Session) glareDelay() time.Duration {
	if s.uac {
		return 2100*time.Millisecond + time.Duration(rand.IntN(191))*10*time.Millisecond
	}
	return time.Duration(rand.IntN(201)) * 10 * time.Millisecond
}
