package profile

import (
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// TestReferBlind: what the core is told of a REFER, and what the transferor hears.
func TestReferBlind(t *testing.T) {
	for _, tc := range []struct {
		name, to, by       string
		outbound           bool
		target, referredBy string
	}{
		{"bare URI", "sip:1002@example.com:5080", "<sip:1001@example.com:5080>", true, "1002", "<sip:1001@example.com:5080>"},
		{"name-addr", `"Two" <sip:1002@example.com;x=y?A=b>`, `"Me" <sip:1001@example.com>;cid=1`, true, "1002", "<sip:1001@example.com>"},
		{"bare URI by", "sip:1002@example.com", "sip:1001@example.com:5080", true, "1002", "<sip:1001@example.com:5080>"},
		{"nobody named", "sip:1002@example.com", "", true, "1002", "<sip:1001@example.com>"},
		{"somebody else named", "sip:1002@example.com", "<sip:boss@example.com>", true, "1002", "<sip:1001@example.com>"},
		{"by the caller", "sip:1002@example.com", "<sip:1001@example.com>", false, "1002", "<sip:1001@example.com>"},
		{"syntax of dial strings stays text", "sip:1002%2Cuser%2F1003@example.com", "<sip:1001@example.com>", true, "1002,user/1003", "<sip:1001@example.com>"},
		{"a number with a plus", "sip:*+4930123@example.com", "<sip:1001@example.com>", true, "*+4930123", "<sip:1001@example.com>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			_, c, l := answeredCall(t, s, tc.outbound)
			f := l.(*leg).handler.(*fakeCall)
			hs := []sip.Header{sip.NewHeader("Refer-To", tc.to)}
			if tc.by != "" {
				hs = append(hs, sip.NewHeader("Referred-By", tc.by))
			}
			res := ask(t, c, "REFER", "", "", hs...)
			want(t, "answer", res.StatusCode, 202)
			want(t, "Expires", headerValue(res, "Expires"), "60")
			r := recv(t, f.refer, "LegRefer")
			want(t, "target", r.Target, tc.target)
			want(t, "referred by", r.ReferredBy, tc.referredBy)
			r.Done(true)
			r.Done(false) // counts for nothing
			n := recv(t, c.requests, "NOTIFY").Request()
			want(t, "Event", headerValue(n, "Event"), "refer;id="+res.CSeq().Value()[:strings.IndexByte(res.CSeq().Value(), ' ')])
			want(t, "state", headerValue(n, "Subscription-State"), "terminated;reason=noresource")
			want(t, "content", headerValue(n, "Content-Type")+" "+string(n.Body()), "message/sipfrag;version=2.0 SIP/2.0 200 OK\r\n")
			l.Hangup(call.HangupReason{Cause: call.NormalClearing})
			want(t, "Reason", headerValue(recv(t, c.bye, "BYE"), "Reason"), `Q.850;cause=16;text="NORMAL_CLEARING"`)
		})
	}
}

// TestReferRefused: a REFER that cannot be done is refused on the wire and the call stands.
func TestReferRefused(t *testing.T) {
	to := func(v string) []sip.Header { return []sip.Header{sip.NewHeader("Refer-To", v)} }
	for _, tc := range []struct {
		name    string
		headers []sip.Header
		status  int
	}{
		{"no Refer-To", nil, 400},
		{"two", append(to("sip:1@example.com"), to("sip:2@example.com")...), 400},
		{"no user", to("sip:example.com"), 400},
		{"another scheme", to("http://example.com/1"), 400},
		{"broken", to("<sip:1@example.com"), 400},
		{"a control character", to("sip:%0d%0a@example.com"), 400},
		{"Replaces of nothing", to("<sip:1002@example.com?Replaces=x%3Bto-tag%3Da%3Bfrom-tag%3Db>"), 202},
		{"Replaces without tags", to("<sip:1002@example.com?Replaces=x>"), 202},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			_, c, _ := answeredCall(t, s, true)
			want(t, "answer", ask(t, c, "REFER", "", "", tc.headers...).StatusCode, tc.status)
			if tc.status == 202 {
				want(t, "told", string(recv(t, c.requests, "NOTIFY").Request().Body()), "SIP/2.0 403 Forbidden\r\n")
			}
			want(t, "the call stands", ask(t, c, "OPTIONS", "", "").StatusCode, 200)
		})
	}
	t.Run("disable-transfer", func(t *testing.T) {
		s := startWith(t, registrarDefaults, withParam(t, "disable-transfer", "true"))
		_, c, _ := answeredCall(t, s, true)
		want(t, "answer", ask(t, c, "REFER", "", "", to("sip:1002@example.com")...).StatusCode, 403)
	})
}

// TestReferReplaces: the other dialog of an attended transfer must be the same user's.
func TestReferReplaces(t *testing.T) {
	for _, tc := range []struct {
		name, owner string
		swapped     bool
		own         bool
	}{{"one's own", "1001", false, true}, {"tags the other way round", "1001", true, true}, {"another's", "1000", false, false}} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			_, c, l := answeredCall(t, s, true)
			p := s.phone("ws", tc.owner, "pw"+tc.owner)
			p.contact.User = "0th3r"
			second := p.invite("1002", nil)
			in := recv(t, s.core.calls, "call")
			if err := in.in.Leg.Answer([]byte(testAnswer)); err != nil {
				t.Fatal(err)
			}
			recv(t, second.answered, "answer")
			a, b := second.session.RemoteTag(), second.session.LocalTag()
			if tc.swapped {
				a, b = b, a
			}
			value := "<sip:1002@example.com?Replaces=" + second.session.CallID() + "%3Bto-tag%3D" + a + "%3Bfrom-tag%3D" + b + ">"
			want(t, "answer", ask(t, c, "REFER", "", "", sip.NewHeader("Refer-To", value)).StatusCode, 202)
			if !tc.own {
				want(t, "told", string(recv(t, c.requests, "NOTIFY").Request().Body()), "SIP/2.0 403 Forbidden\r\n")
				return
			}
			r := recv(t, l.(*leg).handler.(*fakeCall).refer, "LegRefer")
			want(t, "the other call", r.Replaced, call.LegHandler(in))
		})
	}
}

// TestInviteReplaces: who may take the place of which call.
func TestInviteReplaces(t *testing.T) {
	for _, tc := range []struct {
		name, user string
		early      string
		change     func(string) string
		status     int
	}{
		{"another's call", "1000", "", nil, 403},
		{"no such call", "1001", "", func(v string) string { return "x" + v }, 481},
		{"wrong tag", "1001", "", func(v string) string { return v + "x" }, 481},
		{"answered, but only while it rings", "1001", ";early-only", nil, 486},
		{"broken", "1001", "", func(string) string { return "x" }, 400},
		{"not a channel of the core", "1001", "", nil, 481}, // the test's own; the rest is in test/e2e
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			_, c, _ := answeredCall(t, s, true)
			value := c.session.CallID() + ";to-tag=" + c.session.RemoteTag() + ";from-tag=" + c.session.LocalTag() + tc.early
			if tc.change != nil {
				value = tc.change(value)
			}
			p := s.phone("ws", tc.user, "pw"+tc.user)
			again := p.invite("1002", func(r *sip.Request) { r.AppendHeader(sip.NewHeader("Replaces", value)) })
			want(t, "answer", recv(t, again.rejected, "refusal").StatusCode, tc.status)
			want(t, "the call stands", ask(t, c, "OPTIONS", "", "").StatusCode, 200)
		})
	}
}
