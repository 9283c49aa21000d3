package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// memorySink keeps what it is given.
type memorySink struct {
	rate   int
	fail   error
	gate   chan struct{} // Write waits for it, if not nil
	mu     sync.Mutex
	pcm    []int16
	closed int
}

func (m *memorySink) Rate() int { return m.rate }

func (m *memorySink) Write(samples []int16) error {
	if m.gate != nil {
		<-m.gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pcm = append(m.pcm, samples...)
	return m.fail
}

func (m *memorySink) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	return nil
}

func (m *memorySink) heard() []int16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]int16(nil), m.pcm...)
}

// results collects what done was called with.
type results struct {
	mu  sync.Mutex
	all []RecordResult
}

func (r *results) done(x RecordResult) {
	r.mu.Lock()
	r.all = append(r.all, x)
	r.mu.Unlock()
}

func (r *results) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

func (r *results) wait(t *testing.T) RecordResult {
	t.Helper()
	waitFor(t, "the end of the recording", func() bool { return r.count() > 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) != 1 {
		t.Errorf("done %d times", len(r.all))
	}
	return r.all[0]
}

// channel is one of two.
func channel(pcm []int16, which int) []int16 {
	var out []int16
	for i := which; i < len(pcm); i += 2 {
		out = append(out, pcm[i])
	}
	return out
}

// TestRecordingHasTheTone: what the peer says and hears is in the recording, in the channel where it belongs.
func TestRecordingHasTheTone(t *testing.T) {
	const says, hears = 700.0, 1900.0
	cases := []struct {
		name        string
		kind        Kind
		codec       string
		rate        int
		opt         RecordOptions
		left, right []float64 // of one channel: left
	}{
		{"what it says", KindRTP, "PCMU", 8000, RecordOptions{}, []float64{says}, nil},
		{"what it hears", KindRTP, "PCMA", 8000, RecordOptions{Heard: true}, []float64{hears}, nil},
		{"both", KindSDES, "PCMU", 16000, RecordOptions{Both: true}, []float64{says}, []float64{hears}},
		{"both in one", KindRTP, "G722", 8000, RecordOptions{Both: true, Mono: true}, []float64{says, hears}, nil},
		{"wide", KindRTP, "L16", 44100, RecordOptions{Both: true}, []float64{says}, []float64{hears}},
		{"a browser", KindWebRTC, "PCMU", 8000, RecordOptions{Both: true}, []float64{says}, []float64{hears}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			var log eventLog
			var s *Session
			var p peer
			codec := formatOf(c.codec)
			if c.kind == KindWebRTC {
				s, p = connect(t, e, c.kind, true, &log)
				waitFor(t, "connected", func() bool { _, ok := log.find(EventConnected); return ok })
			} else {
				s, p = phoneOn(t, e, c.kind, codec, &log)
			}
			k := newTalker(t, p, codec, newSine(says, codec.SampleRate(), -1), 77)
			if _, err := s.Play(newSine(hears, 8000, -1), nil); err != nil {
				t.Fatal(err)
			}
			converse(t, "both to be heard", func() bool { return len(p.heard()) > 3 && s.Stats().PacketsIn > 3 }, k)
			sink := &memorySink{rate: c.rate}
			opt := c.opt
			opt.Sink, opt.MaxDuration = sink, 600*time.Millisecond
			var res results
			if _, err := s.Record(opt, res.done); err != nil {
				t.Fatal(err)
			}
			converse(t, "the recording", func() bool { return res.count() > 0 }, k)
			if r := res.wait(t); r.Reason != RecordMaxDuration || r.Duration != opt.MaxDuration || r.Err != nil || r.Lost != 0 || sink.closed != 1 {
				t.Errorf("%+v, closed %d times", r, sink.closed)
			}
			left, right := sink.heard(), []int16(nil)
			if c.right != nil {
				left, right = channel(left, 0), channel(left, 1)
			}
			if n := len(left); n < c.rate*6/10-2 || n > c.rate*6/10+2 {
				t.Errorf("%d samples at %d", n, c.rate)
			}
			begin := c.rate / 5 // what is held back at the start, and the resampler's
			for _, hz := range []float64{says, hears} {
				assertTone(t, "left", left[begin:], hz, c.rate, has(c.left, hz))
				if right != nil {
					assertTone(t, "right", right[begin:], hz, c.rate, has(c.right, hz))
				}
			}
		})
	}
}

func has(all []float64, x float64) bool {
	for _, y := range all {
		if x == y {
			return true
		}
	}
	return false
}

