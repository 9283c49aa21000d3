package call

import (
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/event"
)

// One function an event name. Header names, their order and the places events are said to come from are FreeSWITCH 1.11.2's, as
// recorded; what is known to differ is in docs/divergence.md.

func from(file, function string, line int) event.Origin {
	return event.Origin{File: file, Function: function, Line: line}
}

// emitState reports the state the channel runs in now.
func (ch *Channel) emitState() {
	ch.emit(eventSpec{name: "CHANNEL_STATE", origin: from("switch_channel.c", "switch_channel_perform_set_running_state", 2409)})
}

// emitCallState moves to another call state and reports it; there is none when it is the state already.
func (ch *Channel) emitCallState(s callState) {
	if ch.callState == s {
		return
	}
	before := extra{{"Original-Channel-Call-State", ch.callState.String()}, {"Channel-Call-State-Number", strconv.Itoa(int(s))}}
	ch.callState = s
	ch.emit(eventSpec{name: "CHANNEL_CALLSTATE", origin: from("switch_channel.c", "switch_channel_perform_set_callstate", 302), before: before})
}

func (ch *Channel) emitCreate() {
	ch.emit(eventSpec{name: "CHANNEL_CREATE", origin: from("switch_core_state_machine.c", "switch_core_session_run", 626), vars: true})
}

func (ch *Channel) emitOriginate() {
	ch.emit(eventSpec{name: "CHANNEL_ORIGINATE", origin: from("switch_core_state_machine.c", "switch_core_session_run", 632), vars: true})
}

// emitOutgoing is sent when the leg is made and once more when its bridge begins.
func (ch *Channel) emitOutgoing() {
	ch.emit(eventSpec{name: "CHANNEL_OUTGOING", origin: from("switch_core_session.c", "switch_core_session_outgoing_channel", 768)})
}

func (ch *Channel) emitProgress() {
	ch.emit(eventSpec{name: "CHANNEL_PROGRESS", origin: from("switch_channel.c", "switch_channel_perform_mark_ring_ready_value", 3507), vars: true})
}

func (ch *Channel) emitProgressMedia() {
	ch.emit(eventSpec{name: "CHANNEL_PROGRESS_MEDIA", origin: from("switch_channel.c", "switch_channel_perform_mark_pre_answered", 3562), vars: true})
}

func (ch *Channel) emitAnswer() {
	ch.emit(eventSpec{name: "CHANNEL_ANSWER", origin: from("switch_channel.c", "switch_channel_perform_mark_answered", 3848), vars: true})
}

// emitCodec reports the codec of both directions, as two events.
func (ch *Channel) emitCodec() {
	rate, bits := strconv.Itoa(ch.codec.SampleRate()), strconv.Itoa(bitRate(ch.codec))
	ch.emit(eventSpec{name: "CODEC", origin: from("switch_core_codec.c", "switch_core_session_set_real_read_codec", 189),
		after: extra{{"channel-read-codec-name", ch.codec.Name}, {"channel-read-codec-rate", rate}, {"channel-read-codec-bit-rate", bits}}})
	ch.emit(eventSpec{name: "CODEC", origin: from("switch_core_codec.c", "switch_core_session_set_write_codec", 471),
		after: extra{{"Channel-Write-codec-bit-rate", bits}}})
}

