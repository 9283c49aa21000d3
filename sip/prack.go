package sip

import (
	"strconv"
	"strings"
	"time"
)

// reliable is what a session needs for reliable provisional responses (RFC 3262). Guarded by Session.mu.
type reliable struct {
	// As server: the response that waits for its PRACK, and what came after it.
	rseq    uint32 // of the last one
	pending *provisional
	queue   []func()      // later provisional responses, bounded by maxProvisional
	accept  func() error  // the 2xx, which must not overtake an answer in a provisional response
	forks   []forkedReply // as client: the last RSeq of each callee, bounded by maxForks
}

// provisional is a reliable provisional response that is repeated until PRACK comes.
type provisional struct {
	rseq     uint32
	data     []byte
	interval time.Duration
	repeat   *time.Timer
	deadline *time.Timer
}

type forkedReply struct {
	tag  string
	rseq uint32
}

const (
	maxProvisional = 8
	maxForks       = 8
	rel100         = "100rel"
)

// wantsReliable says whether a provisional response is sent reliably: when the caller requires it, or when it can and we want to.
func (s *Session) wantsReliable(body []byte) bool {
	return lists(s.req, "Require", rel100) || s.stack.cfg.Reliable && len(body) > 0 && (lists(s.req, "Supported", rel100) || lists(s.req, "k", rel100))
}

// ringReliablyLocked sends a provisional response with RSeq, or puts it behind the one that waits (RFC 3262 §3).
func (s *Session) ringReliablyLocked(code int, reason string, body []byte, headers []Header) error {
	if s.rel.pending != nil {
		if len(s.rel.queue) >= maxProvisional {
			return ErrLimit
		}
		s.rel.queue = append(s.rel.queue, func() { _ = s.ringReliablyLocked(code, reason, body, headers) })
		return nil
	}
	s.rel.rseq++
	res := s.invite.NewResponse(code, reason, headers...)
	res.AppendHeader(NewHeader("Require", rel100))
	res.AppendHeader(NewHeader("RSeq", strconv.FormatUint(uint64(s.rel.rseq), 10)))
	setBody(res, "application/sdp", body)
	s.stack.completeResponse(s.invite, res)
	data, err := s.stack.encode(res)
	if err != nil {
		return err
	}
	if err := s.invite.respond(code, data); err == ErrAnswered || err == ErrCancelled {
		return err
	}
	p := &provisional{rseq: s.rel.rseq, data: data, interval: s.stack.cfg.Timers.T1}
	p.repeat = s.stack.after(p.interval, func() { s.repeatProvisional(p) })
	p.deadline = s.stack.after(s.stack.cfg.Timers.timeout(), func() { s.prackTimeout(p) })
	s.rel.pending = p
	return nil
}

func (s *Session) repeatProvisional(p *provisional) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rel.pending != p || s.state != sessionEarly {
		return
	}
	_ = s.invite.flow.send(p.data)
	p.interval *= 2
	p.repeat = s.stack.after(p.interval, func() { s.repeatProvisional(p) })
}

// prackTimeout: nobody acknowledged; the call is refused with 504 (RFC 3262 §3 says 5xx).
func (s *Session) prackTimeout(p *provisional) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rel.pending != p || s.state != sessionEarly {
		return
	}
	_ = s.invite.Respond(s.invite.NewResponse(504, ""))
	s.endLocked()
	s.forgetLocked()
	s.post(func() { s.handler.OnCancel(s, nil) })
}

func (s *Session) stopReliableLocked() {
	if p := s.rel.pending; p != nil {
		p.repeat.Stop()
		p.deadline.Stop()
	}
	s.rel.pending, s.rel.queue, s.rel.accept = nil, nil, nil
}

// prackReceivedLocked takes a PRACK. An offer in it is refused: ours is the answer to the INVITE's.
func (s *Session) prackReceivedLocked(tx *ServerTx) {
	answer := func(code int) { _ = tx.Reply(code, "") }
	p := s.rel.pending
	rseq, cseq, ok := readRAck(tx.req)
	if s.uac || p == nil || !ok || rseq != p.rseq || cseq != s.req.CSeq().SeqNo {
		answer(481)
		return
	}
	p.repeat.Stop()
	p.deadline.Stop()
	s.rel.pending = nil
	if len(tx.req.Body()) > 0 {
		answer(488)
	} else {
		answer(200)
	}
	queue, accept := s.rel.queue, s.rel.accept
	s.rel.queue, s.rel.accept = nil, nil
	if accept != nil { // later provisional responses are pointless
		_ = accept()
		return
	}
	for _, next := range queue {
		next()
	}
}

// readRAck reads RAck: RSeq, CSeq number and INVITE.
func readRAck(r *Request) (rseq, cseq uint32, ok bool) {
	hs := r.GetHeaders("RAck")
	if len(hs) != 1 {
		return 0, 0, false
	}
	f := strings.Fields(hs[0].Value())
	if len(f) != 3 || !strings.EqualFold(f[2], "INVITE") {
		return 0, 0, false
	}
	a, errA := strconv.ParseUint(f[0], 10, 32)
	b, errB := strconv.ParseUint(f[1], 10, 32)
	return uint32(a), uint32(b), errA == nil && errB == nil
}

// acknowledgeLocked answers a reliable provisional response with PRACK (RFC 3262 §4). It says whether the response counts: repeated ones and
// those that are out of order do not.
func (s *Session) acknowledgeLocked(res *Response) bool {
	hs := res.GetHeaders("RSeq")
	if !lists(res, "Require", rel100) || len(hs) == 0 {
		return true
	}
	n, err := strconv.ParseUint(strings.TrimSpace(hs[0].Value()), 10, 32)
	tag := param(res.To().Params, "tag")
	if err != nil || n == 0 || tag == "" {
		return false
	}
	rseq := uint32(n)
	known := false
	for i := range s.rel.forks {
		f := &s.rel.forks[i]
		if f.tag != tag {
			continue
		}
		if known = true; rseq != f.rseq+1 {
			return false
		}
		f.rseq = rseq
	}
	if !known {
		if len(s.rel.forks) >= maxForks {
			return false
		}
		s.rel.forks = append(s.rel.forks, forkedReply{tag, rseq})
	}
	s.remoteTag = tag
	s.routes = routeSet(res, true)
	s.refreshLocked(res)
	rack := NewHeader("RAck", strconv.FormatUint(n, 10)+" "+strconv.FormatUint(uint64(res.CSeq().SeqNo), 10)+" INVITE")
	build := func() *Request {
		req := s.newRequestLocked(PRACK)
		req.AppendHeader(rack)
		return req
	}
	if err := s.sendLocked(build, func(*Response) {}); err != nil {
		s.stack.log.Debug("PRACK not sent", "call", s.callID, "error", err)
	}
	return true
}