// TestRecordABridge: relayed sound of both sides, into a file, which another leg then plays.
func TestRecordABridge(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, pa := connect(t, e, KindSDES, true, &la)
	b, pb := connect(t, e, KindRTP, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	ka := newTalker(t, pa, pcmu()[0], newSine(600, 8000, -1), 1)
	kb := newTalker(t, pb, pcmu()[0], newSine(1500, 8000, -1), 2)
	converse(t, "both", func() bool { return len(pa.heard()) > 3 && len(pb.heard()) > 3 }, ka, kb)
	name := filepath.Join(t.TempDir(), "call.wav")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := audio.NewWAVWriter(f, 8000, 2)
	if err != nil {
		t.Fatal(err)
	}
	var res results
	rec, err := a.Record(RecordOptions{Sink: w, Both: true}, res.done)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	converse(t, "half a second", func() bool { return time.Since(began) > 500*time.Millisecond }, ka, kb)
	rec.Stop()
	rec.Stop()
	if r := res.wait(t); r.Reason != RecordStopped || r.Err != nil || r.Duration < 400*time.Millisecond {
		t.Errorf("%+v", r)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(raw, []byte("RIFF")) || int(binary.LittleEndian.Uint32(raw[40:])) != len(raw)-44 {
		t.Fatalf("no WAV file of the right length: % x", raw[:44])
	}
	pcm := make([]int16, (len(raw)-44)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[44+2*i:]))
	}
	left, right := channel(pcm, 0)[1600:], channel(pcm, 1)[1600:]
	assertTone(t, "left", left, 600, 8000, true)
	assertTone(t, "left", left, 1500, 8000, false)
	assertTone(t, "right", right, 1500, 8000, true)
	assertTone(t, "right", right, 600, 8000, false)
	src, err := (&audio.Files{}).Open(name, 8000)
	if err != nil {
		t.Fatal(err)
	}
	n := len(pb.heard())
	var end ending
	if _, err := b.Play(src, end.done); err != nil {
		t.Fatal(err)
	}
	if err := end.wait(t); err != nil {
		t.Error(err)
	}
	waitFor(t, "the file", func() bool { return len(pb.heard()) >= n+20 })
}