func (ch *Channel) emitBridge(a, b string) {
	ch.emit(eventSpec{name: "CHANNEL_BRIDGE", origin: from("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1689),
		before: extra{{"Bridge-A-Unique-ID", a}, {"Bridge-B-Unique-ID", b}}, vars: true})
}

func (ch *Channel) emitUnbridge(a, b string) {
	ch.emit(eventSpec{name: "CHANNEL_UNBRIDGE", origin: from("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1879),
		before: extra{{"Bridge-A-Unique-ID", a}, {"Bridge-B-Unique-ID", b}}, vars: true})
}

// emitCallUpdate says which identity the leg was told of its peer.
func (ch *Channel) emitCallUpdate(name, number, bridgedTo string) {
	ch.emit(eventSpec{name: "CALL_UPDATE", origin: from("mod_sofia.c", "sofia_receive_message", 2133),
		before: extra{{"Direction", "SEND"}, {"Sent-Callee-ID-Name", name}, {"Sent-Callee-ID-Number", number}, {"Bridged-To", bridgedTo}}, vars: true})
}

// emitFlip says that a transferred called leg is a caller from now on.
func (ch *Channel) emitFlip() {
	ch.emit(eventSpec{name: "CALL_UPDATE", origin: from("switch_channel.c", "switch_channel_flip_cid", 3279),
		before: extra{{"Direction", "RECV"}}, vars: true})
}

func (ch *Channel) emitHold() {
	ch.emit(eventSpec{name: "CHANNEL_HOLD", origin: from("switch_channel.c", "switch_channel_mark_hold", 876), vars: true})
}

func (ch *Channel) emitUnhold() {
	ch.emit(eventSpec{name: "CHANNEL_UNHOLD", origin: from("switch_channel.c", "switch_channel_mark_hold", 876), vars: true})
}

// The places that tell of presence.
var (
	presenceOfState  = from("src/switch_core_state_machine.c", "check_presence", 521)
	presenceOfAnswer = from("src/switch_channel.c", "switch_channel_perform_mark_answered", 3906)
	presenceOfHold   = from("src/switch_core_media.c", "switch_core_media_toggle_hold", 6516)
	presenceOfUnhold = from("src/switch_core_media.c", "switch_core_media_toggle_hold", 6626)
)

// emitPresence tells those who watch the user of this leg what the user does; status is a state, answered, hold, unhold or cancelled. A leg that
// is nobody's tells nothing.
func (ch *Channel) emitPresence(status string, by event.Origin) {
	id := ch.vars.value("presence_id")
	if id == "" {
		return
	}
	if !ch.wanted("PRESENCE_IN", "") {
		ch.presences++
		return
	}
	x := extra{{"proto", "any"}, {"login", "src/switch_channel.c"}, {"from", headerText(id)}, {"rpid", "unknown"}, {"status", status},
		{"event_type", "presence"}, {"alt_event_type", "dialog"}, {"presence-call-info-state", ch.callInfoState(status)}}
	if info := ch.vars.value("presence_call_info"); info != "" {
		x = append(x, [2]string{"presence-call-info", info})
	}
	x = append(x, extra{{"presence-call-direction", ch.direction}, {"event_count", strconv.Itoa(ch.presences)},
		{"Presence-Calling-File", by.File}, {"Presence-Calling-Function", by.Function}, {"Presence-Calling-Line", strconv.Itoa(by.Line)}}...)
	if isTrue(ch.vars.value("presence_privacy")) {
		x = append(x, [2]string{"Presence-Privacy", "true"})
	}
	ch.presences++
	ch.emit(eventSpec{name: "PRESENCE_IN", origin: from("switch_channel.c", "switch_channel_perform_presence", 806), after: x})
}

// callInfoState is the state of a call as lamps show it.
func (ch *Channel) callInfoState(status string) string {
	switch {
	case ch.hungUp:
		return "idle"
	case status == "hold":
		return "held"
	case ch.isAnswered:
		return "active"
	case ch.direction == outbound:
		return "progressing"
	}
	return "alerting"
}

// emitReinvite tells that a new offer of the peer was accepted.
func (ch *Channel) emitReinvite() {
	ch.emitBare("CUSTOM", "sofia::reinvite", from("sofia.c", "sofia_handle_sip_i_state", 8501), extra{{"Unique-ID", ch.uuid}})
}

// emitSecure tells, once for each direction, that media is encrypted now, and how: srtp:dtls:… or srtp:sdes:….
func (ch *Channel) emitSecure() {
	for range 2 {
		ch.emitBare("CALL_SECURE", "", from("switch_rtp.c", "switch_rtp_add_crypto_key", 4498),
			extra{{"secure_type", ch.secure}, {"caller-unique-id", ch.uuid}})
	}
}

// emitInfo tells of an INFO of the peer.
func (ch *Channel) emitInfo(m Info) {
	var x extra
	for _, h := range m.Headers {
		x = append(x, [2]string{h[0], headerText(h[1])})
	}
	ch.emit(eventSpec{name: "RECV_INFO", origin: from("sofia.c", "create_info_event", 9733), before: x, body: string(m.Body)})
}

// emitPrivateCommand tells that a message to the channel was dealt with.
func (ch *Channel) emitPrivateCommand(headers extra) {
	ch.emit(eventSpec{name: "PRIVATE_COMMAND", origin: from("switch_ivr.c", "switch_ivr_parse_next_event", 804), before: headers})
}

func (ch *Channel) emitPark() {
	ch.emit(eventSpec{name: "CHANNEL_PARK", origin: from("switch_ivr.c", "switch_ivr_park", 1002), vars: true})
}

func (ch *Channel) emitUnpark() {
	ch.emit(eventSpec{name: "CHANNEL_UNPARK", origin: from("switch_ivr.c", "switch_ivr_park", 1213), vars: true})
}

// emitDTMF reports a digit. The duration is in samples; source is ENDPOINT for signalling and RTP for RFC 4733.
func (ch *Channel) emitDTMF(digit byte, samples int, source string) {
	ch.emit(eventSpec{name: "DTMF", origin: from("switch_channel.c", "switch_channel_dequeue_dtmf", 678),
		after: extra{{"DTMF-Digit", string(digit)}, {"DTMF-Duration", strconv.Itoa(samples)}, {"DTMF-Source", source}}})
}

// emitRecordStart tells that a file is being written. session says that it is a recording of the call beside what goes on, not one that
// an application waits for.
func (ch *Channel) emitRecordStart(path string, session bool) {
	origin := from("switch_ivr_play_say.c", "switch_ivr_record_file", 770)
	if session {
		origin = from("switch_ivr_async.c", "record_callback", 1482)
	}
	ch.emit(eventSpec{name: "RECORD_START", origin: origin, vars: true, after: extra{{"Record-File-Path", headerText(path)}}})
	if session {
		ch.emitMediaBug("MEDIA_BUG_START", "switch_core_media_bug_add_session_detach", 1014, path)
	}
}

func (ch *Channel) emitRecordStop(path, cause string, session bool) {
	origin := from("switch_ivr_play_say.c", "switch_ivr_record_file", 1033)
	x := extra{{"Record-File-Path", headerText(path)}}
	if session {
		origin = from("switch_ivr_async.c", "send_record_stop_event", 1241)
		if cause != "" {
			x = append(x, [2]string{"Record-Completion-Cause", cause})
		}
	}
	ch.emit(eventSpec{name: "RECORD_STOP", origin: origin, vars: true, after: x})
	if session {
		ch.emitMediaBug("MEDIA_BUG_STOP", "switch_core_media_bug_destroy", 84, path)
	}
}

// emitMediaBug tells that a recording begins or ends to hear the call.
func (ch *Channel) emitMediaBug(name, function string, line int, path string) {
	ch.emit(eventSpec{name: name, origin: from("switch_core_media_bug.c", function, line), vars: true,
		before: extra{{"Media-Bug-Function", "session_record"}, {"Media-Bug-Target", headerText(path)}}})
}

func (ch *Channel) emitPlaybackStart(name string) {
	ch.emit(eventSpec{name: "PLAYBACK_START", origin: from("switch_ivr_play_say.c", "switch_ivr_play_file", 1649), vars: true,
		after: playbackHeaders(name)})
}

func (ch *Channel) emitPlaybackStop(name string, broken bool) {
	status := map[bool]string{true: "break", false: "done"}[broken]
	ch.emit(eventSpec{name: "PLAYBACK_STOP", origin: from("switch_ivr_play_say.c", "switch_ivr_play_file", 2023), vars: true,
		after: append(playbackHeaders(name), [2]string{"Playback-Status", status})})
}

// playbackHeaders name the sound; only streams have a type.
func playbackHeaders(name string) extra {
	var x extra
	for _, kind := range []string{"local_stream", "tone_stream"} {
		if strings.HasPrefix(strings.ToLower(name), kind+":") {
			x = append(x, [2]string{"Playback-File-Type", kind})
		}
	}
	return append(x, [2]string{"Playback-File-Path", headerText(name)})
}

func (ch *Channel) emitExecute(app, data, id string) {
	ch.emit(eventSpec{name: "CHANNEL_EXECUTE", origin: from("switch_core_session.c", "switch_core_session_exec", 2949), vars: true,
		after: application(app, data, "", id)})
}

func (ch *Channel) emitExecuteComplete(app, data, response, id string) {
	ch.emit(eventSpec{name: "CHANNEL_EXECUTE_COMPLETE", origin: from("switch_core_session.c", "switch_core_session_exec", 2972), vars: true,
		after: application(app, data, response, id)})
}

func application(app, data, response, id string) extra {
	x := extra{{"Application", app}}
	if data != "" {
		x = append(x, [2]string{"Application-Data", headerText(data)})
	}
	if response != "" {
		x = append(x, [2]string{"Application-Response", response})
	}
	if id == "" {
		return x
	}
	return append(x, [2]string{"Application-UUID", id})
}

func (ch *Channel) emitHangup() {
	ch.emit(eventSpec{name: "CHANNEL_HANGUP", origin: from("switch_channel.c", "switch_channel_perform_hangup", 3447), vars: true})
}

// emitHangupComplete has Hangup-Cause twice, in front and in its usual place.
func (ch *Channel) emitHangupComplete() {
	ch.emit(eventSpec{name: "CHANNEL_HANGUP_COMPLETE", origin: from("switch_core_state_machine.c", "switch_core_session_reporting_state", 943),
		before: extra{{"Hangup-Cause", string(ch.cause)}}, vars: true})
}

func (ch *Channel) emitDestroy() {
	ch.emit(eventSpec{name: "CHANNEL_DESTROY", origin: from("switch_core_session.c", "switch_core_session_perform_destroy", 1588), vars: true})
}
