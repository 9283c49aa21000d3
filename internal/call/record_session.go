package call

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// recorded is a recording of this leg.
type recorded struct {
	path   string
	r      recorder
	rate   int
	ended  bool
	result media.RecordResult
	// session: beside what goes on, not as an application.
	session bool
}

// maxRecordings bounds the recordings of a channel at one time.
const maxRecordings = 16

var (
	errRecordings = errors.New("call: too many recordings of one leg")
	errRecorded   = errors.New("call: recorded already")
)

// wavFile is a media.Sink that closes its file.
type wavFile struct {
	*audio.WAVWriter
	f *os.File
}

// Close implements media.Sink.
func (w wavFile) Close() error { return errors.Join(w.WAVWriter.Close(), w.f.Close()) }

// record starts a recording into a WAV file. It is reported here and at its end.
func (ch *Channel) record(path string, opt media.RecordOptions, session bool) (*recorded, error) {
	if len(ch.sound.recordings) >= maxRecordings {
		return nil, errRecordings
	}
	if _, ok := ch.sound.recordings[path]; ok {
		return nil, errRecorded
	}
	f, full, err := ch.createRecording(path)
	if err != nil {
		return nil, err
	}
	channels := 1
	if opt.Both && !opt.Mono {
		channels = 2
	}
	w, err := audio.NewWAVWriter(f, ch.soundRate(), channels)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	ch.relayed()
	opt.Sink = wavFile{w, f}
	r := &recorded{path: path, rate: w.Rate(), session: session}
	r.r, err = ch.core.media.record(ch.media, opt, func(res media.RecordResult) { ch.box.put(func() { ch.recordEnded(r, res) }) })
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(full))
	}
	if ch.sound.recordings == nil {
		ch.sound.recordings = map[string]*recorded{}
	}
	ch.sound.recordings[path] = r
	ch.emitRecordStart(path, session)
	return r, nil
}

// recordEnded reports a recording that is complete.
func (ch *Channel) recordEnded(r *recorded, res media.RecordResult) {
	if r.ended {
		return
	}
	r.ended, r.result = true, res
	delete(ch.sound.recordings, r.path)
	if res.Err != nil || res.Lost > 0 {
		ch.log.Warn("recording has gaps or broke off", "file", headerText(r.path), "lost", res.Lost, "error", res.Err)
	}
	ch.set("record_seconds", strconv.Itoa(int(res.Duration/time.Second)))
	ch.set("record_ms", strconv.Itoa(int(res.Duration/time.Millisecond)))
	ch.set("record_samples", strconv.Itoa(int(res.Duration*time.Duration(r.rate)/time.Second)))
	if cause := completionCause(res.Reason); cause != "" {
		ch.set("record_completion_cause", cause)
	}
	ch.emitRecordStop(r.path, completionCause(res.Reason), r.session)
}

// completionCause is Record-Completion-Cause.
func completionCause(r media.RecordReason) string {
	switch r {
	case media.RecordMaxDuration:
		return "success-maxtime"
	case media.RecordSilence:
		return "success-silence"
	case media.RecordFailed:
		return "uri-failure"
	}
	return ""
}

// stopRecordings ends recordings and waits until they are complete.
func (ch *Channel) stopRecordings(which func(*recorded) bool) {
	var stopped []*recorded
	for _, r := range ch.sound.recordings {
		if which(r) {
			r.r.Stop()
			stopped = append(stopped, r)
		}
	}
	if len(stopped) == 0 {
		return
	}
	ch.wait(func() bool {
		for _, r := range stopped {
			if !r.ended {
				return false
			}
		}
		return true
	}, guardTime)
}

// appRecord records what the peer says: PATH [LIMIT [THRESHOLD [SECONDS OF SILENCE]]]. A key of playback_terminators ends it.
func appRecord(ch *Channel, data dialplan.Expanded) string {
	args := arguments(data.String())
	if len(args) == 0 {
		return responseNone
	}
	if !ch.openMedia(false) {
		return responseNone
	}
	opt := media.RecordOptions{}
	if len(args) > 1 {
		opt.MaxDuration = seconds(args[1])
	}
	if len(args) > 2 {
		opt.SilenceThreshold, _ = strconv.Atoi(args[2])
	}
	if opt.SilenceThreshold > 0 {
		opt.Silence = 3 * time.Second
		if len(args) > 3 {
			if d := seconds(args[3]); d > 0 {
				opt.Silence = d
			}
		}
	}
	r, err := ch.record(args[0], opt, false)
	if err != nil {
		ch.recordFailed(args[0], err)
		return responseNone
	}
	ch.sound.listening++
	defer func() { ch.sound.listening-- }()
	ends, hit, cut := ch.terminator(), false, ch.untilCut()
	ch.wait(func() bool {
		for !hit && len(ch.sound.digits) > 0 {
			hit = ends(ch.nextDigit())
		}
		return hit || r.ended || cut()
	}, 0)
	ch.stopRecordings(func(x *recorded) bool { return x == r })
	return responseNone
}

func (ch *Channel) recordFailed(path string, err error) {
	if ch.core.noted.first("record " + err.Error()) {
		ch.log.Warn("not recorded", "file", headerText(path), "error", err)
	}
}

// appRecordSession records both directions in the background: PATH [+LIMIT]. RECORD_STEREO keeps them apart, RECORD_READ_ONLY and
// RECORD_WRITE_ONLY leave one out.
func appRecordSession(ch *Channel, data dialplan.Expanded) string {
	path, limit := strings.TrimSpace(data.String()), time.Duration(0)
	if i := strings.LastIndex(path, " +"); i > 0 {
		if limit = seconds(path[i+2:]); limit > 0 {
			path = strings.TrimSpace(path[:i])
		}
	}
	if path == "" {
		return responseNone
	}
	if err := ch.recordSession(path, limit); err != nil {
		ch.recordFailed(path, err)
	}
	return responseNone
}

// recordSession begins such a recording, or ends it where RECORD_TOGGLE_ON_REPEAT says so.
func (ch *Channel) recordSession(path string, limit time.Duration) error {
	opt := media.RecordOptions{Both: true, Mono: !isTrue(ch.vars.value("RECORD_STEREO")), MaxDuration: limit}
	switch {
	case isTrue(ch.vars.value("RECORD_READ_ONLY")):
		opt.Both, opt.Mono = false, false
	case isTrue(ch.vars.value("RECORD_WRITE_ONLY")):
		opt.Both, opt.Mono, opt.Heard = false, false, true
	}
	if old, ok := ch.sound.recordings[path]; ok && isTrue(ch.vars.value("RECORD_TOGGLE_ON_REPEAT")) {
		ch.stopRecordings(func(r *recorded) bool { return r == old })
		return nil
	}
	if ch.codec.Name == "" && !ch.openMedia(false) { // no media yet
		return errNoMedia
	}
	_, err := ch.record(path, opt, true)
	return err
}

// appStopRecordSession ends the recording of a path, or all.
func appStopRecordSession(ch *Channel, data dialplan.Expanded) string {
	path := strings.TrimSpace(data.String())
	ch.stopRecordings(func(r *recorded) bool { return path == "all" || r.path == path })
	return responseNone
}
