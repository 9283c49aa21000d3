package audio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// maxLocalFiles is how many files of a folder a local stream knows.
const maxLocalFiles = 10_000

// LocalStream is a folder of music, a <directory> of FreeSWITCH's local_stream.conf.
type LocalStream struct {
	Files   fs.FS  // the folder, as os.DirFS; nil has no files. Sub-folders are not looked into
	Shuffle bool   // play in an order that differs each time round
	Seed    uint64 // of that order: the same seed gives the same order
}

// localStream plays the WAV files of a folder without end.
type localStream struct {
	cfg    LocalStream
	rate   int
	random *rand.Rand
	names  []string // still to play in this round
	s      Source   // being played; nil before the first
	sound  bool     // something was heard in this round
}

// Open returns the music: the WAV files of the folder in the order of their names or shuffled, round after round. The folder is read
// again for each round. Files that cannot be played are left out; when that leaves none, Tune plays instead. It never ends. Unlike in
// FreeSWITCH, where all listeners hear the same place of one stream, each source starts at the beginning.
func (c LocalStream) Open(rate int) (Source, error) {
	if !slices.Contains(resampleRates[:], rate) {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	// The order is not a secret.
	return &localStream{cfg: c, rate: rate, random: rand.New(rand.NewPCG(c.Seed, 0))}, nil
}

func (l *localStream) Rate() int    { return l.rate }
func (l *localStream) Close() error { return Close(l.s) }

func (l *localStream) Read(samples []int16) (int, error) {
	if len(samples) == 0 {
		return 0, nil
	}
	for {
		if l.s != nil {
			if n, err := l.s.Read(samples); n > 0 || err == nil {
				l.sound = l.sound || n > 0
				return n, nil
			}
			_ = Close(l.s) // over, or broken off
			l.s = nil
		}
		if err := l.next(); err != nil {
			return 0, err
		}
	}
}

// next opens the next file that can be opened, or the tune when a whole round made no sound.
func (l *localStream) next() error {
	for len(l.names) > 0 {
		name := l.names[0]
		l.names = l.names[1:]
		if s, err := openWAV(l.cfg.Files, name, l.rate); err == nil {
			l.s = s
			return nil
		}
	}
	if l.names == nil || l.sound { // the first round, or one worth repeating
		if l.names = l.list(); len(l.names) > 0 {
			l.sound = false
			return nil
		}
	}
	t, err := NewTune(l.rate)
	if err != nil {
		return err
	}
	l.s = t // it never ends, and so stays
	return nil
}

// list reads the folder and puts the round in order.
func (l *localStream) list() []string {
	names := []string{}
	if l.cfg.Files == nil {
		return names
	}
	entries, err := fs.ReadDir(l.cfg.Files, ".")
	if err != nil {
		return names // as an empty one: there is music all the same
	}
	for _, e := range entries {
		if !e.IsDir() && strings.EqualFold(path.Ext(e.Name()), ".wav") && len(names) < maxLocalFiles {
			names = append(names, e.Name())
		}
	}
	if l.cfg.Shuffle {
		l.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	}
	return names
}

// openWAV opens a WAV file at that rate.
func openWAV(files fs.FS, name string, rate int) (Source, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	s, err := wavAt(f, rate)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return s, nil
}

// wavAt reads a WAV file at that rate. The reader stays the caller's when it returns an error.
func wavAt(r io.Reader, rate int) (Source, error) {
	w, err := NewWAVReader(r)
	if err != nil {
		return nil, err
	}
	return Resample(w, rate)
}
