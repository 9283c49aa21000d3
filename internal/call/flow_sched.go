package call

import (
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// maxScheduled bounds what one call can have scheduled.
const maxScheduled = 100

// scheduled is something that a channel does later.
type scheduled struct {
	group string
	timer *time.Timer
}

// at reads a time: +SECONDS from now, or seconds since 1970.
func at(s string) (time.Duration, bool) {
	rest, relative := strings.CutPrefix(s, "+")
	n, err := strconv.ParseInt(rest, 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	const most = int64(100 * 365 * 24 * time.Hour / time.Second)
	if !relative {
		n -= time.Now().Unix()
	}
	return time.Duration(min(max(n, 0), most)) * time.Second, true
}

// schedule has the channel run f after a while unless it is over by then.
func (ch *Channel) schedule(after time.Duration, f func()) {
	if len(ch.timers) >= maxScheduled {
		ch.log.Warn("too much is scheduled")
		return
	}
	s := &scheduled{group: ch.uuid}
	s.timer = time.AfterFunc(after, func() {
		ch.box.put(func() {
			if !ch.hungUp && s.timer != nil {
				f()
			}
		})
	})
	ch.timers = append(ch.timers, s)
}

// unschedule cancels what is scheduled for a group, "" for everything.
func (ch *Channel) unschedule(group string) {
	rest := ch.timers[:0]
	for _, s := range ch.timers {
		if group != "" && s.group != group {
			rest = append(rest, s)
			continue
		}
		s.timer.Stop()
		s.timer = nil
	}
	clear(ch.timers[len(rest):])
	ch.timers = rest
}

func (ch *Channel) scheduleHangup(after time.Duration, cause Cause) {
	ch.schedule(after, func() { ch.hangup(HangupReason{Cause: cause.orNormal()}) })
}

// appSchedHangup is sched_hangup [+]TIME [CAUSE [bleg]].
func appSchedHangup(ch *Channel, data dialplan.Expanded) string {
	words := strings.Fields(data.String())
	if len(words) == 0 {
		ch.log.Warn("sched_hangup needs a time")
		return responseNone
	}
	after, ok := at(words[0])
	if !ok {
		ch.log.Warn("sched_hangup: no such time", "time", words[0])
		return responseNone
	}
	cause := AllottedTimeout
	if len(words) > 1 {
		if c, known := ParseCause(words[1]); known {
			cause = c
		}
	}
	if len(words) > 2 && strings.EqualFold(words[2], "bleg") {
		ch.schedule(after, func() {
			if far := ch.bridgedTo; far != nil {
				far.Hangup(cause)
			}
		})
		return responseNone
	}
	ch.scheduleHangup(after, cause)
	return responseNone
}

// appSchedTransfer is sched_transfer [+]TIME DESTINATION [DIALPLAN [CONTEXT]].
func appSchedTransfer(ch *Channel, data dialplan.Expanded) string {
	words := data.Words(0)
	if len(words) < 2 {
		ch.log.Warn("sched_transfer needs a time and a destination")
		return responseNone
	}
	after, ok := at(words[0].String())
	if !ok {
		ch.log.Warn("sched_transfer: no such time", "time", words[0].String())
		return responseNone
	}
	to := placeOf(words[1:])
	ch.schedule(after, func() { ch.transfer(to) })
	return responseNone
}

// appSchedCancel is sched_cancel [GROUP]; the group of a channel's own is its uuid.
func appSchedCancel(ch *Channel, data dialplan.Expanded) string {
	ch.unschedule(first(strings.TrimSpace(data.String()), ch.uuid))
	return responseNone
}
