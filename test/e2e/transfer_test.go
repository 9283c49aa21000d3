package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// refer sends a REFER in the call and waits until it is accepted.
func (s talk) refer(t *testing.T, to string, headers ...sip.Header) {
	t.Helper()
	res := s.ask(t, "REFER", "", nil, append([]sip.Header{sip.NewHeader("Refer-To", to)}, headers...)...)
	if res.StatusCode != 202 {
		t.Fatalf("REFER: %s", res.StartLine())
	}
}

// ask sends a request in the dialog and gives its final response.
func (s talk) ask(t *testing.T, method, kind string, body []byte, headers ...sip.Header) *sip.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := s.call.Send(ctx, method, kind, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// notified waits for the NOTIFY after a REFER and gives its text.
func (s talk) notified(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		req, err := s.call.WaitRequest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if req.Method == sip.NOTIFY {
			return string(req.Body())
		}
	}
}

func headerOf(m sip.Message, name string) string {
	if hs := m.GetHeaders(name); len(hs) > 0 {
		return hs[0].Value()
	}
	return ""
}

// replacing is a Refer-To that replaces the dialog of a call this phone made.
func replacing(number, host string, other talk) string {
	s := other.call.Session()
	return fmt.Sprintf("<sip:%s@%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s>", number, host, s.CallID(), s.RemoteTag(), s.LocalTag())
}

// TestBlindTransfer: whoever asks, the other party goes to the target and both hear each other; the transferor gets 202, NOTIFY and BYE.
func TestBlindTransfer(t *testing.T) {
	ex := start(t)
	phones := map[kindName]*phone{}
	for i, k := range []kind{browser, rtpPhone} {
		for j := range 3 {
			phones[kindName{k.name, j}] = ex.phone(t, k, fmt.Sprint(1000+3*i+j))
		}
	}
	for _, k := range []kind{browser, rtpPhone} {
		for _, byCaller := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, by caller %v", k.name, byCaller), func(t *testing.T) {
				one, two, three := phones[kindName{k.name, 0}], phones[kindName{k.name, 1}], phones[kindName{k.name, 2}]
				a, b := connect(t, one, two)
				leaves, stays, who := a, b, one.user
				if !byCaller {
					leaves, stays, who = b, a, two.user
				}
				by := "<sip:" + who + "@" + ex.at.SIP + ">"
				leaves.refer(t, "sip:"+three.user+"@"+ex.at.SIP, sip.NewHeader("Referred-By", by))
				call := three.incoming(t)
				if got := headerOf(call.Request(), "Referred-By"); got != by {
					t.Errorf("Referred-By is %q, want %q", got, by)
				}
				if got := leaves.notified(t); got != "SIP/2.0 200 OK\r\n" {
					t.Errorf("NOTIFY %q", got)
				}
				if end := leaves.ended(t); end.By != "bye" || headerOf(end.Request, "Reason") != `Q.850;cause=16;text="NORMAL_CLEARING"` {
					t.Errorf("the transferor's end: %+v", end)
				}
				c := three.accept(t, call)
				hearEachOther(t, stays, c)
				c.hangup(t)
				stays.ended(t)
				ex.awaitIdle(t)
			})
		}
	}
}

type kindName struct {
	kind string
	n    int
}

// TestAttendedTransfer: the parties of the two calls of one phone are connected, whoever called whom; the phone gets two BYEs.
func TestAttendedTransfer(t *testing.T) {
	ex := start(t)
	for i, k := range []kind{browser, rtpPhone} {
		middle, first, second := ex.phone(t, k, fmt.Sprint(1000+3*i)), ex.phone(t, k, fmt.Sprint(1001+3*i)), ex.phone(t, k, fmt.Sprint(1002+3*i))
		for _, made := range []string{"both", "first", "second", "none"} { // calls that the transferor made
			t.Run(k.name+", calls made: "+made, func(t *testing.T) {
				pair := func(other *phone, mine bool) (own, far talk) {
					if mine {
						return connect(t, middle, other)
					}
					far, own = connect(t, other, middle)
					return own, far
				}
				a1, b := pair(first, made == "both" || made == "first")
				a2, c := pair(second, made == "both" || made == "second")
				a1.refer(t, replacing(second.user, ex.at.SIP, a2))
				if got := a1.notified(t); got != "SIP/2.0 200 OK\r\n" {
					t.Errorf("NOTIFY %q", got)
				}
				a1.ended(t)
				a2.ended(t)
				hearEachOther(t, b, c)
				b.hangup(t)
				c.ended(t)
				ex.awaitIdle(t)
			})
		}
	}
}

