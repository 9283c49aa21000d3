package event

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// With several subscribers an event waits for those that follow it; what a program waits for does not, and takes what waits before it along.
func TestGathering(t *testing.T) {
	const one = gatherEach
	cases := []struct {
		name        string
		subscribers int
		prompt      *esl.Selection // of one more subscriber
		events      []string
		late        time.Duration // until the first subscriber has the last event
	}{
		{"one subscriber", 1, nil, []string{"API"}, 0},
		{"two", 2, nil, []string{"API"}, one},
		{"behind another", 2, nil, []string{"API", "HEARTBEAT"}, one},
		{"very many", 100, nil, []string{"API"}, maxGather},
		{"a job's result", 20, nil, []string{"API", "BACKGROUND_JOB"}, 0},
		{"somebody waits for it", 20, &esl.Selection{Names: map[string]bool{"DTMF": true}, Prompt: true}, []string{"API", "DTMF"}, 0},
		{"somebody waits for another", 20, &esl.Selection{Names: map[string]bool{"DTMF": true}, Prompt: true}, []string{"API"}, maxGather},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestBus()
				subs := make([]*Subscription, c.subscribers)
				for i := range subs {
					subs[i] = b.Subscribe(Limit{})
					subs[i].Select(esl.Selection{All: true})
				}
				if c.prompt != nil {
					b.Subscribe(Limit{}).Select(*c.prompt)
				}
				began := time.Now()
				for _, name := range c.events {
					b.Publish(b.NewEvent(name, Origin{}))
				}
				for _, name := range c.events {
					if e, err := subs[0].Next(t.Context()); err != nil || e.Name() != name {
						t.Fatal(e, err)
					}
				}
				if late := time.Since(began); late != c.late {
					t.Errorf("after %v, want %v", late, c.late)
				}
			})
		})
	}
}
