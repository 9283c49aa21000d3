package event

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/talkpath/talkpath/esl"
)

func newTestBus() *Bus {
	return NewBus(Identity{CoreUUID: "core", Hostname: "vm", Switchname: "sw", IPv4: "192.0.2.2", IPv6: "::1"})
}

func TestBaseHeadersInRecordedOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBus()
		e := b.NewEvent("CHANNEL_CREATE", Origin{"switch_channel.c", "fn", 12})
		e.Add("Unique-ID", "u")
		b.Publish(e)
		got := string(e.AppendPlain(nil))
		local := e.Value("Event-Date-Local")
		want := "Event-Name: CHANNEL_CREATE\nCore-UUID: core\nFreeSWITCH-Hostname: vm\nFreeSWITCH-Switchname: sw\nFreeSWITCH-IPv4: 192.0.2.2\n" +
			"FreeSWITCH-IPv6: %3A%3A1\nEvent-Date-Local: " + strings.NewReplacer(" ", "%20", ":", "%3A").Replace(local) +
			"\nEvent-Date-GMT: Sat,%2001%20Jan%202000%2000%3A00%3A00%20GMT\nEvent-Date-Timestamp: 946684800000000\n" +
			"Event-Calling-File: switch_channel.c\nEvent-Calling-Function: fn\nEvent-Calling-Line-Number: 12\nEvent-Sequence: 1000000000\n" +
			"Unique-ID: u\n\n"
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestPublishFillsForeignEvent(t *testing.T) {
	b := newTestBus()
	e := esl.NewEvent("CUSTOM")
	b.Publish(e)
	if e.Value("Core-UUID") != "core" || e.Value("Event-Sequence") != "1000000000" {
		t.Errorf("headers %v", e.Headers)
	}
}

func TestWantsFollowsSubscriptions(t *testing.T) {
	b := newTestBus()
	check := func(step, name, subclass string, want bool) {
		t.Helper()
		if got := b.Wants(name, subclass); got != want {
			t.Errorf("%s: Wants(%q, %q) = %v", step, name, subclass, got)
		}
	}
	check("empty", "HEARTBEAT", "", false)
	s1, s2 := b.Subscribe(Limit{}), b.Subscribe(Limit{})
	one := esl.Selection{Names: map[string]bool{"HEARTBEAT": true, "CUSTOM": true}, Subclasses: map[string]bool{"a::b": true}}
	s1.Select(one)
	s2.Select(one)
	check("two", "HEARTBEAT", "", true)
	check("two", "CUSTOM", "a::b", true)
	check("two", "CUSTOM", "a::c", false)
	check("two", "API", "", false)
	s1.Close()
	check("one left", "HEARTBEAT", "", true)
	s2.Select(esl.Selection{All: true})
	check("all", "API", "", true)
	check("all", "CUSTOM", "a::c", true)
	s2.Close()
	s2.Close()
	check("none", "HEARTBEAT", "", false)
	s2.Select(esl.Selection{All: true})
	check("after close", "HEARTBEAT", "", false)
	if n := b.Stats().Subscribers; n != 0 {
		t.Errorf("%d subscribers left", n)
	}
}

func TestOrderIsOneForAll(t *testing.T) {
	b := newTestBus()
	const publishers, each = 8, 400
	var subs []*Subscription
	for range 4 {
		s := b.Subscribe(Limit{})
		s.Select(esl.Selection{All: true})
		subs = append(subs, s)
	}
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for range each {
				b.Publish(b.NewEvent("HEARTBEAT", Origin{}))
			}
		})
	}
	for _, s := range subs {
		for i := range publishers * each {
			e, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := e.Value("Event-Sequence"), strconv.Itoa(1_000_000_000+i); got != want {
				t.Fatalf("sequence %s, want %s", got, want)
			}
		}
	}
	wg.Wait()
}

func TestOverflowEndsOnlyTheSlowSubscription(t *testing.T) {
	for name, limit := range map[string]Limit{"by count": {Events: 10}, "by bytes": {Bytes: 10 * 1024}} {
		t.Run(name, func(t *testing.T) {
			b := newTestBus()
			slow, fast := b.Subscribe(limit), b.Subscribe(Limit{})
			slow.Select(esl.Selection{All: true})
			fast.Select(esl.Selection{All: true})
			for range 100 {
				b.Publish(b.NewEvent("HEARTBEAT", Origin{}))
			}
			if _, err := slow.Next(t.Context()); !errors.Is(err, esl.ErrOverflow) {
				t.Errorf("slow: %v", err)
			}
			for range 100 {
				if _, err := fast.Next(t.Context()); err != nil {
					t.Fatalf("fast: %v", err)
				}
			}
			if st := b.Stats(); st.Overflows != 1 || st.Subscribers != 1 || st.Published != 100 || st.Queued != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

func TestNextEndsWithContextAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBus()
		s := b.Subscribe(Limit{})
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error)
		next := func(ctx context.Context) {
			_, err := s.Next(ctx)
			errs <- err
		}
		go next(ctx)
		synctest.Wait()
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		go next(t.Context())
		synctest.Wait()
		s.Close()
		if err := <-errs; !errors.Is(err, esl.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestQueueKeepsOrderOverCompaction(t *testing.T) {
	b := newTestBus()
	s := b.Subscribe(Limit{})
	s.Select(esl.Selection{Names: map[string]bool{"A": true}})
	want := 0
	for i := range 10_000 {
		e := esl.NewEvent("A")
		e.Add("n", strconv.Itoa(i))
		b.Publish(e)
		if i > 3000 && i%3 != 0 {
			got, err := s.Next(t.Context())
			if err != nil || got.Value("n") != strconv.Itoa(want) {
				t.Fatalf("got %v %v, want %d", got, err, want)
			}
			want++
		}
	}
	if left := b.Stats().Queued; left != 10_000-want {
		t.Errorf("%d left, want %d", left, 10_000-want)
	}
}

func TestFinishLeavesWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBus()
		s := b.Subscribe(Limit{})
		s.Select(esl.Selection{All: true})
		b.Publish(b.NewEvent("SHUTDOWN", Origin{}))
		s.Finish()
		s.Finish()
		s.Select(esl.Selection{All: true})
		b.Publish(b.NewEvent("API", Origin{}))
		if e, err := s.Next(t.Context()); err != nil || e.Name() != "SHUTDOWN" {
			t.Errorf("first: %v %v", e, err)
		}
		for range 2 {
			if e, err := s.Next(t.Context()); !errors.Is(err, esl.ErrClosed) {
				t.Errorf("then: %v %v", e, err)
			}
		}
		waiting := b.Subscribe(Limit{})
		ended := make(chan error)
		go func() {
			_, err := waiting.Next(t.Context())
			ended <- err
		}()
		synctest.Wait()
		waiting.Finish()
		if err := <-ended; !errors.Is(err, esl.ErrClosed) {
			t.Errorf("waiting: %v", err)
		}
		if n := b.Stats().Subscribers; n != 0 || b.Wants("API", "") {
			t.Errorf("%d subscribers left", n)
		}
	})
}
