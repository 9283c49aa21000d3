package bench

import (
	"context"
	"sync"
	"time"

	"github.com/talkpath/talkpath/sip/siptest"
)

// established is a call that is up.
type established struct {
	took   time.Duration             // to set it up, as its caller sees it
	legs   []leg                     // those that it brought along
	ended  func(ctx context.Context) // waits until the server ends the call; nil: it never does
	hangUp func(ctx context.Context) // and waits until that is confirmed, so that the next run finds an idle server
}

// setup makes the n-th call of a run; ctx bounds how long that may take.
type setup func(ctx context.Context, n int) (*established, error)

// script is one call from its beginning to its end. came is told once whether it came up.
func (r *callRun) script(ctx context.Context, n int, came func(error)) {
	bounded, cancel := context.WithTimeout(ctx, r.o.timeout)
	defer cancel()
	call, err := r.setUp(bounded, n)
	if err != nil {
		r.setups.add(0, err)
		came(err)
		return
	}
	r.setups.add(call.took, nil)
	r.up.Add(1)
	defer r.up.Add(-1)
	for _, l := range call.legs {
		defer l.close()
		l.talk()
	}
	came(nil)
	if r.waitHangup(ctx, call) {
		r.dropped.Add(1)
		return
	}
	bye, done := context.WithTimeout(context.WithoutCancel(ctx), r.o.timeout)
	defer done()
	call.hangUp(bye)
}

// waitHangup waits until the run hangs up; true when the server did before.
func (r *callRun) waitHangup(ctx context.Context, call *established) bool {
	ended := make(chan struct{})
	watch, stop := context.WithCancel(ctx)
	if call.ended != nil {
		var watching sync.WaitGroup
		defer watching.Wait()
		watching.Go(func() {
			if call.ended(watch); watch.Err() == nil {
				close(ended)
			}
		})
	}
	defer stop()
	select {
	case <-ended:
		return true
	case <-r.hangup:
	case <-ctx.Done():
	}
	return false
}

// sipCalls makes calls from phone to phone.
type sipCalls struct {
	phones *phones
	media  *mediaPlane
	o      *options
	failed func(error) // a callee could not answer
	active sync.WaitGroup
}

// setUp is INVITE to the answer, and the caller's media.
func (s *sipCalls) setUp(ctx context.Context, n int) (*established, error) {
	caller, callee := s.phones.callers()[n%len(s.phones.callers())], s.phones.callees()[n%len(s.phones.callees())]
	l, err := s.media.leg(0)
	if err != nil {
		return nil, err
	}
	call, took, err := s.invite(ctx, caller, callee, l)
	if err != nil {
		l.close()
		return nil, err
	}
	return &established{
		took: took, legs: []leg{l},
		ended: func(ctx context.Context) { _, _ = call.WaitEnded(ctx) },
		hangUp: func(ctx context.Context) {
			forgotten := make(chan struct{})
			call.Session().OnForgotten(func() { close(forgotten) })
			_ = call.Hangup()
			select {
			case <-forgotten:
			case <-ctx.Done():
			}
		},
	}, nil
}

func (s *sipCalls) invite(ctx context.Context, caller, callee *phone, l leg) (*siptest.Call, time.Duration, error) {
	offer, err := l.offer(ctx)
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	call, err := caller.Invite(callee.account.user, offer)
	if err != nil {
		return nil, 0, err
	}
	res, err := call.WaitAnswered(ctx)
	took := time.Since(began)
	if err == nil {
		err = l.accept(res.Body())
	}
	if err != nil {
		_ = call.Hangup()
	}
	return call, took, err
}

// answer takes every call to the callees, until ctx is done.
func (s *sipCalls) answer(ctx context.Context) {
	for _, p := range s.phones.callees() {
		s.active.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case call := <-p.Calls():
					s.active.Go(func() { s.answerOne(ctx, call) })
				}
			}
		})
	}
}

// answerOne answers, and talks until the caller hangs up.
func (s *sipCalls) answerOne(ctx context.Context, call *siptest.Call) {
	l, err := s.media.leg(1)
	if err != nil {
		_ = call.Reject(500, "")
		s.failed(err)
		return
	}
	defer l.close()
	if err := s.accept(ctx, call, l); err != nil {
		_ = call.Hangup()
		s.failed(err)
		return
	}
	l.talk()
	_, _ = call.WaitEnded(ctx)
}

func (s *sipCalls) accept(ctx context.Context, call *siptest.Call, l leg) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.timeout)
	defer cancel()
	answer, err := l.answer(ctx, call.Request().Body())
	if err != nil {
		_ = call.Reject(488, "")
		return err
	}
	return call.Answer(ctx, answer)
}
