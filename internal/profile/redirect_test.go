package profile

import (
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

func TestRedirect(t *testing.T) {
	for _, tc := range []struct {
		name     string
		contacts []string
		status   int
		values   []string
	}{
		{"one", []string{"sip:1002@192.0.2.9"}, 302, []string{"<sip:1002@192.0.2.9>"}},
		{"without scheme", []string{"1002@192.0.2.9:5070"}, 302, []string{"<sip:1002@192.0.2.9:5070>"}},
		{"two", []string{"<sip:a@h>", "sips:b@h"}, 300, []string{"<sip:a@h>;q=1.00", "<sips:b@h>;q=0.95"}},
		{"one that is none", []string{"a@h\r\nX: y", "sip:b@h"}, 302, []string{"<sip:b@h>;q=0.95"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			p := s.phone("udp", "1000", "pw1000")
			c := p.invite("1001", nil)
			in := recv(t, s.core.calls, "call").in
			if err := in.Leg.Redirect(tc.contacts); err != nil {
				t.Fatal(err)
			}
			in.Leg.Hangup(call.HangupReason{Cause: call.NormalClearing})
			res := recv(t, c.rejected, "redirection")
			want(t, "status", res.StatusCode, tc.status)
			var got []string
			for h := range sip.FindHeaders(res, "Contact") {
				got = append(got, h.Value())
			}
			want(t, "contacts", got, tc.values)
		})
	}
	t.Run("nowhere to go", func(t *testing.T) {
		s := start(t)
		s.phone("udp", "1000", "pw1000").invite("1001", nil)
		in := recv(t, s.core.calls, "call").in
		if err := in.Leg.Redirect([]string{"tel:1"}); err == nil {
			t.Fatal("taken")
		}
	})
}

func TestRefer(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "pw1000")
	c := p.invite("1001", nil)
	f := recv(t, s.core.calls, "call")
	if err := f.in.Leg.Refer("1002@192.0.2.9"); err == nil {
		t.Fatal("REFER before the answer")
	}
	if err := f.in.Leg.Answer([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	recv(t, c.answered, "answer")
	recv(t, f.ack, "ACK")
	notify := func() int {
		final := make(chan *sip.Response, 1)
		err := c.session.Send("NOTIFY", "message/sipfrag", []byte("SIP/2.0 200 OK\r\n"), []sip.Header{
			sip.NewHeader("Event", "refer"), sip.NewHeader("Subscription-State", "terminated;reason=noresource"),
		}, func(res *sip.Response) { final <- res })
		if err != nil {
			t.Fatal(err)
		}
		return recv(t, final, "answer to NOTIFY").StatusCode
	}
	want(t, "a NOTIFY nobody asked for", notify(), 481)
	if err := f.in.Leg.Refer("1002@192.0.2.9"); err != nil {
		t.Fatal(err)
	}
	req := recv(t, c.requests, "REFER").Request()
	want(t, "method", req.Method, sip.REFER)
	want(t, "Refer-To", headerValue(req, "Refer-To"), "<sip:1002@192.0.2.9>")
	want(t, "Referred-By", headerValue(req, "Referred-By"), "<sip:1001@example.com>")
	want(t, "NOTIFY", notify(), 200)
	if err := c.session.Hangup(); err != nil {
		t.Fatal(err)
	}
	want(t, "the peer ends it", recv(t, f.ended, "end").Disposition, "recv_bye")
}

// TestCalleeRedirects: a callee's choice is told, not followed.
func TestCalleeRedirects(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1001", "pw1001")
	p.register("600")
	_, f, _ := dial(t, s, "user", "1001@example.com")
	c := recv(t, p.calls, "INVITE")
	if err := c.session.Reject(302, "", sip.NewHeader("Contact", "<sip:+1900@evil.example>"), sip.NewHeader("Contact", "<sip:b@h;x=y>")); err != nil {
		t.Fatal(err)
	}
	end := recv(t, f.ended, "end")
	want(t, "cause", end.Cause, call.Redirection)
	for name, v := range map[string]string{
		"sip_redirect_contact_0": "<sip:+1900@evil.example>", "sip_redirect_contact_user_0": "+1900", "sip_redirect_contact_host_1": "h",
		"sip_redirect_contact_params_1": "x=y", "sip_redirected_to": "<sip:+1900@evil.example>", "sip_redirect_count": "2",
	} {
		want(t, name, value(end.Vars, name, ""), v)
	}
}
