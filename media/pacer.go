package media

import (
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// packetTime is the length of the packets that are made here, whatever the peer's ptime: each receiver takes them (RFC 3551 §4.2).
const packetTime = time.Second / ticksPerSecond

// errPanic ends a playback whose source panicked.
var errPanic = errors.New("media: the source of a playback failed")

// Bounds of the pacer.
const (
	maxCatchUp = 5 // packets that are sent at once after a delay; more are left out
	ownBatches = 3 // batches that wait for the packet loop; without a free one a packet time is left out
)

// pacer makes and hears the sound of an engine's legs: playbacks, recordings, mixers, detectors. It is one goroutine, which runs only
// while one of them does. Every 20 ms it takes what the packet loop has heard for it and gives the loop one batch of packets to send; what
// is in between, codecs and files, is no business of the loop.
type pacer struct {
	e      *Engine
	writer recordWriter
	wake   chan struct{}

	mu       sync.Mutex // guards what follows, all voices and all that hangs on them
	voices   map[*Session]*voice
	mixers   map[*Mixer]struct{}
	finished []func() // callbacks to run without the lock
	running  bool
	closed   bool
	batches  []*batch // of this packet time, by shard; nil = none begun
	missed   []bool   // by shard: none was free
	skipped  uint64   // packet times left out
	unheard  uint64   // packets that did not fit into the rings of ears
	panics   uint64
}

// voice is what the pacer does for one leg.
type voice struct {
	s        *Session
	l        *leg
	play     *Playback
	mixer    *Mixer
	records  []*Recording
	detector *detector
	said     *ear // what the peer says; nil while nobody wants it
	heard    *ear // what it hears

	format  *format8 // the leg's codec as last seen
	encoder audio.Encoder
	out     rateAdapter // from the mixer's rate to the codec's
	frame   []int16

	posted posted // what the packet loop was told last
}

// posted is what the packet loop does for a voice.
type posted struct {
	own         bool
	said, heard *ear
}

func newPacer(e *Engine) *pacer {
	p := &pacer{e: e, wake: make(chan struct{}, 1), voices: map[*Session]*voice{}, mixers: map[*Mixer]struct{}{}}
	p.writer.group, p.writer.wake = &e.group, make(chan struct{}, 1)
	return p
}

// voiceOf is the voice of a session that sound can be made and heard for; it starts the pacer. The lock is held. settle must follow.
func (p *pacer) voiceOf(s *Session, l *leg) (*voice, error) {
	if p.closed || s.over.Load() { // Session.Close sets over before it comes for the voice
		return nil, ErrClosed
	}
	v := p.voices[s]
	if v == nil {
		v = &voice{s: s, l: l}
	}
	if err := v.refresh(); err != nil {
		return nil, err
	}
	if !p.running {
		if p.running = p.e.group.start(p.run); !p.running {
			return nil, ErrClosed
		}
	}
	p.voices[s] = v
	return v, nil
}

// refresh follows the leg's codec.
func (v *voice) refresh() error {
	f := v.l.sends.Load()
	if f == nil {
		return ErrNoAnswer
	}
	if f == v.format {
		if v.encoder == nil {
			return ErrCannotEncode
		}
		return nil
	}
	if v.format == nil || !v.format.codec.Same(*f.codec) || v.encoder == nil {
		v.encoder = nil
		if Generable(*f.codec) {
			v.encoder, _ = audio.NewEncoder(f.codec.Name, f.codec.ClockRate) // nil stands for the error
		}
	}
	v.format = f
	if v.encoder == nil {
		return ErrCannotEncode
	}
	return nil
}

// settle tells the packet loop what is new for a voice, and forgets one that has nothing to do. The lock is held.
func (p *pacer) settle(v *voice) {
	if p.voices[v.s] != v {
		return // forgotten before
	}
	v.said = v.wants(v.said, v.mixer != nil || v.detector != nil || v.recorded(false))
	v.heard = v.wants(v.heard, v.recorded(true))
	now := posted{own: v.play != nil || v.mixer != nil, said: v.said, heard: v.heard}
	if now != v.posted {
		v.posted = now
		l := v.l
		l.post(func() {
			l.fresh = l.fresh || now.own && !l.own
			l.own, l.said, l.heardBy = now.own, now.said, now.heard
		})
	}
	if now == (posted{}) {
		delete(p.voices, v.s)
	}
}

// wants makes an ear or drops it.
func (v *voice) wants(have *ear, want bool) *ear {
	if !want {
		return nil
	}
	if have == nil {
		return newEar()
	}
	return have
}

// recorded tells whether a recording needs what the peer says, or hears.
func (v *voice) recorded(heard bool) bool {
	for _, r := range v.records {
		if heard && r.opt.wantsHeard() || !heard && r.opt.wantsSaid() {
			return true
		}
	}
	return false
}

// later runs f on the pacer's goroutine without the lock. The lock is held and the pacer runs.
func (p *pacer) later(f func()) {
	p.finished = append(p.finished, f)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run is the pacer's goroutine.
func (p *pacer) run() {
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var done []func()
		var over bool
		next, done, over = p.round(next)
		for _, f := range done {
			f()
		}
		if over {
			return
		}
		timer.Reset(time.Until(next))
		select {
		case <-timer.C:
		case <-p.wake:
		}
	}
}

// round does what is due and returns when the next round is, the callbacks to run, and whether there is nothing left to do.
func (p *pacer) round(next time.Time) (time.Time, []func(), bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.voices) == 0 && len(p.finished) == 0 {
		p.running = false
		return next, nil, true
	}
	now := time.Now()
	for n := 0; !now.Before(next); n++ {
		if n == maxCatchUp {
			p.skipped += uint64(now.Sub(next)/packetTime) + 1
			next = now.Add(packetTime)
			break
		}
		p.tick()
		next = next.Add(packetTime)
	}
	done := p.finished
	p.finished = nil
	return next, done, false
}

