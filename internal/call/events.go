package call

import (
	"strconv"

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
