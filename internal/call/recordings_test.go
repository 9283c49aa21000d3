package call

import (
	"bufio"
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

var update = flag.Bool("update", false, "write testdata from the recordings")

// recording is the events of one call of a real FreeSWITCH.
func recording(t *testing.T, name string) []*esl.Event {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "oracle", "calls", name+".jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("recording of a FreeSWITCH is not at %s", path)
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

// scenario is a recorded call and how to play it again.
type scenario struct {
	name string
	play func(r *rig, p player)
}

// player gives the variables of the recorded signalling.
type player struct {
	in, dest, progress, answer []Variable
}

func scenarios() []scenario {
	ringing := func(r *rig, p player, number string) (a, b *fakeLeg) {
		r.dialer.add("1016", p.dest...)
		a = r.call(number, p.in...)
		b = r.dialer.next()
		b.h.LegProgress(180, nil, p.progress)
		a.want("ring")
		return a, b
	}
	talking := func(r *rig, p player) (a, b *fakeLeg) {
		a, b = ringing(r, p, "1016")
		b.h.LegAnswered([]byte(sdpB), p.answer)
		a.want("answer")
		r.untilEvent("CALL_UPDATE", inbound)
		return a, b
	}
	bye := LegEnd{Cause: NormalClearing, Status: 200, Phrase: "OK", Disposition: "recv_bye"}
	refuse := func(status int, phrase string, cause Cause) func(r *rig, p player) {
		return func(r *rig, p player) {
			a, b := ringing(r, p, "1016")
			b.h.LegEnded(LegEnd{Cause: cause, Status: status, Phrase: phrase, Disposition: "recv_refuse"})
			a.want("hangup " + string(cause) + " " + itoa(status) + " " + phrase)
			r.until(2)
		}
	}
	return []scenario{
		{"plain_basic_caller_hangup", func(r *rig, p player) {
			a, b := talking(r, p)
			a.h.LegEnded(bye)
			b.want("hangup NORMAL_CLEARING")
			r.until(2)
		}},
		{"plain_basic_callee_hangup", func(r *rig, p player) {
			a, b := talking(r, p)
			b.h.LegEnded(bye)
			a.want("hangup NORMAL_CLEARING")
			r.until(2)
		}},
		{"plain_caller_cancel", func(r *rig, p player) {
			a, b := ringing(r, p, "1016")
			a.h.LegEnded(LegEnd{Cause: OriginatorCancel, Status: 487, Phrase: "CANCEL", Disposition: "recv_cancel"})
			b.want("hangup ORIGINATOR_CANCEL")
			r.until(2)
		}},
		{"plain_busy_486", refuse(486, "Busy Here", UserBusy)},
		{"plain_reject_603", refuse(603, "Decline", CallRejected)},
		{"plain_not_registered", func(r *rig, p player) {
			a := r.call("1017", p.in...)
			a.want("hangup USER_NOT_REGISTERED")
			r.until(1)
		}},
		{"plain_unknown_extension", func(r *rig, p player) {
			a := r.call("4711", p.in...)
			a.want("hangup NO_ROUTE_DESTINATION")
			r.until(1)
		}},
		{"plain_hold_resume", func(r *rig, p player) {
			a, b := talking(r, p)
			for _, direction := range []string{"sendonly", "sendrecv"} {
				done := make(chan error, 1)
				a.h.LegReoffer([]byte(strings.Replace(sdpA, "sendrecv", direction, 1)), func(_ []byte, err error) { done <- err })
				if err := <-done; err != nil {
					r.t.Fatal(err)
				}
			}
			a.h.LegEnded(bye)
			b.want("hangup NORMAL_CLEARING")
			r.until(2)
		}},
	}
}

func itoa(n int) string { return decimal(uint64(n)) }

// TestSequencesAsRecorded compares, for each leg, the order of events with the states in them.
func TestSequencesAsRecorded(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			file := filepath.Join("testdata", s.name+".txt")
			if *update {
				lines := byLeg(digest(recording(t, s.name)))
				if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t)
			r.core.cfg.Sound = noMusic
			s.play(r, player{})
			compareLines(t, byLeg(digest(r.events)), strings.Split(strings.TrimSpace(string(text)), "\n"))
		})
	}
}

