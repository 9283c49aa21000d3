package profile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

func TestInboundCall(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "pw1000")
	c := p.invite("1001", func(req *sip.Request) {
		req.From().DisplayName = `Jo \"J\" Doe`
		req.AppendHeader(sip.NewHeader("X-RocketChat-User-1", `{"a":"b"}`))
	})
	f := recv(t, s.core.calls, "call")
	want(t, "channel", f.in.ChannelName, "sofia/internal/1000@example.com")
	want(t, "destination", f.in.Destination, "1001")
	want(t, "context", f.in.Context, "default")
	want(t, "caller name", f.in.CallerName, `Jo "J" Doe`)
	want(t, "caller", f.in.CallerNum, "1000")
	want(t, "presence", f.in.PresenceID, "1000@example.com")
	want(t, "offer", string(f.in.SDP), testOffer)
	v := func(name string) string { return value(f.in.Vars, name, "-") }
	want(t, "header", v("sip_h_X-RocketChat-User-1"), `{"a":"b"}`)
	want(t, "effective name", v("effective_caller_id_name"), "Extension 1000")
	for _, x := range f.in.Vars {
		fromWire := strings.HasPrefix(x.Name, "sip_h_") || x.Name == "sip_from_user" || x.Name == "sip_to_user"
		if fromWire && !x.Wire {
			t.Fatalf("%s is not marked as from the wire", x.Name)
		}
	}
	if err := f.in.Leg.Ring(nil); err != nil {
		t.Fatal(err)
	}
	want(t, "ringing", recv(t, c.ringing, "180").StatusCode, 180)
	if err := f.in.Leg.Answer([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	want(t, "answer", string(recv(t, c.answered, "200").Body()), testAnswer)
	recv(t, f.ack, "LegConfirmed")
	t.Run("INFO", func(t *testing.T) { testInfo(t, c, f) })
	t.Run("other requests in the dialog", func(t *testing.T) { testOtherRequests(t, c) })
	t.Run("glare", func(t *testing.T) { testGlare(t, c, f) })
	t.Run("re-INVITE", func(t *testing.T) { testReinvite(t, c, f) })
	t.Run("re-INVITE of ours", func(t *testing.T) { testReoffer(t, c, f) })
	if err := c.session.Hangup(sip.NewHeader("Reason", `Q.850;cause=17;text="x"`), sip.NewHeader("X-Bye", "1")); err != nil {
		t.Fatal(err)
	}
	end := recv(t, f.ended, "end")
	want(t, "cause", end.Cause, call.UserBusy)
	want(t, "disposition", end.Disposition, "recv_bye")
	want(t, "header of BYE", value(end.Vars, "sip_bye_h_X-Bye", ""), "1")
	f.in.Leg.Hangup(call.HangupReason{Cause: call.NormalClearing}) // nothing is left to end
}

func testInfo(t *testing.T, c *phoneCall, f *fakeCall) {
	for _, tc := range []struct {
		kind, body string
		status     int
		digit      byte
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=2000", 200, '5'},
		{"application/dtmf", "#", 200, '#'},
		{"application/dtmf-relay", "Signal=zz\r\n", 400, 0},
		{"text/plain", "hello", 415, 0},
		{"", "", 200, 0},
	} {
		final := make(chan *sip.Response, 1)
		if err := c.session.Send("INFO", tc.kind, []byte(tc.body), nil, func(r *sip.Response) { final <- r }); err != nil {
			t.Fatal(err)
		}
		want(t, "status of "+tc.body, recv(t, final, "response").StatusCode, tc.status)
		if tc.digit != 0 {
			want(t, "digit", recv(t, f.dtmf, "digit"), tc.digit)
		}
	}
}

func testOtherRequests(t *testing.T, c *phoneCall) {
	for method, status := range map[string]int{"OPTIONS": 200, "UPDATE": 200, "MESSAGE": 202, "PUBLISH": 405, "NOTIFY": 481} {
		final := make(chan *sip.Response, 1)
		hs := []sip.Header{sip.NewHeader("Refer-To", "<sip:1002@example.com>"), sip.NewHeader("Event", "x"), sip.NewHeader("Subscription-State", "active")}
		if err := c.session.Send(method, "", nil, hs, func(r *sip.Response) { final <- r }); err != nil {
			t.Fatal(err)
		}
		want(t, method, recv(t, final, "response").StatusCode, status)
	}
}

// testGlare: an offer that crosses another one is refused for now, and a phone tries again (RFC 3261 §14.1).
func testGlare(t *testing.T, c *phoneCall, f *fakeCall) {
	final := make(chan *sip.Response, 2)
	if err := c.session.Send("UPDATE", "application/sdp", []byte(testOffer), nil, func(r *sip.Response) { final <- r }); err != nil {
		t.Fatal(err)
	}
	recv(t, f.reoffer, "offer")(nil, call.ErrOfferPending)
	want(t, "UPDATE", recv(t, final, "response").StatusCode, 491)
	if err := c.session.Reinvite([]byte(testOffer), func(r *sip.Response) { final <- r }); err != nil {
		t.Fatal(err)
	}
	recv(t, f.reoffer, "offer")(nil, call.ErrOfferPending)
	select {
	case again := <-f.reoffer:
		again([]byte(testAnswer), nil)
	case <-time.After(20 * time.Second): // it waits 2.1 to 4 s
		t.Fatal("the offer is not made again")
	}
	want(t, "re-INVITE", recv(t, final, "response").StatusCode, 200)
}

func testReinvite(t *testing.T, c *phoneCall, f *fakeCall) {
	for _, refuse := range []bool{false, true} {
		final := make(chan *sip.Response, 1)
		if err := c.session.Reinvite([]byte(testOffer), func(r *sip.Response) { final <- r }); err != nil {
			t.Fatal(err)
		}
		respond := recv(t, f.reoffer, "offer")
		if refuse {
			respond(nil, errors.New("no"))
			want(t, "refused", recv(t, final, "response").StatusCode, 488)
			continue
		}
		respond([]byte(testAnswer), nil)
		respond(nil, errors.New("a second answer is ignored"))
		want(t, "accepted", recv(t, final, "response").StatusCode, 200)
	}
}

func testReoffer(t *testing.T, c *phoneCall, f *fakeCall) {
	result := make(chan string, 1)
	if err := f.in.Leg.Reoffer([]byte(testOffer), func(a []byte, err error) { result <- fmt.Sprint(string(a), err) }); err != nil {
		t.Fatal(err)
	}
	if err := recv(t, c.reinvite, "re-INVITE").Accept([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	want(t, "answer", recv(t, result, "answer"), testAnswer+"<nil>")
}

func TestInboundRefused(t *testing.T) {
	cases := []struct {
		name   string
		h      call.HangupReason
		status int
		phrase string
		reason string
	}{
		{"unknown number", call.HangupReason{Cause: call.NoRouteDestination}, 404, "Not Found", `Q.850;cause=3;text="NO_ROUTE_DESTINATION"`},
		{"not registered", call.HangupReason{Cause: call.UserNotRegistered}, 480, "Temporarily Unavailable", `SIP;cause=806;text="USER_NOT_REGISTERED"`},
		{"not in the directory", call.HangupReason{Cause: call.SubscriberAbsent}, 480, "Temporarily Unavailable", `Q.850;cause=20;text="SUBSCRIBER_ABSENT"`},
		{"busy", call.HangupReason{Cause: call.UserBusy, Status: 486}, 486, "Busy Here", `Q.850;cause=17;text="USER_BUSY"`},
		{"declined with own words", call.HangupReason{Cause: call.CallRejected, Status: 603, Phrase: "Not now"}, 603, "Not now", `Q.850;cause=21;text="CALL_REJECTED"`},
		{"callee asked for a password", call.HangupReason{Cause: call.CallRejected, Status: 407}, 603, "Decline", `Q.850;cause=21;text="CALL_REJECTED"`},
		{"browser is busy", call.HangupReason{Cause: call.NoUserResponse, Status: 480}, 480, "Temporarily Unavailable", `Q.850;cause=18;text="NO_USER_RESPONSE"`},
		{"nothing in common", call.HangupReason{Cause: call.IncompatibleDest}, 488, "Not Acceptable Here", `Q.850;cause=88;text="INCOMPATIBLE_DESTINATION"`},
	}
	s := start(t)
	p := s.phone("udp", "1000", "pw1000")
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := p.invite("1001", nil)
			recv(t, s.core.calls, "call").in.Leg.Hangup(tc.h)
			res := recv(t, c.rejected, "refusal")
			want(t, "status", res.StatusCode, tc.status)
			want(t, "phrase", res.Reason, tc.phrase)
			want(t, "Reason", headerValue(res, "Reason"), tc.reason)
		})
	}
}

