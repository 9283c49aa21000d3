package call

import (
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// recordFileVariable holds the path of the recording that the leg's peer began, as in mod_sofia.
const recordFileVariable = "sofia_record_file"

// recordByPeer begins or ends a recording of both directions because the leg's peer asked for it (an INFO with Record: on or off). The answers
// are mod_sofia's.
func (ch *Channel) recordByPeer(template string) (refusal string) {
	switch path := ch.vars.value(recordFileVariable); {
	case template == "" && path == "":
		return "Nothing to stop"
	case template == "":
		ch.vars.del(recordFileVariable)
		ch.endRecording(path)
		return ""
	case isTrue(ch.vars.value("sip_disable_recording")):
		return "Recording disabled for this channel"
	case path != "": // it asks again
		return ""
	}
	if ch.codec.Name == "" {
		return "No media to record yet"
	}
	path := dialplan.ParseTemplate(template).Expand(env{ch}).String()
	if _, err := ch.record(path, media.RecordOptions{Both: true, Mono: !isTrue(ch.vars.value("RECORD_STEREO"))}, true); err != nil {
		ch.recordFailed(path, err)
		return "Recording not possible"
	}
	ch.set(recordFileVariable, path)
	return ""
}

// endRecording ends one recording without waiting for its last samples.
func (ch *Channel) endRecording(path string) {
	if r, ok := ch.sound.recordings[path]; ok {
		r.r.Stop()
	}
}
