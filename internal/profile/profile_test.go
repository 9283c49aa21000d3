package profile

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func TestRegister(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			s := start(t)
			p := s.phone(transport, "1000", "pw1000")
			p.host = "10.9.8.7" // browsers take it from the address they connect to
			res := p.register("600")
			want(t, "status", res.StatusCode, 200)
			want(t, "contact", res.Contact().Value(), "<"+p.contact.String()+">;expires=600")
			if _, err := time.Parse(time.RFC1123, headerValue(res, "Date")); err != nil {
				t.Fatal(err)
			}
			b := s.reg.Lookup("1000", "example.com")
			want(t, "bindings", len(b), 1)
			want(t, "user agent", b[0].UserAgent, "test-ua")
			want(t, "events", s.names(3), []string{"sofia::pre_register", "sofia::register_attempt", "sofia::register"})
			want(t, "unregister", p.register("0").StatusCode, 200)
			want(t, "left", s.reg.Count(), 0)
			want(t, "events", s.names(6)[3:], []string{"sofia::pre_register", "sofia::register_attempt", "sofia::unregister"})
		})
	}
}

func TestS08DefaultDeny(t *testing.T) {
	cases := []struct {
		method sip.RequestMethod
		status int
	}{
		{sip.OPTIONS, 200}, {sip.SUBSCRIBE, 489}, {sip.MESSAGE, 405}, {sip.PUBLISH, 405}, {"BOGUS", 501},
	}
	for _, tc := range cases {
		t.Run(string(tc.method), func(t *testing.T) {
			s := start(t)
			p := s.phone("udp", "1000", "pw1000")
			res := p.authorized(func() *sip.Request {
				req := p.request(tc.method, "1001")
				req.AppendHeader(sip.NewHeader("Event", "presence"))
				return req
			})
			want(t, "status", res.StatusCode, tc.status)
			if !strings.Contains(headerValue(res, "Allow"), "INVITE") {
				t.Fatalf("no Allow in %s", res)
			}
		})
	}
	t.Run("SUBSCRIBE without a password", func(t *testing.T) {
		s := start(t)
		p := s.phone("udp", "1000", "pw1000")
		req := p.request(sip.SUBSCRIBE, "1001")
		req.AppendHeader(sip.NewHeader("Event", "presence"))
		want(t, "status", p.send(req).StatusCode, 407)
	})
}

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
	t.Run("INFO", func(t *testing.T) {
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
	})
	t.Run("other requests in the dialog", func(t *testing.T) {
		for method, status := range map[string]int{"OPTIONS": 200, "UPDATE": 200, "MESSAGE": 405, "REFER": 405, "NOTIFY": 481} {
			final := make(chan *sip.Response, 1)
			hs := []sip.Header{sip.NewHeader("Refer-To", "<sip:1002@example.com>"), sip.NewHeader("Event", "x"), sip.NewHeader("Subscription-State", "active")}
			if err := c.session.Send(method, "", nil, hs, func(r *sip.Response) { final <- r }); err != nil {
				t.Fatal(err)
			}
			want(t, method, recv(t, final, "response").StatusCode, status)
		}
	})
	t.Run("re-INVITE", func(t *testing.T) {
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
	})
	t.Run("re-INVITE of ours", func(t *testing.T) {
		result := make(chan string, 1)
		if err := f.in.Leg.Reoffer([]byte(testOffer), func(a []byte, err error) { result <- fmt.Sprint(string(a), err) }); err != nil {
			t.Fatal(err)
		}
		if err := recv(t, c.reinvite, "re-INVITE").Accept([]byte(testAnswer)); err != nil {
			t.Fatal(err)
		}
		want(t, "answer", recv(t, result, "answer"), testAnswer+"<nil>")
	})
	if err := c.session.Hangup(sip.NewHeader("Reason", `Q.850;cause=17;text="x"`), sip.NewHeader("X-Bye", "1")); err != nil {
		t.Fatal(err)
	}
	end := recv(t, f.ended, "end")
	want(t, "cause", end.Cause, call.UserBusy)
	want(t, "disposition", end.Disposition, "recv_bye")
	want(t, "header of BYE", value(end.Vars, "sip_bye_h_X-Bye", ""), "1")
	f.in.Leg.Hangup(call.HangupReason{Cause: call.NormalClearing}) // nothing is left to end
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
		{"no offer", nil, func(r *sip.Request) { r.SetBody(nil); r.RemoveHeader("Content-Type") }, 488, "Reason"},
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

