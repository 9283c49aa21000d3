package call

import (
	"sync"
	"time"

	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// silentPlayback lasts as long as a sound would, for a peer whose codec cannot be made here: the dialplan keeps its time. It reads a
// second of the sound a second and drops it.
type silentPlayback struct {
	src   audio.Source
	began time.Time
	buf   []int16

	mu    sync.Mutex // guards what follows
	timer *time.Timer
	done  func(error) // nil once it was called
	end   time.Duration
}

func playSilently(src audio.Source, done func(error)) *silentPlayback {
	p := &silentPlayback{src: src, began: time.Now(), buf: make([]int16, src.Rate()), done: done}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(0, p.next)
	return p
}

// next reads the next second.
func (p *silentPlayback) next() {
	p.mu.Lock()
	if p.done == nil {
		p.mu.Unlock()
		return
	}
	n, err := audio.ReadFull(p.src, p.buf)
	if err == nil && n > 0 {
		p.timer.Reset(time.Duration(n) * time.Second / time.Duration(len(p.buf)))
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	p.finish(nil)
}

func (p *silentPlayback) finish(err error) {
	p.mu.Lock()
	done := p.done
	p.done = nil
	if done != nil {
		p.end = time.Since(p.began)
		p.timer.Stop()
		if closed := audio.Close(p.src); err == nil {
			err = closed
		}
	}
	p.mu.Unlock()
	if done != nil {
		done(err)
	}
}

// Stop implements playback.
func (p *silentPlayback) Stop() { p.finish(media.ErrStopped) }

// Position implements playback.
func (p *silentPlayback) Position() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		return p.end
	}
	return time.Since(p.began)
}
