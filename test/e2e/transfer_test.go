package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/sip"
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
		(talk{call: ringing}).ended(t)
		a.answered(t)
		hearEachOther(t, a, c)
		a.hangup(t)
		c.ended(t)
		ex.awaitIdle(t)
	})
}

// recordedTransfers are the recorded calls with more than two legs. Who is who: A calls B, C is the target.
func recordedTransfers() []recordedTransfer {
	blind := func(t *testing.T, s *recordedScene, third *phone, number string) (b, c talk) {
		a, b := s.talking(t)
		a.refer(t, "<sip:"+number+"@127.0.0.1>", sip.NewHeader("Referred-By", "<sip:"+s.caller.user+"@127.0.0.1>"))
		call := third.incoming(t)
		a.ended(t)
		s.until(t, func(e *esl.Event) bool { return e.Name() == "CHANNEL_DESTROY" })
		c = talk{call: call, media: third.media(t)}
		if err := c.call.Ring(nil); err != nil {
			t.Fatal(err)
		}
		if err := c.call.Answer(t.Context(), c.media.answer(t, call.Request().Body())); err != nil {
			t.Fatal(err)
		}
		s.until(t, func(e *esl.Event) bool { return e.Name() == "CALL_UPDATE" && e.Value("Caller-Profile-Index") == "2" })
		return b, c
	}
	return []recordedTransfer{
		{"plain_blind_transfer", rtpPhone, "1015", "1016", "1018", "1016", func(t *testing.T, s *recordedScene, third *phone) {
			b, c := blind(t, s, third, "1018")
			c.hangup(t)
			b.ended(t)
		}},
		{"blind_transfer_by_caller", rtpPhone, "1000", "1001", "1002", "1001", func(t *testing.T, s *recordedScene, third *phone) {
			b, c := blind(t, s, third, "1002")
			b.hangup(t)
			c.ended(t)
		}},
		{"attended_transfer_replaces", rtpPhone, "1000", "1001", "1002", "1001", func(t *testing.T, s *recordedScene, third *phone) {
			a, b := s.talking(t)
			sdp := []byte(strings.Replace(string(a.media.offer(t)), "a=sendrecv", "a=sendonly", 1))
			if res, err := a.call.Reinvite(t.Context(), sdp); err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			second := &recordedScene{caller: s.caller, callee: third, number: "1002", client: s.client, events: s.events}
			a2, c := second.talking(t)
			s.events = second.events
			a.refer(t, replacing("1002", "127.0.0.1", a2), sip.NewHeader("Referred-By", "<sip:1000@127.0.0.1>"))
			a.ended(t)
			a2.ended(t)
			s.until(t, func(e *esl.Event) bool {
				return e.Name() == "CALL_UPDATE" && e.Value("Channel-State") == "CS_SOFT_EXECUTE"
			})
			b.hangup(t)
			c.ended(t)
		}},
	}
}

type recordedTransfer struct {
	name                  string
	kind                  kind
	from, to, third, dial string
	play                  func(t *testing.T, s *recordedScene, third *phone)
}

// TestTransfersAsRecorded compares transfers with the recordings, leg by leg in the order in which the legs began.
func TestTransfersAsRecorded(t *testing.T) {
	ex := startWith(t, recordedTree(t))
	phones := map[string]*phone{}
	phoneOf := func(k kind, user string) *phone {
		if phones[user] == nil {
			phones[user] = ex.phone(t, k, user)
		}
		return phones[user]
	}
	for _, c := range recordedTransfers() {
		t.Run(c.name, func(t *testing.T) {
			want := legsInOrder(recordedEvents(t, c.name))
			s := &recordedScene{caller: phoneOf(c.kind, c.from), callee: phoneOf(c.kind, c.to), number: c.dial}
			third := phoneOf(c.kind, c.third)
			s.client = ex.follow(t, "ALL")
			for _, p := range phones {
				p.trace.begin()
			}
			c.play(t, s, third)
			for left := len(want); left > 0; {
				left = len(want)
				for _, leg := range legsInOrder(s.events) {
					if e := leg[len(leg)-1]; e.Value("Channel-State") == "CS_DESTROY" {
						left--
					}
				}
				if left > 0 {
					s.until(t, func(*esl.Event) bool { return true })
				}
			}
			messages := recordedMessages(t, c.name)
			for _, p := range []*phone{s.caller, s.callee, third} {
				compareMessages(t, p.user, p.trace.messages(), messages[p.user])
			}
			got := legsInOrder(s.events)
			for i := range min(len(got), len(want)) {
				leg := "leg " + string(rune('A'+i))
				g, w := livesOfTransfer(got[i]), livesOfTransfer(want[i])
				if !slices.Equal(g, w) {
					t.Errorf("%s:\n%s", leg, sideBySide(g, w))
				}
				compareTransferred(t, leg, got[i], want[i])
			}
			if len(got) != len(want) {
				t.Errorf("%d legs, recorded %d", len(got), len(want))
			}
		})
	}
}