// tick does one packet time. The lock is held.
func (p *pacer) tick() {
	if len(p.voices) == 0 {
		return
	}
	for _, v := range p.voices {
		p.listen(v)
	}
	for m := range p.mixers {
		m.mix()
	}
	for _, v := range p.voices {
		p.speak(v)
		p.record(v)
		p.detect(v)
	}
	p.send()
	for _, v := range p.voices { // after the last packets
		p.settle(v)
	}
}

// read takes the next sound of a playback into the voice's frame. One whose source panics ends.
func (p *pacer) read(v *voice) error {
	err := errPanic
	p.protected(func() { err = v.play.read(v) })
	return err
}

// protected runs f and survives its panic: that is a defect of ours that a file or a packet found, and must not end other calls.
func (p *pacer) protected(f func()) {
	defer func() {
		if r := recover(); r != nil {
			p.panics++
			p.e.log.Error("media pacer: panic", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// listen takes in what the packet loop has heard.
func (p *pacer) listen(v *voice) {
	for _, e := range [...]*ear{v.said, v.heard} {
		if e != nil {
			p.protected(e.pull)
			p.unheard += e.lost.Swap(0)
		}
	}
}

// speak makes the packet of this time for a voice that plays or is mixed.
func (p *pacer) speak(v *voice) {
	if v.play == nil && v.mixer == nil {
		return
	}
	err := v.refresh()
	if v.play != nil {
		if err == nil {
			err = p.read(v)
		}
		if err != nil {
			p.end(v, err)
		}
	}
	if v.play == nil {
		if v.mixer == nil || v.encoder == nil {
			return
		}
		v.mixed()
	}
	p.batch(v.l).add(v)
}

// size makes the frame as long as a packet time at the codec's rate.
func (v *voice) size() {
	n := v.encoder.Rate() / ticksPerSecond
	if cap(v.frame) < n {
		v.frame = make([]int16, n)
	}
	v.frame = v.frame[:n]
}

// stats fills in the figures of the pacer.
func (p *pacer) stats(st *EngineStats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st.PacerSkips, st.HearingLost = p.skipped, p.unheard
	st.Panics += p.panics
	for _, v := range p.voices {
		if v.play != nil {
			st.Playbacks++
		}
		if v.mixer != nil {
			st.Mixed++
		}
		st.Recordings += len(v.records)
	}
}

// close ends everything and lets the goroutine end.
func (p *pacer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, v := range p.voices {
		p.silence(v)
	}
}

// drop ends what goes on for a session that is being closed.
func (p *pacer) drop(s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.voices[s]; v != nil {
		p.silence(v)
	}
}

// silence ends all of a voice. The lock is held.
func (p *pacer) silence(v *voice) {
	if v.play != nil {
		p.end(v, ErrClosed)
	}
	for len(v.records) > 0 {
		p.finish(v.records[0], RecordClosed)
	}
	if v.mixer != nil {
		v.mixer.remove(v)
	}
	v.detector = nil
	p.settle(v)
}
