package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// channelEvents sorts the events of channels by direction.
func channelEvents(t *testing.T, events []*esl.Event) map[string][]*esl.Event {
	t.Helper()
	out := map[string][]*esl.Event{}
	for _, e := range events {
		direction := e.Value("Call-Direction")
		switch {
		case direction == "", e.Value("Channel-State") == "":
		case strings.HasPrefix(e.Name(), "PLAYBACK_") && !strings.HasPrefix(e.Value("Playback-File-Path"), "tone_stream"): // there were no sounds
		case e.Name() == "DTMF" && e.Value("DTMF-Source") == "RTP": // only of browsers that were recorded
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

// label is an event with what it is about.
func label(e *esl.Event) string {
	line := e.Name()
	for _, name := range []string{"Event-Subclass", "Application", "Application-Data", "API-Command"} {
		if v := e.Value(name); v != "" {
			line += " " + v
		}
	}
	return line
}

// upTo cuts off what follows the first event with a label; all of it is kept when there is none.
func upTo(events []*esl.Event, last string) []*esl.Event {
	if i := slices.IndexFunc(events, func(e *esl.Event) bool { return label(e) == last }); i >= 0 {
		return events[:i+1]
	}
	return events
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
		"sip_req_port", "sip_to_port", // our port is not 5060
		"sip_contact_params", "sip_user_agent", "sip_allow", "sip_nat_detected", // other phones than the recorded ones
		"last_app", "last_arg", "playback_last_offset_pos", "playback_seconds", "playback_ms", "playback_samples", // music on hold
		"rtp_use_timer_name", "rtp_use_ssrc", "rtp_has_crypto", "send_silence_when_idle", "video_media_flow", // of its media stack
		"remote_media_ip", "remote_media_port", // of ICE
		"sip_to_tag", "sip_cseq", // taken again from the ACK
		"dlg_req_swap_direction", "sip_from_display", // a re-INVITE of the called party swaps its From and To
		"sip_invite_failure_status", "sip_invite_failure_phrase", // of the answer to our CANCEL: the leg is over before
		"ep_codec_string",    // with the codec, which an early answer settles
		"rtp_use_codec_fmtp", // the answer names its own
		"DP_MATCH",           // of a condition without actions
		"record_stereo",      // the callee's directory variables: with the answer, not after it
		"default_gateway", "default_areacode", "transfer_fallback_extension", "toll_allow", "accountcode", "user_context",
		"effective_caller_id_name", "effective_caller_id_number", "outbound_caller_id_name", "outbound_caller_id_number", "callgroup",
	}, v)
}

// inOrder leaves out what is set again, and so moved, by an ACK or a re-INVITE on FreeSWITCH, and what is justified to be missing.
func inOrder(name string) bool {
	return !justified(name) && !strings.HasPrefix(name, "variable_sip_") && !slices.Contains([]string{
		"variable_read_codec", "variable_read_rate", // of its ringing tone
		"variable_switch_m_sdp", // of the far party's re-INVITE
		"variable_media_webrtc", "variable_call_uuid", "variable_bridge_hangup_cause", "variable_text_media_flow", "variable_audio_media_flow",
	}, name)
}

// lifeWithoutTone leaves out what comes of the ringing tone that FreeSWITCH makes when the dialplan sets ringback: we tell the caller 180.
func lifeWithoutTone(list []*esl.Event) []string {
	var out []string
	answered := slices.IndexFunc(list, func(e *esl.Event) bool { return e.Name() == "CHANNEL_ANSWER" })
	for i, e := range list {
		early := e.Value("Call-Direction") == "inbound" && (i < answered || answered < 0) && slices.Contains([]string{"CODEC", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA"}, e.Name())
		if !early {
			out = append(out, life(e))
		}
	}
	return out
}