func TestRecordEnds(t *testing.T) {
	full := errors.New("disk full")
	cases := []struct {
		name string
		opt  RecordOptions
		fail error
		end  func(s *Session, r *Recording)
		want RecordReason
	}{
		{"session closed", RecordOptions{}, nil, func(s *Session, _ *Recording) { s.Close() }, RecordClosed},
		{"engine closed", RecordOptions{}, nil, func(s *Session, _ *Recording) { _ = s.e.Close() }, RecordClosed},
		{"silence", RecordOptions{Silence: 200 * time.Millisecond, SilenceThreshold: 200}, nil, func(*Session, *Recording) {}, RecordSilence},
		{"the sink fails", RecordOptions{}, full, func(*Session, *Recording) {}, RecordFailed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			var log eventLog
			s, p := connect(t, e, KindRTP, true, &log)
			sink := &memorySink{rate: 8000, fail: c.fail}
			opt := c.opt
			opt.Sink = sink
			var res results
			rec, err := s.Record(opt, res.done)
			if err != nil {
				t.Fatal(err)
			}
			k := newTalker(t, p, pcmu()[0], newSine(600, 8000, -1), 1)
			began := time.Now()
			if c.fail == nil {
				converse(t, "speech", func() bool { return time.Since(began) > 400*time.Millisecond }, k)
				if res.count() > 0 {
					t.Fatal("ended while the peer spoke")
				}
			}
			c.end(s, rec)
			if r := res.wait(t); r.Reason != c.want || !errors.Is(r.Err, c.fail) || sink.closed != 1 {
				t.Errorf("%+v, closed %d times", r, sink.closed)
			}
			rec.Stop()
			if n := s.e.Stats().Recordings; n != 0 {
				t.Errorf("%d recordings left", n)
			}
			s.Close()
			if _, err := s.Record(opt, nil); !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
	}
}

func TestRecordRefused(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s := e.NewSession(SessionConfig{})
	if _, err := s.Record(RecordOptions{Sink: &memorySink{rate: 8000}}, nil); !errors.Is(err, ErrNoAnswer) {
		t.Error(err)
	}
	s, _ = phoneOn(t, e, KindRTP, formatOf("OPUS"), &log)
	if _, err := s.Record(RecordOptions{Sink: &memorySink{rate: 8000}}, nil); !errors.Is(err, ErrCannotEncode) {
		t.Error(err)
	}
	s, _ = connect(t, e, KindRTP, true, &log)
	if _, err := s.Record(RecordOptions{Sink: &memorySink{rate: 9000}}, nil); !errors.Is(err, audio.ErrRate) {
		t.Error(err)
	}
	if err := s.DetectDTMF(false); err != nil {
		t.Error(err)
	}
}

// TestSlowSink: a disk that does not keep up costs the recording its sound and nothing else.
func TestSlowSink(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, p := connect(t, e, KindRTP, true, &log)
	sink := &memorySink{rate: 8000, gate: make(chan struct{})}
	var res results
	rec, err := s.Record(RecordOptions{Sink: sink}, res.done)
	if err != nil {
		t.Fatal(err)
	}
	e.pacer.mu.Lock()
	v := e.pacer.voices[s]
	for range 2*int(recordQueue/packetTime) + 100 { // as if so much time passed; the sink holds one queue of it at most
		rec.take(v)
	}
	lost := rec.lost
	e.pacer.mu.Unlock()
	if lost < 90*packetTime {
		t.Errorf("%v lost", lost)
	}
	if _, err := s.Play(newSine(1000, 8000, -1), nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a playback meanwhile", func() bool { return len(p.heard()) >= 10 })
	rec.Stop()
	close(sink.gate)
	r := res.wait(t)
	if r.Lost < lost || r.Duration < recordQueue || len(sink.heard()) != int(r.Duration/packetTime)*160 {
		t.Errorf("%+v, %d samples", r, len(sink.heard()))
	}
}

func TestPauseRecording(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, p := connect(t, e, KindRTP, true, &log)
	sink := &memorySink{rate: 8000}
	var res results
	rec, err := s.Record(RecordOptions{Sink: sink}, res.done)
	if err != nil {
		t.Fatal(err)
	}
	rec.Pause(true)
	e.pacer.mu.Lock()
	paused := rec.length
	e.pacer.mu.Unlock()
	if _, err := s.Play(newSine(1000, 8000, 10), nil); err != nil { // something that takes time
		t.Fatal(err)
	}
	waitFor(t, "time", func() bool { return len(p.heard()) >= 10 })
	e.pacer.mu.Lock()
	if rec.length != paused {
		t.Errorf("went on from %v to %v", paused, rec.length)
	}
	e.pacer.mu.Unlock()
	rec.Pause(false)
	waitFor(t, "it to go on", func() bool { e.pacer.mu.Lock(); defer e.pacer.mu.Unlock(); return rec.length > paused })
	rec.Stop()
	res.wait(t)
}

// TestMaskRecording: what is masked is silence, and takes its time.
func TestMaskRecording(t *testing.T) {
	sink := &memorySink{rate: 8000}
	r := &Recording{opt: RecordOptions{Sink: sink}}
	v := &voice{said: newEar()}
	for k := range v.said.frame {
		v.said.frame[k] = 1000
	}
	for _, masked := range []bool{false, true, false} {
		r.masked = masked
		r.queue = r.queue[:0]
		r.take(v)
		for i, x := range r.queue {
			if (x == 0) != masked {
				t.Fatalf("masked %t: sample %d is %d", masked, i, x)
			}
		}
		if len(r.queue) != 160 {
			t.Fatalf("masked %t: %d samples", masked, len(r.queue))
		}
	}
}

// TestQuiet: only silence in one piece counts.
func TestQuiet(t *testing.T) {
	cases := []struct {
		name   string
		levels []int16 // of each packet time
		at     int     // when it ends; -1: not
	}{
		{"speech", []int16{500, -500, 500, -500, 500, -500}, -1},
		{"silence from the start", []int16{0, 10, -10, 0, 0}, 2},
		{"pauses", []int16{0, 0, 500, 0, 0, -500, 0, 0}, -1},
		{"speech, then silence", []int16{0, 500, 0, 0, 99, 500}, 4},
		{"just loud enough", []int16{100, 100, 100, 100}, -1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := &Recording{opt: RecordOptions{Silence: 3 * packetTime, SilenceThreshold: 100}}
			v := &voice{said: newEar()}
			ended := -1
			for i, level := range c.levels {
				for k := range v.said.frame {
					v.said.frame[k] = level
				}
				if r.quiet(v) {
					ended = i
					break
				}
			}
			if ended != c.at {
				t.Errorf("ended at %d, want %d", ended, c.at)
			}
		})
	}
}
