package call

import (
	"strings"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// Sounds that nobody waits for: music for a held party and what a caller hears while somebody is rung. A channel has one at a time.

// defaultMusic is what a held party hears when nothing says otherwise.
const defaultMusic = "local_stream://moh"

// playBehind starts a sound in the background, in place of one that plays there. It is begun again when it ends.
func (ch *Channel) playBehind(name string, report bool) {
	ch.stopBehind()
	if ch.hungUp || ch.media == nil || ch.codec.Name == "" || !media.Generable(ch.codec) {
		return
	}
	src, err := ch.openNamed(name)
	if err != nil {
		return
	}
	s, err := ch.startNamed(name, src)
	if err != nil {
		ch.log.Info("sound not played", "sound", headerText(name), "error", err)
		return
	}
	ch.sound.background = s
	id := newUUID()
	if report {
		ch.set("current_loop", "1")
		ch.set("total_loops", "-1")
		ch.set("current_application", "playback")
		ch.set("current_application_data", name)
		ch.emitExecute("playback", name, id)
		ch.set("current_application", "playback") // again, which moves it behind
		ch.emitPlaybackStart(name)
	}
	s.after = func() {
		again := ch.sound.background == s && s.err == nil && s.p.Position() > 0
		if ch.sound.background == s {
			ch.sound.background = nil
		}
		if report {
			ch.notePlayed(s)
			ch.emitPlaybackStop(name, s.err != nil)
			ch.set("current_application_response", responsePlayed)
			ch.emitExecuteComplete("playback", name, responsePlayed, id)
			ch.vars.del("current_loop")
			ch.vars.del("total_loops")
			ch.emitPrivateCommand(extra{{"call-command", "execute"}, {"execute-app-name", "playback"}, {"execute-app-arg", headerText(name)},
				{"event-lock-pri", "true"}, {"lead-frames", "5"}, {"loops", "-1"}})
		}
		if again {
			ch.playBehind(name, report)
		}
	}
}

// stopBehind ends the sound in the background.
func (ch *Channel) stopBehind() {
	s := ch.sound.background
	if s == nil {
		return
	}
	ch.sound.background = nil
	s.p.Stop()
	s.finish(media.ErrStopped) // now: what comes next is reported after it
}

// holdMusic lets the far leg hear music while this leg's peer has put it on hold, toggle_hold of mod_sofia; with the music "indicate_hold" its peer is
// put on hold instead.
func (ch *Channel) holdMusic(on bool) {
	far := ch.bridgedTo
	if far == nil {
		return
	}
	music := ch.musicOnHold()
	far.box.put(func() {
		if on {
			far.waitOnHold(music)
		} else {
			far.releaseHold()
		}
	})
}

// waitOnHold has the peer hear music, or hear of it, because the far leg holds the call. A peer that holds the call itself is told nothing.
func (ch *Channel) waitOnHold(music string) {
	switch {
	case music == "":
	case !strings.EqualFold(music, "indicate_hold"):
		ch.playBehind(music, true)
	case !ch.hungUp && !ch.held:
		if err := ch.holdPeer(true); err != nil {
			ch.log.Info("the peer is not told that it is held", "error", err)
			return
		}
		ch.indicated = true
	}
}

// releaseHold ends waitOnHold.
func (ch *Channel) releaseHold() {
	ch.stopBehind()
	if !ch.indicated {
		return
	}
	ch.indicated = false
	if ch.hungUp {
		return
	}
	if err := ch.holdPeer(false); err != nil {
		ch.log.Info("the peer is not told that it is no longer held", "error", err)
	}
}

// musicOnHold is what the party that this leg holds hears, "" for silence.
func (ch *Channel) musicOnHold() string {
	music := first(ch.ownVar("hold_music"), ch.holdMusicOfProfile(), ch.core.soundConfig().HoldMusic, defaultMusic)
	if strings.EqualFold(music, "silence") {
		return ""
	}
	return music
}

// holdMusicOfProfile is the param hold-music of the profile that the leg came by.
func (ch *Channel) holdMusicOfProfile() string {
	if ch.incoming != nil {
		return ch.incoming.HoldMusic
	}
	return ch.dest.HoldMusic
}

// endSound ends everything that this channel plays and records; the recordings are complete when it returns.
func (ch *Channel) endSound() {
	ch.stopUnicast()
	ch.stopBehind()
	for _, f := range ch.sound.atEnd {
		f()
	}
	ch.sound.atEnd = nil
	ch.stopRecordings(func(*recorded) bool { return true })
}

// appStopDTMF and appStartDTMF listen for digits in the sound itself.
func appStartDTMF(ch *Channel, _ dialplan.Expanded) string {
	if !ch.openMedia(false) {
		return responseNone
	}
	if err := ch.media.DetectDTMF(true); err != nil && ch.core.noted.first("start_dtmf "+ch.codec.Name) {
		ch.log.Warn("digits cannot be heard in the codec of the call", "codec", ch.codec.Name, "error", err)
	}
	return responseNone
}

func appStopDTMF(ch *Channel, _ dialplan.Expanded) string {
	if ch.media != nil {
		_ = ch.media.DetectDTMF(false) // it was not listening, then
	}
	return responseNone
}