// TestDrain: registrations are granted for a short time while the server is about to stop.
func TestDrain(t *testing.T) {
	s := start(t)
	p := s.phone("ws", "1000", "pw1000")
	s.p.Drain()
	want(t, "draining", p.register("600").Contact().Params[0].V, "60")
	want(t, "less than that", p.register("30").Contact().Params[0].V, "30")
	s.p.Undrain()
	want(t, "again", p.register("600").Contact().Params[0].V, "600")
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
	want(t, "live legs", s.p.live.Load(), int64(0))
	for deadline := time.Now().Add(5 * time.Second); s.p.Stats().Sessions > 0; { // BYE is not answered either
		if time.Now().After(deadline) {
			t.Fatal("a session is left")
		}
		<-time.After(time.Millisecond)
	}
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

// dial resolves a target and calls all it finds.
func dial(t *testing.T, s *server, endpoint, dest string) (call.Leg, *fakeCall, call.Destination) {
	t.Helper()
	ds, cause := s.p.Resolve(endpoint, dest, nil)
	if len(ds) != 1 {
		t.Fatalf("%d destinations, cause %s", len(ds), cause)
	}
	f := newFakeCall()
	leg, err := ds[0].Dial(call.Outbound{
		UUID: "u", CallerName: `A "quoted" name`, CallerNum: "1000", SDP: []byte(testOffer), MaxForwards: 69,
		Headers: []call.Variable{{Name: "X-Test", Value: "a\r\nEvil: b"}, {Name: "Bad Name", Value: "x"}, {Name: "Via", Value: "x"}},
	}, f)
	if err != nil {
		t.Fatal(err)
	}
	return leg, f, ds[0]
}

func TestOutboundCall(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			s := start(t)
			p := s.phone(transport, "1001", "pw1001")
			want(t, "register", p.register("600").StatusCode, 200)
			leg, f, d := dial(t, s, "user", "1001@example.com")
			want(t, "WebRTC", d.WebRTC, transport == "ws")
			want(t, "channel", d.ChannelName, "sofia/internal/"+userHost(&p.contact))
			want(t, "dialed_user", value(d.Vars, "dialed_user", ""), "1001")
			c := recv(t, p.calls, "INVITE")
			want(t, "Request-URI", c.invite.Recipient.String(), p.contact.String())
			want(t, "From", c.invite.From().DisplayName+" "+c.invite.From().Address.String(), `A \"quoted\" name sip:1000@example.com`)
			want(t, "To", c.invite.To().Address.String(), p.contact.String())
			want(t, "Max-Forwards", maxForwards(c.invite), 69)
			want(t, "X header", headerValue(c.invite, "X-Test"), "aEvil: b")
			want(t, "nothing smuggled in", c.invite.GetHeader("Evil"), sip.Header(nil))
			want(t, "one Via", len(c.invite.GetHeaders("Via")), 1)
			want(t, "Remote-Party-ID", headerValue(c.invite, "Remote-Party-ID"), `"A \"quoted\" name" <sip:1000@example.com>;party=calling;screen=yes;privacy=off`)
			want(t, "offer", string(c.invite.Body()), testOffer)
			if err := c.session.Ring(183, "", []byte(testAnswer)); err != nil {
				t.Fatal(err)
			}
			pr := recv(t, f.progress, "progress")
			want(t, "status", pr.status, 183)
			want(t, "early media", pr.sdp, testAnswer)
			if err := c.session.Accept([]byte(testAnswer)); err != nil {
				t.Fatal(err)
			}
			a := recv(t, f.answered, "answer")
			want(t, "answer", a.sdp, testAnswer)
			want(t, "to tag", value(a.vars, "sip_to_tag", "") != "", true)
			want(t, "variables of the callee", value(a.vars, "effective_caller_id_name", ""), "Extension 1001")
			recv(t, c.acked, "ACK")
			if err := leg.SendInfo("application/dtmf-relay", []byte("Signal=1\r\nDuration=100\r\n")); err != nil {
				t.Fatal(err)
			}
			leg.Hangup(call.HangupReason{Cause: call.NormalClearing})
			want(t, "Reason", headerValue(recv(t, c.bye, "BYE"), "Reason"), `Q.850;cause=16;text="NORMAL_CLEARING"`)
			select {
			case e := <-f.ended:
				t.Fatalf("our own hang-up was reported: %+v", e)
			default:
			}
		})
	}
}

