package call

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// Responses of applications that play, mod_dptools.c.
const (
	responsePlayed   = "FILE PLAYED"
	responseNotFound = "FILE NOT FOUND"
	responseFailed   = "PLAYBACK ERROR"
)

// playing is a sound on its way to the peer.
type playing struct {
	ch    *Channel
	name  string
	p     playback
	rate  int
	steer *audio.Steered // of a sound with a name: what changes it
	ended bool
	err   error
	after func() // on the channel's goroutine when it has ended
}

// start begins to play a source to the peer.
func (ch *Channel) start(name string, src audio.Source) (*playing, error) {
	ch.relayed()
	s := &playing{ch: ch, name: name, rate: src.Rate()}
	done := func(err error) { ch.box.put(func() { s.finish(err) }) }
	defer func() {
		if s.p != nil {
			ch.sound.sounds++
		}
	}()
	if ch.codec.Name == "" || !media.Generable(ch.codec) {
		if ch.core.noted.first("codec " + ch.codec.Name) {
			ch.log.Warn("sounds cannot be made in the codec of a call: its peer hears silence for as long", "codec", ch.codec.Name)
		}
		s.p = playSilently(src, done)
		return s, nil
	}
	p, err := ch.core.media.play(ch.media, src, done)
	if err != nil {
		return nil, err
	}
	s.p = p
	return s, nil
}

func (s *playing) finish(err error) {
	if s.ended {
		return
	}
	s.ended, s.err = true, err
	s.ch.sound.sounds--
	if s.after != nil {
		s.after()
	}
	s.ch.resumeUnicast()
}

// startNamed begins to play the sound of a name, which can be steered.
func (ch *Channel) startNamed(name string, src audio.Source) (*playing, error) {
	steer := audio.NewSteered(src)
	s, err := ch.start(name, steer)
	if err != nil {
		return nil, err
	}
	s.steer = steer
	return s, nil
}

// openNamed opens a sound and says, once for each name, why there is none.
func (ch *Channel) openNamed(name string) (audio.Source, error) {
	src, err := ch.openSound(name)
	if err != nil && ch.core.noted.first("sound "+name) {
		ch.log.Warn("there is no such sound", "sound", headerText(name), "error", err)
	}
	return src, err
}

// playOptions say how a sound is played.
type playOptions struct {
	digit func(byte) bool // whether a digit ends it; nil leaves digits alone
	limit time.Duration   // 0 is none
}

// play plays a sound by its name and waits for its end. A leg that is not answered gets early media, switch_ivr_play_file.
func (ch *Channel) play(name string, o playOptions) string {
	if name = strings.TrimSpace(name); name == "" {
		return responseNotFound
	}
	if !ch.openMedia(false) {
		return responseNone
	}
	src, err := ch.openNamed(name)
	if err != nil {
		return responseNotFound
	}
	s, err := ch.startNamed(name, src)
	if err != nil {
		ch.log.Info("sound not played", "sound", headerText(name), "error", err)
		return responseFailed
	}
	ch.emitPlaybackStart(name)
	under := ch.sound.file
	ch.sound.file = s
	broken := ch.listen(s, o)
	ch.sound.file = under
	ch.notePlayed(s)
	ch.emitPlaybackStop(name, broken)
	if s.err != nil && !errors.Is(s.err, media.ErrStopped) && !ch.hungUp {
		ch.log.Info("sound broke off", "sound", headerText(name), "error", s.err)
		return responseFailed
	}
	return responsePlayed
}

// listen waits for the end of a sound, or ends it: for a digit, for the time, because the call ends or the bridge it is part of.
func (ch *Channel) listen(s *playing, o playOptions) (broken bool) {
	if o.digit != nil {
		ch.sound.listening++
		defer func() { ch.sound.listening-- }()
	}
	cut, hit := ch.untilCut(), false
	ch.wait(func() bool {
		for o.digit != nil && !hit && len(ch.sound.digits) > 0 {
			hit = o.digit(ch.nextDigit())
		}
		return s.ended || hit || cut()
	}, o.limit)
	if s.ended {
		return s.err != nil
	}
	s.p.Stop()
	ch.await(func() bool { return s.ended })
	return true
}

// untilCut is the stop condition of what an application waits for: the call ends, or the bridge that it runs in, or somebody
// breaks it off.
func (ch *Channel) untilCut() func() bool {
	bridged, breaks := ch.bridgedTo != nil, ch.sound.breaks
	return func() bool { return ch.isDown() || bridged && ch.farEnd != nil || ch.sound.breaks != breaks }
}

// openMedia makes sure that a sound can be heard: it answers, or opens early media. A called leg is not ours to answer.
func (ch *Channel) openMedia(final bool) bool {
	if ch.direction == inbound {
		ch.accept(final)
	}
	return !ch.hungUp && ch.media != nil && ch.codec.Name != ""
}

