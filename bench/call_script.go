package bench

import (
	"context"
	"time"

	"github.com/talkpath/talkpath/sip/siptest"
)

// callScript is one call as its caller sees it.
type callScript struct {
	run    *callRun
	caller *phone
	callee *phone
	err    error // why it failed; read it after done was called
}

// play calls, tells done whether it came up, talks until the run hangs up, and hangs up.
func (c *callScript) play(ctx context.Context, done func()) {
	defer done()
	l, err := c.run.media.leg(0)
	if err != nil {
		c.fail(err)
		return
	}
	defer l.close()
	call, err := c.setup(ctx, l)
	if err != nil {
		c.fail(err)
		return
	}
	c.run.up.Add(1)
	defer c.run.up.Add(-1)
	l.talk()
	done()
	ended := make(chan struct{})
	watch, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(ended)
		_, _ = call.WaitEnded(watch)
	}()
	select {
	case <-ended:
		if ctx.Err() == nil {
			c.run.dropped.Add(1)
		}
	case <-c.run.hangup:
	}
	c.bye(call)
}

func (c *callScript) fail(err error) {
	c.err = err
	c.run.setups.add(0, err)
}

// setup is INVITE to the answer, which is measured, and its media.
func (c *callScript) setup(ctx context.Context, l leg) (*siptest.Call, error) {
	ctx, cancel := context.WithTimeout(ctx, c.run.o.timeout)
	defer cancel()
	offer, err := l.offer(ctx)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	call, err := c.caller.Invite(c.callee.account.user, offer)
	if err != nil {
		return nil, err
	}
	res, err := call.WaitAnswered(ctx)
	took := time.Since(began)
	if err == nil {
		err = l.accept(res.Body())
	}
	if err != nil {
		_ = call.Hangup()
		return nil, err
	}
	c.run.setups.add(took, nil)
	return call, nil
}

// bye hangs up and waits until that is answered, so that the next run finds an idle server.
func (c *callScript) bye(call *siptest.Call) {
	forgotten := make(chan struct{})
	call.Session().OnForgotten(func() { close(forgotten) })
	_ = call.Hangup()
	select {
	case <-forgotten:
	case <-time.After(c.run.o.timeout):
	}
}

// answer takes every call to a phone.
func (r *callRun) answer(ctx context.Context, p *phone) {
	for {
		select {
		case <-ctx.Done():
			return
		case call := <-p.Calls():
			r.active.Go(func() { r.answerOne(ctx, call) })
		}
	}
}

// answerOne answers, and talks until the caller hangs up.
func (r *callRun) answerOne(ctx context.Context, call *siptest.Call) {
	l, err := r.media.leg(1)
	if err != nil {
		_ = call.Reject(500, "")
		return
	}
	defer l.close()
	if err := r.accept(ctx, call, l); err != nil {
		_ = call.Hangup()
		r.callee.CompareAndSwap(nil, &err)
		return
	}
	l.talk()
	_, _ = call.WaitEnded(ctx)
}

func (r *callRun) accept(ctx context.Context, call *siptest.Call, l leg) error {
	ctx, cancel := context.WithTimeout(ctx, r.o.timeout)
	defer cancel()
	answer, err := l.answer(ctx, call.Request().Body())
	if err != nil {
		_ = call.Reject(488, "")
		return err
	}
	return call.Answer(ctx, answer)
}
