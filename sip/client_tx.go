package sip

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	msg "github.com/emiago/sipgo/sip"
)

func newResponse(code int, reason string) *Response { return msg.NewResponse(code, reason) }

func portString(p uint16) string { return strconv.Itoa(int(p)) }

// clientState is a state of RFC 3261 §17.1 with the Accepted state of RFC 6026.
type clientState int

const (
	clientCalling clientState = iota // INVITE: Calling; others: Trying
	clientProceeding
	clientCompleted
	clientAccepted // INVITE: 2xx came; more may come
	clientTerminated
)

// clientTx is a client transaction. onResponse is called without the lock.
type clientTx struct {
	stack      *Stack
	flow       *Flow
	method     RequestMethod
	req        *Request // nil, as is data, when a 2xx to an INVITE has come
	key        string
	data       []byte
	onResponse func(*Response)

	patient bool // a closed connection does not end it: the peer may come back on another, see move

	mu       sync.Mutex // guards what follows, and flow of a session's requests
	state    clientState
	ack      []byte // of a final response ≥ 300 to INVITE
	timeout  *time.Timer
	repeat   *time.Timer
	interval time.Duration
}

// clientKey matches responses to requests (RFC 3261 §17.1.3).
func clientKey(branch string, method RequestMethod) string { return branch + " " + string(method) }

// startClientTx sends a complete request. After an error onResponse is never called.
func (s *Stack) startClientTx(req *Request, f *Flow, onResponse func(*Response)) (*clientTx, error) {
	return s.startPatientTx(req, f, onResponse, false)
}

func (s *Stack) startPatientTx(req *Request, f *Flow, onResponse func(*Response), patient bool) (*clientTx, error) {
	s.decorate(req)
	data, err := s.encode(req)
	if err != nil {
		s.count.sendErrors.Add(1)
		return nil, err
	}
	tx := &clientTx{
		stack: s, flow: f, method: req.Method, req: req, data: data, onResponse: onResponse, patient: patient,
		key: clientKey(param(req.Via().Params, "branch"), req.Method), interval: s.cfg.Timers.T1,
	}
	if !s.enter() {
		return nil, ErrClosed
	}
	defer s.wg.Done()
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if !s.clientTxs.add(tx.key, tx) {
		return nil, fmt.Errorf("%w: branch in use", ErrMessage)
	}
	tx.timeout = s.after(s.cfg.Timers.timeout(), func() { tx.fail(408, "") }) // timers B and F
	if !f.Reliable() {
		tx.repeat = s.after(tx.interval, tx.retransmit) // timers A and E
	}
	if err := f.send(data); err != nil && !(patient && errors.Is(err, ErrFlowClosed)) {
		tx.terminateLocked()
		return nil, err
	}
	if patient {
		return tx, nil
	}
	// Not under this lock's protection: the watcher takes it when the connection closes.
	f.watch(tx, func() { tx.fail(503, "Connection Lost") })
	return tx, nil
}

// move sends a request that waits for its response again, to where its peer is now.
func (tx *clientTx) move(f *Flow) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state != clientCalling && tx.state != clientProceeding {
		return
	}
	tx.flow.unwatch(tx)
	tx.flow = f
	_ = f.send(tx.data)
	if !tx.patient {
		f.watch(tx, func() { tx.fail(503, "Connection Lost") })
	}
}

// retransmit is timers A and E.
func (tx *clientTx) retransmit() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	invite := tx.method == INVITE
	if tx.state != clientCalling && (invite || tx.state != clientProceeding) {
		return
	}
	_ = tx.flow.send(tx.data)
	tx.interval *= 2
	if !invite {
		tx.interval = min(tx.interval, tx.stack.cfg.Timers.T2)
		if tx.state == clientProceeding {
			tx.interval = tx.stack.cfg.Timers.T2
		}
	}
	tx.repeat = tx.stack.after(tx.interval, tx.retransmit)
}

// receive takes a response.
func (tx *clientTx) receive(res *Response) {
	tx.mu.Lock()
	pass := false
	if tx.method == INVITE {
		pass = tx.inviteResponseLocked(res)
	} else {
		pass = tx.otherResponseLocked(res)
	}
	tx.mu.Unlock()
	if pass && tx.onResponse != nil {
		tx.onResponse(res)
	}
}

// inviteResponseLocked is RFC 3261 §17.1.1 with RFC 6026 §7.2.
func (tx *clientTx) inviteResponseLocked(res *Response) (pass bool) {
	switch {
	case res.StatusCode < 200:
		if tx.state != clientCalling && tx.state != clientProceeding {
			return false
		}
		tx.state = clientProceeding
		tx.stopLocked()
		// A session gives up its first INVITE before that (timer C and CANCEL); this ends a re-INVITE that only got 100.
		t := tx.stack.cfg.Timers
		tx.timeout = tx.stack.after(t.TimerC+2*t.timeout(), func() { tx.fail(408, "") })
		return true
	case res.StatusCode < 300:
		switch tx.state {
		case clientCalling, clientProceeding:
			tx.state = clientAccepted
			tx.stopLocked()
			tx.req, tx.data, tx.repeat = nil, nil, nil
			tx.timeout = tx.stack.after(tx.stack.cfg.Timers.timeout(), tx.terminate) // timer M
			return true
		}
		return tx.state == clientAccepted
	}
	switch tx.state {
	case clientCalling, clientProceeding:
		tx.state = clientCompleted
		tx.stopLocked()
		tx.ack = tx.stack.ackFor(tx.req, res)
		_ = tx.flow.send(tx.ack)
		if tx.flow.Reliable() {
			tx.terminateLocked()
		} else {
			tx.timeout = tx.stack.after(tx.stack.cfg.Timers.timeout(), tx.terminate) // timer D ≥ 32 s
		}
		return true
	case clientCompleted:
		_ = tx.flow.send(tx.ack)
	}
	return false
}