// Break ends what is played to the peer, and what waits for digits, as uuid_break does. The dialplan goes on.
func (ch *Channel) Break() { ch.box.put(func() { ch.sound.breaks++ }) }

// notePlayed sets the variables that tell how much was played.
func (ch *Channel) notePlayed(s *playing) {
	at := s.p.Position()
	samples := strconv.Itoa(int(at * time.Duration(s.rate) / time.Second))
	ch.set("playback_last_offset_pos", samples)
	ch.set("playback_seconds", strconv.Itoa(int(at/time.Second)))
	ch.set("playback_ms", strconv.Itoa(int(at/time.Millisecond)))
	ch.set("playback_samples", samples)
}

// terminator is the digit handler of applications that a key ends, on_dtmf of mod_dptools.c: playback_terminators names the keys.
func (ch *Channel) terminator() func(byte) bool {
	keys := ch.terminators()
	ch.vars.del("playback_terminator_used")
	return func(digit byte) bool {
		if !strings.ContainsRune(keys, rune(digit)) {
			return false
		}
		ch.set("playback_terminator_used", string(digit))
		return true
	}
}

// terminators are the keys of playback_terminators: the star key when it is not set.
func (ch *Channel) terminators() string {
	switch keys := ch.vars.value("playback_terminators"); strings.ToLower(keys) {
	case "":
		return "*"
	case "any":
		return "1234567890*#"
	case "none":
		return ""
	default:
		return keys
	}
}

// playLimit is playback_timeout_sec.
func (ch *Channel) playLimit() time.Duration { return seconds(ch.vars.value("playback_timeout_sec")) }

// seconds reads a number of seconds; anything else is 0.
func seconds(s string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n <= 0 || n > 1<<30 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// milliseconds reads a number of milliseconds; anything else is 0.
func milliseconds(s string) time.Duration { return seconds(s) / 1000 }

// appPlayback plays a sound.
func appPlayback(ch *Channel, data dialplan.Expanded) string {
	return ch.play(data.String(), playOptions{digit: ch.terminator(), limit: ch.playLimit()})
}

// appEndlessPlayback plays a sound over and over until the call ends.
func appEndlessPlayback(ch *Channel, data dialplan.Expanded) string {
	return ch.loop(data.String(), -1, playOptions{})
}

// appLoopPlayback plays a sound so often: "+3 NAME", once without a number, for ever for -1.
func appLoopPlayback(ch *Channel, data dialplan.Expanded) string {
	name, times := strings.TrimSpace(data.String()), 1
	if rest, ok := strings.CutPrefix(name, "+"); ok {
		number, after, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			return responseNotFound
		}
		name, times = after, n
	}
	return ch.loop(name, times, playOptions{digit: ch.terminator(), limit: ch.playLimit()})
}

// loop plays a sound several times; a negative number is for ever. A sound that takes no time is not begun again.
func (ch *Channel) loop(name string, times int, o playOptions) string {
	response, cut := responseNone, ch.untilCut()
	for n := 0; (times < 0 || n < times) && !ch.isDown(); n++ {
		began := time.Now()
		response = ch.play(name, o)
		if response != responsePlayed || ch.vars.value("playback_terminator_used") != "" || time.Since(began) < time.Millisecond || cut() {
			break
		}
	}
	return response
}

// appGentones plays tones: SCRIPT or SCRIPT|LOOPS. There are no playback events for them.
func appGentones(ch *Channel, data dialplan.Expanded) string {
	script, times, _ := strings.Cut(data.String(), "|")
	loops, _ := strconv.Atoi(strings.TrimSpace(times))
	if !ch.openMedia(false) {
		return responseNone
	}
	src, err := audio.NewToneStream(script, ch.soundRate(), loops)
	if err != nil {
		ch.log.Info("tones not played", "error", err)
		return responseNone
	}
	s, err := ch.start(script, src)
	if err != nil {
		ch.log.Info("tones not played", "error", err)
		return responseNone
	}
	ch.listen(s, playOptions{digit: ch.terminator()})
	return responseNone
}

// appSleep waits for so many milliseconds. Digits end it only when sleep_eat_digits says so, as in FreeSWITCH.
func appSleepDigits(ch *Channel, data dialplan.Expanded) string {
	d := milliseconds(data.String())
	if d == 0 {
		return responseNone
	}
	if !isTrue(ch.vars.value("sleep_eat_digits")) {
		ch.wait(ch.isDown, d)
		return responseNone
	}
	ch.sound.listening++
	defer func() { ch.sound.listening-- }()
	ends, hit, cut := ch.terminator(), false, ch.untilCut()
	ch.wait(func() bool {
		for !hit && len(ch.sound.digits) > 0 {
			hit = ends(ch.nextDigit())
		}
		return hit || cut()
	}, d)
	return responseNone
}
