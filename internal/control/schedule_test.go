package control

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/event"
)

// inBubble runs f with a Control in a bubble; did is what was done to channels.
func inBubble(t *testing.T, f func(t *testing.T, c *Control, core *fakeCore, did *[]string)) {
	outside, core := testControl(t)
	synctest.Test(t, func(t *testing.T) {
		c := New(Deps{Core: core, Config: outside.deps.Config, Bus: event.NewBus(event.Identity{Hostname: "vm"}), Registrations: fakeRegistrations{}})
		defer c.Close()
		f(t, c, core, steerable(c, core))
	})
}

func TestScheduleAnswers(t *testing.T) {
	const bad = "-ERR Invalid syntax. USAGE: " + schedAPISyntax + "\n"
	for _, tc := range []struct{ command, want string }{
		{"sched_api +5 none status", "+OK Added: 3\n"},
		{"sched_api @5 none status x&", "+OK Added: 3\n"},
		{"sched_api soon none status", "+OK Added: 3\n"}, // atol
		{"sched_api +5 none", bad},
		{"sched_api +5", bad},
		{"sched_api", bad},
		{"unsched_api 77", "-ERR No such id\n"},
		{"unsched_api", "-ERR Invalid syntax. USAGE: <task_id>\n"},
		{"unsched_api x", ""},
		{"sched_del", "-ERR Invalid syntax\n"},
		{"sched_del 77", "+OK Deleted: 0\n"},
		{"sched_del group", "+OK Deleted: 0\n"},
		{"sched_hangup +5 a", "+OK\n"},
		{"sched_hangup 0 a USER_BUSY", "+OK\n"},
		{"sched_hangup +5 x", "-ERR No such channel!\n"},
		{"sched_hangup +5", "-ERR No such channel!\n"},
		{"sched_hangup", "-USAGE: [+]<time> <uuid> [<cause>]\n"},
		{"sched_transfer +5 a 1002 XML default", "+OK\n"},
		{"sched_transfer +5 x 1002", "-ERR No such channel!\n"},
		{"sched_transfer +5 a", "-USAGE: [+]<time> <uuid> <extension> [<dialplan>] [<context>]\n"},
		{"sched_broadcast +5 a tone.wav both", "+OK Message scheduled\n"},
		{"sched_broadcast +5 x tone.wav", "+OK Message scheduled\n"},
		{"sched_broadcast +5 a", "-USAGE: [[+]<time>|@time] <uuid> <path> [aleg|bleg|both]\n"},
	} {
		inBubble(t, func(t *testing.T, c *Control, _ *fakeCore, _ *[]string) {
			if got := c.Execute(t.Context(), tc.command); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.command, got, tc.want)
			}
		})
	}
}

func TestScheduleActs(t *testing.T) {
	for _, tc := range []struct {
		command string
		wait    time.Duration
		did     string
	}{
		{"sched_hangup +5 a", 4 * time.Second, ""},
		{"sched_hangup +5 a", 6 * time.Second, "a ALLOTTED_TIMEOUT"},
		{"sched_hangup 0 a USER_BUSY", 0, "a USER_BUSY"},
		{"sched_hangup +0 a", 0, "a ALLOTTED_TIMEOUT"},
		{"sched_transfer +5 a 1002 XML default", 6 * time.Second, "a transfer 1002,XML,default 0"},
		{"sched_broadcast +5 a 'my tone.wav' both", 6 * time.Second, "b execute playback(my tone.wav) true,a execute playback(my tone.wav) true"},
		{"sched_broadcast @1 x tone.wav", 6 * time.Second, ""},
		{"sched_api +5 g uuid_kill b", 6 * time.Second, "b NORMAL_CLEARING"},
		{"sched_api @5 g uuid_kill b&", 16 * time.Second, "b NORMAL_CLEARING,b NORMAL_CLEARING,b NORMAL_CLEARING"},
	} {
		inBubble(t, func(t *testing.T, c *Control, core *fakeCore, did *[]string) {
			c.Execute(t.Context(), tc.command)
			time.Sleep(tc.wait)
			synctest.Wait()
			if got := strings.Join(append(*did, core.hungUp...), ","); got != tc.did {
				t.Errorf("%s after %v: did %q, want %q", tc.command, tc.wait, got, tc.did)
			}
		})
	}
}

