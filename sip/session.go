package sip

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

// sessionState is where a session is in its life.
type sessionState int

const (
	sessionEarly     sessionState = iota // the first INVITE has no final response
	sessionConfirmed                     // answered
	sessionEnded
)

// Session is one INVITE usage of a dialog (RFC 3261 §12–15), of either direction. All methods may be called from any goroutine and do
// not wait for the network.
type Session struct {
	stack    *Stack
	handler  SessionHandler
	uac      bool // we sent the first INVITE
	callID   string
	localTag string
	req      *Request // the first INVITE

	mu           sync.Mutex // guards what follows
	state        sessionState
	flow         *Flow
	remoteTag    string
	remoteTarget Uri
	routes       []Uri
	local        FromHeader // our side as in From of our requests
	remote       ToHeader
	localSeq     uint32
	remoteSeq    uint32
	forgotten    bool
	authorize    Authorizer     // nil: challenges in the dialog are not answered
	authorizeAt  netip.AddrPort // and only from there

	// As server: the INVITE and its unacknowledged 2xx.
	invite     *ServerTx // the first INVITE
	reinvite   *ServerTx // a re-INVITE without final response
	unacked    *unacked
	byeWaits   bool // Hangup came before ACK: RFC 3261 §15 forbids BYE until then
	byeHeaders []Header

	// As client.
	outgoing      *clientTx // the first INVITE
	rung          bool      // a provisional response came: CANCEL is allowed
	hungUp        bool      // Hangup was called before the final response
	cancelSent    bool
	cancelHeaders []Header
	reported      bool // OnAnswer or OnReject was posted
	guard         *time.Timer
	pendingSeq    uint32                 // CSeq of our re-INVITE without final response; 0 = none
	retrying      bool                   // our re-INVITE met the peer's and waits to be tried again
	requests      map[*clientTx]struct{} // in the dialog, without a final response
	onForgotten   func()
	alive         keepAlive
	rel           reliable
	ack           []byte // of the last 2xx
	ackSeq        uint32

	queueMu sync.Mutex // guards what follows
	queue   []func()   // callbacks waiting; bounded by maxCallbacks
	running bool
}

// maxCallbacks bounds a session's queue of callbacks. Beyond it requests are answered 503 and other events dropped and counted.
const maxCallbacks = 256

// Request is the INVITE that began the session. It must not be changed.
func (s *Session) Request() *Request { return s.req }

// CallID is the Call-ID of the dialog.
func (s *Session) CallID() string { return s.callID }

// LocalTag is our tag of the dialog.
func (s *Session) LocalTag() string { return s.localTag }

// RemoteTag is the peer's tag; "" until it is known.
func (s *Session) RemoteTag() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remoteTag
}

// RemoteTarget is the peer's Contact, where our in-dialog requests are addressed to.
func (s *Session) RemoteTarget() Uri {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.remoteTarget.Clone()
}

// Flow is where in-dialog requests go: where the peer's last request came from.
func (s *Session) Flow() *Flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flow
}

