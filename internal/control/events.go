package control

import (
	"strconv"
	"time"

	"github.com/talkpath/talkpath/internal/event"
)

// The events of the switch as a whole, one function an event name. Headers and origins are FreeSWITCH 1.11.2's.

// announce publishes API for a command that is about to run.
func (c *Control) announce(name, args string) {
	if !c.deps.Bus.Wants("API", "") {
		return
	}
	e := c.deps.Bus.NewEvent("API", event.Origin{File: "switch_loadable_module.c", Function: "switch_api_execute", Line: 3140})
	e.Add("API-Command", name)
	if args != "" {
		e.Add("API-Command-Argument", args)
	}
	c.deps.Bus.Publish(e)
}

// EmitStartup tells that everything serves.
func (c *Control) EmitStartup() {
	c.emitInfo("STARTUP", "System Ready", event.Origin{File: "switch_core.c", Function: "switch_core_init_and_modload", Line: 2485})
}

// EmitShutdown tells that the process is about to end. Events of the calls that it ends follow.
func (c *Control) EmitShutdown() {
	c.emitInfo("SHUTDOWN", "System Shutting Down", event.Origin{File: "switch_core.c", Function: "switch_core_destroy", Line: 3033})
}

// emitShutdownRequested tells that the process ends when its calls have; how is "elegant" or "ASAP".
func (c *Control) emitShutdownRequested(how string) {
	c.emitInfo("SHUTDOWN_REQUESTED", how, event.Origin{File: "switch_core.c", Function: "switch_core_session_ctl", Line: 2825})
}

func (c *Control) emitInfo(name, info string, from event.Origin) {
	if !c.deps.Bus.Wants(name, "") {
		return
	}
	e := c.deps.Bus.NewEvent(name, from)
	e.Add("Event-Info", info)
	c.deps.Bus.Publish(e)
}

func (c *Control) emitReloadXML() {
	if c.deps.Bus.Wants("RELOADXML", "") {
		c.deps.Bus.Publish(c.deps.Bus.NewEvent("RELOADXML", event.Origin{File: "switch_xml.c", Function: "switch_xml_open_root", Line: 2423}))
	}
}

// emitHeartbeat tells how the switch does.
func (c *Control) emitHeartbeat() {
	if !c.deps.Bus.Wants("HEARTBEAT", "") {
		return
	}
	up, st := time.Since(c.deps.Started), c.deps.Core.Stats()
	e := c.deps.Bus.NewEvent("HEARTBEAT", event.Origin{File: "switch_core.c", Function: "send_heartbeat", Line: 95})
	e.Add("Event-Info", "System Ready")
	e.Add("Up-Time", uptimeText(up))
	e.Add("FreeSWITCH-Version", c.deps.Version+"~64bit")
	e.Add("Uptime-msec", strconv.FormatInt(up.Milliseconds(), 10))
	e.Add("Session-Count", strconv.Itoa(st.Current))
	e.Add("Max-Sessions", strconv.Itoa(st.MaxSessions))
	e.Add("Session-Per-Sec", strconv.Itoa(st.SessionsPerSecond))
	e.Add("Session-Per-Sec-Last", strconv.Itoa(st.PerSecond))
	e.Add("Session-Per-Sec-Max", strconv.Itoa(st.PerSecondPeak))
	e.Add("Session-Per-Sec-FiveMin", strconv.Itoa(st.PerSecondFiveMin))
	e.Add("Session-Since-Startup", strconv.FormatUint(st.SinceStart, 10))
	e.Add("Session-Peak-Max", strconv.Itoa(st.Peak))
	e.Add("Session-Peak-FiveMin", strconv.Itoa(st.PeakFiveMin))
	e.Add("Idle-CPU", strconv.FormatFloat(c.idle.Percent(), 'f', 6, 64))
	c.deps.Bus.Publish(e)
}

// task is something that is scheduled, as its events show it.
type task struct {
	id          int
	desc, group string
	runtime     time.Time
}

// scheduling is where FreeSWITCH tells what becomes of a task. There is no EXE_SCHEDULE: it has the name and never sends it.
var scheduling = map[string]event.Origin{
	"ADD_SCHEDULE": {File: "switch_scheduler.c", Function: "switch_scheduler_add_task", Line: 266},
	"DEL_SCHEDULE": {File: "switch_scheduler.c", Function: "task_thread_loop", Line: 151},
	"RE_SCHEDULE":  {File: "switch_scheduler.c", Function: "switch_scheduler_execute", Line: 73},
}

// emitSchedule tells that a task was scheduled (ADD_SCHEDULE), is over or was taken away (DEL_SCHEDULE), or will run again (RE_SCHEDULE).
func (c *Control) emitSchedule(name string, t task) {
	if !c.deps.Bus.Wants(name, "") {
		return
	}
	e := c.deps.Bus.NewEvent(name, scheduling[name])
	e.Add("Task-ID", strconv.Itoa(t.id))
	e.Add("Task-Desc", t.desc)
	e.Add("Task-Group", t.group)
	e.Add("Task-Runtime", strconv.FormatInt(t.runtime.Unix(), 10))
	c.deps.Bus.Publish(e)
}
