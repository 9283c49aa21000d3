package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/sip"
)

// trunkWays are the ways Rocket.Chat's SIP server can be configured: drachtio speaks UDP and TCP.
var trunkWays = []struct{ transport, ip string }{{"udp", "127.0.0.2"}, {"tcp", "127.0.0.1"}}

// TestTrunkInbound: a call of a Rocket.Chat user reaches a phone without a password. Its headers are kept, and its answer is a browser's.
func TestTrunkInbound(t *testing.T) {
	for _, way := range trunkWays {
		t.Run(way.transport, func(t *testing.T) {
			ex, peer := startWithTrunk(t, way.transport, way.ip)
			phone := ex.phone(t, rtpPhone, "1001")
			a := peer.invite(t, "1001", sip.NewHeader("Referred-By", "sip:1005@rocket.example:5060"),
				sip.NewHeader("Diversion", `"Front desk" <sip:1006@rocket.example>;reason=unconditional`), sip.NewHeader("X-RocketChat-Caller-Username", "ann"))
			call := phone.incoming(t)
			for name, want := range map[string]string{"Referred-By": "<sip:1005@rocket.example:5060>", "X-RocketChat-Caller-Username": "ann",
				"Diversion": `"Front desk" <sip:1006@rocket.example>;reason=unconditional`} {
				if got := header(call.Request(), name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if got := call.Request().From().Address.User; got != "2001" {
				t.Errorf("the caller is %q", got)
			}
			b := phone.accept(t, call)
			a.answered(t)
			browserGrade(t, "answer", string(mustAnswer(t, a).Body()))
			hearEachOther(t, a, b)
			a.hangup(t)
			b.ended(t)
			for _, m := range peer.tr.messages() {
				if strings.HasPrefix(m, "< 401") || strings.HasPrefix(m, "< 407") {
					t.Errorf("the trunk was asked for a password: %s", m)
				}
			}
		})
	}
}

// TestTrunkOutbound: a number that nobody is registered under goes to Rocket.Chat, which says nothing until its user answers: the caller hears that
// it rings, and the call may ring for more than two minutes.
func TestTrunkOutbound(t *testing.T) {
	for _, way := range trunkWays {
		t.Run(way.transport, func(t *testing.T) {
			ex, peer := startWithTrunk(t, way.transport, way.ip)
			caller := ex.phone(t, rtpPhone, "1000")
			a := caller.invite(t, "2001")
			call := peer.incoming(t)
			req := call.Request()
			if req.Recipient.User != "2001" || req.From().Address.User != "1000" {
				t.Errorf("called %s from %s", req.Recipient.User, req.From().Address.User)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if res, err := a.call.WaitRinging(ctx); err != nil || res.StatusCode != 180 {
				t.Errorf("the caller is told %v, %v", res, err)
			}
			if limit := ex.channelVariable(t, "inbound", "call_timeout"); limit != "150" {
				t.Errorf("Rocket.Chat may ring for %s s", limit)
			}
			b := peer.accept(t, call)
			a.answered(t)
			hearEachOther(t, a, b)
			b.hangup(t)
			a.ended(t)
		})
	}
}

// TestTrunkThere: a phone's call goes to Rocket.Chat, whose user calls a second extension: both legs have audio of their own.
func TestTrunkThere(t *testing.T) {
	for _, way := range trunkWays {
		t.Run(way.transport, func(t *testing.T) {
			ex, peer := startWithTrunk(t, way.transport, way.ip)
			caller, second := ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1003")
			a := caller.invite(t, "2001")
			b := peer.accept(t, peer.incoming(t))
			a.answered(t)
			c := peer.invite(t, "1003")
			d := second.accept(t, second.incoming(t))
			c.answered(t)
			b.media.(*browserPeer).forward(c.media.(*browserPeer)) // the user's browser lets the two talk to each other
			c.media.(*browserPeer).forward(b.media.(*browserPeer))
			hearEachOther(t, a, d)
			d.hangup(t)
			c.ended(t)
			b.hangup(t)
			a.ended(t)
		})
	}
}

// TestTrunkRefusals: what Rocket.Chat refuses a call with reaches the caller.
func TestTrunkRefusals(t *testing.T) {
	ex, peer := startWithTrunk(t, "udp", "127.0.0.2")
	caller := ex.phone(t, browser, "1000")
	for _, test := range []struct {
		status int
		phrase string
	}{{480, "Temporarily Unavailable"}, {404, "Not Found"}, {603, "Decline"}, {488, "Not Acceptable Here"}, {500, "Server Internal Error"}} {
		a := caller.invite(t, "2001")
		if err := peer.incoming(t).Reject(test.status, test.phrase); err != nil {
			t.Fatal(err)
		}
		if res := a.failure(t); res.StatusCode != test.status || res.Reason != test.phrase {
			t.Errorf("%d %s became %s", test.status, test.phrase, res.StartLine())
		}
	}
}

// TestTrunkHold: Rocket.Chat holds and resumes by re-INVITE with a complete description, and renegotiates without a change.
func TestTrunkHold(t *testing.T) {
	for _, way := range trunkWays {
		t.Run(way.transport, func(t *testing.T) {
			ex, peer := startWithTrunk(t, way.transport, way.ip)
			phone := ex.phone(t, rtpPhone, "1001")
			a := peer.invite(t, "1001")
			b := phone.accept(t, phone.incoming(t))
			a.answered(t)
			hearEachOther(t, a, b)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			offer := string(a.media.(*browserPeer).offer(t))
			for _, step := range []struct{ ours, theirs string }{{"sendonly", "recvonly"}, {"inactive", "inactive"}, {"sendrecv", "sendrecv"}, {"sendrecv", "sendrecv"}} {
				res, err := a.call.Reinvite(ctx, []byte(strings.ReplaceAll(offer, "a=sendrecv", "a="+step.ours)))
				if err != nil || res.StatusCode != 200 {
					t.Fatalf("%s: %v, %v", step.ours, res, err)
				}
				if !strings.Contains(string(res.Body()), "a="+step.theirs) {
					t.Errorf("%s is answered\n%s", step.ours, res.Body())
				}
				browserGrade(t, "answer", string(res.Body()))
			}
			hearEachOther(t, a, b)
			b.hangup(t)
			a.ended(t)
		})
	}
}

// TestTrunkDigits: a digit that Rocket.Chat sends by INFO reaches a phone as RFC 4733.
func TestTrunkDigits(t *testing.T) {
	for _, way := range trunkWays {
		t.Run(way.transport, func(t *testing.T) {
			ex, peer := startWithTrunk(t, way.transport, way.ip)
			phone := ex.phone(t, rtpPhone, "1001")
			a := peer.invite(t, "1001")
			b := phone.accept(t, phone.incoming(t))
			a.answered(t)
			hearEachOther(t, a, b)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if res, err := a.call.DTMF(ctx, "7"); err != nil || res.StatusCode != 200 {
				t.Fatalf("INFO: %v, %v", res, err)
			}
			select {
			case digit := <-b.media.(*rtpPeer).digits:
				if digit != '7' {
					t.Errorf("digit %c", digit)
				}
			case <-ctx.Done():
				t.Error("the digit did not arrive")
			}
			a.hangup(t)
			b.ended(t)
		})
	}
}

// TestTrunkOtherMedia: lines of an offer that are not audio are refused in their places.
func TestTrunkOtherMedia(t *testing.T) {
	for _, way := range trunkWays {
		t.Run(way.transport, func(t *testing.T) {
			_, peer := startWithTrunk(t, way.transport, way.ip)
			m := newBrowserPeer(t)
			if _, err := m.pc.CreateDataChannel("x", nil); err != nil {
				t.Fatal(err)
			}
			call, err := peer.ua.Invite("9196", m.offer(t))
			if err != nil {
				t.Fatal(err)
			}
			a := talk{call, m}
			a.answered(t)
			var lines []string
			for line := range strings.SplitSeq(string(mustAnswer(t, a).Body()), "\r\n") {
				if strings.HasPrefix(line, "m=") {
					lines = append(lines, line)
				}
			}
			if len(lines) != 2 || !strings.HasPrefix(lines[0], "m=audio ") || !strings.HasPrefix(lines[1], "m=application 0 ") {
				t.Errorf("%q", lines)
			}
			heard := a.media.listener().expect(440)
			a.media.talk(440)
			within(t, "the echo", heard)
			a.hangup(t)
		})
	}
}

// TestTrunkStranger: who is not in the list is asked for a password, whatever he says he is.
func TestTrunkStranger(t *testing.T) {
	ex, _ := startWithTrunk(t, "udp", "127.0.0.2")
	stranger := newDrachtio(t, "udp", "127.0.0.3")
	stranger.connect(t, ex, "udp")
	for _, user := range []string{"1001", "gw+rocketchat"} {
		call, err := stranger.ua.Invite(user, newBrowserPeer(t).offer(t))
		if err != nil {
			t.Fatal(err)
		}
		if res := (talk{call: call}).failure(t); res.StatusCode != 403 { // after its answer to the 407
			t.Errorf("%s: %s", user, res.StartLine())
		}
	}
	if !slices.Contains(stranger.tr.messages(), "< 407 INVITE") {
		t.Errorf("%q", stranger.tr.messages())
	}
}

// mustAnswer is the 200 of an outgoing call.
func mustAnswer(t *testing.T, a talk) *sip.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := a.call.WaitAnswered(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// channelVariable is a variable of the one channel of a direction.
func (ex *exchange) channelVariable(t *testing.T, direction, name string) string {
	t.Helper()
	for line := range strings.SplitSeq(ex.command(t, "show channels"), "\n") {
		if id, rest, ok := strings.Cut(line, ","); ok && strings.HasPrefix(rest, direction+",") {
			return ex.command(t, "uuid_getvar "+id+" "+name)
		}
	}
	return ""
}
