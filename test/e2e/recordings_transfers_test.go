package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/sip"
)

// recordedTransfers are the recorded calls with more than two legs. Who is who: A calls B, C is the target.
func recordedTransfers() []recordedTransfer {
	blind := func(t *testing.T, s *recordedScene, third *phone, number string) (b, c talk) {
		a, b := s.talking(t)
		return b, s.referred(t, a, s.caller.user, third, number)
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
		{"browser_transfer", browser, "1000", "1001", "1002", "p1001", func(t *testing.T, s *recordedScene, third *phone) {
			b, c := blind(t, s, third, "p1002")
			c.hangup(t)
			b.ended(t)
			again := &recordedScene{caller: s.caller, callee: s.callee, number: s.number, client: s.client}
			a, b := again.talking(t)
			c = again.referred(t, b, s.callee.user, third, "p1002")
			c.hangup(t)
			a.ended(t)
			s.events = append(s.events, again.events...)
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

// referred is a blind transfer by one side of a call: the other goes on with the third phone. Browsers write bare URIs.
func (s *recordedScene) referred(t *testing.T, by talk, user string, third *phone, number string) talk {
	t.Helper()
	to := "<sip:" + number + "@127.0.0.1>"
	if third.transport == "wss" {
		to = strings.Trim(to, "<>")
	}
	by.refer(t, to, sip.NewHeader("Referred-By", "<sip:"+user+"@127.0.0.1>"))
	call := third.incoming(t)
	by.ended(t)
	s.until(t, func(e *esl.Event) bool { return e.Name() == "CHANNEL_DESTROY" })
	c := talk{call: call, media: third.media(t)}
	if err := c.call.Ring(nil); err != nil {
		t.Fatal(err)
	}
	if err := c.call.Answer(t.Context(), c.media.answer(t, call.Request().Body())); err != nil {
		t.Fatal(err)
	}
	s.until(t, func(e *esl.Event) bool { return e.Name() == "CALL_UPDATE" && e.Value("Caller-Profile-Index") == "2" })
	return c
}

type recordedTransfer struct {
	name                  string
	kind                  kind
	from, to, third, dial string
	play                  func(t *testing.T, s *recordedScene, third *phone)
}

// TestTransfersAsRecorded compares transfers with the recordings, leg by leg in the order in which the legs began.
func TestTransfersAsRecorded(t *testing.T) {
	stages := map[string]*recordedStage{} // by kind of phone: a call rings all phones of a user
	for _, c := range recordedTransfers() {
		if stages[c.kind.name] == nil {
			stages[c.kind.name] = &recordedStage{t, startWith(t, recordedTree(t)), map[string]*phone{}}
		}
		st := stages[c.kind.name]
		t.Run(c.name, func(t *testing.T) {
			want := legsInOrder(nameContacts(recordedEvents(t, c.name)))
			s := &recordedScene{caller: st.phone(c.kind, c.from), callee: st.phone(c.kind, c.to), number: c.dial}
			third := st.phone(c.kind, c.third)
			s.client = st.ex.follow(t, "ALL")
			for _, p := range st.phones {
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
			messages := map[string][]string{}
			if c.kind.transport == "wss" {
				for user, side := range map[string]string{c.from: "A", c.to: "B", c.third: "C"} {
					messages[user] = withoutContactUpdates(recordedBrowserMessages(t, c.name, side))
				}
			} else {
				messages = recordedMessages(t, c.name)
			}
			for _, p := range []*phone{s.caller, s.callee, third} {
				compareMessages(t, p.user, p.trace.settled(len(messages[p.user])), messages[p.user])
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

// withoutContactUpdates leaves out the MESSAGE after a REFER: here it reaches the other party, there it came to nothing.
func withoutContactUpdates(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return strings.HasSuffix(s, " MESSAGE") })
}

// nameContacts writes a user's number where the recording has the random user part of that user's contact: phones of these tests have their
// number there.
func nameContacts(events []*esl.Event) []*esl.Event {
	numbers := map[string]string{}
	for _, e := range events {
		contact, _, _ := strings.Cut(strings.TrimPrefix(e.Value("Channel-Name"), "sofia/internal/"), "@")
		if number := e.Value("variable_dialed_user"); number != "" && e.Value("Call-Direction") == "outbound" && numbers[contact] == "" {
			numbers[contact] = number
		}
	}
	for _, e := range events {
		for _, name := range []string{"Caller-Destination-Number", "Caller-RDNIS", "Caller-Caller-ID-Number"} {
			if number := numbers[e.Value(name)]; number != "" {
				e.Set(name, number)
			}
		}
	}
	return events
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
