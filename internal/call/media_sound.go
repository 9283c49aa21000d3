package call

import (
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// Sound says where sounds are read from and recordings are written to. Nothing outside of these folders is read or written, whatever a
// dialplan, a command or a peer says.
type Sound struct {
	SoundsDir     string   // sounds_dir: where relative names start, unless sound_prefix says otherwise
	RecordingsDir string   // recordings_dir; "" refuses recordings
	Folders       []string // further folders that sounds may be read from by their full path
	HoldMusic     string   // what a held party hears unless the variable hold_music says otherwise; "" is local_stream://moh
	// LocalStream finds a directory of local_stream.conf; nil knows none, and then a tune of our own plays.
	LocalStream func(name string) (audio.LocalStream, bool)
}

// soundState is what a channel plays, records and has been dialled.
type soundState struct {
	ahead bool // the dialplan is going to make sound
}

// sounding are the applications that need a codec which can be made or understood here.
func sounding() []string {
	return []string{"playback", "endless_playback", "loop_playback", "gentones", "delay_echo", "record", "record_session", "read",
		"play_and_get_digits", "start_dtmf", "three_way", "wait_for_silence"}
}

// makesSound says whether one of the actions needs such a codec.
func makesSound(actions []dialplan.Action) bool {
	names := sounding()
	return slices.ContainsFunc(actions, func(a dialplan.Action) bool { return slices.Contains(names, strings.ToLower(a.App)) })
}

// ownCodec is the codec that a leg is answered with when no called leg decides it: the best one, or the best that can be made here when
// there is something to play.
func (ch *Channel) ownCodec() media.Codec {
	codecs := audioOf(ch.prefs)
	if ch.sound.ahead {
		for _, c := range codecs {
			if media.Generable(c) {
				return c
			}
		}
	}
	return codecs[0]
}