// legsInOrder sorts the events of channels by channel, the first one first.
func legsInOrder(events []*esl.Event) [][]*esl.Event {
	var out [][]*esl.Event
	place := map[string]int{}
	for _, e := range events {
		id := e.Value("Unique-ID")
		if id == "" || e.Value("Channel-State") == "" || e.Name() == "PRIVATE_COMMAND" || e.Name() == "PRESENCE_IN" {
			continue
		}
		switch {
		case e.Value("Application") == "playback", strings.HasPrefix(e.Name(), "PLAYBACK_"): // music on hold ends at once in the recording
			continue
		case e.Name() == "CODEC" && e.Value("Channel-Call-State") == "RING_WAIT": // of its transfer_ringback
			continue
		}
		i, ok := place[id]
		if !ok {
			i = len(out)
			place[id] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}

// livesOfTransfer leaves out what FreeSWITCH tells besides: a display update of a held leg, and the moment in which one that was taken over
// waits for the other; a leg that is parked for good shows CS_PARK for its last moments.
func livesOfTransfer(list []*esl.Event) []string {
	var out []string
	for i, e := range list {
		update := e.Name() == "CALL_UPDATE" && i > 0 && list[i-1].Name() == "CALL_UPDATE"
		waits := e.Value("Channel-State") == "CS_CONSUME_MEDIA" && i > 1 && strings.Contains(life(list[i-1]), "CS_SOFT_EXECUTE")
		tone := e.Name() == "CODEC" && e.Value("Channel-Call-State") == "EARLY" // of the ringing tone
		if !update && !waits && !tone {
			out = append(out, strings.Replace(life(e), "UNBRIDGE CS_EXECUTE 6", "UNBRIDGE CS_EXECUTE 4", 1))
		}
	}
	return out
}

// compareTransferred compares the headers of the events of a leg that have a counterpart, the n-th of a kind with the n-th. Their order is
// compared in calls without transfers: here FreeSWITCH sets many variables again.
func compareTransferred(t *testing.T, leg string, got, want []*esl.Event) {
	t.Helper()
	unlike := []string{
		"Application-UUID", "Other-Leg-Callee-ID-Name", "Other-Leg-Callee-ID-Number", // of a leg that is taken over
		"variable_original_destination_number", "variable_original_caller_id_name", "variable_original_caller_id_number",
		"variable_last_bridge_hangup_cause", "variable_last_bridge_proto_specific_hangup_cause", "variable_bridge_hangup_cause",
		"variable_park_timeout", // the leg that is left is parked there and ends here
	}
	of := map[string][]*esl.Event{}
	kindOf := func(e *esl.Event) string {
		return e.Name() + " " + e.Value("Channel-State") + " " + e.Value("Channel-Call-State") + " " + e.Value("Application")
	}
	for _, w := range want {
		of[kindOf(w)] = append(of[kindOf(w)], w)
	}
	for _, g := range got {
		k := kindOf(g)
		if len(of[k]) == 0 {
			continue
		}
		w := of[k][0]
		of[k] = of[k][1:]
		a, b := headerNames(g), headerNames(w)
		extra := slices.DeleteFunc(slices.Clone(a), func(n string) bool { return slices.Contains(b, n) || justified(n) || slices.Contains(unlike, n) })
		missing := slices.DeleteFunc(slices.Clone(b), func(n string) bool { return slices.Contains(a, n) || justified(n) || slices.Contains(unlike, n) })
		if len(extra) > 0 || len(missing) > 0 {
			t.Errorf("%s %s: extra %v, missing %v", leg, k, extra, missing)
		}
		for _, n := range []string{"Caller-Profile-Index", "Caller-Destination-Number", "Caller-RDNIS", "Caller-Caller-ID-Number", "Hangup-Cause", "variable_sip_h_Referred-By"} {
			if g.Value(n) != w.Value(n) && !(n == "Caller-Caller-ID-Number" && strings.HasPrefix(leg, "leg D")) {
				t.Errorf("%s %s: %s is %q, recorded %q", leg, k, n, g.Value(n), w.Value(n))
			}
		}
	}
}
