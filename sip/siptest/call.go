package siptest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"crypto/rand"

	"github.com/talkpath/talkpath/sip"
)

// RejectError says that an INVITE failed.
type RejectError struct{ Response *sip.Response }

func (e *RejectError) Error() string {
	return fmt.Sprintf("siptest: rejected: %d %s", e.Response.StatusCode, e.Response.Reason)
}

// End is how a call ended.
type End struct {
	By       string        // "bye", "cancel", "reject", "acktimeout"
	Request  *sip.Request  // BYE or CANCEL of the peer
	Response *sip.Response // the failure of an outgoing call
}

// Call is a call of either direction.
type Call struct {
	ua      *UA
	invite  *sip.Request
	ringing chan *sip.Response
	answer  chan *sip.Response // closed-over first 2xx or failure
	acked   chan *sip.Request
	ended   chan End
	reoffer chan *sip.Request
	info    chan *sip.Request
	closed  chan struct{} // flow closed

	mu      sync.Mutex // guards what follows
	session *sip.Session
	sdp     []byte // what re-INVITEs of the peer are answered with
	tried   bool   // a challenge was answered
	final   *sip.Response
	request *sip.Request // outgoing INVITE, to be sent again with credentials
}

func newCall(u *UA) *Call {
	return &Call{ua: u, ringing: make(chan *sip.Response, 32), answer: make(chan *sip.Response, 1), acked: make(chan *sip.Request, 1),
		ended: make(chan End, 1), reoffer: make(chan *sip.Request, 32), info: make(chan *sip.Request, 64), closed: make(chan struct{}, 8)}
}

// Invite calls a user or URI. A challenge is answered once. headers are added to the INVITE.
func (u *UA) Invite(target string, sdp []byte, headers ...sip.Header) (*Call, error) {
	c := newCall(u)
	c.sdp = sdp
	contentType := "application/sdp"
	req := u.Request("INVITE", target, contentType, sdp)
	callID := sip.CallIDHeader(rand.Text())
	req.AppendHeader(&callID)
	req.From().Params = sip.HeaderParams{{K: "tag", V: rand.Text()[:10]}}
	u.mu.Lock()
	user := u.user
	u.mu.Unlock()
	req.AppendHeader(&sip.ContactHeader{Address: u.contact(user)})
	for _, h := range headers {
		req.AppendHeader(h)
	}
	c.request = req
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, c.sendLocked(1)
}

func (c *Call) sendLocked(seq uint32) error {
	r := c.request.Clone()
	r.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: sip.INVITE})
	s, err := c.ua.stack.Invite(r, c.ua.Flow(), (*callHandler)(c))
	if err == nil {
		c.session, c.invite = s, s.Request()
		c.ua.remember(s)
	}
	return err
}

// incoming takes an INVITE.
func (u *UA) incoming(tx *sip.ServerTx) {
	c := newCall(u)
	c.invite = tx.Request()
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := u.stack.AcceptSession(tx, (*callHandler)(c))
	if err != nil {
		_ = tx.Respond(tx.NewResponse(500, ""))
		return
	}
	c.session = s
	u.remember(s)
	select {
	case u.calls <- c:
	default:
		_ = s.Reject(486, "")
	}
}

// Session is the session underneath.
func (c *Call) Session() *sip.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// Request is the INVITE.
func (c *Call) Request() *sip.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.invite
}

// Ring sends 180, or 183 with SDP.
func (c *Call) Ring(sdp []byte) error {
	if len(sdp) > 0 {
		return c.Session().Ring(183, "", sdp)
	}
	return c.Session().Ring(180, "", nil)
}

// Answer accepts an incoming call and waits for its ACK.
func (c *Call) Answer(ctx context.Context, sdp []byte, headers ...sip.Header) error {
	c.mu.Lock()
	c.sdp = sdp
	c.mu.Unlock()
	if err := c.Session().Accept(sdp, headers...); err != nil {
		return err
	}
	_, err := wait(ctx, "ACK", c.acked)
	return err
}

// Reject refuses an incoming call.
func (c *Call) Reject(code int, reason string, headers ...sip.Header) error {
	return c.Session().Reject(code, reason, headers...)
}

// WaitRinging waits for the next provisional response (never 100).
func (c *Call) WaitRinging(ctx context.Context) (*sip.Response, error) {
	return wait(ctx, "ringing", c.ringing)
}

// WaitAnswered waits for the 2xx; a failure is a *RejectError.
func (c *Call) WaitAnswered(ctx context.Context) (*sip.Response, error) {
	c.mu.Lock()
	res := c.final
	c.mu.Unlock()
	if res == nil {
		var err error
		if res, err = wait(ctx, "answer", c.answer); err != nil {
			return nil, err
		}
	}
	if res.StatusCode >= 300 {
		return res, &RejectError{res}
	}
	return res, nil
}

// Hangup ends the call: CANCEL, BYE or 480.
func (c *Call) Hangup(headers ...sip.Header) error { return c.Session().Hangup(headers...) }

// Bye is Hangup of an answered call.
func (c *Call) Bye(headers ...sip.Header) error { return c.Hangup(headers...) }

// Cancel is Hangup of a call that rings.
func (c *Call) Cancel(headers ...sip.Header) error { return c.Hangup(headers...) }

