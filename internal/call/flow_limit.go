package call

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// limitKey names what is counted.
type limitKey struct{ realm, id string }

// limitCount is how many calls use it, and how many came in the present interval.
type limitCount struct {
	usage, rate int
	interval    time.Duration
	since       time.Time
}

// acquire counts one more call. It fails when that would exceed max (negative: no bound), of all calls or, with an interval, of those in it.
func (s *Store) acquire(k limitKey, max int, interval time.Duration) (limitCount, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[k]
	if c == nil {
		if len(s.counts) >= maxStored {
			return limitCount{}, false
		}
		c = &limitCount{}
		s.counts[k] = c
	}
	if interval > 0 {
		now := s.now()
		if c.interval != interval || now.Sub(c.since) >= interval {
			c.since, c.rate = now, 0
		}
		c.interval = interval
		c.rate++
		if max >= 0 && c.rate > max {
			return *c, false
		}
	} else if max >= 0 && c.usage >= max {
		return *c, false
	}
	c.usage++
	return *c, true
}

// release counts one less. What no call uses and no interval needs is forgotten.
func (s *Store) release(k limitKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[k]
	if c == nil {
		return
	}
	if c.usage > 0 {
		c.usage--
	}
	if c.usage == 0 && (c.interval == 0 || s.now().Sub(c.since) >= c.interval) {
		delete(s.counts, k)
	}
}

// LimitUsage is the command limit_usage: BACKEND REALM ID [rate].
func (s *Store) LimitUsage(args string) string {
	a := strings.Fields(args)
	if len(a) < 3 {
		return "-USAGE: <backend> <realm> <id> [rate]\n"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[limitKey{a[1], a[2]}]
	switch {
	case c == nil:
		return "0"
	case len(a) > 3 && a[3] == "rate":
		return strconv.Itoa(c.rate)
	}
	return strconv.Itoa(c.usage)
}

// LimitReset is the command limit_reset: it forgets every counter.
func (s *Store) LimitReset() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
	return "+OK\n"
}

// LimitStatus is the command limit_status: each counter with its usage.
func (s *Store) LimitStatus() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(s.counts), func(a, b limitKey) int { return strings.Compare(a.realm+"_"+a.id, b.realm+"_"+b.id) })
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k.realm + "_" + k.id + " " + strconv.Itoa(s.counts[k].usage) + "\n")
	}
	return b.String()
}

// releaseLimits gives back what the call has counted.
func (ch *Channel) releaseLimits() {
	for _, k := range ch.limits {
		ch.core.store.release(k)
	}
	ch.limits = nil
}

// ReleaseLimits gives back what the call has counted: of a realm or of one id in it, of all for "".
func (ch *Channel) ReleaseLimits(realm, id string) {
	ch.box.put(func() {
		kept := ch.limits[:0:0]
		for _, k := range ch.limits {
			if realm != "" && k.realm != realm || id != "" && k.id != id {
				kept = append(kept, k)
			} else {
				ch.core.store.release(k)
			}
		}
		ch.limits = kept
	})
}

// limited counts this call and sets the variables that tell.
func (ch *Channel) limited(realm, id, bound string) (limitKey, bool) {
	count, per, _ := strings.Cut(bound, "/")
	max, err := strconv.Atoi(count)
	if err != nil {
		max = -1
	}
	seconds, _ := strconv.Atoi(per)
	k := limitKey{realm, id}
	c, ok := ch.core.store.acquire(k, max, time.Duration(seconds)*time.Second)
	ch.set("limit_realm", realm)
	ch.vars.set(Variable{Name: "limit_id", Value: id, Wire: true})
	ch.set("limit_max", strconv.Itoa(max))
	ch.set("limit_usage", strconv.Itoa(c.usage))
	if seconds > 0 {
		ch.set("limit_rate", strconv.Itoa(c.rate))
	}
	return k, ok
}

// appLimit is limit BACKEND REALM ID [MAX[/SECONDS] [DESTINATION [DIALPLAN [CONTEXT]]]]: with more calls than MAX this one goes to
// DESTINATION, limit_exceeded unless given, or ends with the cause behind a '!'.
func appLimit(ch *Channel, data dialplan.Expanded) string {
	words := data.Words(0)
	if len(words) < 3 {
		ch.log.Warn("limit needs a backend, a realm and an id", "data", data.String())
		return responseNone
	}
	bound := "-1"
	if len(words) > 3 {
		bound = words[3].String()
	}
	k, ok := ch.limited(words[1].String(), words[2].String(), bound)
	if ok {
		ch.limits = append(ch.limits, k)
		return responseNone
	}
	ch.log.Info("limit exceeded", "realm", k.realm, "id", k.id)
	to := place{dest: dialplan.Literal("limit_exceeded", false), dialplan: "XML", context: "default"}
	if len(words) > 4 {
		to = placeOf(words[4:])
	}
	if name, refuse := strings.CutPrefix(to.dest.String(), "!"); refuse {
		cause, known := ParseCause(name)
		if !known {
			cause = NormalClearing
		}
		ch.hangup(HangupReason{Cause: cause})
		return responseNone
	}
	ch.transfer(to)
	return responseNone
}

// appLimitExecute is limit_execute BACKEND REALM ID MAX[/SECONDS] APPLICATION [DATA]: it runs the application within the limit.
func appLimitExecute(ch *Channel, data dialplan.Expanded) string {
	words := data.Words(6)
	if len(words) < 5 || words[4].Wire() {
		ch.log.Warn("limit_execute needs a backend, a realm, an id, a bound and an application", "data", data.String())
		return responseNone
	}
	k, ok := ch.limited(words[1].String(), words[2].String(), words[3].String())
	if !ok {
		ch.log.Info("limit exceeded", "realm", k.realm, "id", k.id)
		return responseNone
	}
	defer ch.core.store.release(k)
	var arg dialplan.Expanded
	if len(words) > 5 {
		arg = words[5]
	}
	ch.executeApp(words[4].String(), arg)
	return responseNone
}

// appLimitRelease is limit_hash_release and the like: it gives back what the call has counted.
func appLimitRelease(ch *Channel, _ dialplan.Expanded) string {
	ch.releaseLimits()
	return responseNone
}
