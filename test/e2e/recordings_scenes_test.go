package e2e

import (
	"bytes"
	"slices"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// recordedCall is a call of a recording and how to make it.
type recordedCall struct {
	name   string
	caller kind
	from   string
	number string
	to     string // who rings
	play   func(t *testing.T, s *recordedScene)
	// until is the event, its application and data, with which the comparison ends: the rest needs what is not there.
	until string
	// races are headers that FreeSWITCH sets or not, depending on which of its threads comes first.
	races []string
}

// recordedScene is a call being played.
type recordedScene struct {
	caller, callee *phone
	number         string
	last           string // see recordedCall.until
	client         *esl.Client
	events         []*esl.Event
}

// until reads events up to one that stop accepts.
func (s *recordedScene) until(t *testing.T, stop func(*esl.Event) bool) {
	t.Helper()
	for {
		e := next(t, s.client)
		s.events = append(s.events, e)
		if stop(e) {
			return
		}
	}
}

func (s *recordedScene) ringing(t *testing.T) (a, b talk) {
	t.Helper()
	a = s.caller.invite(t, s.number)
	b = talk{call: s.callee.incoming(t)}
	if err := b.call.Ring(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := a.call.WaitRinging(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func (s *recordedScene) talking(t *testing.T) (a, b talk) {
	t.Helper()
	a, b = s.ringing(t)
	s.answer(t, a, &b)
	if s.caller.transport == "wss" { // and keys were agreed on: each leg tells twice
		for secured := 0; secured < 4; {
			secured = 0
			for _, e := range s.events {
				if e.Name() == "CALL_SECURE" {
					secured++
				}
			}
			if secured < 4 {
				s.until(t, func(e *esl.Event) bool { return e.Name() == "CALL_SECURE" })
			}
		}
	}
	return a, b
}

func (s *recordedScene) answer(t *testing.T, a talk, b *talk) {
	t.Helper()
	b.media = s.callee.media(t)
	if err := b.call.Answer(t.Context(), b.media.answer(t, b.call.Request().Body())); err != nil {
		t.Fatal(err)
	}
	a.answered(t)
	s.joined(t)
}

// joined waits until the bridge stands: the answer reaches the caller before.
func (s *recordedScene) joined(t *testing.T) {
	t.Helper()
	s.until(t, func(e *esl.Event) bool { return e.Name() == "CALL_UPDATE" && e.Value("Call-Direction") == "inbound" })
}

func refused(code int, reason string) func(*testing.T, *recordedScene) {
	return func(t *testing.T, s *recordedScene) {
		a, b := s.ringing(t)
		if err := b.call.Reject(code, reason); err != nil {
			t.Fatal(err)
		}
		a.failure(t)
	}
}

func callerHangsUp(t *testing.T, s *recordedScene) {
	a, b := s.talking(t)
	a.hangup(t)
	b.ended(t)
}

func calleeHangsUp(t *testing.T, s *recordedScene) {
	a, b := s.talking(t)
	b.hangup(t)
	a.ended(t)
}

func fails(t *testing.T, s *recordedScene) { s.caller.invite(t, s.number).failure(t) }

func holds(t *testing.T, s *recordedScene) {
	a, b := s.talking(t)
	for _, direction := range []string{"sendonly", "sendrecv"} {
		sdp := bytes.Replace(a.media.offer(t), []byte("a=sendrecv"), []byte("a="+direction), 1)
		if res, err := a.call.Reinvite(t.Context(), sdp); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
	}
	s.until(t, func(e *esl.Event) bool { return e.Name() == "PRIVATE_COMMAND" }) // the music is over
	a.hangup(t)
	b.ended(t)
}

// holdsInTurn is one party after the other that holds the call.
func holdsInTurn(t *testing.T, s *recordedScene) {
	a, b := s.talking(t)
	for _, side := range []talk{a, b} {
		for _, direction := range []string{"sendonly", "sendrecv"} {
			sdp := bytes.Replace(side.media.offer(t), []byte("a=sendrecv"), []byte("a="+direction), 1)
			res, err := side.call.Reinvite(t.Context(), sdp)
			if err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			side.media.accept(t, res.Body())
		}
		s.until(t, func(e *esl.Event) bool { return e.Name() == "PRIVATE_COMMAND" }) // the music is over
	}
	a.hangup(t)
	b.ended(t)
}

// pressesKeys is both parties who send digits by INFO.
func pressesKeys(t *testing.T, s *recordedScene) {
	a, b := s.talking(t)
	for _, side := range []talk{a, b} {
		for _, digit := range []string{"5", "#"} {
			if res, err := side.call.DTMF(t.Context(), digit); err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
		}
	}
	a.hangup(t)
	b.ended(t)
}

// cancels is a caller who gives up while it rings.
func cancels(t *testing.T, s *recordedScene) {
	a, b := s.ringing(t)
	if err := a.call.Cancel(); err != nil {
		t.Fatal(err)
	}
	b.ended(t)
}

// untilThen lets the caller hang up when the scene's last event has come; b is who was called, if anybody.
func untilThen(play func(*testing.T, *recordedScene) talk) func(*testing.T, *recordedScene) {
	return func(t *testing.T, s *recordedScene) {
		a := play(t, s)
		s.until(t, func(e *esl.Event) bool { return label(e) == s.last })
		if err := a.call.Hangup(); err != nil {
			t.Fatal(err)
		}
	}
}

func recordedCalls() []recordedCall {
	return []recordedCall{
		{name: "unknown_extension", caller: rtpPhone, from: "1000", number: "nosuchext", until: "CHANNEL_EXECUTE playback local_stream://moh",
			play: untilThen(func(t *testing.T, s *recordedScene) talk { return s.caller.invite(t, s.number) })},
		{name: "callee_not_registered_vanilla_voicemail", caller: rtpPhone, from: "1000", number: "1005",
			until: "CHANNEL_EXECUTE bridge loopback/app=voicemail:default 127.0.0.1 1005",
			play:  untilThen(func(t *testing.T, s *recordedScene) talk { return s.caller.invite(t, s.number) })},
		{name: "callee_busy_486_vanilla_voicemail", caller: rtpPhone, from: "1000", number: "1001", to: "1001",
			until: "CHANNEL_EXECUTE bridge loopback/app=voicemail:default 127.0.0.1 1001",
			play: untilThen(func(t *testing.T, s *recordedScene) talk {
				a, b := s.ringing(t)
				if err := b.call.Reject(486, "Busy Here"); err != nil {
					t.Fatal(err)
				}
				return a
			})},
		{name: "caller_cancel_ringing", caller: rtpPhone, from: "1000", number: "1001", to: "1001", play: cancels},
		{name: "plain_user_not_in_directory", caller: rtpPhone, from: "1015", number: "1999", play: fails},
		{name: "browser_hold", caller: browser, from: "1000", number: "p1001", to: "1001", play: holdsInTurn},
		{name: "browser_dtmf", caller: browser, from: "1000", number: "p1001", to: "1001", play: pressesKeys,
			races: []string{"variable_last_bridge_hangup_cause", "variable_last_bridge_proto_specific_hangup_cause"}},
		{name: "plain_basic_caller_hangup", caller: rtpPhone, from: "1015", number: "1016", to: "1016", play: callerHangsUp},
		{name: "plain_basic_callee_hangup", caller: rtpPhone, from: "1015", number: "1016", to: "1016", play: calleeHangsUp},
		{name: "plain_busy_486", caller: rtpPhone, from: "1015", number: "1016", to: "1016", play: refused(486, "Busy Here")},
		{name: "plain_reject_603", caller: rtpPhone, from: "1015", number: "1016", to: "1016", play: refused(603, "Decline")},
		{name: "plain_not_registered", caller: rtpPhone, from: "1015", number: "1017", play: fails},
		{name: "plain_unknown_extension", caller: rtpPhone, from: "1015", number: "nosuchext", play: fails},
		{name: "plain_hold_resume", caller: rtpPhone, from: "1015", number: "1016", to: "1016", play: holds},
		{name: "plain_caller_cancel", caller: rtpPhone, from: "1015", number: "1016", to: "1016", play: cancels},
		{name: "echo_9196", caller: rtpPhone, from: "1000", number: "9196", play: func(t *testing.T, s *recordedScene) {
			a := s.caller.invite(t, s.number)
			a.answered(t)
			s.until(t, func(e *esl.Event) bool { return e.Name() == "CHANNEL_EXECUTE" && e.Value("Application") == "echo" })
			a.hangup(t)
		}},
		{name: "callee_hangup", caller: rtpPhone, from: "1000", number: "1001", to: "1001", play: calleeHangsUp},
		{name: "hold_resume", caller: rtpPhone, from: "1000", number: "1001", to: "1001", play: holds},
		{name: "early_media_183_then_answer", caller: rtpPhone, from: "1000", number: "1001", to: "1001", play: func(t *testing.T, s *recordedScene) {
			a := s.caller.invite(t, s.number)
			b := talk{call: s.callee.incoming(t), media: s.callee.media(t)}
			sdp := b.media.answer(t, b.call.Request().Body())
			if err := b.call.Ring(sdp); err != nil {
				t.Fatal(err)
			}
			if res, err := a.call.WaitRinging(t.Context()); err != nil || len(res.Body()) == 0 {
				t.Fatal(res, err)
			}
			s.until(t, func(e *esl.Event) bool { return e.Value("Channel-State") == "CS_EXCHANGE_MEDIA" })
			if err := b.call.Answer(t.Context(), sdp); err != nil {
				t.Fatal(err)
			}
			a.answered(t)
			s.joined(t)
			a.hangup(t)
			b.ended(t)
		}},
		{name: "no_answer_timeout", caller: rtpPhone, from: "1000", number: "q1001", to: "1001", play: func(t *testing.T, s *recordedScene) {
			a, b := s.ringing(t)
			b.ended(t)
			a.failure(t)
		}},
		{name: "basic_answer_caller_hangup", caller: rtpPhone, from: "1000", number: "1001", to: "1001", play: callerHangsUp},
		{name: "callee_busy_486", caller: rtpPhone, from: "1000", number: "p1001", to: "1001", play: refused(486, "Busy Here")},
		{name: "callee_reject_404", caller: rtpPhone, from: "1000", number: "p1001", to: "1001", play: refused(404, "Not Found")},
		{name: "callee_reject_503", caller: rtpPhone, from: "1000", number: "p1001", to: "1001", play: refused(503, "Service Unavailable")},
		{name: "callee_reject_603", caller: rtpPhone, from: "1000", number: "p1001", to: "1001", play: refused(603, "Decline")},
		{name: "callee_not_registered", caller: rtpPhone, from: "1000", number: "p1005", play: fails},
		{name: "browser_basic", caller: browser, from: "1002", number: "p1003", to: "1003", play: callerHangsUp},
	}
}

// untilIdle reads events until the caller's channel has ended, which ends last.
func (s *recordedScene) untilIdle(t *testing.T) {
	t.Helper()
	caller := ""
	over := func(e *esl.Event) bool {
		if caller == "" && e.Value("Call-Direction") == "inbound" {
			caller = e.Value("Unique-ID")
		}
		return e.Value("Unique-ID") == caller && e.Value("Channel-State") == "CS_DESTROY"
	}
	if slices.ContainsFunc(s.events, over) {
		return
	}
	s.until(t, over)
}