func TestTaskTable(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Control, core *fakeCore, _ *[]string) {
		sub := c.Subscribe()
		defer sub.Close()
		sub.Select(esl.Selection{Names: map[string]bool{"ADD_SCHEDULE": true, "RE_SCHEDULE": true, "DEL_SCHEDULE": true}})
		for _, command := range []string{"sched_api +100 one version", "sched_api @10 two version", "sched_hangup +50 c", "sched_api +1000 two version"} {
			c.Execute(t.Context(), command)
		}
		const head = "task_id,task_desc,task_group,task_runtime,task_sql_manager,hostname\n"
		at := func(seconds int) string { return fmt.Sprint(time.Now().Unix() + int64(seconds)) }
		want := head + "3,sched_api_function,one," + at(100) + ",0,vm\n4,sched_api_function,two," + at(10) + ",0,vm\n" +
			"5,switch_ivr_schedule_hangup,c," + at(50) + ",0,vm\n6,sched_api_function,two," + at(1000) + ",0,vm\n\n4 total.\n"
		if got := c.Execute(t.Context(), "show tasks"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := c.Execute(t.Context(), "show tasks"); !strings.Contains(got, "\n4,sched_api_function,two,"+at(9)+",0,vm\n") {
			t.Errorf("a recurring task is not scheduled again: %s", got)
		}
		core.channels = core.channels[:2] // c is gone, and its task with it
		if got := c.Execute(t.Context(), "show tasks"); strings.Contains(got, ",c,") {
			t.Errorf("got %s", got)
		}
		if got := c.Execute(t.Context(), "sched_del two"); got != "+OK Deleted: 2\n" {
			t.Errorf("%q", got)
		}
		if got := c.Execute(t.Context(), "unsched_api 3"); got != done {
			t.Errorf("%q", got)
		}
		if got := c.Execute(t.Context(), "show tasks"); got != "\n0 total.\n" {
			t.Errorf("%q", got)
		}
		var told []string
		for range 9 {
			e, err := sub.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			told = append(told, e.Name()[:3]+" "+e.Value("Task-ID"))
		}
		got := strings.Join(told, ",")
		if !strings.HasPrefix(got, "ADD 3,ADD 4,ADD 5,ADD 6,RE_ 4,DEL 5,DEL ") || !strings.HasSuffix(got, ",DEL 3") {
			t.Errorf("told %s", got)
		}
	})
}

// TestTaskTableIsBounded: full is full, and those of channels that are gone make room.
func TestTaskTableIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Control, core *fakeCore, _ *[]string) {
		for range maxTasks {
			if got := c.Execute(t.Context(), "sched_hangup +5000 a"); got != done {
				t.Fatal(got)
			}
		}
		if got := c.Execute(t.Context(), "sched_api +5 none version"); got != tooManyTasks {
			t.Errorf("full: %q", got)
		}
		core.channels = nil
		if got := c.Execute(t.Context(), "sched_api +5 none version"); !strings.HasPrefix(got, "+OK Added: ") {
			t.Errorf("after the channel: %q", got)
		}
	})
}

// TestPanicInTask: a task that panics is told and over, and the others go on.
func TestPanicInTask(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Control, core *fakeCore, _ *[]string) {
		var log strings.Builder
		c.tasks.log = slog.New(slog.NewTextHandler(&log, nil))
		c.tasks.add(&job{task: task{desc: "bad", runtime: time.Now()}, do: func() { panic("oops") }})
		c.Execute(t.Context(), "sched_api +1 none uuid_kill a")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !strings.Contains(log.String(), "panic=oops") || len(core.hungUp) != 1 {
			t.Errorf("logged %q, did %v", log.String(), core.hungUp)
		}
		if got := c.Execute(t.Context(), "show tasks"); got != "\n0 total.\n" {
			t.Errorf("%q", got)
		}
	})
}

func TestHeartbeatIsATask(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Control, _ *fakeCore, _ *[]string) {
		ctx, stop := context.WithCancel(t.Context())
		go c.Heartbeat(ctx)
		synctest.Wait()
		want := fmt.Sprintf("\n1,heartbeat,core,%d,0,vm\n", time.Now().Add(heartbeatInterval).Unix())
		if got := c.Execute(t.Context(), "show tasks"); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := c.Execute(t.Context(), "sched_del 1"); got != "+OK Deleted: 0\n" {
			t.Errorf("%q", got)
		}
		stop()
		synctest.Wait()
	})
}

func TestNoTasksAfterClose(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Control, core *fakeCore, _ *[]string) {
		c.Execute(t.Context(), "sched_api +5 none uuid_kill a")
		c.Close()
		if got := c.Execute(t.Context(), "sched_api +5 none version"); got != tooManyTasks {
			t.Errorf("%q", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(core.hungUp) != 0 {
			t.Errorf("a task ran: %v", core.hungUp)
		}
	})
}
