package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
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
	ps := &phones{all: make([]*phone, len(o.accounts))}
	var addrs [2]netip.AddrPort
	for side, address := range o.addresses {
		var err error
		if addrs[side], err = address.resolve(ctx); err != nil {
			return nil, fmt.Errorf("cannot reach %s: %w", address, err)
		}
	}
	ps.server = addrs[0]
	errs := make([]error, len(o.accounts))
	open := func(i int) {
		side := 0
		if i >= (len(o.accounts)+1)/2 {
			side = 1
		}
		ps.all[i], errs[i] = openPhone(ctx, o, o.addresses[side], addrs[side], o.accounts[i])
	}
	if open(0); errs[0] == nil {
		inParallel(setupWorkers, len(o.accounts)-1, func(i int) { open(i + 1) })
	}
	for _, err := range errs {
		if err != nil {
			ps.close()
			return nil, err
		}
	}
	return ps, nil
}

// inParallel calls f with 0 … n-1, some at the same time.
func inParallel(workers, n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(workers, n) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}

// openPhone connects and registers.
func openPhone(ctx context.Context, o *options, server serverAddress, addr netip.AddrPort, a account) (*phone, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	ua, err := siptest.Dial(ctx, siptest.Config{
		Transport: server.transport, Addr: addr.String(), URL: server.url, Domain: o.domain, UserAgent: "talkpath-bench",
		TLS: &tls.Config{ServerName: server.host, InsecureSkipVerify: o.insecure}, // on request only
	})
	if err != nil {
		return nil, fmt.Errorf("cannot reach %s: %w", server, err)
	}
	p := &phone{UA: ua, account: a}
	res, err := p.register(ctx, o.expires)
	switch {
	case err == nil:
		return p, nil
	case res == nil && ctx.Err() != nil:
		err = fmt.Errorf("%s does not answer REGISTER within %s", server, o.timeout)
	case res != nil && a.password == "" && slices.Contains([]int{401, 403, 407}, res.StatusCode):
		err = fmt.Errorf("%w; no password was given (-password, or in the file of -users)", err)
	case res == nil || res.Via() == nil: // made up by our own stack
		err = fmt.Errorf("cannot reach %s: %w", server, err)
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
	inParallel(setupWorkers, len(ps.all), func(i int) { _, _ = ps.all[i].Unregister(ctx) })
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
