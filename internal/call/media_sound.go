package call

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

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

// Errors of a sound's place.
var (
	errOutside     = errors.New("call: the file is outside of the configured folders")
	errNoRecording = errors.New("call: there is no folder for recordings")
	errNotWAV      = errors.New("call: recordings are WAV files")
)

// soundState is what a channel plays, records and has been dialled.
type soundState struct {
	ahead      bool // the dialplan is going to make sound
	movable    bool // its codec was chosen for a tone and may be changed
	confirmed  bool // the caller acknowledged its answer
	breaks     int  // how often Break was called
	digits     []byte
	listening  int                                                  // applications that want the digits for themselves
	onDigit    func(digit byte, d time.Duration, relayed bool) bool // takes digits before anybody else, true for taken
	atEnd      []func()                                             // told that the channel ends; they must not block
	background *playing
	file       *playing             // what an application plays
	sounds     int                  // that are being played
	parked     int                  // applications that park the channel, one within the other
	unicast    *unicasting          // nil: none
	recordings map[string]*recorded // by path
	meta       metaKeys             // of this leg's own peer
	far        metaKeys             // of the peers of the legs it calls
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

// soundConfig is the configuration of now.
func (c *Core) soundConfig() Sound {
	if c.cfg.Sound == nil {
		return Sound{}
	}
	return c.cfg.Sound()
}

// ownVar is a variable's value unless a peer gave it: paths and music are the administrator's to choose.
func (ch *Channel) ownVar(name string) string {
	if v, ok := ch.vars.lookup(name); ok && !v.Wire {
		return v.Value
	}
	return ""
}

// openSound opens what the name of a sound stands for, at the rate of the leg's codec.
func (ch *Channel) openSound(name string) (audio.Source, error) {
	files := ch.soundFiles()
	return files.Open(name, ch.soundRate())
}

// soundFiles is where the channel's sounds are.
func (ch *Channel) soundFiles() audio.Files {
	cfg := ch.core.soundConfig()
	prefix := ch.ownVar("sound_prefix")
	if prefix == "" && ch.core.cfg.Globals != nil {
		prefix, _ = ch.core.cfg.Globals("sound_prefix")
	}
	prefix = first(prefix, cfg.SoundsDir)
	folders := slices.Concat(cfg.Folders, []string{prefix, cfg.SoundsDir, cfg.RecordingsDir})
	return audio.Files{Sounds: prefix, Delimiter: ch.ownVar("playback_delimiter"), Local: cfg.LocalStream,
		OpenFile: func(name string) (io.ReadCloser, error) { return openBelow(folders, name) }}
}

// soundRate is the rate sounds are made at: the codec's, where audio has it.
func (ch *Channel) soundRate() int {
	if ch.codec.Name == "" || !media.Generable(ch.codec) {
		return 8000
	}
	return ch.codec.SampleRate()
}

// openBelow opens a file that is in one of the folders. Neither .. nor a symbolic link leads out of them.
func openBelow(folders []string, name string) (io.ReadCloser, error) {
	err := fmt.Errorf("%w: %s", errOutside, name)
	for _, folder := range folders {
		rel, ok := below(folder, name)
		if !ok {
			continue
		}
		f, openErr := os.OpenInRoot(folder, rel)
		if openErr != nil {
			err = openErr
			continue
		}
		if st, statErr := f.Stat(); statErr != nil || !st.Mode().IsRegular() { // a pipe would block
			err = errors.Join(fmt.Errorf("%w: %s is no file", fs.ErrNotExist, name), f.Close())
			continue
		}
		return f, nil
	}
	return nil, err
}

// below is the name of a file as seen from a folder, if it is in there.
func below(folder, name string) (string, bool) {
	if folder == "" || !filepath.IsAbs(name) {
		return "", false
	}
	rel, err := filepath.Rel(folder, name)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return "", false
	}
	return rel, true
}

// createRecording makes the file of a recording and the folders it is in, below the folder for recordings.
func (ch *Channel) createRecording(name string) (*os.File, string, error) {
	dir := ch.core.soundConfig().RecordingsDir
	if dir == "" {
		return nil, "", errNoRecording
	}
	if !strings.EqualFold(filepath.Ext(name), ".wav") {
		return nil, "", fmt.Errorf("%w, not %q", errNotWAV, name)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	rel, ok := below(dir, name)
	if !ok {
		return nil, "", fmt.Errorf("%w: %s", errOutside, name)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, "", fmt.Errorf("call: recording: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, "", fmt.Errorf("call: recording: %w", err)
	}
	defer root.Close() // the file stays open
	if err := root.MkdirAll(filepath.Dir(rel), 0o750); err != nil {
		return nil, "", fmt.Errorf("call: recording: %w", err)
	}
	f, err := root.OpenFile(rel, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, "", fmt.Errorf("call: recording: %w", err)
	}
	return f, name, nil
}

// noted remembers what was warned of, so that a dialplan that is wrong on every call says so once.
type noted struct {
	mu    sync.Mutex // guards names
	names map[string]struct{}
}

// maxNoted bounds what is remembered; beyond it there is silence.
const maxNoted = 1000

// first says whether this is the first time.
func (n *noted) first(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.names[name]; known || len(n.names) >= maxNoted {
		return false
	}
	if n.names == nil {
		n.names = map[string]struct{}{}
	}
	n.names[name] = struct{}{}
	return true
}
