package esl

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// line is a subscription to whatever somebody puts into it.
type line struct{ events chan *Event }

func (l line) Select(Selection) {}
func (l line) Close()           {}
func (l line) Next(ctx context.Context) (*Event, error) {
	select {
	case e := <-l.events:
		return e, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestResultsOfOthers(t *testing.T) {
	const at = 100 * time.Millisecond // between two events
	mine, other := &conn{}, &conn{}
	for _, tc := range []struct {
		name   string
		all    bool
		events []*conn // their owners, nil for no job
		used   time.Duration
		want   []string // number of the event and when it came
	}{
		{"one's own and events of other kinds at once", false, []*conn{mine, nil, mine}, 0, []string{"0 0s", "1 100ms", "2 200ms"}},
		{"those of others when it has settled", false, []*conn{other, mine, other}, 0, []string{"1 100ms", "0 1s", "2 1s"}},
		{"then at once", false, []*conn{other, 11: other, 12: other}, 0, []string{"1 100ms", "2 200ms", "0 1s", "11 1.1s", "12 1.2s"}},
		{"none to one with jobs of its own", false, []*conn{other, mine, other, 12: other, 13: mine}, 50 * time.Millisecond, []string{"1 100ms", "13 1.3s"}},
		{"all to who wants all events", true, []*conn{other, mine, other}, time.Nanosecond, []string{"0 0s", "1 100ms", "2 200ms"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				l := line{make(chan *Event, 100)}
				mine.ctx = ctx
				mine.events.sub, mine.events.selection = l, Selection{All: tc.all, Names: map[string]bool{"BACKGROUND_JOB": true}}
				mine.jobs.used.Store(false)
				if tc.used > 0 {
					time.AfterFunc(tc.used, func() { mine.jobs.used.Store(true) })
				}
				start := time.Now()
				go func() {
					for i, owner := range tc.events {
						if i < 3 || owner != nil {
							e := NewEvent("BACKGROUND_JOB")
							e.Add("N", strconv.Itoa(i))
							e.owner = owner
							l.events <- e
						}
						time.Sleep(at)
					}
				}()
				o := others{settled: start.Add(settleTime)}
				for _, want := range tc.want {
					e, err := o.next(mine.ctx, mine)
					if err != nil {
						t.Fatal(err)
					}
					if got := e.Value("N") + " " + time.Since(start).String(); got != want {
						t.Fatalf("got %s, want %s", got, want)
					}
				}
				cancel()
				if e, err := o.next(mine.ctx, mine); err == nil {
					t.Errorf("got %s, want nothing more", e.Value("N"))
				}
				time.Sleep(2 * time.Second) // lets the sender end
			})
		})
	}
}

func TestResultsOfOthersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := line{make(chan *Event, maxHeld+1)}
		c := &conn{ctx: t.Context()}
		c.events.sub = l
		for range maxHeld + 1 {
			l.events <- &Event{owner: &conn{}}
		}
		o := others{settled: time.Now().Add(settleTime)}
		if _, err := o.next(c.ctx, c); err != nil || len(o.held) != maxHeld {
			t.Errorf("%d are held, %v", len(o.held), err)
		}
	})
}
