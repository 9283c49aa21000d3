package control

import (
	"context"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/call"
)

const fsctlSyntax = "[recover|send_sighup|hupall|pause [inbound|outbound]|resume [inbound|outbound]|pause_check [inbound|outbound]|ready_check|" +
	"shutdown [cancel|elegant|asap|now]|shutdown_check|sps [num]|last_sps|sps_peak_reset|sync_clock|sync_clock_when_idle|reclaim_mem|" +
	"flush_db_handles|max_sessions [num]|min_idle_cpu|loglevel [level]]"

const fsctlUnknown = "-ERR Invalid command\nUSAGE: fsctl " + fsctlSyntax + "\n"

// fsctl controls the switch as a whole. What has no meaning here is an invalid command, so that nobody believes it had an effect.
func (c *Control) fsctl(ctx context.Context, args string) string {
	w := strings.Fields(args)
	if len(w) == 0 {
		return c.usage("fsctl")
	}
	what, rest := strings.ToLower(w[0]), w[1:]
	arg := ""
	if len(rest) > 0 {
		arg = strings.ToLower(rest[0])
	}
	switch what {
	case "hupall":
		c.deps.Core.HangupAll(call.ManagerRequest, nil)
		return done
	case "recover": // calls do not outlive the process
		if arg == "flush" {
			return "+OK flushed\n"
		}
		return "+OK 0 session(s) recovered in total\n"
	case "pause", "resume":
		return c.pause(arg, what == "pause")
	case "pause_check", "ready_check", "shutdown_check":
		return c.check(what, arg)
	case "shutdown":
		return c.shutdownAs(rest)
	case "sps", "last_sps", "sps_peak_reset", "max_sessions":
		return c.limits(what, arg)
	case "loglevel":
		return c.fsctlLogLevel(arg)
	case "min_idle_cpu":
		if arg == "" || arg == "0" {
			return "+OK min idle cpu: DISABLED\n"
		}
		return notAvailable
	case "sync_clock", "sync_clock_when_idle": // there is one clock, the system's
		return "+OK clock synchronized\n"
	case "reclaim_mem":
		debug.FreeOSMemory()
		return done
	case "flush_db_handles": // there are none to flush
		return done
	case "send_sighup":
		return c.hangupSignal(ctx)
	}
	return fsctlUnknown
}

// pause stops new calls of a direction, without one of both, or lets them in again.
func (c *Control) pause(direction string, on bool) string {
	if direction != "outbound" {
		c.deps.Core.Pause("inbound", on)
	}
	if direction != "inbound" {
		c.deps.Core.Pause("outbound", on)
	}
	return done
}

// check answers true or false without a line end.
func (c *Control) check(what, direction string) string {
	st := c.deps.Core.Stats()
	switch {
	case what == "ready_check":
		return boolText(ready(st))
	case what == "shutdown_check":
		c.mu.RLock()
		defer c.mu.RUnlock()
		return boolText(c.leaving != nil)
	case direction == "inbound":
		return boolText(st.PausedInbound)
	case direction == "outbound":
		return boolText(st.PausedOutbound)
	}
	return boolText(st.PausedInbound && st.PausedOutbound)
}

// ready says whether new calls of any direction are accepted.
func ready(st call.Stats) bool { return !st.Draining && (!st.PausedInbound || !st.PausedOutbound) }

// limits shows or sets how many sessions there may be and how many may begin in a second. A number that is none or not positive only asks.
func (c *Control) limits(what, arg string) string {
	st := c.deps.Core.Stats()
	n, _ := strconv.Atoi(arg)
	switch what {
	case "sps":
		if n > 0 {
			c.deps.Core.SetLimits(st.MaxSessions, n)
		}
		return "+OK sessions per second: " + strconv.Itoa(c.deps.Core.Stats().SessionsPerSecond) + "\n"
	case "max_sessions":
		if n > 0 {
			c.deps.Core.SetLimits(n, st.SessionsPerSecond)
		}
		return "+OK max sessions: " + strconv.Itoa(c.deps.Core.Stats().MaxSessions) + "\n"
	case "last_sps":
		return "+OK last sessions per second: " + strconv.Itoa(st.LastPerSecond) + "\n"
	}
	c.deps.Core.ResetRatePeak()
	return "+OK max sessions per second counter reset\n"
}

// hangupSignal does what SIGHUP does to the process.
func (c *Control) hangupSignal(ctx context.Context) string {
	if c.deps.RotateLog == nil && c.deps.Reload == nil {
		return notAvailable
	}
	if c.deps.RotateLog != nil {
		if err := c.deps.RotateLog(); err != nil {
			return "-ERR [" + oneLine(err.Error()) + "]\n"
		}
	}
	if c.deps.Reload == nil {
		return done
	}
	return c.reload(ctx, c.deps.Reload, done)
}

// shutdownCheck is how often a shutdown that waits looks whether calls are left.
const shutdownCheck = 250 * time.Millisecond

// shutdownAs is "[now|elegant|asap|cancel]". elegant waits until there happens to be no call, asap refuses new ones meanwhile, cancel ends
// such a wait; without a word, and with now, calls are hung up. The answer comes at once. Starting again is the service manager's work.
func (c *Control) shutdownAs(words []string) string {
	how := ""
	for _, w := range words {
		switch w = strings.ToLower(w); w {
		case "cancel":
			c.cancelShutdown()
			return done
		case "elegant", "asap", "now":
			how = w
		case "restart", "reincarnate":
			return "-ERR restart is not available\n"
		}
	}
	if c.deps.Shutdown == nil {
		return notAvailable
	}
	if how != "elegant" && how != "asap" {
		c.deps.Shutdown(false)
		return done
	}
	info := how
	if how == "asap" {
		info = "ASAP"
		c.pause("", true)
	}
	c.emitShutdownRequested(info)
	c.leaveLater()
	return done
}

// leaveLater begins to wait for the last call's end, if nobody does yet.
func (c *Control) leaveLater() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving != nil || c.closed {
		return
	}
	ctx, cancel := context.WithCancel(c.ctx)
	c.leaving = cancel
	c.running.Go(func() {
		tick := time.NewTicker(shutdownCheck)
		defer tick.Stop()
		for c.deps.Core.Stats().Current > 0 {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		if ctx.Err() == nil {
			c.deps.Shutdown(false)
		}
	})
}

// cancelShutdown ends a wait for the last call and accepts calls again.
func (c *Control) cancelShutdown() {
	c.mu.Lock()
	cancel := c.leaving
	c.leaving = nil
	c.mu.Unlock()
	if cancel != nil {
		cancel()
		c.pause("", false)
	}
}

// Close ends what commands left to be done later. Tasks that have begun are waited for.
func (c *Control) Close() {
	c.mu.Lock()
	c.closed = true
	cancel := c.leaving
	c.leaving = nil
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	c.stop()
	c.tasks.close()
	c.running.Wait()
}
