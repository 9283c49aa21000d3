package control

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// listen subscribes to everything.
func listen(c *Control) esl.Subscription {
	sub := c.Subscribe()
	sub.Select(esl.Selection{All: true})
	return sub
}

func nextEvent(t *testing.T, sub esl.Subscription) *esl.Event {
	t.Helper()
	e, err := sub.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// ownHeaders are the headers of an event that not every event has, as lines.
func ownHeaders(e *esl.Event) []string {
	var lines []string
	for _, h := range e.Headers[slices.IndexFunc(e.Headers, func(h esl.Header) bool { return h.Name == "Event-Sequence" })+1:] {
		lines = append(lines, h.Name+": "+h.Value)
	}
	return lines
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := testControl(t)
		sub := listen(c)
		ctx, stop := context.WithCancel(t.Context())
		go c.Heartbeat(ctx)
		begin := time.Now()
		var got []string
		for range 2 {
			beat := nextEvent(t, sub)
			got = append(got, beat.Name()+" at "+time.Since(begin).String())
			got = append(got, ownHeaders(beat)...)
			again := nextEvent(t, sub)
			got = append(got, again.Name())
			got = append(got, ownHeaders(again)...)
		}
		stop()
		synctest.Wait()
		figures := []string{
			"FreeSWITCH-Version: 0.1.0~64bit", "Uptime-msec: 20000", "Session-Count: 3", "Max-Sessions: 1000", "Session-Per-Sec: 30",
			"Session-Per-Sec-Last: 1", "Session-Per-Sec-Max: 2", "Session-Per-Sec-FiveMin: 2", "Session-Since-Startup: 7", "Session-Peak-Max: 5",
			"Session-Peak-FiveMin: 4", "Idle-CPU: 50.000000",
		}
		again := func(at string) []string {
			return []string{"RE_SCHEDULE", "Task-ID: 1", "Task-Desc: heartbeat", "Task-Group: core", "Task-Runtime: " + at}
		}
		want := []string{"HEARTBEAT at 0s", "Event-Info: System Ready",
			"Up-Time: 0 years, 0 days, 0 hours, 0 minutes, 0 seconds, 0 milliseconds, 0 microseconds"}
		first := slices.Clone(figures)
		first[1] = "Uptime-msec: 0"
		want = append(append(want, first...), again("946684820")...)
		want = append(want, "HEARTBEAT at 20s", "Event-Info: System Ready",
			"Up-Time: 0 years, 0 days, 0 hours, 0 minutes, 20 seconds, 0 milliseconds, 0 microseconds")
		want = append(append(want, figures...), again("946684840")...)
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestSwitchEvents(t *testing.T) {
	c, _ := testControl(t)
	sub := listen(c)
	c.EmitStartup()
	c.emitShutdownRequested("elegant")
	c.EmitShutdown()
	for _, want := range []string{"STARTUP System Ready", "SHUTDOWN_REQUESTED elegant", "SHUTDOWN System Shutting Down"} {
		e := nextEvent(t, sub)
		if got := e.Name() + " " + e.Value("Event-Info"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestIdleCPU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, broken := "cpu 10 0 10 80 0 0 0 0", error(nil)
		i := IdleCPU{read: func() ([]byte, error) { return []byte(text), broken }}
		check := func(step string, want float64) {
			t.Helper()
			if got := i.Percent(); math.Abs(got-want) > 0.01 {
				t.Errorf("%s: %f, want %f", step, got, want)
			}
		}
		check("since the start", 80)
		text = "cpu 10 0 110 80 0 0 0 0"
		check("within a second", 80)
		time.Sleep(time.Second)
		check("all busy since", 0)
		text = "cpu 10 0 110 230 10 20 10 10 99 99"
		time.Sleep(time.Second)
		check("150 of 200 ticks", 75)
		for _, bad := range []string{"", "cpu", "cpu0 1 2 3 4", "cpu a b c d", "cpu 1 2 3"} {
			text = bad
			time.Sleep(time.Second)
			check("unreadable "+bad, 0)
		}
		text, broken = "", errors.New("no such file")
		check("no file", 0)
	})
}