// TestSequencesInTestdata holds testdata to the recordings it was made from.
func TestSequencesInTestdata(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", s.name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			compareLines(t, byLeg(digest(recording(t, s.name))), strings.Split(strings.TrimSpace(string(text)), "\n"))
		})
	}
}

func compareLines(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "(nothing)", "(nothing)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("line %d: got  %s\n             want %s", i+1, g, w)
		}
	}
}

// byLeg puts each leg's events together: between the legs the order differs from call to call on FreeSWITCH too. Left out: what a
// called leg says its call is once the bridge is over, because FreeSWITCH resets it sooner or later, and music on hold.
func byLeg(lines []string) []string {
	var out []string
	for _, leg := range []string{"A", "B"} {
		bridged := false
		for _, line := range lines {
			f := strings.Fields(line)
			if f[0] != leg {
				continue
			}
			if leg == "B" && (strings.HasPrefix(f[1], "EXECUTE") || strings.HasPrefix(f[1], "PLAYBACK")) {
				continue
			}
			bridged = bridged || f[2] == "CS_EXCHANGE_MEDIA"
			if leg == "B" && bridged && f[2] != "CS_EXCHANGE_MEDIA" {
				f[6] = "*"
			}
			out = append(out, strings.Join(f, " "))
		}
	}
	return out
}

// TestHeadersAsRecorded compares the headers of each event, their order and those that are missing, with the recording. The
// signalling's own variables are taken from there.
func TestHeadersAsRecorded(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			rec := onLegs(recording(t, s.name))
			r := newRig(t)
			r.core.cfg.Sound = noMusic
			s.play(r, playerOf(rec))
			got := onLegs(r.events)
			for _, leg := range []string{inbound, outbound} {
				compareHeaders(t, leg, got[leg], rec[leg])
			}
		})
	}
}

// noMusic is the installation that was recorded: it had no music on hold.
func noMusic() Sound { return Sound{HoldMusic: "silence"} }

// onLegs sorts the channel events by direction.
func onLegs(events []*esl.Event) map[string][]*esl.Event {
	out := map[string][]*esl.Event{}
	for _, e := range events {
		d := e.Value("Call-Direction")
		music := d == outbound && (strings.HasPrefix(e.Name(), "CHANNEL_EXECUTE") || strings.HasPrefix(e.Name(), "PLAYBACK_"))
		if d != "" && e.Value("Channel-State") != "" && !ignoredEvent(e.Name()) && !music {
			out[d] = append(out[d], e)
		}
	}
	return out
}

// playerOf takes the variables of signalling out of a recording.
func playerOf(rec map[string][]*esl.Event) player {
	var p player
	find := func(leg, name string) *esl.Event {
		i := slices.IndexFunc(rec[leg], func(e *esl.Event) bool { return e.Name() == name })
		if i < 0 {
			return esl.NewEvent("")
		}
		return rec[leg][i]
	}
	skip := []string{"video_media_flow", "audio_media_flow", "text_media_flow", "direction", "uuid", "call_uuid", "session_id", "channel_name", "switch_r_sdp", "ep_codec_string", "endpoint_disposition"}
	p.in = signalling(find(inbound, "CHANNEL_CREATE"), nil, skip)
	create := find(outbound, "CHANNEL_CREATE")
	own := []string{"direction", "is_outbound", "uuid", "session_id", "text_media_flow", "channel_name", "max_forwards", "originator_codec",
		"originator", "signal_bond", "switch_m_sdp", "call_uuid", "originate_early_media", "originating_leg_uuid", "originate_endpoint",
		"rtp_use_codec_string", "local_media_ip", "local_media_port", "advertised_media_ip", "audio_media_flow", "video_media_flow", "rtp_local_sdp_str"}
	p.dest = signalling(create, nil, own)
	p.progress = signalling(find(outbound, "CHANNEL_PROGRESS"), create, nil)
	return p
}

