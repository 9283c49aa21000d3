package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// recordedTree is a copy of the configuration that the recordings were made with, on ephemeral ports; the test is skipped without it.
func recordedTree(t *testing.T) string {
	t.Helper()
	from := filepath.Join("..", "..", "..", "shared", "freeswitch-conf", "recorded")
	if _, err := os.Stat(from); err != nil {
		t.Skipf("the configuration of the recordings is not at %s", from)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	for file, change := range map[string][2]string{
		"autoload_configs/event_socket.conf.xml": {`"8021"`, `"0"`}, "sip_profiles/internal.xml": {`"127.0.0.1:5066"`, `"127.0.0.1:0"`},
	} {
		name := filepath.Join(dir, file)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.NewReplacer(change[0], change[1], `"127.0.0.1:7443"`, `"127.0.0.1:0"`, "ClueCon", eslPassword).Replace(string(text))
		if err := os.Remove(name); err != nil { // the copy may be read-only
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "sip_profiles", "external.xml")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// recordedCall is a call of a recording and how to make it.
type recordedCall struct {
	name   string
	caller kind
	from   string
	number string
	to     string // who rings
	play   func(t *testing.T, s *recordedScene)
}

// recordedScene is a call being played.
type recordedScene struct {
	caller, callee *phone
	number         string
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
	a.hangup(t)
	b.ended(t)
}

func recordedCalls() []recordedCall {
	return []recordedCall{
		{"plain_basic_caller_hangup", rtpPhone, "1015", "1016", "1016", callerHangsUp},
		{"plain_basic_callee_hangup", rtpPhone, "1015", "1016", "1016", calleeHangsUp},
		{"plain_busy_486", rtpPhone, "1015", "1016", "1016", refused(486, "Busy Here")},
		{"plain_reject_603", rtpPhone, "1015", "1016", "1016", refused(603, "Decline")},
		{"plain_not_registered", rtpPhone, "1015", "1017", "", fails},
		{"plain_unknown_extension", rtpPhone, "1015", "nosuchext", "", fails},
		{"plain_user_not_in_directory", rtpPhone, "1015", "1999", "", fails},
		{"plain_hold_resume", rtpPhone, "1015", "1016", "1016", holds},
		{"plain_caller_cancel", rtpPhone, "1015", "1016", "1016", func(t *testing.T, s *recordedScene) {
			a, b := s.ringing(t)
			if err := a.call.Cancel(); err != nil {
				t.Fatal(err)
			}
			b.ended(t)
		}},
		{"echo_9196", rtpPhone, "1000", "9196", "", func(t *testing.T, s *recordedScene) {
			a := s.caller.invite(t, s.number)
			a.answered(t)
			s.until(t, func(e *esl.Event) bool { return e.Name() == "CHANNEL_EXECUTE" && e.Value("Application") == "echo" })
			a.hangup(t)
		}},
		{"callee_hangup", rtpPhone, "1000", "1001", "1001", calleeHangsUp},
		{"hold_resume", rtpPhone, "1000", "1001", "1001", holds},
		{"early_media_183_then_answer", rtpPhone, "1000", "1001", "1001", func(t *testing.T, s *recordedScene) {
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
		{"no_answer_timeout", rtpPhone, "1000", "q1001", "1001", func(t *testing.T, s *recordedScene) {
			a, b := s.ringing(t)
			b.ended(t)
			a.failure(t)
		}},
		{"basic_answer_caller_hangup", rtpPhone, "1000", "1001", "1001", callerHangsUp},
		{"callee_busy_486", rtpPhone, "1000", "p1001", "1001", refused(486, "Busy Here")},
		{"callee_reject_404", rtpPhone, "1000", "p1001", "1001", refused(404, "Not Found")},
		{"callee_reject_503", rtpPhone, "1000", "p1001", "1001", refused(503, "Service Unavailable")},
		{"callee_reject_603", rtpPhone, "1000", "p1001", "1001", refused(603, "Decline")},
		{"callee_not_registered", rtpPhone, "1000", "p1005", "", fails},
		{"browser_basic", browser, "1002", "p1003", "1003", callerHangsUp},
	}
}

// TestEventsAsRecorded makes calls through the whole server with the configuration of the recordings, and compares the events: names,
// states and headers, in their order.
func TestEventsAsRecorded(t *testing.T) {
	ex := startWith(t, recordedTree(t))
	phones := map[string]*phone{}
	phoneOf := func(k kind, user string) *phone { // one for all calls: a UDP registration outlives its phone
		if phones[k.name+user] == nil {
			phones[k.name+user] = ex.phone(t, k, user)
		}
		return phones[k.name+user]
	}
	for _, c := range recordedCalls() {
		t.Run(c.name, func(t *testing.T) {
			want := channelEvents(t, recordedEvents(t, c.name))
			s := &recordedScene{caller: phoneOf(c.caller, c.from), number: c.number}
			if c.to != "" {
				s.callee = phoneOf(c.caller, c.to)
			}
			s.client = ex.follow(t, "ALL")
			for _, p := range phones {
				p.trace.begin()
			}
			c.play(t, s)
			s.untilIdle(t)
			messages := map[string][]string{}
			if c.caller.transport == "wss" {
				messages[c.from], messages[c.to] = recordedBrowserMessages(t, c.name, "A"), recordedBrowserMessages(t, c.name, "B")
			} else {
				messages = recordedMessages(t, c.name)
			}
			compareMessages(t, c.from, s.caller.trace.messages(), messages[c.from])
			if s.callee != nil {
				compareMessages(t, c.to, s.callee.trace.messages(), messages[c.to])
			}
			rocketChatRules(t, s.events, c.from)
			got := channelEvents(t, s.events)
			for _, leg := range []string{"inbound", "outbound"} {
				compareLives(t, leg, got[leg], want[leg])
				compareEventHeaders(t, leg, got[leg], want[leg])
			}
		})
	}
}

func recordedEvents(t *testing.T, name string) []*esl.Event {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "oracle", "calls", name+".jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the recording is not at %s", path)
	}
	var out []*esl.Event
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e, err := esl.ParseJSON(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// untilIdle reads events until every channel that began has ended; the caller's ends last.
func (s *recordedScene) untilIdle(t *testing.T) {
	t.Helper()
	s.until(t, func(e *esl.Event) bool {
		return e.Name() == "CHANNEL_STATE" && e.Value("Channel-State") == "CS_DESTROY" && e.Value("Call-Direction") == "inbound"
	})
}

// rocketChatRules holds events to what Rocket.Chat computes calls from: no field of the caller names the callee on any leg, sequence
// numbers sort as text, every leg says whom its call is for, and the caller's leg is destroyed last.
func rocketChatRules(t *testing.T, events []*esl.Event, caller string) {
	t.Helper()
	dialed, destroyed := map[string]bool{}, ""
	for i, e := range events {
		if e.Value("Unique-ID") == "" {
			continue
		}
		for _, name := range []string{"variable_sip_from_user", "Caller-Username", "Caller-Caller-ID-Number", "Caller-ANI"} {
			if v := e.Value(name); v != "" && v != caller {
				t.Errorf("%s of the %s leg: %s is %s, the caller is %s", e.Name(), e.Value("Call-Direction"), name, v, caller)
			}
		}
		if i > 0 && (len(e.Value("Event-Sequence")) != len(events[0].Value("Event-Sequence")) || e.Value("Event-Sequence") <= events[i-1].Value("Event-Sequence")) {
			t.Errorf("sequence %s after %s", e.Value("Event-Sequence"), events[i-1].Value("Event-Sequence"))
		}
		if e.Name() == "CHANNEL_DESTROY" {
			destroyed = e.Value("Call-Direction")
			dialed[destroyed] = e.Value("variable_dialed_extension")+e.Value("variable_dialed_user") != ""
		}
	}
	if destroyed != "inbound" {
		t.Errorf("the %s leg is destroyed last", destroyed)
	}
	if called, ok := dialed["outbound"]; ok && (!called || !dialed["inbound"]) {
		t.Errorf("legs that say whom the call is for: %v", dialed)
	}
}

// channelEvents sorts the events of channels by direction. Left out is what FreeSWITCH sends besides: presence, music on hold, which a
// called leg plays, and what modules that we have not announce.
func channelEvents(t *testing.T, events []*esl.Event) map[string][]*esl.Event {
	t.Helper()
	out := map[string][]*esl.Event{}
	for _, e := range events {
		direction := e.Value("Call-Direction")
		switch {
		case direction == "", e.Value("Channel-State") == "":
		case direction == "outbound" && (strings.HasPrefix(e.Name(), "CHANNEL_EXECUTE") || strings.HasPrefix(e.Name(), "PLAYBACK_")):
		case slices.Contains([]string{"PRIVATE_COMMAND"}, e.Name()):
		default:
			out[direction] = append(out[direction], e)
		}
	}
	return out
}

// life is an event in a line.
func life(e *esl.Event) string {
	line := []string{strings.TrimPrefix(e.Name(), "CHANNEL_")}
	for _, name := range []string{"Channel-State", "Channel-State-Number", "Channel-Call-State", "Answer-State", "Hangup-Cause", "Other-Type", "Application"} {
		if v := e.Value(name); v != "" {
			line = append(line, v)
		} else {
			line = append(line, "-")
		}
	}
	return strings.Join(line, " ")
}

func compareLives(t *testing.T, leg string, got, want []*esl.Event) {
	t.Helper()
	g, w := lifeWithoutTone(got), lifeWithoutTone(want)
	if !slices.Equal(g, w) {
		t.Errorf("%s leg:\n%s", leg, sideBySide(g, w))
	}
}

// sideBySide marks lines that are only in one of two lists.
func sideBySide(got, want []string) string {
	var b strings.Builder
	for len(got) > 0 || len(want) > 0 {
		switch {
		case len(got) > 0 && len(want) > 0 && got[0] == want[0]:
			fmt.Fprintf(&b, "    %s\n", got[0])
			got, want = got[1:], want[1:]
		case len(want) > 0 && (len(got) == 0 || !slices.Contains(got, want[0])):
			fmt.Fprintf(&b, "  - %s\n", want[0])
			want = want[1:]
		default:
			fmt.Fprintf(&b, "  + %s\n", got[0])
			got = got[1:]
		}
	}
	return b.String()
}

func headerNames(e *esl.Event) []string {
	var out []string
	for _, h := range e.Headers {
		if !slices.Contains(out, h.Name) { // the recorder kept the first of a name
			out = append(out, h.Name)
		}
	}
	return out
}

// compareEventHeaders compares the headers of events that both legs have, the n-th of a name and state with the n-th.
func compareEventHeaders(t *testing.T, leg string, got, want []*esl.Event) {
	t.Helper()
	seen, moved := map[string]int{}, false
	tone := slices.ContainsFunc(want, func(e *esl.Event) bool { return e.Value("variable_ringback") != "" })
	key := func(e *esl.Event) string {
		return e.Name() + " " + e.Value("Channel-State") + " " + e.Value("Application")
	}
	for _, e := range got {
		moved = moved || e.Name() == "CHANNEL_UNHOLD" || tone && (e.Name() == "CHANNEL_ANSWER" || e.Name() == "CHANNEL_HANGUP")
		k := key(e)
		n := seen[k]
		seen[k]++
		for _, w := range want {
			if key(w) != k {
				continue
			}
			if n == 0 {
				compareOneEvent(t, leg, e, w, moved)
				break
			}
			n--
		}
	}
}

// moved says that FreeSWITCH set its media variables again, which puts them to the end.
func compareOneEvent(t *testing.T, leg string, got, want *esl.Event, moved bool) {
	t.Helper()
	g, w := headerNames(got), headerNames(want)
	extra := slices.DeleteFunc(slices.Clone(g), func(n string) bool { return slices.Contains(w, n) || justified(n) })
	missing := slices.DeleteFunc(slices.Clone(w), func(n string) bool { return slices.Contains(g, n) || justified(n) })
	if len(extra) > 0 || len(missing) > 0 {
		t.Errorf("%s %s %s: extra %v, missing %v", leg, got.Name(), got.Value("Channel-State"), extra, missing)
	}
	if moved {
		return
	}
	g = slices.DeleteFunc(g, func(n string) bool { return !slices.Contains(w, n) || !inOrder(n) })
	w = slices.DeleteFunc(w, func(n string) bool { return !slices.Contains(g, n) })
	for i := range g {
		if g[i] != w[i] {
			t.Errorf("%s %s %s: order: got %s, recorded %s", leg, got.Name(), got.Value("Channel-State"), g[i], w[i])
			return
		}
	}
}

// justified are headers in which we and FreeSWITCH differ for a reason.
func justified(name string) bool {
	v, ok := strings.CutPrefix(name, "variable_")
	switch {
	case strings.HasPrefix(name, "Caller-Callee-ID-"):
		return true // on the caller's leg: known as soon as the callee is, which FreeSWITCH's own ringing tone is not
	case !ok:
		return false
	case strings.HasPrefix(v, "Event-"), strings.HasPrefix(v, "FreeSWITCH-"), v == "Core-UUID":
		return true // the request for the caller's directory entry, copied into the channel by mistake
	case strings.HasPrefix(v, "rtp_audio_"), strings.HasPrefix(v, "remote_audio_"):
		return true // counters of its media stack; ICE addresses are not known before the answer
	}
	return slices.Contains([]string{
		"sip_req_port", "sip_to_port", "sip_from_port", // our port is not 5060
		"sip_contact_params", "sip_user_agent", "sip_allow", "sip_nat_detected", // other phones than the recorded ones
		"RFC2822_DATE",                                                                                                                                                                               // of ${strftime()}, which is not served
		"current_application", "current_application_data", "current_application_response", "last_app", "last_arg", "playback_last_offset_pos", "playback_seconds", "playback_ms", "playback_samples", // music on hold
		"rtp_use_timer_name", "rtp_use_ssrc", "rtp_has_crypto", "send_silence_when_idle", "video_media_flow", // of its media stack
		"remote_media_ip", "remote_media_port", // of ICE
		"sip_to_tag", "sip_cseq", // taken again from the ACK
		"sip_invite_failure_status", "sip_invite_failure_phrase", // of the answer to our CANCEL: the leg is over before
		"ep_codec_string",    // with the codec, which an early answer settles
		"rtp_use_codec_fmtp", // the answer names its own
		"DP_MATCH",           // of a condition without actions
		"switch_m_sdp",       // set before its ringing tone, and after the callee's media here
		"record_stereo",      // the callee's directory variables: with the answer, not after it
		"default_gateway", "default_areacode", "transfer_fallback_extension", "toll_allow", "accountcode", "user_context",
		"effective_caller_id_name", "effective_caller_id_number", "outbound_caller_id_name", "outbound_caller_id_number", "callgroup",
	}, v)
}

// inOrder leaves out what is set again, and so moved, by an ACK or a re-INVITE on FreeSWITCH, and what is justified to be missing.
func inOrder(name string) bool {
	return !justified(name) && !strings.HasPrefix(name, "variable_sip_") && !slices.Contains([]string{
		"variable_media_webrtc", "variable_call_uuid", "variable_bridge_hangup_cause", "variable_text_media_flow", "variable_audio_media_flow",
	}, name)
}

// lifeWithoutTone leaves out what comes of the ringing tone that FreeSWITCH makes when the dialplan sets ringback: we tell the caller 180.
func lifeWithoutTone(list []*esl.Event) []string {
	var out []string
	answered := slices.IndexFunc(list, func(e *esl.Event) bool { return e.Name() == "CHANNEL_ANSWER" })
	for i, e := range list {
		early := e.Value("Call-Direction") == "inbound" && i < answered && slices.Contains([]string{"CODEC", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA"}, e.Name())
		if !early {
			out = append(out, life(e))
		}
	}
	return out
}
