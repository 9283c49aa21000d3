package sip

import (
	"strings"
	"sync"
	"time"
)

// serverState is a state of RFC 3261 §17.2 with the Accepted state of RFC 6026.
type serverState int

const (
	serverProceeding serverState = iota // no final response yet
	serverCompleted                     // final response sent; repeated for each retransmission of the request
	serverConfirmed                     // INVITE: ACK of a response ≥ 300 came
	serverAccepted                      // INVITE: 2xx sent; its repetition is the session's business
	serverTerminated
)

// ServerTx is a server transaction: one request and its responses (RFC 3261 §17.2). Responses go where the request came from.
type ServerTx struct {
	stack     *Stack
	flow      *Flow
	req       *Request
	key       txKey
	mergedKey txKey // zero for none
	tag       string

	mu        sync.Mutex // guards what follows
	state     serverState
	enrolled  bool   // it is in the tables
	last      []byte // the response sent last
	cancelled bool
	session   *Session // the session that owns an INVITE
	extra     []Header // of a 2xx; set before the request goes to its handler
	linger    *time.Timer
	repeat    *time.Timer   // timer G
	interval  time.Duration // of repeat
}

// Request is the request as it came. It must not be changed. Of an INVITE that its session has accepted it is what Session.Request says.
func (tx *ServerTx) Request() *Request {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.req
}

// accepted lets go of what an INVITE with a 2xx is not asked for again: its session repeats the 2xx. kept takes the request's place.
func (tx *ServerTx) accepted(kept *Request) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.req, tx.last, tx.extra = kept, nil, nil
}

// Stack is the stack that received the request. A Handler finds it here: requests may come before NewStack has returned it.
func (tx *ServerTx) Stack() *Stack { return tx.stack }

// Flow is where the request came from.
func (tx *ServerTx) Flow() *Flow { return tx.flow }

// newServerTx makes the transaction of a request. Most are answered at once, so it goes into the tables only when its handler has returned
// without a final response; INVITEs before that.
func (s *Stack) newServerTx(f *Flow, r *Request, key txKey) *ServerTx {
	tx := &ServerTx{stack: s, flow: f, req: r, key: key}
	if r.Method == INVITE {
		tx.tag = newTag()
	} else {
		tx.tag = s.statelessTag(key) // no dialog begins
	}
	return tx
}

// enrol puts a transaction that waits for its final response into the tables. It fails when its place is taken.
func (tx *ServerTx) enrol() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.enrolled || tx.state != serverProceeding {
		return true
	}
	s := tx.stack
	if !s.serverTxs.add(tx.key, tx) {
		return false
	}
	tx.enrolled = true
	if tx.req.Method == INVITE {
		s.proceeding.Add(1)
	}
	if tx.mergedKey != (txKey{}) {
		s.merged.add(tx.mergedKey, tx)
	}
	// The client gives up after 64*T1; so does a transaction nobody answers.
	tx.linger = s.after(s.cfg.Timers.timeout(), tx.unanswered)
	return true
}

// merge lets copies of the request that come by another way be found.
func (tx *ServerTx) merge() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.mergedKey = tx.stack.mergedKey(tx.req)
	if tx.enrolled && tx.state != serverTerminated { // else nothing would take it out again
		tx.stack.merged.add(tx.mergedKey, tx)
	}
}

func (tx *ServerTx) unanswered() {
	tx.mu.Lock()
	waiting := tx.state == serverProceeding && tx.session == nil
	tx.mu.Unlock()
	if !waiting {
		return
	}
	if tx.req.Method == INVITE {
		_ = tx.Respond(tx.NewResponse(500, ""))
		return
	}
	tx.terminate()
}

// NewResponse makes a response: Via (with received and rport), From, To (with our tag, except in 100), Call-ID, CSeq and Record-Route
// are copied from the request. An empty reason is the RFC's.
func (tx *ServerTx) NewResponse(code int, reason string, headers ...Header) *Response {
	res := responseTo(tx.req, tx.flow, code, reason, tx.tag)
	for _, h := range headers {
		res.AppendHeader(h)
	}
	return res
}

