package profile

import (
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// TestCauses holds the statuses and causes that were recorded from FreeSWITCH 1.11.2.
func TestCauses(t *testing.T) {
	for status, cause := range map[int]call.Cause{
		486: call.UserBusy, 603: call.CallRejected, 404: call.UnallocatedNumber, 503: call.NormalTemporaryFailure, 487: call.OriginatorCancel,
		200: call.NormalClearing, 488: call.IncompatibleDest, 999: call.NormalUnspecified, 302: call.Redirection,
	} {
		want(t, "cause", causeOf(status), cause)
	}
	for cause, status := range map[call.Cause]int{
		call.UserBusy: 486, call.CallRejected: 603, call.UnallocatedNumber: 404, call.NormalTemporaryFailure: 503, call.NormalClearing: 480,
		call.SubscriberAbsent: 480, call.UserNotRegistered: 480, call.NoRouteDestination: 404, call.NoAnswer: 480, "": 480,
		call.OriginatorCancel: 487, call.SystemShutdown: 503,
	} {
		want(t, "status of "+string(cause), statusOf(cause), status)
	}
}

func TestReasonCause(t *testing.T) {
	cases := []struct {
		value string
		cause call.Cause
		ok    bool
	}{
		{`Q.850;cause=17;text="USER_BUSY"`, call.UserBusy, true},
		{`q.850 ; cause = 16`, call.NormalClearing, true},
		{`SIP;cause=487;text="ORIGINATOR_CANCEL"`, "", false},
		{`Q.850;cause=702`, "", false},
		{`Q.850;cause=x`, "", false},
		{``, "", false},
	}
	for _, tc := range cases {
		req := sip.NewRequest(sip.BYE, sip.Uri{Scheme: "sip", Host: "h"})
		req.AppendHeader(sip.NewHeader("Reason", tc.value))
		cause, ok := reasonCause(req)
		want(t, tc.value, [2]any{cause, ok}, [2]any{tc.cause, tc.ok})
	}
}

func FuzzDTMF(f *testing.F) {
	f.Add("application/dtmf-relay", "Signal=5\r\nDuration=2000")
	f.Add("application/dtmf", "11")
	f.Add("application/dtmf-relay", "Signal= #\nDuration=-1")
	f.Fuzz(func(t *testing.T, kind, body string) {
		digit, d, ok := parseDTMF(kind, []byte(body))
		if ok && (d <= 0 || d > dtmfLongest || !(digit >= '0' && digit <= '9' || digit >= 'A' && digit <= 'D' || digit == '*' || digit == '#')) {
			t.Fatalf("digit %q for %v", digit, d)
		}
	})
}

func FuzzEscapeUser(f *testing.F) {
	f.Add("1000")
	f.Add("a b@c>;%zz%41")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := sip.ParseURI("sip:" + escapeUser(s) + "@h.example")
		if err != nil || u.Host != "h.example" {
			t.Fatalf("%q: %v %v", escapeUser(s), u, err)
		}
	})
}
