package control

import (
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/call"
)

// scheduleCommands do something later.
func (c *Control) scheduleCommands() map[string]command {
	return map[string]command{
		"sched_api":       action(c.schedAPI, "Schedule an api command", schedAPISyntax),
		"sched_broadcast": action(c.schedBroadcast, "Schedule a broadcast event to a running call", "[[+]<time>|@time] <uuid> <path> [aleg|bleg|both]"),
		"sched_hangup":    query(c.schedHangup, "Schedule a running call to hangup", "[+]<time> <uuid> [<cause>]"),
		"sched_transfer":  action(c.schedTransfer, "Schedule a transfer for a running call", "[+]<time> <uuid> <extension> [<dialplan>] [<context>]"),
		"sched_del":       action(c.schedDel, "Delete a scheduled task", "<task_id>|<group_id>"),
		"unsched_api":     action(c.unschedAPI, "Unschedule an api command", "<task_id>"),
	}
}

const (
	schedAPISyntax   = "[+@]<time> <group_name> <command_string>[&]"
	tooManyTasks     = "-ERR Too many tasks\n"
	messageScheduled = "+OK Message scheduled\n"
)

// when reads a time: +SECONDS or @SECONDS from now, or seconds since 1970; what is no number is 0, as atol has it. A time that has passed is
// now.
func when(text string) (at time.Time, every time.Duration) {
	digits := strings.TrimLeft(text, "+@")
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || seconds < 0 {
		seconds = 0
	}
	seconds = min(seconds, math.MaxInt32*100)
	switch {
	case strings.HasPrefix(text, "@"):
		every = time.Duration(min(seconds, math.MaxInt32)) * time.Second
		return time.Now().Add(every), every
	case strings.HasPrefix(text, "+"):
		return time.Now().Add(time.Duration(min(seconds, math.MaxInt32)) * time.Second), 0
	}
	return time.Unix(seconds, 0), 0
}

// schedAPI is "time group command": the command runs once, or with @ every so many seconds. Each runs on its own, as with a trailing & in
// FreeSWITCH.
func (c *Control) schedAPI(args string) string {
	const bad = "-ERR Invalid syntax. USAGE: " + schedAPISyntax + "\n"
	text, rest, _ := strings.Cut(args, " ")
	group, line, ok := strings.Cut(rest, " ")
	if !ok || group == "" {
		return bad
	}
	line = strings.TrimSuffix(line, "&")
	at, every := when(text)
	id, ok := c.tasks.add(&job{task: task{desc: "sched_api_function", group: oneLine(group), runtime: at}, every: every, do: func() {
		reply := c.Execute(c.ctx, line)
		c.deps.Logger.LogAttrs(c.ctx, slog.LevelDebug, "scheduled command", slog.Int("reply", len(reply)))
	}})
	if !ok {
		return tooManyTasks
	}
	return "+OK Added: " + strconv.Itoa(id) + "\n"
}

// unschedAPI deletes a task by its number; what is no number gets no answer, as in FreeSWITCH.
func (c *Control) unschedAPI(args string) string {
	if args == "" {
		return "-ERR Invalid syntax. USAGE: <task_id>\n"
	}
	id, err := strconv.ParseUint(args, 10, 31)
	switch {
	case err != nil || id == 0:
		return ""
	case c.tasks.deleteID(int(id)) == 0:
		return "-ERR No such id\n"
	}
	return done
}

// schedDel deletes a task by its number, or those of a group.
func (c *Control) schedDel(args string) string {
	if args == "" {
		return "-ERR Invalid syntax\n"
	}
	n := 0
	if strings.Trim(args, "0123456789") == "" {
		if id, err := strconv.ParseUint(args, 10, 31); err == nil {
			n = c.tasks.deleteID(int(id))
		}
	} else {
		n = c.tasks.deleteGroup(args)
	}
	return "+OK Deleted: " + strconv.Itoa(n) + "\n"
}

// later does something to a channel that may be gone by then.
func (c *Control) later(at time.Time, desc, uuid, answer string, do func(ch steered)) string {
	alive := func() bool {
		_, ok := c.steered(uuid)
		return ok
	}
	_, ok := c.tasks.add(&job{task: task{desc: desc, group: oneLine(uuid), runtime: at}, alive: alive, do: func() {
		if ch, ok := c.steered(uuid); ok {
			do(ch)
		}
	}})
	if !ok {
		return tooManyTasks
	}
	return answer
}

// schedHangup is "time uuid [cause]".
func (c *Control) schedHangup(args string) string {
	w := strings.Fields(args)
	if len(w) == 0 {
		return c.usage("sched_hangup")
	}
	w = append(w, "", "")
	if _, ok := c.steered(w[1]); !ok {
		return noSuchChannel
	}
	why := call.AllottedTimeout
	if w[2] != "" {
		why = cause(w[2])
	}
	at, _ := when(w[0])
	hangup := func(steered) {
		c.deps.Core.HangupAll(why, func(s call.Snapshot) bool { return s.UUID == w[1] })
	}
	if !at.After(time.Now()) {
		hangup(nil)
		return done
	}
	return c.later(at, "switch_ivr_schedule_hangup", w[1], done, hangup)
}

// schedTransfer is "time uuid destination [dialplan [context]]".
func (c *Control) schedTransfer(args string) string {
	w := words(args, 16)
	if len(w) < 3 || len(w) > 5 {
		return c.usage("sched_transfer")
	}
	if _, ok := c.steered(w[1]); !ok {
		return noSuchChannel
	}
	at, _ := when(w[0])
	w = append(w, "", "")
	return c.later(at, "switch_ivr_schedule_transfer", w[1], done, func(ch steered) {
		ch.Transfer(w[2], w[3], w[4], call.TransferSelf)
	})
}

// schedBroadcast is "time uuid path [aleg|bleg|both]". FreeSWITCH does not ask whether the channel is there.
func (c *Control) schedBroadcast(args string) string {
	w := words(args, 4)
	if len(w) < 3 {
		return c.usage("sched_broadcast")
	}
	at, _ := when(strings.TrimPrefix(w[0], "@"))
	rest := strings.TrimSpace(args[len(w[0]):])
	return c.later(at, "switch_ivr_schedule_broadcast", w[1], messageScheduled, func(steered) { c.uuidBroadcast(rest) })
}