func signalling(e, without *esl.Event, skip []string) []Variable {
	var out []Variable
	for _, h := range e.Headers {
		name, ok := strings.CutPrefix(h.Name, "variable_")
		if !ok || slices.Contains(skip, name) {
			continue
		}
		if without != nil && without.Value(h.Name) == h.Value {
			continue
		}
		out = append(out, Variable{Name: name, Value: h.Value, Wire: true})
	}
	return out
}

func names(e *esl.Event) []string {
	var out []string
	for _, h := range e.Headers {
		if !slices.Contains(out, h.Name) { // the recorder kept the first of a name
			out = append(out, h.Name)
		}
	}
	return out
}

func compareHeaders(t *testing.T, leg string, got, want []*esl.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d events, recorded %d", leg, len(got), len(want))
		return
	}
	renegotiated := false
	for i := range got {
		g, w := names(got[i]), names(want[i])
		var extra, missing []string
		for _, n := range g {
			if !slices.Contains(w, n) {
				extra = append(extra, n)
			}
		}
		for _, n := range w {
			if !slices.Contains(g, n) && !knownMissing(n) {
				missing = append(missing, n)
			}
		}
		if extra != nil || missing != nil {
			t.Errorf("%s %s %s: extra %v missing %v", leg, got[i].Name(), got[i].Value("Channel-State"), extra, missing)
		}
		if renegotiated = renegotiated || got[i].Name() == "CHANNEL_UNHOLD"; renegotiated {
			continue // FreeSWITCH sets its media variables again, more or less of them each time
		}
		common := func(list, other []string) []string {
			return slices.DeleteFunc(slices.Clone(list), func(n string) bool { return !slices.Contains(other, n) || !ordered(n) })
		}
		cg, cw := common(g, w), common(w, g)
		for j := range cg {
			if cg[j] != cw[j] {
				t.Errorf("%s %s %s: order: got %s, recorded %s", leg, got[i].Name(), got[i].Value("Channel-State"), cg[j], cw[j])
				break
			}
		}
	}
}

// knownMissing are headers that FreeSWITCH has and this package has not: the signalling side sets them, they are about its own media
// stack, or they come when the answer to a CANCEL arrives. docs/divergence.md lists those that are missing for good.
func knownMissing(name string) bool {
	v := strings.TrimPrefix(name, "variable_")
	if strings.HasPrefix(v, "rtp_audio_") {
		return true
	}
	return slices.Contains([]string{
		"sip_to_tag", "sip_cseq", // signalling
		"sip_invite_failure_status", "sip_invite_failure_phrase", // of the cancelled leg
		"current_application", "current_application_data", "current_application_response", "last_app", "last_arg", // music on hold
		"video_media_flow", "rtp_use_timer_name", "rtp_use_ssrc",
		// The callee's directory variables: the signalling side gives them, the recording has them from the bridge on.
		"record_stereo", "default_gateway", "default_areacode", "transfer_fallback_extension", "toll_allow", "accountcode", "user_context",
		"effective_caller_id_name", "effective_caller_id_number", "outbound_caller_id_name", "outbound_caller_id_number", "callgroup",
	}, v)
}

// ordered leaves out the variables that the signalling side sets again within a call, which moves them to the end.
// Nor those that FreeSWITCH sets again sooner or later while a bridge ends or a hold begins.
func ordered(name string) bool {
	switch name {
	case "variable_call_uuid", "variable_switch_m_sdp", "variable_rtp_audio_recv_pt", "variable_bridge_hangup_cause":
		return false
	}
	return !strings.HasPrefix(name, "variable_sip_") || strings.Contains(name, "hangup") || strings.Contains(name, "_term_")
}
