package profile

import (
	"strings"
	"sync/atomic"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// CallStats counts a profile's calls since it was started, as `sofia status profile` shows them. Failed ones ended without an answer.
type CallStats struct{ In, Out, FailedIn, FailedOut uint64 }

type callCounters struct{ in, out, failedIn, failedOut atomic.Uint64 }

// Calls gives the profile's counts.
func (p *Profile) Calls() CallStats {
	c := &p.calls
	return CallStats{In: c.in.Load(), Out: c.out.Load(), FailedIn: c.failedIn.Load(), FailedOut: c.failedOut.Load()}
}

// began counts a new call.
func (l *leg) began() {
	if l.outbound {
		l.p.calls.out.Add(1)
		return
	}
	l.p.calls.in.Add(1)
	if l.gateway != nil {
		l.gateway.count(func(c *gatewayCalls) { c.in++ })
	}
}

// failed counts a call that ended without an answer.
func (l *leg) failed() {
	count := &l.p.calls.failedIn
	if l.outbound {
		count = &l.p.calls.failedOut
	}
	count.Add(1)
	if l.gateway == nil {
		return
	}
	l.gateway.count(func(c *gatewayCalls) {
		if l.outbound {
			c.failedOut++
		} else {
			c.failedIn++
		}
	})
}

// SetHeaders says which headers later messages of the leg carry, from the channel's variables: those named sip_ph_NAME go on provisional
// responses, sip_rh_NAME on final ones, sip_bye_h_NAME on BYE and CANCEL; others are not looked at. It replaces what was set before.
func (l *leg) SetHeaders(variables []call.Variable) {
	extra := map[string][]call.Variable{}
	for _, v := range variables {
		for _, prefix := range []string{"sip_ph_", "sip_rh_", "sip_bye_h_"} {
			if len(v.Name) > len(prefix) && strings.EqualFold(v.Name[:len(prefix)], prefix) {
				extra[prefix] = append(extra[prefix], call.Variable{Name: v.Name[len(prefix):], Value: v.Value})
			}
		}
	}
	l.mu.Lock()
	l.extra = extra
	l.mu.Unlock()
}

// headers are those of one kind that SetHeaders left.
func (l *leg) headers(prefix string) []sip.Header {
	l.mu.Lock()
	defer l.mu.Unlock()
	var hs []sip.Header
	for _, v := range l.extra[prefix] {
		if token(v.Name) && free(v.Name) {
			hs = append(hs, sip.NewHeader(v.Name, clean(v.Value)))
		}
	}
	return hs
}
