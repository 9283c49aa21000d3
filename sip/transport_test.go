package sip_test

import (
	"strings"
	"testing"
)

// A whole call over each transport, with the caller and then the callee behind our server.
func TestCall(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			s := newServer(t, nil)
			ua := s.dial(t, transport)
			res, err := ua.Register(t.Context(), "1000", "secret", 600)
			check(t, err)
			if res.StatusCode != 200 {
				t.Fatalf("REGISTER: %d", res.StatusCode)
			}
			callIn(t, s, transport)
			callOut(t, s, transport)
		})
	}
}

func callIn(t *testing.T, s *testServer, transport string) {
	ua := s.dial(t, transport)
	call, err := ua.Invite("1001", testSDP)
	check(t, err)
	session := s.session(t)
	if got := session.Request().Body(); string(got) != string(testSDP) {
		t.Fatalf("body %q", got)
	}
	check(t, session.Ring(180, "", nil))
	res, err := call.WaitRinging(t.Context())
	check(t, err)
	if res.StatusCode != 180 || res.Contact() == nil {
		t.Fatalf("ringing: %s", res)
	}
	check(t, session.Accept(testSDP))
	res, err = call.WaitAnswered(t.Context())
	check(t, err)
	wantTransport := strings.Replace(transport, "wss", "ws", 1)
	if c := res.Contact(); c == nil || c.Address.User != "1001" || !strings.HasSuffix(c.Address.String(), ";transport="+wantTransport) {
		t.Fatalf("Contact of the answer: %v", c)
	}
	s.want(t, "ack")
	done := make(chan error, 1)
	go func() { _, err := call.DTMF(background, "5"); done <- err }()
	e := s.want(t, "request")
	if e.req.Method != "INFO" || !strings.HasPrefix(string(e.req.Body()), "Signal=5\r\n") {
		t.Fatalf("INFO: %s", e.req)
	}
	check(t, e.tx.Respond(e.tx.NewResponse(200, "")))
	check(t, <-done)
	go func() { _, err := call.Reinvite(background, testSDP); done <- err }()
	check(t, s.want(t, "reinvite").re.Accept(testSDP))
	check(t, <-done)
	check(t, call.Bye())
	if e := s.want(t, "bye"); e.session != session {
		t.Fatal("BYE at another session")
	}
}

func callOut(t *testing.T, s *testServer, transport string) {
	ua := s.dial(t, transport)
	_, err := ua.Register(t.Context(), "1001", "secret", 600)
	check(t, err)
	tx := captureFlow(t, s, ua)
	req := ua.Request("INVITE", "sip:1001@"+"callee.invalid", "application/sdp", testSDP)
	session, err := s.Invite(req, tx.Flow(), s)
	check(t, err)
	call := receive(t, ua.Calls())
	check(t, call.Ring(nil))
	if e := s.want(t, "provisional"); e.res.StatusCode != 180 || e.session != session {
		t.Fatalf("provisional: %+v", e)
	}
	check(t, call.Answer(t.Context(), testSDP))
	s.want(t, "answer")
	done := make(chan int, 1)
	check(t, session.Reinvite(testSDP, func(res *response) { done <- res.StatusCode }))
	if code := receive(t, done); code != 200 {
		t.Fatalf("re-INVITE: %d", code)
	}
	check(t, session.Hangup())
	end, err := call.WaitEnded(t.Context())
	check(t, err)
	if end.By != "bye" {
		t.Fatalf("ended by %s", end.By)
	}
}
