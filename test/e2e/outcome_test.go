package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// follow subscribes to channel events over TCP, as Rocket.Chat does.
func (ex *exchange) follow(t *testing.T, names ...string) *esl.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, err := esl.Dial(ctx, ex.at.ESL, eslPassword)
	if err == nil {
		t.Cleanup(func() { client.Close() })
		err = client.Subscribe(ctx, names...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// next waits for the next event.
func next(t *testing.T, client *esl.Client) *esl.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case e, ok := <-client.Events():
		if !ok {
			t.Fatal("the event connection was closed")
		}
		return e
	case <-ctx.Done():
		t.Fatal("no event came")
		return nil
	}
}

// failure waits for the final failure of an outgoing call.
func (s talk) failure(t *testing.T) *sip.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := s.call.WaitAnswered(ctx)
	var rejected *siptest.RejectError
	if !errors.As(err, &rejected) {
		t.Fatalf("the call did not fail: %v", err)
	}
	return rejected.Response
}

// TestOutcomes is what a caller is told, and what the event socket says, of calls that nobody answers.
func TestOutcomes(t *testing.T) {
	ex := start(t, "ring_timeout=1")
	caller, callee := ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001")
	tests := []struct {
		name, number string
		callee       func(t *testing.T, call *siptest.Call)
		status       int
		reason       string
		causes       []string // Hangup-Cause of the legs in the order in which they end
	}{
		{"busy", "1001", reject(486, "Busy Here"), 486, "Busy Here", []string{"USER_BUSY", "USER_BUSY"}},
		{"declined", "1001", reject(603, "Decline"), 603, "Decline", []string{"CALL_REJECTED", "CALL_REJECTED"}},
		{"not found", "1001", reject(404, "Not Found"), 404, "Not Found", []string{"UNALLOCATED_NUMBER", "UNALLOCATED_NUMBER"}},
		{"unavailable", "1001", reject(480, "Temporarily Unavailable"), 480, "Temporarily Unavailable", []string{"NO_USER_RESPONSE", "NORMAL_CLEARING"}},
		{"media refused", "1001", reject(488, "Not Acceptable Here"), 488, "Not Acceptable Here", []string{"INCOMPATIBLE_DESTINATION", "INCOMPATIBLE_DESTINATION"}},
		{"nobody answers", "1001", ring, 480, "Temporarily Unavailable", []string{"NO_ANSWER", "NORMAL_CLEARING"}},
		{"not registered", "1005", nil, 480, "Temporarily Unavailable", []string{"USER_NOT_REGISTERED"}},
		{"no such number", "4711", nil, 404, "Not Found", []string{"NO_ROUTE_DESTINATION"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := ex.follow(t, "CHANNEL_HANGUP_COMPLETE")
			a := caller.invite(t, test.number)
			if test.callee != nil {
				test.callee(t, callee.incoming(t))
			}
			res := a.failure(t)
			if int(res.StatusCode) != test.status || res.Reason != test.reason {
				t.Errorf("caller got %d %s, want %d %s", res.StatusCode, res.Reason, test.status, test.reason)
			}
			for _, cause := range test.causes {
				if e := next(t, client); e.Value("Hangup-Cause") != cause {
					t.Errorf("%s leg: Hangup-Cause %s, want %s", e.Value("Call-Direction"), e.Value("Hangup-Cause"), cause)
				}
			}
		})
	}
}

func reject(code int, reason string) func(*testing.T, *siptest.Call) {
	return func(t *testing.T, call *siptest.Call) {
		t.Helper()
		if err := call.Reject(code, reason); err != nil {
			t.Error(err)
		}
	}
}