func TestInviteNotTaken(t *testing.T) {
	cases := []struct {
		name    string
		prepare func(*server)
		change  func(*sip.Request)
		status  int
		header  string
	}{
		{"draining", func(s *server) { s.p.Drain() }, nil, 503, "Retry-After"},
		{"session limit", func(s *server) { err := call.ErrSessionLimit; s.core.err.Store(&err) }, nil, 503, "Retry-After"},
		{"not SDP", nil, func(r *sip.Request) {
			r.RemoveHeader("Content-Type")
			r.AppendHeader(sip.NewHeader("Content-Type", "text/plain"))
		}, 415, "Accept"},
		{"somebody else's From", nil, func(r *sip.Request) { r.From().Address.User = "1001" }, 403, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			if tc.prepare != nil {
				tc.prepare(s)
			}
			res := recv(t, s.phone("udp", "1000", "pw1000").invite("1001", tc.change).rejected, "refusal")
			want(t, "status", res.StatusCode, tc.status)
			if tc.header != "" && res.GetHeader(tc.header) == nil {
				t.Fatalf("no %s in %s", tc.header, res)
			}
		})
	}
}

// TestNeverAcknowledged: a caller that never sends ACK is said BYE, and its channel ends.
func TestNeverAcknowledged(t *testing.T) {
	timers := sip.Timers{T1: 5 * time.Millisecond, T2: 20 * time.Millisecond}
	s := startWith(t, registrar.Config{}, func(c *Config) { c.Timers = timers })
	r := s.rawPhone("1000", "pw1000")
	want(t, "trying", r.invite("1001"), "SIP/2.0 100 Trying")
	f := recv(t, s.core.calls, "call")
	if err := f.in.Leg.Answer([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	answers := 0
	for m := r.read(); !strings.HasPrefix(m, "BYE "); m = r.read() {
		if strings.HasPrefix(m, "SIP/2.0 200 ") {
			answers++
		}
	}
	if answers < 3 {
		t.Fatalf("the answer was sent %d times", answers)
	}
	end := recv(t, f.ended, "end")
	want(t, "cause", end.Cause, call.RecoveryOnTimerExpire)
	want(t, "disposition", end.Disposition, "send_bye")
	s.untilIdle(t)                                                 // BYE is not answered either
	f.in.Leg.Hangup(call.HangupReason{Cause: call.NormalClearing}) // nothing is left to end
}

func TestCallerVanishes(t *testing.T) {
	s := start(t)
	p := s.phone("ws", "1000", "pw1000")
	p.invite("1001", nil)
	f := recv(t, s.core.calls, "call")
	p.flow.Close()
	want(t, "cause", recv(t, f.ended, "end").Cause, call.OriginatorCancel)
}

func TestCallerCancels(t *testing.T) {
	s := start(t)
	c := s.phone("udp", "1000", "pw1000").invite("1001", nil)
	f := recv(t, s.core.calls, "call")
	if err := f.in.Leg.Ring(nil); err != nil {
		t.Fatal(err)
	}
	recv(t, c.ringing, "180")
	if err := c.session.Hangup(); err != nil {
		t.Fatal(err)
	}
	end := recv(t, f.ended, "end")
	want(t, "cause", end.Cause, call.OriginatorCancel)
	want(t, "disposition", end.Disposition, "recv_cancel")
	want(t, "status", end.Status, 487)
}

// TestOfferlessInvite: the core is asked for an offer of the kind that the caller would be offered when called.
func TestOfferlessInvite(t *testing.T) {
	bare := func(r *sip.Request) { r.SetBody(nil); r.RemoveHeader("Content-Type") }
	for transport, webrtc := range map[string]bool{"udp": false, "ws": true} {
		t.Run(transport, func(t *testing.T) {
			s := start(t)
			s.phone(transport, "1000", "pw1000").invite("1001", bare)
			in := recv(t, s.core.calls, "call").in
			want(t, "offer", in.SDP, []byte(nil))
			want(t, "WebRTC", in.WebRTC, webrtc)
		})
	}
}
