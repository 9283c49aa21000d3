package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// phone is a registered user.
type phone struct {
	*siptest.UA
	account account
}

// phones are all phones of a run. The first half calls, the second is called.
type phones struct {
	all    []*phone
	server netip.AddrPort
}

const setupWorkers = 32 // registrations at the same time while phones are made

// openPhones makes a phone for each account and registers it. The first one goes ahead: a server that is not there is asked once only.
func openPhones(ctx context.Context, o *options) (*phones, error) {
	addr, err := o.address.resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot reach %s: %w", o.address, err)
	}
	ps := &phones{all: make([]*phone, len(o.accounts)), server: addr}
	errs := make([]error, len(o.accounts))
	open := func(i int) { ps.all[i], errs[i] = openPhone(ctx, o, addr, o.accounts[i]) }
	open(0)
	if errs[0] == nil {
		next := make(chan int)
		var workers sync.WaitGroup
		for range setupWorkers {
			workers.Go(func() {
				for i := range next {
					open(i)
				}
			})
		}
		for i := 1; i < len(o.accounts); i++ {
			next <- i
		}
		close(next)
		workers.Wait()
	}
	for _, err := range errs {
		if err != nil {
			ps.close()
			return nil, err
		}
	}
	return ps, nil
}

// openPhone connects and registers.
func openPhone(ctx context.Context, o *options, addr netip.AddrPort, a account) (*phone, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	ua, err := siptest.Dial(ctx, siptest.Config{
		Transport: o.address.transport, Addr: addr.String(), URL: o.address.url, Domain: o.domain, UserAgent: "talkpath-bench",
		TLS: &tls.Config{ServerName: o.address.host, InsecureSkipVerify: o.insecure}, // #nosec G402: on request
	})
	if err != nil {
		return nil, fmt.Errorf("cannot reach %s: %w", o.address, err)
	}
	p := &phone{UA: ua, account: a}
	res, err := p.register(ctx, o.expires)
	switch {
	case err == nil:
		return p, nil
	case res == nil && ctx.Err() != nil:
		err = fmt.Errorf("%s does not answer REGISTER within %s", o.address, o.timeout)
	case res == nil || res.Via() == nil: // made up by our own stack
		err = fmt.Errorf("cannot reach %s: %w", o.address, err)
	}
	ua.Close()
	return nil, err
}

// register registers once; anything but 200 is an error.
func (p *phone) register(ctx context.Context, expires int) (*sip.Response, error) {
	res, err := p.Register(ctx, p.account.user, p.account.password, expires)
	if err == nil && res.StatusCode != 200 {
		err = &refusal{"REGISTER of " + p.account.user, res}
	}
	return res, err
}

// refusal is a final response that is a failure.
type refusal struct {
	what string
	res  *sip.Response
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the server refuses: %s: %d %s", r.what, r.res.StatusCode, r.res.Reason)
}

// callers and callees are the two halves; a single phone is both.
func (ps *phones) callers() []*phone { return ps.all[:(len(ps.all)+1)/2] }
func (ps *phones) callees() []*phone { return ps.all[len(ps.all)/2:] }

// unregister removes the registrations, as well as it goes.
func (ps *phones) unregister(timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range ps.all {
		all.Go(func() { _, _ = p.Unregister(ctx) })
	}
	all.Wait()
}

func (ps *phones) close() {
	for _, p := range ps.all {
		if p != nil {
			p.Close()
		}
	}
}

// reasonOf names a failure for the table: equal ones have equal names.
func reasonOf(err error) string {
	var rejected *siptest.RejectError
	var refused *refusal
	switch {
	case errors.As(err, &rejected):
		return fmt.Sprintf("%d %s", rejected.Response.StatusCode, rejected.Response.Reason)
	case errors.As(err, &refused):
		return fmt.Sprintf("%d %s", refused.res.StatusCode, refused.res.Reason)
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	return err.Error()
}
