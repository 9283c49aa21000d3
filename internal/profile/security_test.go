package profile

import (
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// TestS01MessageReachesNoCommand: a MESSAGE goes to users of the directory and nowhere else, whatever its addressee is called.
func TestS01MessageReachesNoCommand(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "pw1000")
	for _, to := range []string{"api+status", "conf+show", "1099", "sip%3Aapi", "global+1001"} {
		res := p.authorized(func() *sip.Request { return p.request(sip.MESSAGE, to) })
		want(t, "status", res.StatusCode, 404)
	}
}

// TestS13WireValuesInHeaders: what a caller calls itself stays a name, in the callee's INVITE too.
func TestS13WireValuesInHeaders(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1001", "pw1001")
	p.register("600")
	cases := []struct{ name, number string }{
		{"a\r\nX-Evil: 1", "1000"},
		{`"; <sip:evil@x>`, "1000"},
		{`\`, "1000"},
		{"n", "1000>;tag=x\r\nX-Evil: 1"},
		{"n", "10@evil.example"},
		{"\x00", ""},
	}
	for _, tc := range cases {
		ds, _ := s.p.Resolve("user", "1001@example.com", nil)
		leg, err := ds[0].Dial(call.Outbound{CallerName: tc.name, CallerNum: tc.number, SDP: []byte(testOffer)}, newFakeCall())
		if err != nil {
			t.Fatal(err)
		}
		req := recv(t, p.calls, "INVITE").invite
		want(t, "host of From", req.From().Address.Host, "example.com")
		want(t, "injected header", sip.FindHeader(req, "X-Evil"), sip.Header(nil))
		want(t, "one From", len(req.GetHeaders("From")), 1)
		leg.Hangup(call.HangupReason{Cause: call.OriginatorCancel})
	}
}

// TestS21ForeignCallID: the Call-ID and contact of another user's registration give no hold on it.
func TestS21ForeignCallID(t *testing.T) {
	s := start(t)
	victim, thief := s.phone("ws", "1000", "pw1000"), s.phone("ws", "1001", "pw1001")
	victim.register("600")
	thief.callID, thief.cseq, thief.contact = victim.callID, 100, victim.contact
	want(t, "its own registration", thief.register("600").StatusCode, 200)
	want(t, "its own end", thief.register("0").StatusCode, 200)
	b := s.reg.Lookup("1000", "example.com")
	want(t, "the victim's is there", len(b), 1)
	want(t, "on its own connection", b[0].Remote, victim.flow.LocalAddr())
	thief.flow.Close()
	want(t, "still", len(s.reg.Lookup("1000", "example.com")), 1)
}

// TestS16NoSecretsInEvents: what the registration events tell holds no password.
func TestS16NoSecretsInEvents(t *testing.T) {
	s := start(t)
	s.phone("udp", "1000", "pw1000").register("600")
	for range 3 {
		for _, h := range recv(t, s.events, "event").headers {
			if strings.Contains(h[1], "pw1000") || strings.EqualFold(h[0], "password") {
				t.Fatalf("%s: %s", h[0], h[1])
			}
		}
	}
}
