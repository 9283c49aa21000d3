package event

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// source counts how often it is asked to write.
type source struct {
	n       int
	bytes   int
	written atomic.Int32
}

func (s *source) WriteEvent(e *esl.Event) {
	s.written.Add(1)
	e.Add("n", strconv.Itoa(s.n))
}

func (s *source) EventSize() (headers, bytes int) { return 1, s.bytes }

// A notice is written once, by whoever reads it first, with the time and the number of when it was posted, and never when nobody reads it.
func TestNoticeIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBus()
		var subs []*Subscription
		for range 5 {
			s := b.Subscribe(Limit{})
			s.Select(esl.Selection{All: true})
			subs = append(subs, s)
		}
		src := &source{n: 7}
		b.Post(Notice{Name: "CHANNEL_STATE", Origin: Origin{"file.c", "fn", 3}, Source: src})
		b.Publish(b.NewEvent("API", Origin{}))
		synctest.Wait()
		if src.written.Load() != 0 {
			t.Error("written before it was read")
		}
		time.Sleep(time.Minute)
		var readers sync.WaitGroup
		got := make([]*esl.Event, len(subs))
		for i, s := range subs {
			readers.Go(func() { got[i], _ = s.Next(t.Context()) })
		}
		readers.Wait()
		e := got[0]
		for _, other := range got {
			if other != e {
				t.Error("not one event for all")
			}
		}
		if n := src.written.Load(); n != 1 {
			t.Errorf("written %d times", n)
		}
		if e.Name() != "CHANNEL_STATE" || e.Value("Event-Sequence") != "1000000000" || e.Value("Event-Date-Timestamp") != "946684800000000" ||
			e.Value("Event-Calling-File") != "file.c" || e.Value("n") != "7" {
			t.Errorf("%v", e.Headers)
		}
		if next, err := subs[0].Next(t.Context()); err != nil || next.Name() != "API" || next.Value("Event-Sequence") != "1000000001" {
			t.Errorf("next: %v %v", next, err)
		}
		for _, s := range subs {
			s.Close()
		}
		unread := &source{}
		b.Post(Notice{Name: "CHANNEL_STATE", Source: unread})
		if unread.written.Load() != 0 {
			t.Error("written for nobody")
		}
	})
}

// What is wanted counts from the moment it was asked for, though events are handed over later.
func TestNoticesAreSelectedInOrder(t *testing.T) {
	b := newTestBus()
	post := func(n int, name, channel string) {
		b.Post(Notice{Name: name, Channel: channel, Source: &source{n: n}})
	}
	s, other := b.Subscribe(Limit{}), b.Subscribe(Limit{})
	other.Select(esl.Selection{All: true})
	post(1, "CHANNEL_STATE", "x") // before it is wanted
	s.Select(esl.Selection{Names: map[string]bool{"CHANNEL_STATE": true}})
	post(2, "CHANNEL_STATE", "x")
	post(3, "CHANNEL_ANSWER", "x") // another name
	s.Select(esl.Selection{All: true, Channel: "y"})
	post(4, "CHANNEL_STATE", "x") // another channel
	post(5, "CHANNEL_ANSWER", "y")
	s.Finish()
	post(6, "CHANNEL_ANSWER", "y") // too late
	for _, want := range []string{"2", "5"} {
		if e, err := s.Next(t.Context()); err != nil || e.Value("n") != want {
			t.Fatalf("%v %v, want %s", e, err, want)
		}
	}
	if e, err := s.Next(t.Context()); !errors.Is(err, esl.ErrClosed) {
		t.Errorf("then %v %v", e, err)
	}
	if st := b.Stats(); st.Queued != 6 || st.Published != 6 {
		t.Errorf("%+v", st)
	}
}

// A notice that nobody wrote yet counts with the size that it will have.
func TestNoticesAreBounded(t *testing.T) {
	b := newTestBus()
	s := b.Subscribe(Limit{Bytes: 1 << 20})
	s.Select(esl.Selection{All: true})
	for range 20 {
		b.Post(Notice{Name: "CHANNEL_STATE", Source: &source{bytes: 100 << 10}})
	}
	if _, err := s.Next(t.Context()); err != nil && !errors.Is(err, esl.ErrOverflow) {
		t.Error(err)
	}
	if st := b.Stats(); st.Overflows != 1 || st.Subscribers != 0 {
		t.Errorf("%+v", st)
	}
}

// Who publishes faster than events are handed over does it himself.
func TestPendingIsBounded(t *testing.T) {
	b := newTestBus()
	s := b.Subscribe(Limit{})
	s.Select(esl.Selection{All: true})
	b.mu.Lock()
	b.handing = true // nobody hands over
	b.mu.Unlock()
	for i := range 3 * maxPending {
		b.Post(Notice{Name: "CHANNEL_STATE", Source: &source{n: i}})
		if len(b.pending) >= maxPending {
			t.Fatalf("%d wait", len(b.pending))
		}
	}
	for i := range 3*maxPending - len(b.pending) {
		if e, err := s.Next(t.Context()); err != nil || e.Value("n") != strconv.Itoa(i) {
			t.Fatalf("%v %v, want %d", e, err, i)
		}
	}
}
