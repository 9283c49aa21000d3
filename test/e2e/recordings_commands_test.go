package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// commandedCall is a recorded call that commands begin or change.
type commandedCall struct {
	name string
	play func(t *testing.T, s *commandedScene)
}

// commandedScene is such a call being played; legs are in the order in which they come into being.
type commandedScene struct {
	recordedScene
	ex    *exchange
	phone func(user string) *phone
}

// legs are the uuids of the channels seen so far.
func (s *commandedScene) legs() []string {
	var out []string
	for _, e := range s.events {
		if id := e.Value("Unique-ID"); id != "" && e.Value("Channel-State") != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// command gives one and checks the answer.
func (s *commandedScene) command(t *testing.T, command, want string) {
	t.Helper()
	if got := s.ex.command(t, command); got != want {
		t.Errorf("%s: got %q, want %q", command, got, want)
	}
}

// untilName reads up to an event of a name on the n-th leg.
func (s *commandedScene) untilName(t *testing.T, name string, leg int, app string) {
	t.Helper()
	s.until(t, func(e *esl.Event) bool {
		legs := s.legs()
		return e.Name() == name && len(legs) > leg && e.Value("Unique-ID") == legs[leg] && (app == "" || e.Value("Application") == app)
	})
}

// untilOver reads until every leg has ended.
func (s *commandedScene) untilOver(t *testing.T) {
	t.Helper()
	gone := func() int {
		n := 0
		for _, e := range s.events {
			if e.Name() == "CHANNEL_STATE" && e.Value("Channel-State") == "CS_DESTROY" {
				n++
			}
		}
		return n
	}
	if len(s.legs()) == 0 || gone() < len(s.legs()) {
		s.until(t, func(*esl.Event) bool { return gone() > 0 && gone() == len(s.legs()) })
	}
}

// talking1000 has 1000 call 1001, who answers.
func (s *commandedScene) talking1000(t *testing.T) (a, b talk) {
	t.Helper()
	s.caller, s.callee, s.number = s.phone("1000"), s.phone("1001"), "1001"
	return s.talking(t)
}

func commandedCalls() []commandedCall {
	return []commandedCall{
		{"bgapi_originate_bridge", func(t *testing.T, s *commandedScene) {
			p, q := s.phone("1000"), s.phone("1001")
			answer := s.ex.originate(t, "user/1000 &bridge(user/1001)")
			a := p.accept(t, p.incoming(t))
			ok(t, answer())
			b := q.accept(t, q.incoming(t))
			s.untilName(t, "CHANNEL_BRIDGE", 0, "")
			s.untilName(t, "CALL_UPDATE", 0, "")
			a.hangup(t)
			b.ended(t)
		}},
		{"bgapi_originate_first_leg_busy", func(t *testing.T, s *commandedScene) {
			p := s.phone("1000")
			answer := s.ex.originate(t, "user/1000 &bridge(user/1001)")
			reject(486, "Busy Here")(t, p.incoming(t))
			if got := answer(); got != "-ERR USER_BUSY\n" {
				t.Error(got)
			}
		}},
		{"originate_dialplan_ext", func(t *testing.T, s *commandedScene) {
			p, q := s.phone("1000"), s.phone("1001")
			answer := s.ex.originate(t, `{origination_caller_id_name='Click To Dial',origination_caller_id_number=5555}user/1000 1001 XML default`)
			a := p.accept(t, p.incoming(t))
			ok(t, answer())
			b := q.accept(t, q.incoming(t))
			s.untilName(t, "CHANNEL_BRIDGE", 0, "")
			s.untilName(t, "CALL_UPDATE", 0, "")
			a.hangup(t)
			b.ended(t)
		}},
		{"uuid_park_and_bridge", func(t *testing.T, s *commandedScene) {
			a, b := s.talking1000(t)
			legs := s.legs()
			s.command(t, "uuid_transfer "+legs[0]+" -both park inline", "+OK\n")
			s.bothParked(t)
			s.command(t, "uuid_bridge "+legs[0]+" "+legs[1], "+OK "+legs[1]+"\n")
			s.joined(t)
			a.hangup(t)
			b.ended(t)
		}},
		{"uuid_transfer_aleg", func(t *testing.T, s *commandedScene) {
			third := s.phone("1002")
			a, b := s.talking1000(t)
			s.command(t, "uuid_transfer "+s.legs()[0]+" 1002", "+OK\n")
			b.ended(t)
			c := third.accept(t, third.incoming(t))
			s.joined(t)
			a.hangup(t)
			c.ended(t)
		}},
		{"uuid_transfer_both", func(t *testing.T, s *commandedScene) {
			a, b := s.talking1000(t)
			s.command(t, "uuid_transfer "+s.legs()[0]+" -both 9196", "+OK\n")
			echoing := 0
			s.until(t, func(e *esl.Event) bool {
				if e.Name() == "CHANNEL_EXECUTE" && e.Value("Application") == "echo" {
					echoing++
				}
				return echoing == 2
			})
			a.hangup(t)
			b.hangup(t)
		}},
		{"uuid_kill_a", func(t *testing.T, s *commandedScene) {
			a, b := s.talking1000(t)
			s.command(t, "uuid_kill "+s.legs()[0], "+OK\n")
			a.ended(t)
			b.ended(t)
		}},
		{"uuid_kill_ringing", func(t *testing.T, s *commandedScene) {
			s.caller, s.callee, s.number = s.phone("1000"), s.phone("1001"), "1001"
			a, b := s.ringing(t)
			s.untilName(t, "CHANNEL_CALLSTATE", 1, "")
			s.command(t, "uuid_kill "+s.legs()[0]+" USER_BUSY", "+OK\n")
			if res := a.failure(t); res.StatusCode != 486 {
				t.Errorf("the caller got %d", res.StatusCode)
			}
			b.ended(t)
		}},
		{"live_queries", func(t *testing.T, s *commandedScene) {
			a, b := s.talking1000(t)
			for i, id := range s.legs() {
				compareDumps(t, "leg "+string(rune('A'+i)), s.ex.command(t, "uuid_dump "+id), recordedDump(t, "live_queries", i))
			}
			id := s.legs()[0]
			s.command(t, "uuid_exists "+id, "true")
			s.command(t, "uuid_getvar "+id+" bridge_uuid", s.legs()[1])
			s.command(t, "uuid_getvar "+id+" signal_bond", s.legs()[1])
			s.command(t, "uuid_getvar "+s.legs()[1]+" signal_bond", id)
			s.command(t, "uuid_setvar "+id+" x y", "+OK\n")
			s.command(t, "uuid_buglist "+id, "<media-bugs>\n</media-bugs>\n")
			a.hangup(t)
			b.ended(t)
		}},
		{"uuid_broadcast_dtmf", func(t *testing.T, s *commandedScene) {
			a, b := s.talking1000(t)
			id := s.legs()[0]
			s.command(t, "uuid_broadcast "+id+" tone_stream://%(300,0,440) both", "+OK Message sent\n")
			played := 0
			s.until(t, func(e *esl.Event) bool {
				if e.Name() == "CHANNEL_EXECUTE_COMPLETE" && e.Value("Application") == "playback" {
					played++
				}
				return played == 2
			})
			s.command(t, "uuid_send_dtmf "+id+" 12", "+OK "+id+" sent DTMF 12.\n")
			s.command(t, "uuid_recv_dtmf "+id+" 34", "+OK "+id+" received DTMF 34.\n")
			s.untilName(t, "DTMF", 0, "")
			s.untilName(t, "DTMF", 0, "")
			if res, err := a.call.DTMF(t.Context(), "5"); err != nil || res.StatusCode != 200 {
				t.Error(res, err)
			}
			s.untilName(t, "DTMF", 0, "")
			a.hangup(t)
			b.ended(t)
		}},
	}
}

func (s *commandedScene) bothParked(t *testing.T) {
	t.Helper()
	parked := 0
	s.until(t, func(e *esl.Event) bool {
		if e.Name() == "CHANNEL_PARK" {
			parked++
		}
		return parked == 2
	})
}

// TestCommandsAsRecorded plays recorded calls that commands begin or change, and compares the events of each leg.
func TestCommandsAsRecorded(all *testing.T) {
	ex := startWith(all, recordedTree(all))
	phones := map[string]*phone{}
	for _, c := range commandedCalls() {
		all.Run(c.name, func(t *testing.T) {
			want := eventsOfLegs(recordedEvents(t, c.name))
			s := &commandedScene{ex: ex, phone: func(user string) *phone {
				if phones[user] == nil {
					phones[user] = ex.phone(all, rtpPhone, user)
				}
				return phones[user]
			}}
			s.client = ex.follow(t, "ALL")
			c.play(t, s)
			s.untilOver(t)
			got := eventsOfLegs(s.events)
			want, got = withoutRaces(want), withoutRaces(got)
			if len(got) != len(want) {
				t.Fatalf("%d legs, recorded were %d", len(got), len(want))
			}
			for i := range got {
				if c.name == "bgapi_originate_first_leg_busy" {
					for _, e := range slices.Concat(got[i], want[i]) {
						e.Headers = slices.DeleteFunc(e.Headers, func(h esl.Header) bool { return saysMore(h.Name) })
					}
				}
				leg := "leg " + string(rune('A'+i))
				compareLives(t, leg, got[i], want[i])
				compareEventHeaders(t, leg, got[i], want[i])
			}
		})
	}
}

// recordedDump is the n-th uuid_dump of a recording that is plain text.
func recordedDump(t *testing.T, name string, n int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "oracle", "calls", name+".api.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), ">>> ") {
		command, body, _ := strings.Cut(part, "\n")
		if w := strings.Fields(command); len(w) != 2 || w[0] != "uuid_dump" {
			continue
		}
		if n == 0 {
			return body
		}
		n--
	}
	t.Fatalf("%s has no such dump", name)
	return ""
}

// compareDumps compares which headers two dumps have.
func compareDumps(t *testing.T, leg, got, want string) {
	t.Helper()
	names := func(text string) (out []string) {
		for _, line := range strings.Split(text, "\n") {
			if name, _, ok := strings.Cut(line, ": "); ok && !justified(name) {
				out = append(out, name)
			}
		}
		return out
	}
	g, w := names(got), names(want)
	extra := slices.DeleteFunc(slices.Clone(g), func(n string) bool { return slices.Contains(w, n) })
	missing := slices.DeleteFunc(slices.Clone(w), func(n string) bool { return slices.Contains(g, n) })
	if len(g) < 50 || len(extra) > 0 || len(missing) > 0 {
		t.Errorf("%s: the dump has %d headers, extra %v, missing %v", leg, len(g), extra, missing)
	}
}

// withoutRaces leaves out what one thread of FreeSWITCH reports of another's leg, now sooner, now later: that an originated leg is out, and on a
// called leg how its bridge ended.
func withoutRaces(legs [][]*esl.Event) [][]*esl.Event {
	for i := range legs {
		legs[i] = slices.DeleteFunc(legs[i], func(e *esl.Event) bool {
			return i == 0 && e.Name() == "CHANNEL_OUTGOING" && e.Value("Channel-State") == "CS_CONSUME_MEDIA"
		})
		for _, e := range legs[i] {
			e.Headers = slices.DeleteFunc(e.Headers, func(h esl.Header) bool { return i > 0 && h.Name == "variable_bridge_hangup_cause" })
		}
	}
	return legs
}

// saysMore are the variables that we take from a refusal too, and FreeSWITCH only from what comes before it.
func saysMore(name string) bool {
	return strings.HasPrefix(name, "variable_sip_full_") || strings.HasPrefix(name, "variable_sip_from_") || strings.HasPrefix(name, "variable_sip_to_") ||
		name == "variable_sip_recover_via"
}

// eventsOfLegs sorts the events of channels by leg. Left out is what FreeSWITCH sends besides.
func eventsOfLegs(events []*esl.Event) [][]*esl.Event {
	var ids []string
	var out [][]*esl.Event
	for _, e := range events {
		id := e.Value("Unique-ID")
		tone := e.Value("Event-Calling-Function") == "switch_core_session_set_read_codec" // CODEC of what its ringing tone is made in
		if id == "" || tone || e.Value("Channel-State") == "" || slices.Contains([]string{"PRESENCE_IN", "PRIVATE_COMMAND", "RECV_INFO", "CALL_SECURE"}, e.Name()) {
			continue
		}
		i := slices.Index(ids, id)
		if i < 0 {
			i, ids, out = len(ids), append(ids, id), append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}
