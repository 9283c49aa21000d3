package control

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/event"
)

// banner is what a program shows when it connects.
func (c *Control) banner() string { return "Talkpath " + oneLine(c.deps.Version) + "\n" }

// memory has FreeSWITCH's shape, name and bytes a line; the figures are those of Go's memory.
func memory(string) string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return fmt.Sprintf("Total memory from system (bytes):   %d\nHeap in use (bytes):                %d\nHeap given back (bytes):            %d\n"+
		"Stacks in use (bytes):              %d\n+OK\n", m.Sys, m.HeapInuse, m.HeapReleased, m.StackInuse)
}

// maxSleep bounds msleep.
const maxSleep = 10 * time.Minute

// msleep answers later, at the latest when the connection closes.
func msleep(ctx context.Context, args string) string {
	ms, _ := strconv.ParseInt(args, 10, 32)
	sleep(ctx, min(time.Duration(max(ms, 0))*time.Millisecond, maxSleep))
	return "+OK"
}

// sleep waits and says whether it was let to.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// timeTest is "microseconds [times]": how long waits of that length really take.
func timeTest(ctx context.Context, args string) string {
	w := strings.Fields(args)
	if len(w) == 0 {
		return "parameter missing\n"
	}
	wanted, _ := strconv.ParseInt(w[0], 10, 32)
	wanted = max(0, min(wanted, 1_000_000))
	times := 10
	if len(w) > 1 {
		if n, _ := strconv.Atoi(w[1]); n > 0 {
			times = min(n, 100)
		}
	}
	var b strings.Builder
	total := int64(0)
	for i := 1; i <= times; i++ {
		began := time.Now()
		if !sleep(ctx, time.Duration(wanted)*time.Microsecond) {
			break
		}
		took := time.Since(began).Microseconds()
		total += took
		fmt.Fprintf(&b, "test %d sleep %d %d\n", i, wanted, took)
	}
	fmt.Fprintf(&b, "avg %d\n", total/int64(times))
	return b.String()
}

// reloadCertificates has the certificates' files looked at now, and tells other modules as FreeSWITCH does.
func (c *Control) reloadCertificates(string) string {
	if c.deps.ReloadCertificates == nil {
		return notAvailable
	}
	c.deps.ReloadCertificates()
	c.deps.Bus.Publish(c.deps.Bus.NewEvent("CERT_RELOAD", event.Origin{File: "mod_commands.c", Function: "reload_cert_function", Line: 2870}))
	return "+OK cert reload event sent\n"
}

// natMap answers as where no router was found: there is no UPnP or NAT-PMP here.
func natMap(args string) string {
	if args == "" {
		return "USAGE: nat_map [status|reinit|republish] | [add|del] <port> [tcp|udp] [sticky] | [mapping] <enable|disable>"
	}
	return "false"
}

const presenceSyntax = "[in|out] <user> <rpid> <message>"

// presence is "in user rpid text" or "out user": it publishes PRESENCE_IN or PRESENCE_OUT.
func (c *Control) presence(args string) string {
	const bad = "Invalid: presence " + presenceSyntax
	w := words(args, 4)
	if len(w) == 0 {
		return bad
	}
	name := "PRESENCE_IN"
	switch strings.ToLower(w[0]) {
	case "in":
		if len(w) < 4 {
			return bad
		}
	case "out":
		name = "PRESENCE_OUT"
		if len(w) < 2 {
			return bad
		}
	default:
		return bad
	}
	w = append(w, "", "")
	e := c.deps.Bus.NewEvent(name, event.Origin{File: "mod_dptools.c", Function: "presence_api_function", Line: 2090})
	e.Add("proto", "dp")
	e.Add("login", "mod_dptools.c")
	e.Add("from", w[1])
	e.Add("rpid", w[2])
	e.Add("status", w[3])
	if gone := strings.HasPrefix(strings.ToLower(w[3]), "cs_") || strings.Contains(strings.ToLower(w[3]), "hangup"); name == "PRESENCE_OUT" || gone {
		if gone {
			e.Add("channel-state", "CS_HANGUP")
		}
		e.Set("status", "CS_HANGUP")
	}
	e.Add("event_type", "presence")
	e.Add("alt_event_type", "dialog")
	e.Add("event_count", "0")
	c.deps.Bus.Publish(e)
	return "Event Sent"
}
