package control

import (
	"context"
	"time"
)

// heartbeatInterval is that of a configuration which gives none.
const heartbeatInterval = 20 * time.Second

// heartbeatTask is the number of the heartbeat among the tasks that are scheduled; FreeSWITCH's second one looks whether the machine's
// address changed, so numbers of others begin with 3.
const heartbeatTask = 1

// Heartbeat sends HEARTBEAT, and RE_SCHEDULE after it, at once and then at the interval event-heartbeat-interval of switch.conf until ctx is done.
func (c *Control) Heartbeat(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer c.tasks.beat.Store(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		interval := c.deps.Config().Switch.Heartbeat
		if interval <= 0 {
			interval = heartbeatInterval
		}
		timer.Reset(interval)
		c.emitHeartbeat()
		next := time.Now().Add(interval)
		c.tasks.beat.Store(next.Unix())
		c.emitSchedule("RE_SCHEDULE", task{heartbeatTask, "heartbeat", "core", next})
	}
}