func TestOutboundCancelled(t *testing.T) {
	cases := []struct {
		name   string
		h      call.HangupReason
		reason string
	}{
		{"caller cancelled", call.HangupReason{Cause: call.OriginatorCancel}, `SIP;cause=487;text="ORIGINATOR_CANCEL"`},
		{"ring timeout", call.HangupReason{Cause: call.NoAnswer}, `Q.850;cause=19;text="NO_ANSWER"`},
		{"lost the race", call.HangupReason{Cause: call.LoseRace, Silent: true}, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			p := s.phone("udp", "1001", "pw1001")
			p.register("600")
			leg, f, _ := dial(t, s, "user", "1001@example.com")
			c := recv(t, p.calls, "INVITE")
			if err := c.session.Ring(180, "", nil); err != nil {
				t.Fatal(err)
			}
			recv(t, f.progress, "progress")
			leg.Hangup(tc.h)
			leg.Hangup(tc.h)
			want(t, "Reason", headerValue(recv(t, c.canceled, "CANCEL"), "Reason"), tc.reason)
		})
	}
}

func TestOutboundRejected(t *testing.T) {
	for status, cause := range map[int]call.Cause{
		486: call.UserBusy, 603: call.CallRejected, 404: call.UnallocatedNumber, 503: call.NormalTemporaryFailure, 480: call.NoUserResponse,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s := start(t)
			p := s.phone("udp", "1001", "pw1001")
			p.register("600")
			_, f, _ := dial(t, s, "user", "1001@example.com")
			if err := recv(t, p.calls, "INVITE").session.Reject(status, ""); err != nil {
				t.Fatal(err)
			}
			end := recv(t, f.ended, "end")
			want(t, "cause", end.Cause, cause)
			want(t, "status", end.Status, status)
			want(t, "disposition", end.Disposition, "recv_refuse")
			want(t, "phrase", end.Phrase, sip.Phrase(status))
		})
	}
}

func TestResolve(t *testing.T) {
	s := start(t)
	a, b := s.phone("ws", "1001", "pw1001"), s.phone("udp", "1001", "pw1001")
	a.register("600")
	b.register("600")
	cases := []struct {
		endpoint, dest string
		n              int
		cause          call.Cause
	}{
		{"user", "1001@example.com", 2, ""},
		{"user", "1001@EXAMPLE.com:5060", 2, ""},
		{"user", "1001", 2, ""},
		{"user", "1001@10.1.2.3", 2, ""},
		{"user", "1000@example.com", 0, call.UserNotRegistered},
		{"user", "1999@example.com", 0, call.SubscriberAbsent},
		{"sofia", "internal/1001%example.com", 2, ""},
		{"sofia", "internal/1001@127.0.0.1:5099", 1, ""},
		{"sofia", "internal/sip:1001@127.0.0.1:5099;transport=tcp", 1, ""},
		{"sofia", "internal/" + s.reg.Lookup("1001", "example.com")[0].URI(), 1, ""},
		{"sofia", "internal/sip:gone@x.invalid;fs_path=sip%3Agone%40127.0.0.1%3A1", 0, call.UserNotRegistered},
		{"sofia", "nosuch/1001@127.0.0.1", 0, call.InvalidProfile},
		{"sofia", "gateway/x/1", 0, call.InvalidGateway},
		{"sofia", "internal", 0, call.InvalidURL},
		{"error", "user_busy", 0, call.UserBusy},
		{"loopback", "1", 0, call.ChanNotImplemented},
	}
	for _, tc := range cases {
		t.Run(tc.endpoint+"/"+tc.dest, func(t *testing.T) {
			ds, cause := s.p.Resolve(tc.endpoint, tc.dest, nil)
			want(t, "destinations", len(ds), tc.n)
			want(t, "cause", cause, tc.cause)
		})
	}
	for dest, addr := range map[string]string{
		"internal/1@192.0.2.7:5099": "192.0.2.7", "internal/sip:1@[2001:db8::1]": "2001:db8::1", "internal/1@name.invalid": "",
	} {
		ds, _ := s.p.Resolve("sofia", dest, nil)
		want(t, "address of "+dest, ds[0].NetworkAddr, addr)
	}
	ds, _ := s.p.Resolve("user", "1001@example.com", []call.Variable{{Name: "rtp_secure_media", Value: "mandatory"}})
	want(t, "address behind a made-up contact", ds[0].NetworkAddr, "127.0.0.1")
	want(t, "browser", []bool{ds[0].WebRTC, ds[0].SDES}, []bool{true, false})
	want(t, "phone", []bool{ds[1].WebRTC, ds[1].SDES}, []bool{false, true})
	a.flow.Close()
	s.until("sofia::expire")
	want(t, "the closed socket's contact is gone", len(s.reg.Lookup("1001", "example.com")), 1)
}

