package call

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// Bounds of what a dial string or a variable may ask for.
const (
	maxRetries   = 100
	maxLegDelay  = time.Hour
	maxOnEvent   = 20
	maxUUIDBytes = 64
)

// secondsOf reads a number of seconds; 0 when there is none.
func secondsOf(s string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n <= 0 {
		return 0
	}
	return min(time.Duration(n), 1e6) * time.Second
}

// retries is originate_retries and originate_retry_sleep_ms: how often a part of a dial string is tried again, and how long after.
func retries(by origin, d dialplan.Part) (int, time.Duration) {
	value := func(name string) int {
		text := by.variable(name)
		for _, p := range d[0][0].Vars {
			if p.Name == name {
				text = p.Value
			}
		}
		n, _ := strconv.Atoi(strings.TrimSpace(text))
		return n
	}
	again, pause := value("originate_retries"), value("originate_retry_sleep_ms")
	if pause < 500 || pause > 60_000 {
		pause = 1000
	}
	return min(max(again, 0), maxRetries), time.Duration(pause) * time.Millisecond
}

// inOrder makes a sequence of the groups of the directory that are to be called one after the other, group/NAME@DOMAIN+F: each target
// that one comes to has its turn. The other way that group_call knows, +E, is how targets are called anyhow.
func (c *Core) inOrder(by origin, d dialplan.Part) [][]target {
	var out [][]target
	for _, group := range d {
		var together []target
		for _, t := range group {
			tg := newTarget(t)
			name, order, marked := strings.Cut(tg.dest, "+")
			if tg.endpoint != "group" || !marked || !strings.EqualFold(order, "F") {
				together = append(together, tg)
				continue
			}
			tg.dest = name
			dests, cause := c.resolve(by, tg)
			if len(dests) == 0 {
				out = append(out, []target{{endpoint: "error", dest: string(cause), list: tg.list, vars: tg.vars}})
			}
			for _, dest := range dests {
				one := tg
				one.found = []Destination{dest}
				out = append(out, []target{one})
			}
		}
		if len(together) > 0 {
			out = append(out, together)
		}
	}
	return out
}

// newTarget takes a target of a dial string over.
func newTarget(t dialplan.Target) target {
	tg := target{endpoint: strings.ToLower(t.Endpoint), dest: t.Dest, parts: t.Parts, vars: map[string]string{}}
	for _, p := range t.Vars {
		tg.list = append(tg.list, Variable{Name: p.Name, Value: p.Value, Wire: p.Wire})
		tg.vars[p.Name] = p.Value
	}
	return tg
}

// options adds the variables of a target to those of the bridge.
func (o *originating) options(t target) { maps.Copy(o.vars, t.vars) }

// rejects says whether the end of one leg ends the others: fail_on_single_reject, true or a list of causes.
func (o *originating) rejects(c Cause) bool {
	v := o.option("fail_on_single_reject")
	return v != "" && c != LoseRace && (isTrue(v) || listed(v, c))
}

// wantedUUID is origination_uuid when it can be one, else a new one. Called with mu held, as who has it must not change.
func (c *Core) wantedUUID(text string) string {
	const allowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_."
	if text == "" || len(text) > maxUUIDBytes || strings.Trim(text, allowed) != "" {
		return newUUID()
	}
	if _, taken := c.channels[text]; taken {
		return newUUID()
	}
	return text
}

// delayStart is leg_delay_start: a leg that is called later than the others. It says whether the leg is still wanted.
func (ch *Channel) delayStart() bool {
	if d := min(secondsOf(ch.vars.value("leg_delay_start")), maxLegDelay); d > 0 {
		ch.wait(ch.isDown, d)
	}
	ch.drain()
	return !ch.hungUp
}

// waitLeg is a called leg's time until it is hung up or goes elsewhere. Its own limits are progress_timeout until it rings and
// leg_timeout until it answers.
func (ch *Channel) waitLeg() {
	ch.waitAnswer()
	ch.wait(ch.isDown, 0)
}

// waitAnswer keeps the limits.
func (ch *Channel) waitAnswer() {
	progress := secondsOf(first(ch.vars.value("leg_progress_timeout"), ch.vars.value("progress_timeout")))
	answer := secondsOf(ch.vars.value("leg_timeout"))
	began := time.Now()
	if progress > 0 && (answer == 0 || progress < answer) {
		rings := func() bool { return ch.isDown() || ch.ringReady || ch.early || ch.isAnswered }
		if !ch.wait(rings, progress) {
			ch.hangup(HangupReason{Cause: ProgressTimeout})
		}
	}
	if answer > 0 {
		up := func() bool { return ch.isDown() || ch.isAnswered }
		if left := answer - time.Since(began); !up() && (left <= 0 || !ch.wait(up, left)) {
			ch.hangup(HangupReason{Cause: NoAnswer})
		}
	}
}

// runOn executes the applications of the variables execute_on_EVENT, execute_on_EVENT_1 …, as soon as what the channel does allows. A
// value is "app data" or "app::data"; one that came from a dial string has been expanded already.
func (ch *Channel) runOn(event string) {
	prefix := "execute_on_" + event
	n := 0
	for v := range ch.vars.all() {
		if len(v.Name) < len(prefix) || !strings.EqualFold(v.Name[:len(prefix)], prefix) {
			continue
		}
		suffix := v.Name[len(prefix):]
		if suffix != "" && suffix[0] != '_' || n == maxOnEvent {
			continue
		}
		n++
		name, data, found := strings.Cut(v.Value, "::")
		if !found || strings.ContainsAny(name, " \t") {
			name, data, _ = strings.Cut(strings.TrimSpace(v.Value), " ")
		}
		arg := dialplan.ParseTemplate(data)
		ch.box.put(func() {
			switch {
			case ch.isDown():
			case v.Wire:
				ch.executeApp(name, dialplan.Literal(data, true))
			default:
				ch.executeApp(name, arg.Expand(env{ch}))
			}
		})
	}
}