// ring lets the call ring until the exchange gives up, and checks what the phone is told: rocketchat's client shows no error for NO_ANSWER.
func ring(t *testing.T, call *siptest.Call) {
	t.Helper()
	if err := call.Ring(nil); err != nil {
		t.Error(err)
	}
	end := talk{call: call}.ended(t)
	if end.By != "cancel" || !strings.Contains(header(end.Request, "Reason"), `text="NO_ANSWER"`) {
		t.Errorf("ended by %s with Reason %q", end.By, header(end.Request, "Reason"))
	}
}

func header(m interface{ GetHeader(string) sip.Header }, name string) string {
	if h := m.GetHeader(name); h != nil {
		return h.Value()
	}
	return ""
}

// TestCallerCancels: the callee stops ringing and learns why.
func TestCallerCancels(t *testing.T) {
	ex := start(t)
	caller, callee := ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001")
	client := ex.follow(t, "CHANNEL_HANGUP_COMPLETE")
	a := caller.invite(t, "1001")
	call := callee.incoming(t)
	if err := call.Ring(nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if res, err := a.call.WaitRinging(ctx); err != nil || res.StatusCode != 180 || len(res.Body()) > 0 {
		t.Fatalf("want 180 without SDP: %v, %v", res, err)
	}
	if err := a.call.Cancel(); err != nil {
		t.Fatal(err)
	}
	if end := (talk{call: call}).ended(t); end.By != "cancel" || header(end.Request, "Reason") != `SIP;cause=487;text="ORIGINATOR_CANCEL"` {
		t.Errorf("ended by %s with Reason %q", end.By, header(end.Request, "Reason"))
	}
	if res := a.failure(t); res.StatusCode != 487 {
		t.Errorf("caller got %s", res.StartLine())
	}
	for range 2 {
		if e := next(t, client); e.Value("Hangup-Cause") != "ORIGINATOR_CANCEL" {
			t.Errorf("Hangup-Cause %s", e.Value("Hangup-Cause"))
		}
	}
}

// TestFork: all devices of a user ring, the first to answer gets the call, the others stop without an error.
func TestFork(t *testing.T) {
	ex := start(t)
	caller := ex.phone(t, rtpPhone, "1000")
	tabs := []*phone{ex.phone(t, browser, "1001"), ex.phone(t, browser, "1001"), ex.phone(t, rtpPhone, "1001")}
	a := caller.invite(t, "1001")
	calls := make([]*siptest.Call, len(tabs))
	for i, tab := range tabs {
		calls[i] = tab.incoming(t)
	}
	if err := calls[2].Reject(486, "Busy Here"); err != nil { // one busy device does not end the call
		t.Fatal(err)
	}
	b := tabs[1].accept(t, calls[1])
	a.answered(t)
	if end := (talk{call: calls[0]}).ended(t); end.By != "cancel" || strings.Contains(header(end.Request, "Reason"), "elsewhere") {
		t.Errorf("the loser ended by %s with Reason %q, which browsers show as an error", end.By, header(end.Request, "Reason"))
	}
	hearEachOther(t, a, b)
	b.hangup(t)
	a.ended(t)
}

// TestIdentity: who calls, as the called browser sees it, and custom headers.
func TestIdentity(t *testing.T) {
	ex := start(t)
	caller, callee := ex.phone(t, browser, "1000"), ex.phone(t, browser, "1001")
	m := caller.media(t)
	call, err := caller.ua.Invite("1001", m.offer(t), sip.NewHeader("X-RocketChat-User-abc", `{"extension":"1000"}`))
	if err != nil {
		t.Fatal(err)
	}
	a := talk{call, m}
	incoming := callee.incoming(t)
	from := incoming.Request().From()
	if from.DisplayName != "Extension 1000" || from.Address.User != "1000" {
		t.Errorf("From: %s", from.Value())
	}
	if got := header(incoming.Request(), "X-RocketChat-User-abc"); got != `{"extension":"1000"}` {
		t.Errorf("custom header %q", got)
	}
	b := callee.accept(t, incoming)
	a.answered(t)
	a.hangup(t)
	b.ended(t)
}