func TestUnreachableCallee(t *testing.T) {
	s := start(t)
	_, f, _ := dial(t, s, "sofia", "internal/sip:x@127.0.0.1:1;transport=tcp")
	want(t, "cause", recv(t, f.ended, "end").Cause, call.NormalTemporaryFailure)
}

// TestTwoDevices: each tab of a user rings, each 200 lists both, and one tab's Contact: * leaves the other alone.
func TestTwoDevices(t *testing.T) {
	s := start(t)
	a, b := s.phone("ws", "1000", "pw1000"), s.phone("ws", "1000", "pw1000")
	b.contact.User = "other"
	want(t, "one listed", len(a.register("600").GetHeaders("Contact")), 1)
	res := b.register("600")
	want(t, "both listed", len(res.GetHeaders("Contact")), 2)
	for _, h := range res.GetHeaders("Contact") {
		if !strings.Contains(h.Value(), ";expires=") {
			t.Fatalf("%s has no expires", h.Value())
		}
	}
	ds, _ := s.p.Resolve("user", "1000@example.com", nil)
	want(t, "both ring", len(ds), 2)
	star := a.authorized(func() *sip.Request {
		req := a.request(sip.REGISTER, "1000")
		req.RemoveHeader("Contact")
		req.AppendHeader(&sip.ContactHeader{Address: sip.Uri{Wildcard: true}})
		req.AppendHeader(sip.NewHeader("Expires", "0"))
		return req
	})
	want(t, "status", star.StatusCode, 200)
	left := s.reg.Lookup("1000", "example.com")
	want(t, "left", len(left), 1)
	want(t, "left", left[0].ContactUser, "other")
}

// TestContactElsewhere: a contact with another port than the REGISTER came from is called there, unless a NAT is in between.
func TestContactElsewhere(t *testing.T) {
	for name, nat := range map[string]bool{"same host": false, "behind a NAT": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			p, other := s.phone("udp", "1001", "pw1001"), s.phone("udp", "1001", "pw1001")
			callee := other
			p.contact = other.contact
			if nat {
				p.contact.Host, callee = "10.1.2.3", p
			}
			want(t, "register", p.register("600").StatusCode, 200)
			_, _, d := dial(t, s, "user", "1001@example.com")
			want(t, "address", d.NetworkAddr, "127.0.0.1")
			want(t, "Request-URI", recv(t, callee.calls, "INVITE").invite.Recipient.String(), p.contact.String())
		})
	}
}

// TestRestart: a UDP phone registered before a restart is called without registering again.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations.db")
	run := func(t *testing.T, f func(*server)) {
		store, err := registrar.OpenBolt(path)
		if err != nil {
			t.Fatal(err)
		}
		f(startWith(t, registrar.Config{Store: store}))
	}
	var phones *phone
	t.Run("before", func(t *testing.T) {
		run(t, func(s *server) {
			phones = s.phone("udp", "1001", "pw1001")
			want(t, "register", phones.register("600").StatusCode, 200)
		})
	})
	t.Run("after", func(t *testing.T) {
		run(t, func(s *server) {
			again := s.phoneAt("udp", "1001", "pw1001", phones.contact.Port)
			_, f, _ := dial(t, s, "user", "1001@example.com")
			if err := recv(t, again.calls, "INVITE").session.Accept([]byte(testAnswer)); err != nil {
				t.Fatal(err)
			}
			recv(t, f.answered, "answer")
		})
	})
}

// TestContactWithHeader: headers in a registered contact stay out of the Request-URI (RFC 4475 §3.3.14).
func TestContactWithHeader(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1001", "pw1001")
	plain := p.contact.String()
	p.contact.Headers = sip.HeaderParams{{K: "Route", V: "%3Csip:evil.example%3E"}}
	want(t, "register", p.register("600").StatusCode, 200)
	dial(t, s, "user", "1001@example.com")
	c := recv(t, p.calls, "INVITE")
	want(t, "Request-URI", c.invite.Recipient.String(), plain)
	want(t, "Route", c.invite.GetHeader("Route"), sip.Header(nil))
}
