package audio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrFile is a name of a sound that this package has no source for: another scheme (http_cache://, say:) or file format.
var ErrFile = errors.New("audio: no such kind of sound")

// maxFileParts is how many sounds one name can chain.
const maxFileParts = 256

// Files finds the sound of a name as FreeSWITCH's playback does. The zero value knows the generated sounds and files with a full path.
// It must not be changed once in use; it may then be used from anywhere.
type Files struct {
	Sounds string // folder that relative names start from: sound_prefix
	// Delimiter splits a name into several that play in turn, as playback_delimiter does; "" for none. file_string:// splits at '!'.
	Delimiter string
	// Local finds a stream of local_stream.conf by its name, as written or with the rate ("moh/8000"); nil knows none.
	Local func(name string) (LocalStream, bool)
	// OpenFile opens a file; nil is os.Open.
	OpenFile func(name string) (io.ReadCloser, error)
}

// Open returns the sound of a name at that rate: NAME.wav, tone_stream://…, silence_stream://…, local_stream://NAME,
// file_string://A!B, each perhaps with {loops=N} before it. Close the source when done.
func (f *Files) Open(name string, rate int) (Source, error) {
	return f.open(name, rate, f.Delimiter, 0)
}

func (f *Files) open(name string, rate int, delimiter string, depth int) (Source, error) {
	if !slices.Contains(resampleRates[:], rate) {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	loops, name := cutParams(strings.TrimSpace(name))
	scheme, rest, isURL := strings.Cut(name, "://")
	if !isURL {
		scheme = ""
	}
	scheme = strings.ToLower(scheme)
	if scheme == "file_string" {
		if depth > 0 {
			return nil, fmt.Errorf("%w: file_string in file_string", ErrFile)
		}
		return f.chain(strings.Split(rest, "!"), rate)
	}
	if delimiter != "" && depth == 0 && strings.Contains(name, delimiter) {
		return f.chain(strings.Split(name, delimiter), rate)
	}
	switch scheme {
	case "":
		return f.file(name, rate)
	case "tone_stream":
		return f.tones(rest, rate, loops)
	case "silence_stream":
		return source(ParseSilence(rest, rate))
	case "local_stream":
		return f.local(rest, rate)
	}
	return nil, fmt.Errorf("%w: %s://", ErrFile, scheme)
}

// cutParams takes the {name=value,…} off the front of a name. loops is the only one that matters here.
func cutParams(name string) (loops int, rest string) {
	if !strings.HasPrefix(name, "{") {
		return 0, name
	}
	params, rest, ok := strings.Cut(name[1:], "}")
	if !ok {
		return 0, name
	}
	for p := range strings.SplitSeq(params, ",") {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), "loops") {
			loops = int(leadingInt(v))
		}
	}
	return loops, strings.TrimSpace(rest)
}

// chain plays several names in turn.
func (f *Files) chain(names []string, rate int) (Source, error) {
	if len(names) > maxFileParts {
		return nil, fmt.Errorf("%w: %d sounds in one name", ErrFile, len(names))
	}
	var open []func() (Source, error)
	for _, n := range names {
		if n = strings.TrimSpace(n); n != "" {
			open = append(open, func() (Source, error) { return f.open(n, rate, "", 1) })
		}
	}
	if len(open) == 0 {
		return nil, fmt.Errorf("%w: an empty list", ErrFile)
	}
	return Concat(rate, open...)
}

// tones is a tone_stream: a script, or path=FILE with one on each line.
func (f *Files) tones(script string, rate, loops int) (Source, error) {
	if len(script) < 5 || !strings.EqualFold(script[:5], "path=") {
		return source(NewToneStream(script, rate, loops))
	}
	name, loops := cutLoops(script[5:], loops)
	r, err := f.openFile(name)
	if err != nil {
		return nil, err
	}
	defer r.Close() // it was only read
	return source(NewToneFile(r, rate, loops))
}

// source is a source of that type, or none: a nil pointer in an interface would look like one.
func source[S Source](s S, err error) (Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// local is a local_stream. One that is not there is FreeSWITCH's stream "default", and without that one our own tune.
func (f *Files) local(name string, rate int) (Source, error) {
	var stream LocalStream
	if f.Local != nil {
		for _, n := range []string{name, name + "/" + strconv.Itoa(rate), "default"} {
			if s, ok := f.Local(n); ok {
				stream = s
				break
			}
		}
	}
	return stream.Open(rate)
}

// file is a WAV file. FreeSWITCH keeps sounds by rate in sub-folders that names leave out: voicemail/vm-hello.wav is
// voicemail/8000/vm-hello.wav.
func (f *Files) file(name string, rate int) (Source, error) {
	if !strings.EqualFold(filepath.Ext(name), ".wav") {
		return nil, fmt.Errorf("%w: %q", ErrFile, name)
	}
	r, err := f.openFile(name)
	dir, base := filepath.Split(name)
	for _, have := range []int{rate, 48000, 32000, 16000, 8000} {
		if err == nil {
			break
		}
		if r2, err2 := f.openFile(filepath.Join(dir, strconv.Itoa(have), base)); err2 == nil {
			r, err = r2, nil
		}
	}
	if err != nil {
		return nil, err
	}
	s, err := wavAt(r, rate)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return s, nil
}

// openFile opens a file by its full path or from the folder of sounds.
func (f *Files) openFile(name string) (io.ReadCloser, error) {
	if f.Sounds != "" && !filepath.IsAbs(name) {
		name = filepath.Join(f.Sounds, name)
	}
	open := f.OpenFile
	if open == nil {
		open = func(name string) (io.ReadCloser, error) { return os.Open(name) }
	}
	r, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("audio: %w", err)
	}
	return r, nil
}