// TestPickUp: another device of a user takes a call over, answered or ringing, with INVITE and Replaces (RFC 3891).
func TestPickUp(t *testing.T) {
	ex := start(t)
	caller, desk, tab := ex.phone(t, browser, "1000"), ex.phone(t, browser, "1001"), ex.phone(t, browser, "1001")
	takes := func(t *testing.T, other *sip.Session) talk {
		m := tab.media(t)
		value := other.CallID() + ";to-tag=" + other.RemoteTag() + ";from-tag=" + other.LocalTag()
		call, err := tab.ua.Invite("1000", m.offer(t), sip.NewHeader("Replaces", value))
		if err != nil {
			t.Fatal(err)
		}
		own := talk{call, m}
		own.answered(t)
		return own
	}
	t.Run("answered", func(t *testing.T) {
		a := caller.invite(t, "1001")
		losing := tab.incoming(t)
		b := desk.accept(t, desk.incoming(t))
		a.answered(t)
		(talk{call: losing}).ended(t)
		c := takes(t, b.call.Session())
		b.ended(t)
		hearEachOther(t, a, c)
		a.hangup(t)
		c.ended(t)
		ex.awaitIdle(t)
	})
	t.Run("ringing", func(t *testing.T) {
		a := caller.invite(t, "1001")
		tab.incoming(t)
		ringing := desk.incoming(t)
		if err := ringing.Ring(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := a.call.WaitRinging(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := takes(t, ringing.Session())
		if end := (talk{call: ringing}).ended(t); end.By != "cancel" || headerOf(end.Request, "Reason") != "" { // browsers would show it as an error
			t.Errorf("the phone that rang: %+v", end)
		}
		a.answered(t)
		hearEachOther(t, a, c)
		a.hangup(t)
		c.ended(t)
		ex.awaitIdle(t)
	})
}

// TestTransferToRinging: an attended transfer to somebody who still rings. The transferor is free at once, the other party hears music and gets
// the call when it is answered; the target rings on and notices nothing.
func TestTransferToRinging(t *testing.T) {
	ex := start(t)
	middle, first, target := ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001"), ex.phone(t, rtpPhone, "1002")
	for _, tc := range []struct {
		name   string
		early  bool // the target has sent media
		finish func(t *testing.T, b talk, call *siptest.Call)
	}{
		{"answered", false, func(t *testing.T, b talk, call *siptest.Call) {
			c := target.accept(t, call)
			hearEachOther(t, b, c)
			c.hangup(t)
			b.ended(t)
		}},
		{"answered after early media", true, func(t *testing.T, b talk, call *siptest.Call) {
			m := target.media(t)
			if err := call.Answer(t.Context(), m.answer(t, call.Request().Body())); err != nil {
				t.Fatal(err)
			}
			c := talk{call: call, media: m}
			hearEachOther(t, b, c)
			b.hangup(t)
			c.ended(t)
		}},
		{"declined", false, func(t *testing.T, b talk, call *siptest.Call) {
			if err := call.Reject(486, "Busy Here"); err != nil {
				t.Fatal(err)
			}
			b.ended(t)
		}},
		{"the one that waits gives up", false, func(t *testing.T, b talk, call *siptest.Call) {
			b.hangup(t)
			if end := (talk{call: call}).ended(t); end.By != "cancel" {
				t.Errorf("the target's end: %+v", end)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a1, b := connect(t, middle, first)
			hearEachOther(t, a1, b)
			a2 := middle.invite(t, target.user)
			call := target.incoming(t)
			var sdp []byte
			if tc.early {
				sdp = target.media(t).answer(t, call.Request().Body())
			}
			if err := call.Ring(sdp); err != nil {
				t.Fatal(err)
			}
			if _, err := a2.call.WaitRinging(t.Context()); err != nil {
				t.Fatal(err)
			}
			a1.refer(t, replacing(target.user, ex.at.SIP, a2))
			if got := a1.notified(t); got != "SIP/2.0 200 OK\r\n" {
				t.Errorf("NOTIFY %q", got)
			}
			a1.ended(t)
			if res := a2.failure(t); res.StatusCode != 487 {
				t.Errorf("the second call: %s", res.StartLine())
			}
			tc.finish(t, b, call)
			ex.awaitIdle(t)
		})
	}
}
