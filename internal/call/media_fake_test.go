package call

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// fakeSound is what a fake session plays and records.
type fakeSound struct {
	mu        sync.Mutex // guards what follows
	played    []string   // what was played: how long and at which rate
	recorded  []*fakeRecording
	mixed     int
	detecting bool
}

// fakePlayback takes the time that the sound takes.
type fakePlayback struct{ *silentPlayback }

func (m *fakeMedia) play(s mediaSession, src audio.Source, done func(error)) (playback, error) {
	f := s.(*fakeSession)
	f.sound.mu.Lock()
	defer f.sound.mu.Unlock()
	f.sound.played = append(f.sound.played, "")
	i := len(f.sound.played) - 1
	began := time.Now()
	return fakePlayback{playSilently(src, func(err error) {
		f.sound.mu.Lock()
		f.sound.played[i] = time.Since(began).String()
		f.sound.mu.Unlock()
		done(err)
	})}, nil
}

// fakeRecording writes nothing but its length.
type fakeRecording struct {
	opt   media.RecordOptions
	began time.Time
	once  sync.Once
	done  func(media.RecordResult)
}

func (r *fakeRecording) end(reason media.RecordReason) {
	r.once.Do(func() {
		d := time.Since(r.began)
		err := r.opt.Sink.Write(make([]int16, int(d.Seconds()*float64(r.opt.Sink.Rate()))))
		if e := r.opt.Sink.Close(); err == nil {
			err = e
		}
		r.done(media.RecordResult{Reason: reason, Err: err, Duration: d})
	})
}

func (r *fakeRecording) Stop()      { r.end(media.RecordStopped) }
func (r *fakeRecording) Pause(bool) {}
func (r *fakeRecording) Mask(bool)  {}

func (m *fakeMedia) record(s mediaSession, opt media.RecordOptions, done func(media.RecordResult)) (recorder, error) {
	f := s.(*fakeSession)
	f.sound.mu.Lock()
	defer f.sound.mu.Unlock()
	r := &fakeRecording{opt: opt, began: time.Now(), done: done}
	if opt.MaxDuration > 0 {
		time.AfterFunc(opt.MaxDuration, func() { r.end(media.RecordMaxDuration) })
	}
	f.sound.recorded = append(f.sound.recorded, r)
	return r, nil
}

type fakeMixer struct{ legs []mediaSession }

func (x fakeMixer) Close() {
	for _, s := range x.legs {
		f := s.(*fakeSession)
		f.sound.mu.Lock()
		f.sound.mixed--
		f.sound.mu.Unlock()
	}
}

func (m *fakeMedia) mix(legs ...mediaSession) (mixer, error) {
	for _, s := range legs {
		f := s.(*fakeSession)
		f.sound.mu.Lock()
		f.sound.mixed++
		f.sound.mu.Unlock()
	}
	return fakeMixer{legs}, nil
}

func (m *fakeMedia) unicast(mediaSession, media.UnicastOptions, func(error)) (unicaster, error) {
	return nil, errForeign // of the engine alone
}

func (s *fakeSession) DetectDTMF(on bool) error {
	s.sound.mu.Lock()
	defer s.sound.mu.Unlock()
	s.sound.detecting = on
	return nil
}

// plays lists how long what was played lasted; "" still plays.
func (s *fakeSession) plays() []string {
	s.sound.mu.Lock()
	defer s.sound.mu.Unlock()
	return slices.Clone(s.sound.played)
}

// eventually waits until something holds that no event tells of.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !holds(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

func planOf(p *dialplan.Plan) func() *dialplan.Plan { return func() *dialplan.Plan { return p } }
