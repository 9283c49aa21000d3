package profile

import (
	"fmt"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

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

// TestSessionIntervalTooBrief: a callee that wants a longer session interval gets it in a second INVITE, and no third one.
func TestSessionIntervalTooBrief(t *testing.T) {
	s := startWith(t, registrar.Config{}, withParam(t, "session-timeout", "300"))
	p := s.phone("udp", "1001", "pw1001")
	p.register("600")
	_, f, _ := dial(t, s, "user", "1001@example.com")
	c := recv(t, p.calls, "INVITE")
	want(t, "Session-Expires", headerValue(c.invite, "Session-Expires"), "300")
	if err := c.session.Reject(422, "", sip.NewHeader("Min-SE", "1200")); err != nil {
		t.Fatal(err)
	}
	again := recv(t, p.calls, "second INVITE")
	want(t, "Session-Expires", headerValue(again.invite, "Session-Expires"), "1200")
	want(t, "same call", again.invite.CallID().Value(), c.invite.CallID().Value())
	want(t, "later", again.invite.CSeq().SeqNo > c.invite.CSeq().SeqNo, true)
	if err := again.session.Reject(422, "", sip.NewHeader("Min-SE", "2400")); err != nil {
		t.Fatal(err)
	}
	want(t, "status", recv(t, f.ended, "end").Status, 422)
}

func TestUnreachableCallee(t *testing.T) {
	s := start(t)
	_, f, _ := dial(t, s, "sofia", "internal/sip:x@127.0.0.1:1;transport=tcp")
	want(t, "cause", recv(t, f.ended, "end").Cause, call.NormalTemporaryFailure)
}

// TestHiddenCaller: what a caller hides is not told to another user, in no header.
func TestHiddenCaller(t *testing.T) {
	for _, tc := range []struct {
		name       string
		o          call.Outbound
		from, rpid string
	}{
		{"nothing", call.Outbound{}, `"Ann" <sip:1000@example.com>`, `"Ann" <sip:1000@example.com>;party=calling;screen=yes;privacy=off`},
		{"the name", call.Outbound{HideName: true}, `"Anonymous" <sip:1000@example.com>`, ""},
		{"the number", call.Outbound{HideNumber: true}, `"Anonymous" <sip:anonymous@anonymous.invalid>`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			p := s.phone("udp", "1001", "pw1001")
			p.register("600")
			tc.o.CallerName, tc.o.CallerNum, tc.o.SDP = "Ann", "1000", []byte(testOffer)
			ds, _ := s.p.Resolve("user", "1001@example.com", nil)
			if _, err := ds[0].Dial(tc.o, newFakeCall()); err != nil {
				t.Fatal(err)
			}
			c := recv(t, p.calls, "INVITE")
			from := *sip.CloneHeader(c.invite.From()).(*sip.FromHeader)
			from.Params = nil
			want(t, "From", from.Value(), tc.from)
			want(t, "Remote-Party-ID", headerValue(c.invite, "Remote-Party-ID"), tc.rpid)
		})
	}
}

func TestProfileAliases(t *testing.T) {
	s := startTree(t, "</settings>", `</settings><aliases><alias name="other"/></aliases><domains><domain name="all" alias="true" parse="false"/></domains>`)
	for name, found := range map[string]bool{"internal": true, "OTHER": true, "example.com": true, "nosuch": false, "*": true} {
		want(t, name, Set{s.p}.Named(name) != nil, found)
	}
}