// Move makes later in-dialog requests go to f: for a peer that is known to have come back on another connection, by its REGISTER, before
// it sent anything in the dialog. A peer that does send something moves the session by itself. What the peer has not answered yet is sent
// again on f.
func (s *Session) Move(f *Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.forgotten && !(s.uac && s.state == sessionEarly) {
		s.moveLocked(f)
	}
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

func sessionKey(callID, localTag string) string { return callID + "\x00" + localTag }

// register puts the session where in-dialog requests find it.
func (s *Session) register() error {
	st := s.stack
	if st.sessions.len() >= st.cfg.Limits.Sessions {
		st.count.overload.Add(1)
		return ErrLimit
	}
	if !st.sessions.add(sessionKey(s.callID, s.localTag), s) {
		return ErrPending
	}
	return nil
}

// post queues a callback. Callbacks run in order, one at a time.
func (s *Session) post(f func()) bool {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	if len(s.queue) >= maxCallbacks {
		s.stack.count.droppedCallbacks.Add(1)
		return false
	}
	s.queue = append(s.queue, f)
	if !s.running {
		s.running = s.stack.spawn(s.drain)
	}
	return true
}

func (s *Session) drain() {
	for {
		s.queueMu.Lock()
		if len(s.queue) == 0 {
			s.running = false
			s.queue = nil
			s.queueMu.Unlock()
			return
		}
		f := s.queue[0]
		s.queue = s.queue[1:]
		s.queueMu.Unlock()
		s.call(f)
	}
}

// call runs one callback; a panic in it is the handler's and ends neither the session's queue nor the process.
func (s *Session) call(f func()) {
	defer func() {
		if p := recover(); p != nil {
			s.stack.count.panics.Add(1)
			s.stack.log.Error("panic in a session handler", "call", s.callID, "panic", p)
		}
	}()
	f()
}

// moveLocked makes f the session's flow.
func (s *Session) moveLocked(f *Flow) {
	if s.flow == f || (s.flow != nil && s.flow.id == f.id) {
		return
	}
	if s.flow != nil {
		s.flow.unwatch(s)
	}
	s.flow = f
	f.watch(s, func() { s.flowClosed(f) })
	s.resendLocked()
}

func (s *Session) flowClosed(f *Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flow != f || s.state == sessionEnded || (s.uac && s.state == sessionEarly) {
		return // an outgoing INVITE fails by its transaction
	}
	s.post(func() { s.handler.OnFlowClosed(s) })
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

// newRequestLocked makes an in-dialog request (RFC 3261 §12.2.1.1).
func (s *Session) newRequestLocked(method RequestMethod) *Request {
	if method != ACK {
		s.localSeq++
	}
	target, routes := *s.remoteTarget.Clone(), s.routes
	target.Headers = nil
	target.UriParams.Remove("method")
	if len(routes) > 0 && !routes[0].UriParams.Has("lr") { // strict router
		first := routes[0]
		routes = append(append([]Uri(nil), routes[1:]...), target)
		target = *first.Clone()
	}
	req := NewRequest(method, target)
	req.AppendHeader(s.stack.via(s.flow, newBranch()))
	for _, r := range routes {
		req.AppendHeader(&RouteHeader{Address: r})
	}
	mf := MaxForwardsHeader(70)
	req.AppendHeader(&mf)
	req.AppendHeader(CloneHeader(&s.local))
	to := CloneHeader(&s.remote).(*ToHeader)
	to.Params.Remove("tag")
	if s.remoteTag != "" {
		to.Params = append(to.Params, HeaderKV{K: "tag", V: s.remoteTag})
	}
	req.AppendHeader(to)
	callID := CallIDHeader(s.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&CSeqHeader{SeqNo: s.localSeq, MethodName: method})
	switch method {
	case INVITE, UPDATE, REFER, SUBSCRIBE, NOTIFY:
		req.AppendHeader(s.contactLocked())
	}
	if method == INVITE || method == UPDATE {
		for _, h := range s.timerHeadersLocked() {
			req.AppendHeader(h)
		}
	}
	return req
}

// contactLocked is the Contact of our in-dialog requests: what the first INVITE or its answer said, on the flow of now.
func (s *Session) contactLocked() *ContactHeader {
	if s.uac && s.req.Contact() != nil {
		return s.req.Contact().Clone()
	}
	user := s.local.Address.User
	if !s.uac {
		user = s.req.Recipient.User
	}
	return s.stack.contact(s.flow, user)
}

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

// refreshLocked takes the peer's new Contact (RFC 3261 §12.2.1.2).
func (s *Session) refreshLocked(m interface{ Contact() *ContactHeader }) {
	if c := m.Contact(); c != nil && !c.Address.Wildcard && c.Address.Host != "" {
		s.remoteTarget = *c.Address.Clone()
	}
}

// routeSet reads Record-Route: in order for a server, reversed for a client (RFC 3261 §12.1).
func routeSet(m Message, reverse bool) []Uri {
	var uris []Uri
	for _, h := range m.GetHeaders("Record-Route") {
		rr, ok := h.(*RecordRouteHeader)
		if !ok || rr.Address.Host == "" {
			continue
		}
		if reverse {
			uris = append([]Uri{*rr.Address.Clone()}, uris...)
		} else {
			uris = append(uris, *rr.Address.Clone())
		}
	}
	return uris
}