// responseTo makes a response to r (RFC 3261 §8.2.6). It shares headers with r.
func responseTo(r *Request, f *Flow, code int, reason, tag string) *Response {
	if reason == "" {
		reason = Phrase(code)
	}
	res := newResponse(code, reason)
	first := true
	for _, h := range r.Headers() {
		v, ok := h.(*ViaHeader)
		if ok && first {
			v = viaFrom(v, f)
			first = false
		}
		if ok {
			res.AppendHeader(v)
		}
	}
	res.AppendHeader(r.From())
	to := r.To()
	if code > 100 && tag != "" && param(to.Params, "tag") == "" {
		with := *to
		with.Params = append(to.Params[:len(to.Params):len(to.Params)], HeaderKV{K: "tag", V: tag})
		to = &with
	}
	res.AppendHeader(to)
	res.AppendHeader(r.CallID())
	res.AppendHeader(r.CSeq())
	for _, h := range r.Headers() {
		if _, ok := h.(*RecordRouteHeader); ok {
			res.AppendHeader(h)
		}
	}
	return res
}

// viaFrom notes in a copy of a Via where a request came from (RFC 3261 §18.2.1, RFC 3581 §4). For connections FreeSWITCH adds both always.
func viaFrom(v *ViaHeader, f *Flow) *ViaHeader {
	with, ip := *v, f.remote.Addr().String()
	with.Params = append(make(HeaderParams, 0, len(v.Params)+2), v.Params...)
	rport := false
	for _, kv := range v.Params {
		rport = rport || strings.EqualFold(kv.K, "rport")
	}
	if rport || f.Reliable() {
		with.Params.Add("rport", portString(f.remote.Port()))
	}
	if v.Host != ip || rport || f.Reliable() {
		with.Params.Add("received", ip)
	}
	return &with
}

// Respond sends a response. After the final one it fails with ErrAnswered, or ErrCancelled when a CANCEL came before it.
func (tx *ServerTx) Respond(res *Response) error {
	tx.stack.completeResponse(tx, res)
	data, err := tx.stack.encode(res)
	if err != nil {
		tx.stack.count.sendErrors.Add(1)
		return err
	}
	return tx.respond(res.StatusCode, data)
}

// completeResponse adds what the caller left out.
func (s *Stack) completeResponse(tx *ServerTx, res *Response) {
	// Responses that make or refresh a dialog carry a Contact (RFC 3261 §12.1.1).
	if res.StatusCode > 100 && res.StatusCode < 300 && !headerNamed(res, "Contact") {
		switch tx.req.Method {
		case INVITE, UPDATE, SUBSCRIBE, REFER, NOTIFY:
			res.AppendHeader(s.contact(tx.flow, tx.req.Recipient.User))
		}
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		for _, h := range tx.extra {
			res.AppendHeader(h)
		}
	}
	s.decorate(res)
}

func (tx *ServerTx) respond(code int, data []byte) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch {
	case tx.state != serverProceeding && tx.cancelled:
		return ErrCancelled
	case tx.state != serverProceeding:
		return ErrAnswered
	}
	tx.last = data
	if code >= 200 {
		tx.finalLocked(code)
	}
	return tx.flow.send(data)
}

// finalLocked starts what follows a final response. tx.mu is held.
func (tx *ServerTx) finalLocked(code int) {
	t := tx.stack.cfg.Timers
	if tx.enrolled {
		tx.linger.Stop()
	}
	tx.settledLocked()
	switch {
	case tx.req.Method == INVITE && code < 300:
		tx.state = serverAccepted
		tx.linger = tx.stack.after(t.timeout(), tx.terminate) // timer L
	case tx.req.Method == INVITE:
		tx.state = serverCompleted
		tx.linger = tx.stack.after(t.timeout(), tx.terminate) // timer H
		if !tx.flow.Reliable() {
			tx.interval = t.T1
			tx.repeat = tx.stack.after(tx.interval, tx.retransmit) // timer G
		}
	case tx.flow.Reliable(): // timer J is zero
		tx.state = serverTerminated
		tx.forget()
	default:
		tx.state = serverCompleted
		tx.restLocked()
	}
}

