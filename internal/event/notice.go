package event

import (
	"sync"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// Notice is an event that is not written yet: whoever reads it first writes it, for all who read it. Posting one costs those it tells of
// next to nothing, however much it has to say and however many want to know.
type Notice struct {
	Name, Subclass string
	Origin         Origin
	// Channel is the value of the header Unique-ID, "" for an event without one.
	Channel string
	Source  Source
}

// Source has what a Notice says. It does not change any more: it is read later, by another goroutine.
type Source interface {
	// WriteEvent adds the headers behind those that every event begins with, and the body.
	WriteEvent(e *esl.Event)
	// EventSize is about how many headers that will be, and how many bytes their names, their values and the body.
	EventSize() (headers, bytes int)
}

// posted is a Notice on its way to its readers.
type posted struct {
	Notice
	bus      *Bus
	at       time.Time
	sequence uint64
	headers  int
	shared   bool // there are several readers

	once  sync.Once
	event *esl.Event
}

// read returns the event.
func (p *posted) read() *esl.Event {
	p.once.Do(func() {
		e := &esl.Event{Headers: make([]esl.Header, 0, baseHeaders+p.headers)}
		e.Add("Event-Name", p.Name)
		p.bus.addBase(e, p.Origin, p.at, p.sequence)
		p.Source.WriteEvent(e)
		if p.shared {
			p.bus.encodings.Share(e)
		}
		p.event, p.Source = e, nil
	})
	return p.event
}

// Post stamps the time and the sequence number of an event and hands it to every subscriber that wants it, as Publish does.
func (b *Bus) Post(n Notice) {
	p := &posted{Notice: n, bus: b, at: time.Now()}
	bytes := 0
	p.headers, bytes = n.Source.EventSize()
	b.mu.Lock()
	defer b.mu.Unlock()
	p.sequence = b.next
	b.enter(queued{notice: p, size: bytes + (baseHeaders+p.headers)*headerSize})
}
