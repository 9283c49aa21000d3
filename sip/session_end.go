package sip

// Hangup ends the session in whatever state it is: CANCEL for an outgoing INVITE without a final response, 480 for an incoming one,
// BYE for an answered session (as soon as the answer is acknowledged). headers go on it. Calling it again does nothing. For an
// outgoing INVITE OnReject still follows.
func (s *Session) Hangup(headers ...Header) error {
	headers = s.stack.sendable(headers)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == sessionEnded || s.hungUp:
		return nil
	case s.state == sessionConfirmed && s.unacked != nil && s.unacked.first:
		s.byeWaits, s.byeHeaders, s.hungUp = true, headers, true
		return nil
	case s.state == sessionConfirmed:
		return s.byeLocked(headers)
	case s.uac:
		s.hungUp = true
		s.cancelHeaders = headers
		s.cancelLocked()
		return nil
	}
	s.endLocked()
	s.forgetLocked()
	return s.invite.Respond(s.invite.NewResponse(480, "", headers...))
}

// byeLocked sends BYE and ends the session. It stays findable until BYE is answered, so that the peer's own BYE is not refused.
func (s *Session) byeLocked(headers []Header) error {
	s.endLocked()
	build := func() *Request {
		req := s.newRequestLocked(BYE)
		for _, h := range headers {
			req.AppendHeader(h)
		}
		return req
	}
	err := s.sendLocked(build, func(res *Response) {
		if res.StatusCode >= 200 {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.forgetLocked()
		}
	})
	if err != nil {
		s.forgetLocked()
	}
	return err
}

// endLocked ends the session; it stays in the table until forgetLocked.
func (s *Session) endLocked() {
	s.state = sessionEnded
	s.stopAckLocked()
	s.stopAliveLocked()
	s.stopReliableLocked()
	if s.reinvite != nil { // RFC 3261 §15.1.2; nobody else would answer it any more
		_ = s.reinvite.Respond(s.reinvite.NewResponse(487, ""))
		s.reinvite = nil
	}
	if s.guard != nil {
		s.guard.Stop()
	}
}

// forgetLocked takes an ended session out of the table.
func (s *Session) forgetLocked() {
	if s.forgotten {
		return
	}
	s.forgotten = true
	s.stack.sessions.remove(sessionKey(s.callID, s.localTag), s)
	if s.flow != nil {
		s.flow.unwatch(s)
	}
	if s.onForgotten != nil {
		s.onForgotten()
	}
}

// discard ends the session without a word: the stack closes.
func (s *Session) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked()
	s.forgetLocked()
}

// OnForgotten has f called once when the session is over and its BYE is answered or has timed out. f must not call the session or wait. It
// is called at once when that has happened already.
func (s *Session) OnForgotten(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forgotten {
		f()
		return
	}
	s.onForgotten = f
}

// Departing counts the sessions that are over here and whose CANCEL or BYE may still be answered: their connection is open.
func (s *Stack) Departing() (n int) {
	for _, each := range s.sessions.all() {
		if each.departing() {
			n++
		}
	}
	return n
}

func (s *Session) departing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sessionEnded && !s.hungUp {
		return false
	}
	select {
	case <-s.flow.Done():
		return false
	default:
		return true
	}
}
