package profile

import (
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// TestAuthCallsACLOnly: with auth-calls-acl-only no password opens what an access list does not.
func TestAuthCallsACLOnly(t *testing.T) {
	for _, c := range []struct {
		name   string
		params []string
		status int // 0: the call comes through
	}{
		{"no list", []string{"auth-calls-acl-only=true"}, 403},
		{"another address", []string{"auth-calls-acl-only=true", "apply-inbound-acl=10.0.0.0/8"}, 403},
		{"the address", []string{"auth-calls-acl-only=true", "apply-inbound-acl=127.0.0.0/8"}, 0},
		{"off", []string{"auth-calls-acl-only=false"}, 407},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startWith(t, registrar.Config{}, withParams(t, c.params...))
			c0 := newPhoneCall()
			p := s.phone("udp", "1000", "pw1000")
			req := p.request(sip.INVITE, "1001")
			req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
			req.SetBody([]byte(testOffer))
			if _, err := p.stack.Invite(req, p.flow, c0); err != nil {
				t.Fatal(err)
			}
			if c.status != 0 {
				want(t, "status", recv(t, c0.rejected, "response").StatusCode, c.status)
				return
			}
			f := recv(t, s.core.calls, "call")
			f.in.Leg.Hangup(refused)
			recv(t, c0.rejected, "response")
		})
	}
}

// TestFullIDInDialplan: the number dialled is user@host, and so is the target of a REFER.
func TestFullIDInDialplan(t *testing.T) {
	s := startWith(t, registrar.Config{}, withParams(t, "full-id-in-dialplan=true"))
	_, c, l := answeredCall(t, s, false)
	f := l.(*leg).handler.(*fakeCall)
	want(t, "destination", f.in.Destination, "1000@example.com")
	res := ask(t, c, "REFER", "", "", sip.NewHeader("Refer-To", "<sip:1002@example.com>"))
	want(t, "REFER", res.StatusCode, 202)
	want(t, "target", recv(t, f.refer, "REFER").Target, "1002@example.com")
}

// TestOptions503OnBusy: with sip-options-respond-503-on-busy who asks learns that no call would be taken now; without, never.
func TestOptions503OnBusy(t *testing.T) {
	for _, on := range []string{"true", "false"} {
		s := startWith(t, registrar.Config{}, withParams(t, "sip-options-respond-503-on-busy="+on))
		p := s.phone("udp", "1000", "pw1000")
		want(t, "free", p.send(p.request(sip.OPTIONS, "")).StatusCode, 200)
		s.core.busy.Store(true)
		res := p.send(p.request(sip.OPTIONS, ""))
		want(t, "busy", res.StatusCode, map[string]int{"true": 503, "false": 200}[on])
		want(t, "Retry-After", headerValue(res, "Retry-After"), map[string]string{"true": "300", "false": ""}[on])
	}
}

// TestMaxProceedingOfProfile: max-proceeding reaches the stack.
func TestMaxProceedingOfProfile(t *testing.T) {
	s := startWith(t, registrar.Config{}, withParams(t, "max-proceeding=1"))
	p, other := s.phone("udp", "1000", "pw1000"), s.phone("udp", "1001", "pw1001")
	first := p.invite("1001", nil)
	f := recv(t, s.core.calls, "call")
	call := newPhoneCall()
	if _, err := other.stack.Invite(other.request(sip.INVITE, "1000"), other.flow, call); err != nil {
		t.Fatal(err)
	}
	want(t, "one too many", recv(t, call.rejected, "response").StatusCode, 503)
	f.in.Leg.Hangup(refused)
	recv(t, first.rejected, "response")
	call = other.invite("1000", nil)
	f = recv(t, s.core.calls, "call")
	f.in.Leg.Hangup(refused)
	recv(t, call.rejected, "response")
}

// refused refuses a call.
var refused = call.HangupReason{Cause: call.CallRejected}