// restLocked leaves only the response behind, for timer J. tx.mu is held.
func (tx *ServerTx) restLocked() {
	s, a := tx.stack, &answered{flow: tx.flow, key: tx.key, merged: tx.mergedKey, response: tx.last}
	if tx.enrolled {
		s.serverTxs.swap(tx.key, tx, a)
	} else if !s.serverTxs.add(tx.key, a) {
		return // the same request on two sockets at once
	}
	if tx.mergedKey != (txKey{}) && !(tx.enrolled && s.merged.swap(tx.mergedKey, tx, a)) && !s.merged.add(tx.mergedKey, a) {
		a.merged = txKey{}
	}
	tx.enrolled = false
	s.linger.add(a, s.cfg.Timers)
}

// settledLocked counts an INVITE out that leaves the state Proceeding. tx.mu is held.
func (tx *ServerTx) settledLocked() {
	if tx.state == serverProceeding && tx.req.Method == INVITE {
		tx.stack.proceeding.Add(-1)
	}
}

// retransmit is timer G.
func (tx *ServerTx) retransmit() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state != serverCompleted {
		return
	}
	_ = tx.flow.send(tx.last)
	tx.interval = min(2*tx.interval, tx.stack.cfg.Timers.T2)
	tx.repeat = tx.stack.after(tx.interval, tx.retransmit)
}

// requestAgain absorbs a retransmission of the request.
func (tx *ServerTx) requestAgain() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if (tx.state == serverProceeding || tx.state == serverCompleted) && tx.last != nil {
		_ = tx.flow.send(tx.last)
	}
}

// ack takes the ACK of a response ≥ 300; it reports false when the transaction waits for none.
func (tx *ServerTx) ack() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch tx.state {
	case serverCompleted:
		tx.state = serverConfirmed
		tx.linger.Stop()
		if tx.repeat != nil {
			tx.repeat.Stop()
		}
		if tx.flow.Reliable() {
			tx.state = serverTerminated
			tx.forget()
		} else {
			tx.linger = tx.stack.after(tx.stack.cfg.Timers.T4, tx.terminate) // timer I
		}
		return true
	case serverConfirmed, serverTerminated:
		return true
	}
	return false
}

// cancel handles a CANCEL that matches this INVITE (RFC 3261 §9.2): without a final response yet, 487.
func (tx *ServerTx) cancel(req *Request) {
	tx.mu.Lock()
	if tx.state != serverProceeding {
		tx.mu.Unlock()
		return
	}
	res := tx.NewResponse(487, "")
	tx.stack.decorate(res)
	data, err := tx.stack.encode(res)
	if err != nil {
		tx.mu.Unlock()
		return
	}
	tx.cancelled = true
	tx.last = data
	tx.finalLocked(487)
	_ = tx.flow.send(data)
	session := tx.session
	tx.mu.Unlock()
	if session != nil {
		session.cancelled(req)
	}
}

// own makes a session the owner of an INVITE.
func (tx *ServerTx) own(session *Session) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch {
	case tx.cancelled:
		return ErrCancelled
	case tx.state != serverProceeding:
		return ErrAnswered
	}
	tx.session = session
	return nil
}

// forget takes the transaction out of the tables.
func (tx *ServerTx) forget() {
	tx.stack.serverTxs.remove(tx.key, tx)
	if tx.mergedKey != (txKey{}) {
		tx.stack.merged.remove(tx.mergedKey, tx)
	}
}

func (tx *ServerTx) terminate() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.settledLocked()
	tx.state = serverTerminated
	if tx.linger != nil {
		tx.linger.Stop()
	}
	if tx.repeat != nil {
		tx.repeat.Stop()
	}
	tx.forget()
}