// otherResponseLocked is RFC 3261 §17.1.2.
func (tx *clientTx) otherResponseLocked(res *Response) (pass bool) {
	if tx.state != clientCalling && tx.state != clientProceeding {
		return false
	}
	if res.StatusCode < 200 {
		tx.state = clientProceeding
		return true
	}
	tx.state = clientCompleted
	tx.stopLocked()
	if tx.flow.Reliable() {
		tx.terminateLocked()
	} else {
		tx.timeout = tx.stack.after(tx.stack.cfg.Timers.T4, tx.terminate) // timer K
	}
	return true
}

// ackFor makes the ACK of a final response ≥ 300 (RFC 3261 §17.1.1.3).
func (s *Stack) ackFor(invite *Request, res *Response) []byte {
	ack := NewRequest(ACK, *invite.Recipient.Clone())
	ack.AppendHeader(invite.Via().Clone())
	for h := range FindHeaders(invite, "Route") {
		ack.AppendHeader(h)
	}
	mf := MaxForwardsHeader(70)
	ack.AppendHeader(&mf)
	ack.AppendHeader(invite.From())
	ack.AppendHeader(res.To())
	ack.AppendHeader(invite.CallID())
	ack.AppendHeader(&CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: ACK})
	data, err := s.encode(ack)
	if err != nil {
		s.count.sendErrors.Add(1)
	}
	return data
}

// fail ends the transaction with a made-up response when nothing final has come.
func (tx *clientTx) fail(code int, reason string) {
	tx.mu.Lock()
	waiting := tx.state == clientCalling || tx.state == clientProceeding
	if waiting {
		tx.terminateLocked()
	}
	tx.mu.Unlock()
	if waiting && tx.onResponse != nil {
		tx.onResponse(localResponse(tx.req, code, reason))
	}
}

// localResponse makes the response that stands for an event at our side.
func localResponse(req *Request, code int, reason string) *Response {
	if reason == "" {
		reason = Phrase(code)
	}
	res := newResponse(code, reason)
	res.AppendHeader(req.From())
	res.AppendHeader(req.To())
	res.AppendHeader(req.CallID())
	res.AppendHeader(req.CSeq())
	return res
}

func (tx *clientTx) stopLocked() {
	if tx.timeout != nil {
		tx.timeout.Stop()
	}
	if tx.repeat != nil {
		tx.repeat.Stop()
	}
}

func (tx *clientTx) terminateLocked() {
	tx.state = clientTerminated
	tx.stopLocked()
	tx.stack.clientTxs.remove(tx.key, tx)
	tx.flow.unwatch(tx)
}

func (tx *clientTx) terminate() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.terminateLocked()
}

// Send sends an out-of-dialog request (not INVITE) on a flow. Via, From tag, Call-ID, CSeq, Max-Forwards and where it belongs Contact
// are filled in when missing; the stack owns req from here on. onResponse gets every response, on a goroutine of the stack, and must
// not block; 408 is made up when none comes, 503 when the connection ends.
func (s *Stack) Send(req *Request, flow *Flow, onResponse func(*Response)) error {
	if req.Method == INVITE || req.Method == ACK || req.Method == CANCEL {
		return fmt.Errorf("%w: Send of %s", ErrMessage, req.Method)
	}
	req, err := s.completeRequest(req, flow)
	if err != nil {
		return err
	}
	_, err = s.startClientTx(req, flow, onResponse)
	return err
}

// completeRequest builds a request with the mandatory headers first, in FreeSWITCH's order.
func (s *Stack) completeRequest(in *Request, f *Flow) (*Request, error) {
	if in.From() == nil || in.To() == nil {
		return nil, fmt.Errorf("%w: no From or To", ErrMessage)
	}
	req := NewRequest(in.Method, in.Recipient)
	req.AppendHeader(s.via(f, newBranch()))
	for h := range FindHeaders(in, "Route") {
		req.AppendHeader(h)
	}
	mf := MaxForwardsHeader(70)
	if h := in.MaxForwards(); h != nil {
		mf = *h
	}
	req.AppendHeader(&mf)
	from := CloneHeader(in.From()).(*FromHeader)
	if param(from.Params, "tag") == "" {
		from.Params = append(from.Params, HeaderKV{K: "tag", V: newTag()})
	}
	from.DisplayName = quotable(from.DisplayName)
	req.AppendHeader(from)
	to := CloneHeader(in.To()).(*ToHeader)
	to.DisplayName = quotable(to.DisplayName)
	req.AppendHeader(to)
	callID := CallIDHeader(newCallID())
	if h := in.CallID(); h != nil {
		callID = *h
	}
	req.AppendHeader(&callID)
	cseq := CSeqHeader{SeqNo: 1}
	if h := in.CSeq(); h != nil {
		cseq = *h
	}
	cseq.MethodName = req.Method
	req.AppendHeader(&cseq)
	if in.Contact() == nil && (req.Method == INVITE || req.Method == SUBSCRIBE || req.Method == NOTIFY || req.Method == REFER) {
		req.AppendHeader(s.contact(f, from.Address.User))
	}
	for _, h := range in.Headers() {
		switch h.(type) {
		case *ViaHeader, *RouteHeader, *MaxForwardsHeader, *FromHeader, *ToHeader, *CallIDHeader, *CSeqHeader, *ContentLengthHeader:
		default:
			req.AppendHeader(h)
		}
	}
	if len(in.Body()) > 0 {
		req.SetBody(in.Body())
	}
	return req, nil
}
