package sip

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// receive handles one message of a flow, on the reader's goroutine: parse, match, dispatch. A panic costs this message only.
func (s *Stack) receive(f *Flow, data []byte) {
	defer func() {
		if p := recover(); p != nil {
			s.count.panics.Add(1)
			s.log.Error("panic while handling a SIP message", "flow", f.id, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	s.count.received.Add(1)
	if s.cfg.Trace != nil {
		s.cfg.Trace(f, false, data)
	}
	m, err := s.parse(data)
	if err != nil {
		s.refuse(f, data, err)
		return
	}
	switch m := m.(type) {
	case *Request:
		s.count.byMethod[methodIndex(m.Method)].Add(1)
		s.receiveRequest(f, m)
	case *Response:
		s.receiveResponse(m)
	}
}

// receiveResponse matches a response to its transaction. More than one Via means it is not for us (RFC 3261 §8.1.3.3).
func (s *Stack) receiveResponse(res *Response) {
	tx, ok := s.clientTxs.get(clientKey(param(res.Via().Params, "branch"), res.CSeq().MethodName))
	if !ok || len(res.GetHeaders("Via")) > 1 {
		s.count.strayResponses.Add(1)
		return
	}
	tx.receive(res)
}

func (s *Stack) receiveRequest(f *Flow, r *Request) {
	key := s.serverKey(f, r)
	old, found := s.serverTxs.get(key)
	switch {
	case r.Method == ACK:
		invite, _ := old.(*ServerTx)
		s.receiveAck(f, r, invite)
		return
	case r.Method == CANCEL:
		invite, _ := old.(*ServerTx)
		s.receiveCancel(f, r, key, invite)
		return
	case found:
		s.count.retransmissions.Add(1)
		old.requestAgain()
		return
	}
	tag := param(r.To().Params, "tag")
	var session *Session
	if tag != "" {
		session, _ = s.sessions.get(sessionKey(r.CallID().Value(), tag))
	}
	if s.serverTxs.len() >= s.cfg.Limits.Transactions || session == nil && s.tooMany(f, r) {
		s.count.overload.Add(1)
		s.respondStateless(f, r, 503, "", NewHeader("Retry-After", strconv.Itoa(5+rand.IntN(10))))
		return
	}
	if tag == "" {
		if other, ok := s.merged.get(s.mergedKey(r)); ok && other.merges() {
			s.count.merged.Add(1)
			s.respondStateless(f, r, 482, "")
			return
		}
	}
	tx := s.newServerTx(f, r, key)
	if r.Method == INVITE && !tx.enrol() {
		return // the same request on two sockets at once
	}
	defer tx.enrol() // what the handler has not answered at once
	if session != nil {
		session.request(tx)
		return
	}
	s.dispatch(tx, tag)
}

// tooMany says whether a new request of no session that there is exceeds one of the limits that depend on what comes in.
func (s *Stack) tooMany(f *Flow, r *Request) bool {
	if most := s.mostProceeding.Load(); most > 0 && r.Method == INVITE && s.proceeding.Load() >= most {
		return true
	}
	now := time.Now()
	return !s.rates.take(f.remote.Addr(), now) || !s.rates.takeOfAll(now)
}

// dispatch checks an out-of-dialog request (RFC 3261 §8.2) and gives it to the Handler.
func (s *Stack) dispatch(tx *ServerTx, tag string) {
	r := tx.req
	code, reason, headers := s.screen(r, tag)
	if code != 0 {
		_ = tx.Refuse(code, reason, headers...)
		return
	}
	tx.merge()
	s.cfg.Handler.ServeSIP(tx)
}

// screen decides which requests never reach the Handler.
func (s *Stack) screen(r *Request, tag string) (code int, reason string, headers []Header) {
	allowed := len(s.cfg.Allow) == 0
	for _, m := range s.cfg.Allow {
		allowed = allowed || strings.EqualFold(m, string(r.Method))
	}
	switch {
	case !allowed && methodIndex(r.Method) == len(knownMethods):
		return 501, "", nil
	case s.cfg.Handler == nil, !allowed:
		return 405, "", nil
	case tag != "" && r.Method != REGISTER:
		if r.Method == BYE {
			return 481, "Call Does Not Exist", nil // FreeSWITCH's words
		}
		return 481, "", nil
	case r.Method == BYE:
		return 481, "Call Does Not Exist", nil
	}
	if hs := s.tooBrief(r); hs != nil {
		return 422, "", hs
	}
	if unsupported := s.unsupported(r); unsupported != "" {
		return 420, "", []Header{NewHeader("Unsupported", unsupported)}
	}
	return 0, "", nil
}

// unsupported lists the option tags a request requires that we do not have (RFC 3261 §8.2.2.3).
func (s *Stack) unsupported(r *Request) string {
	var missing []string
	for h := range FindHeaders(r, "Require") {
		for tag := range strings.SplitSeq(h.Value(), ",") {
			tag = strings.TrimSpace(tag)
			known := tag == ""
			for _, have := range s.cfg.Supported {
				known = known || strings.EqualFold(have, tag)
			}
			if !known {
				missing = append(missing, tag)
			}
		}
	}
	return strings.Join(missing, ", ")
}

// merges reports whether a request with the same Call-ID, From tag and CSeq but another branch is a second copy of this one by another
// way (RFC 3261 §8.2.2.2). After a challenge it is not: clients exist that authenticate without counting CSeq up.
func (tx *ServerTx) merges() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.state != serverTerminated && !isChallenge(tx.last)
}

func (s *Stack) receiveAck(f *Flow, r *Request, tx *ServerTx) {
	if tx != nil && tx.ack() {
		return
	}
	if session, ok := s.sessions.get(sessionKey(r.CallID().Value(), param(r.To().Params, "tag"))); ok {
		session.acked(f, r)
		return
	}
	if param(r.To().Params, "tag") != s.statelessTag(s.serverKey(f, r)) { // else of a response that left nothing behind
		s.count.strayAcks.Add(1)
	}
}

// receiveCancel answers a CANCEL and ends the INVITE it means (RFC 3261 §9.2).
func (s *Stack) receiveCancel(f *Flow, r *Request, inviteKey txKey, invite *ServerTx) {
	key := inviteKey.cancel()
	if tx, found := s.serverTxs.get(key); found {
		s.count.retransmissions.Add(1)
		tx.requestAgain()
		return
	}
	if invite == nil {
		s.respondStateless(f, r, 481, "")
		return
	}
	tx := s.newServerTx(f, r, key)
	tx.tag = invite.tag
	_ = tx.Reply(200, "")
	invite.cancel(r)
}

// respondStateless answers without a transaction. A retransmission gets the same again, with the same tag (RFC 3261 §8.2.7).
func (s *Stack) respondStateless(f *Flow, r *Request, code int, reason string, headers ...Header) {
	if r.Method == ACK {
		return
	}
	res := responseTo(r, f, code, reason, s.statelessTag(s.serverKey(f, r)))
	for _, h := range headers {
		res.AppendHeader(h)
	}
	s.decorate(res)
	data, err := s.encode(res)
	if err != nil {
		s.count.sendErrors.Add(1)
		return
	}
	_ = f.send(data)
}

// refuse counts a malformed message and answers it if it is a request and enough of it can be read.
func (s *Stack) refuse(f *Flow, data []byte, err error) {
	s.count.malformed.Add(1)
	s.log.Debug("malformed SIP message", "flow", f.id, "error", err)
	if errors.Is(err, errControl) || errors.Is(err, errNoEnd) {
		return
	}
	code, reason := 400, "Bad Request"
	switch {
	case errors.Is(err, errVersion):
		code, reason = 505, ""
	case errors.Is(err, errURIScheme), foreignScheme(data):
		code, reason = 416, ""
	default:
		if text := err.Error(); len(text) < 60 && printable(text) {
			reason = fmt.Sprintf("Bad Request - %s", text)
		}
	}
	s.rejectRaw(f, data, code, reason)
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' {
			return false
		}
	}
	return true
}
