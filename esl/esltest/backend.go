package esltest

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/talkpath/talkpath/esl"
)

// Backend plays the switch: its answers are fixed and its bus is a plain queue. Set the fields before use.
type Backend struct {
	// Answers by command line. Other commands get "-ERR NAME Command not found!\n". Each list is used up in order, its last answer
	// stays.
	Answers map[string][]string
	// Run, when set, is asked first; ok false falls back to Answers.
	Run func(ctx context.Context, line string) (answer string, ok bool)
	// Sequences are the numbers of the events to come; afterwards they count on.
	Sequences []int
	// QueueLimit is how many events a subscription holds; 0 is 1000.
	QueueLimit int

	executed atomic.Int64

	mu   sync.Mutex
	subs map[*subscription]struct{}
	next int
}

// Executed says how many commands ran.
func (b *Backend) Executed() int64 { return b.executed.Load() }

// Subscribers says how many subscriptions are open.
func (b *Backend) Subscribers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.subs)
}

// Execute implements esl.Backend.
func (b *Backend) Execute(ctx context.Context, line string) string {
	b.executed.Add(1)
	if b.Run != nil {
		if answer, ok := b.Run(ctx, line); ok {
			return answer
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if list := b.Answers[line]; len(list) > 0 {
		if len(list) > 1 {
			b.Answers[line] = list[1:]
		}
		return list[0]
	}
	name, _, _ := strings.Cut(line, " ")
	return "-ERR " + name + " Command not found!\n"
}

// NewEvent implements esl.Backend with the headers of the recordings.
func (b *Backend) NewEvent(name string) *esl.Event {
	e := esl.NewEvent(name)
	for _, h := range [][2]string{
		{"Core-UUID", "d158c589-36b8-4894-9200-eedfed255f73"}, {"FreeSWITCH-Hostname", "vm"}, {"FreeSWITCH-Switchname", "vm"},
		{"FreeSWITCH-IPv4", "192.0.2.2"}, {"FreeSWITCH-IPv6", "fd00::2"}, {"Event-Date-Local", "2026-11-23 03:03:54"},
		{"Event-Date-GMT", "Mon, 23 Nov 2026 03:03:54 GMT"}, {"Event-Date-Timestamp", "1795403034364627"},
		{"Event-Calling-File", "x.c"}, {"Event-Calling-Function", "x"}, {"Event-Calling-Line-Number", "1"}, {"Event-Sequence", "0"},
	} {
		e.Add(h[0], h[1])
	}
	return e
}

// Publish implements esl.Backend.
func (b *Backend) Publish(e *esl.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.Sequences) > 0 {
		b.next, b.Sequences = b.Sequences[0], b.Sequences[1:]
	}
	e.Set("Event-Sequence", strconv.Itoa(b.next))
	b.next++
	for s := range b.subs {
		if !s.selection.Match(e) {
			continue
		}
		select {
		case s.queue <- e:
		default:
			if !s.over {
				s.over = true
				close(s.overflow)
			}
		}
	}
}

// Subscribe implements esl.Backend.
func (b *Backend) Subscribe() esl.Subscription {
	limit := b.QueueLimit
	if limit == 0 {
		limit = 1000
	}
	s := &subscription{backend: b, queue: make(chan *esl.Event, limit), overflow: make(chan struct{}), closed: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs == nil {
		b.subs = map[*subscription]struct{}{}
	}
	b.subs[s] = struct{}{}
	return s
}

type subscription struct {
	backend   *Backend
	queue     chan *esl.Event
	overflow  chan struct{}
	closed    chan struct{}
	selection esl.Selection // guarded by backend.mu
	over      bool          // guarded by backend.mu
	once      sync.Once
}

func (s *subscription) Select(sel esl.Selection) {
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	s.selection = sel.Clone()
}

func (s *subscription) Next(ctx context.Context) (*esl.Event, error) {
	select {
	case <-s.overflow:
		return nil, esl.ErrOverflow
	default:
	}
	select {
	case e := <-s.queue:
		return e, nil
	case <-s.overflow:
		return nil, esl.ErrOverflow
	case <-s.closed:
		return nil, esl.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *subscription) Close() {
	s.once.Do(func() { close(s.closed) })
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	delete(s.backend.subs, s)
}
