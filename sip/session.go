package sip

import (
	"net/netip"
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

	mu           sync.Mutex // guards what follows
	req          *Request   // the first INVITE; see settleLocked
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

// Request is the INVITE that began the session. It must not be changed. Once it is answered only what the dialog needs is left of it: the request
// line, From, To, Call-ID, CSeq, Contact and credentials.
func (s *Session) Request() *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.req
}

// settleLocked lets go of what an answered INVITE is not asked for again. A call may last for hours.
func (s *Session) settleLocked() {
	all := s.req
	s.req = NewRequest(all.Method, all.Recipient)
	for _, h := range all.Headers() {
		switch h.Name() {
		case "From", "To", "Call-ID", "CSeq", "Contact", "Authorization", "Proxy-Authorization":
			s.req.AppendHeader(h)
		}
	}
	if s.invite != nil {
		s.invite.accepted(s.req)
	}
	s.invite, s.outgoing, s.guard = nil, nil, nil
}

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
