package call

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// ErrNoFile is a channel that plays no file.
var ErrNoFile = errors.New("call: nothing is played that could be steered")

// maxSeek bounds how far into a sound is sought.
const maxSeek = 4 * time.Hour

// SteerSound changes what is played to the peer, as uuid_fileman does (switch_ivr.c switch_ivr_process_fh): speed:N, volume:N (with a sign: by so
// much), pause (and again: go on), stop, restart, seek:MILLISECONDS (with a sign: from here). Anything else changes nothing. The error is ErrNoFile,
// or why the channel or the sound is not there.
func (ch *Channel) SteerSound(ctx context.Context, command string) error {
	var s *playing
	err := ch.Ask(ctx, func() error {
		if s = ch.sound.file; s == nil {
			s = ch.sound.background
		}
		if s == nil || s.steer == nil {
			return ErrNoFile
		}
		return nil
	})
	if err != nil {
		return err
	}
	verb, value, given := strings.Cut(command, ":")
	switch verb = strings.ToLower(verb); {
	case verb == "speed" && given:
		s.steer.Speed(stepOf(value, 1))
	case verb == "volume" && given:
		s.steer.Level(stepOf(value, 1))
	case verb == "pause":
		s.steer.Pause()
	case verb == "stop":
		s.steer.Stop()
	case verb == "restart":
		s.steer.Speed(func(int) int { return 0 })
		return ch.seek(ctx, s, 0)
	case verb == "seek" && given:
		at := int(s.steer.Position() * 1000 / int64(s.rate))
		return ch.seek(ctx, s, time.Duration(stepOf(value, 1000)(at))*time.Millisecond)
	}
	return nil
}

// stepOf reads a number, or with a sign how much is to be added: step when the number is none.
func stepOf(text string, step int) func(now int) int {
	n, err := strconv.Atoi(text)
	if strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		if err != nil || n == 0 {
			n = step
		}
		return func(now int) int { return now + n }
	}
	return func(int) int { return n }
}

// seek has a sound go on at another place. The sound is opened once more, so that it does not matter of what kind it is; that is read up to the place
// here, on the goroutine of who asks.
func (ch *Channel) seek(ctx context.Context, s *playing, to time.Duration) error {
	var files audio.Files
	if err := ch.Ask(ctx, func() error {
		files = ch.soundFiles()
		return nil
	}); err != nil {
		return err
	}
	src, err := files.Open(s.name, s.rate)
	if err != nil {
		return err
	}
	at, err := audio.Skip(src, int64(min(max(to, 0), maxSeek)/time.Millisecond)*int64(s.rate)/1000)
	if err != nil {
		return errors.Join(err, audio.Close(src))
	}
	return s.steer.Replace(src, at)
}
