package e2e

import (
	"strings"
	"testing"

	"github.com/talkpath/talkpath/sip/siptest"
)

// TestRequireSecureRTP: on a profile that requires SRTP a phone with plain RTP gets no call, and is offered SRTP when it is called.
func TestRequireSecureRTP(t *testing.T) {
	ex := startWith(t, profileWith(t, "require-secure-rtp", "true"))
	plain, secure, web := ex.phone(t, rtpPhone, "1000"), ex.phone(t, sdesPhone, "1001"), ex.phone(t, browser, "1002")
	if res := plain.invite(t, "9196").failure(t); res.StatusCode != 488 {
		t.Errorf("a plain offer: %s", res.StartLine())
	}
	for _, from := range []*phone{secure, web} {
		a := from.invite(t, "1000")
		call := plain.incoming(t)
		if offer := string(call.Request().Body()); !strings.Contains(offer, "RTP/SAVP") || !strings.Contains(offer, "a=crypto:") {
			t.Errorf("%s: the called phone is offered\n%s", from.name, offer)
		}
		if err := call.Reject(486, ""); err != nil {
			t.Fatal(err)
		}
		a.failure(t)
	}
	a, b := connect(t, secure, web)
	hearEachOther(t, a, b)
	a.hangup(t)
	b.ended(t)
}

// inDialog sends a request in a call and wants an answer.
func inDialog(t *testing.T, a talk, status int, method, kind, body string) {
	t.Helper()
	res, err := a.call.Send(t.Context(), method, kind, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status {
		t.Errorf("%s: %s", method, res.StartLine())
	}
}

// arrives waits for an in-dialog request at the other side.
func arrives(t *testing.T, c *siptest.Call, method, body string) {
	t.Helper()
	req, err := c.WaitRequest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(req.Method) != method || string(req.Body()) != body {
		t.Errorf("%s arrived with %q, want %s with %q", req.Method, req.Body(), method, body)
	}
}

// TestDTMFType: with dtmf-type info nobody is offered telephone-event and digits go by INFO; with none they go nowhere.
func TestDTMFType(t *testing.T) {
	for _, way := range []string{"info", "none"} {
		t.Run(way, func(t *testing.T) {
			ex := startWith(t, profileWith(t, "dtmf-type", way))
			one, two := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
			a := one.invite(t, "1001")
			call := two.incoming(t)
			if offer := string(call.Request().Body()); strings.Contains(offer, "telephone-event") {
				t.Errorf("the called phone is offered\n%s", offer)
			}
			b := two.accept(t, call)
			a.answered(t)
			ex.command(t, "uuid_send_dtmf "+uuidOf(t, ex, "1001")+" 5@100")
			if way == "info" {
				arrives(t, b.call, "INFO", "Signal=5\r\nDuration=100\r\n")
			}
			if got := strings.TrimSpace(ex.command(t, "uuid_getvar "+uuidOf(t, ex, "1001")+" dtmf_type")); got != way {
				t.Errorf("dtmf_type is %q", got)
			}
			a.hangup(t)
			if end := b.ended(t); end.By != "bye" {
				t.Errorf("ended by %s", end.By)
			}
		})
	}
}

// uuidOf is the channel that was made for a called user.
func uuidOf(t *testing.T, ex *exchange, number string) string {
	t.Helper()
	for _, row := range strings.Split(ex.command(t, "show channels"), "\n") {
		if uuid, rest, ok := strings.Cut(row, ","); ok && strings.HasPrefix(rest, "outbound,") && strings.Contains(rest, "/"+number+"@") {
			return uuid
		}
	}
	t.Fatalf("no channel of %s", number)
	return ""
}

// TestProxyInfoAndMessage: with proxy-info an INFO goes to the other party as it is, also one with a digit, and with proxy-message a MESSAGE goes there
// in the dialog; without another party they are ours.
func TestProxyInfoAndMessage(t *testing.T) {
	for name, request := range map[string]struct {
		method, kind, body string
		status             int
	}{
		"proxy-info":    {"INFO", "application/dtmf-relay", "Signal=7\r\nDuration=160\r\n", 200},
		"proxy-message": {"MESSAGE", "text/plain", "hello", 202},
	} {
		t.Run(name, func(t *testing.T) {
			ex := startWith(t, profileWith(t, name, "true"))
			one, two := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
			a, b := connect(t, one, two)
			hearEachOther(t, a, b)
			inDialog(t, a, request.status, request.method, request.kind, request.body)
			arrives(t, b.call, request.method, request.body)
			a.hangup(t)
			b.ended(t)
			if request.method == "INFO" {
				a := one.invite(t, "9196")
				a.answered(t)
				inDialog(t, a, 200, request.method, request.kind, request.body)
				inDialog(t, a, 415, request.method, "text/plain", "?")
				a.hangup(t)
			}
		})
	}
}