// WaitEnded waits until the peer ended the call, or an outgoing call failed.
func (c *Call) WaitEnded(ctx context.Context) (End, error) { return wait(ctx, "end", c.ended) }

// WaitReinvite waits for the next re-INVITE, which has been answered with the SDP of the call.
func (c *Call) WaitReinvite(ctx context.Context) (*sip.Request, error) {
	return wait(ctx, "re-INVITE", c.reoffer)
}

// WaitRequest waits for the next other in-dialog request, which has been answered 200 (REFER: 202).
func (c *Call) WaitRequest(ctx context.Context) (*sip.Request, error) {
	return wait(ctx, "request", c.info)
}

// WaitFlowClosed waits until the connection of the call closes.
func (c *Call) WaitFlowClosed(ctx context.Context) error {
	_, err := wait(ctx, "end of the connection", c.closed)
	return err
}

// SetSDP sets what re-INVITEs of the peer are answered with.
func (c *Call) SetSDP(sdp []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sdp = sdp
}

// Reinvite offers new SDP and waits for the final response.
func (c *Call) Reinvite(ctx context.Context, sdp []byte) (*sip.Response, error) {
	c.SetSDP(sdp)
	done := make(chan *sip.Response, 1)
	if err := c.Session().Reinvite(sdp, func(res *sip.Response) { done <- res }); err != nil {
		return nil, err
	}
	return wait(ctx, "answer to re-INVITE", done)
}

// Info sends INFO and waits for the final response.
func (c *Call) Info(ctx context.Context, contentType string, body []byte) (*sip.Response, error) {
	return c.Send(ctx, "INFO", contentType, body)
}

// DTMF sends a digit the way browsers do with SIP.js.
func (c *Call) DTMF(ctx context.Context, digit string) (*sip.Response, error) {
	return c.Send(ctx, "INFO", "application/dtmf-relay", []byte("Signal="+digit+"\r\nDuration=2000"),
		sip.NewHeader("Content-Disposition", "render"))
}

// Send sends an in-dialog request and waits for the final response.
func (c *Call) Send(ctx context.Context, method, contentType string, body []byte, headers ...sip.Header) (*sip.Response, error) {
	done := make(chan *sip.Response, 1)
	if err := c.Session().Send(method, contentType, body, headers, func(res *sip.Response) { done <- res }); err != nil {
		return nil, err
	}
	return wait(ctx, "answer to "+method, done)
}

func wait[T any](ctx context.Context, what string, ch <-chan T) (T, error) {
	select {
	case v := <-ch:
		return v, nil
	case <-ctx.Done():
		var zero T
		return zero, fmt.Errorf("siptest: waiting for %s: %w", what, ctx.Err())
	}
}

// callHandler is the SessionHandler of a Call.
type callHandler Call

var _ sip.SessionHandler = (*callHandler)(nil)

func (h *callHandler) OnProvisional(_ *sip.Session, res *sip.Response) { offer(h.ringing, res) }

func (h *callHandler) OnAnswer(_ *sip.Session, res *sip.Response) {
	h.mu.Lock()
	h.final = res
	h.mu.Unlock()
	offer(h.answer, res)
}

func (h *callHandler) OnReject(_ *sip.Session, res *sip.Response) {
	if h.again(res) {
		return
	}
	h.mu.Lock()
	h.final = res
	h.mu.Unlock()
	offer(h.answer, res)
	offer(h.ended, End{By: "reject", Response: res})
}

// again sends the INVITE with credentials after its first challenge.
func (h *callHandler) again(res *sip.Response) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !challenged(res) || h.tried || res.Via() == nil {
		return false
	}
	h.tried = true
	if err := h.ua.authorize(h.request, res); err != nil {
		return false
	}
	return (*Call)(h).sendLocked(2) == nil
}

func (h *callHandler) OnCancel(_ *sip.Session, req *sip.Request) {
	offer(h.ended, End{By: "cancel", Request: req})
}
func (h *callHandler) OnAck(_ *sip.Session, req *sip.Request) { offer(h.acked, req) }
func (h *callHandler) OnAckTimeout(*sip.Session)              { offer(h.ended, End{By: "acktimeout"}) }

func (h *callHandler) OnExpired(*sip.Session) { offer(h.ended, End{By: "expired"}) }

func (h *callHandler) OnReinvite(_ *sip.Session, r *sip.Reinvite) {
	h.mu.Lock()
	sdp := h.sdp
	h.mu.Unlock()
	if err := r.Accept(sdp); err != nil && !errors.Is(err, sip.ErrState) {
		_ = r.Reject(500, "")
	}
	offer(h.reoffer, r.Request())
}

func (h *callHandler) OnRequest(_ *sip.Session, tx *sip.ServerTx) {
	code := 200
	if tx.Request().Method == sip.REFER {
		code = 202
	}
	_ = tx.Respond(tx.NewResponse(code, ""))
	offer(h.info, tx.Request())
}

func (h *callHandler) OnBye(_ *sip.Session, req *sip.Request) {
	offer(h.ended, End{By: "bye", Request: req})
}
func (h *callHandler) OnFlowClosed(*sip.Session) { offer(h.closed, struct{}{}) }

// offer drops when nobody takes: a script waits for what it expects only.
func offer[T any](ch chan T, v T) {
	select {
	case ch <- v:
	default:
	}
}
