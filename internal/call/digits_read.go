package call

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// collecting is what read and play_and_get_digits ask for.
type collecting struct {
	minimum, maximum    int
	prompt, terminators string
	timeout, between    time.Duration // for the first digit and for each that follows
}

// collected is what came of it.
type collected struct {
	digits   string
	ended    byte // the terminator, 0 for none
	timedOut bool
}

// collect plays the prompt and takes digits until there are enough, a terminator comes or the time is over, switch_ivr_read. The first
// digit ends the prompt.
func (ch *Channel) collect(c collecting) collected {
	var r collected
	ch.sound.listening++
	defer func() { ch.sound.listening-- }()
	take := func(digit byte) bool {
		if strings.ContainsRune(c.terminators, rune(digit)) {
			r.ended = digit
		} else {
			r.digits += string(digit)
		}
		return true
	}
	if c.prompt != "" && !strings.EqualFold(c.prompt, "silence") {
		ch.play(c.prompt, playOptions{digit: take})
	} else {
		ch.openMedia(false)
	}
	cut := ch.untilCut()
	for !cut() && r.ended == 0 && len(r.digits) < c.maximum {
		limit := c.timeout
		if r.digits != "" {
			limit = c.between
		}
		if !ch.wait(func() bool { return len(ch.sound.digits) > 0 || cut() }, limit) {
			r.timedOut = true
			break
		}
		if len(ch.sound.digits) > 0 {
			take(ch.nextDigit())
		}
	}
	return r
}

// maxCollected bounds what an application collects: FreeSWITCH's buffer has 128 bytes.
const maxCollected = 127

// digitBounds reads the two numbers that both applications begin with.
func digitBounds(least, most string) (lower, upper int) {
	lower, _ = strconv.Atoi(least)
	upper, _ = strconv.Atoi(most)
	lower = min(max(lower, 0), maxCollected)
	return lower, min(max(upper, lower, 1), maxCollected)
}

// optional is an argument that may be left out.
func optional(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// appRead asks for digits: MIN MAX SOUND VARIABLE TIMEOUT TERMINATORS [TIMEOUT BETWEEN DIGITS]. read_result says how it went.
func appRead(ch *Channel, data dialplan.Expanded) string {
	args := arguments(data.String())
	if len(args) < 3 {
		ch.log.Warn("read needs at least: min max sound", "data", data.String())
		return responseNone
	}
	c := collecting{prompt: args[2], timeout: firstTime(milliseconds(optional(args, 4)), time.Second), terminators: optional(args, 5)}
	c.minimum, c.maximum = digitBounds(args[0], args[1])
	c.between = firstTime(milliseconds(optional(args, 6)), c.timeout)
	ch.vars.del("read_terminator_used")
	r := ch.collect(c)
	if r.ended != 0 {
		ch.set("read_terminator_used", string(r.ended))
	}
	result := "success"
	switch {
	case len(r.digits) >= c.minimum:
	case r.timedOut:
		result = "timeout"
	default:
		result = "failure"
	}
	ch.set("read_result", result)
	if name := optional(args, 3); name != "" {
		ch.vars.set(Variable{Name: name, Value: r.digits, Wire: true})
	}
	return responseNone
}

func firstTime(a, b time.Duration) time.Duration {
	if a > 0 {
		return a
	}
	return b
}

// appPlayAndGetDigits asks for digits until they fit: MIN MAX TRIES TIMEOUT TERMINATORS SOUND [INVALID SOUND [VARIABLE [PATTERN [TIMEOUT
// BETWEEN DIGITS ['EXTENSION DIALPLAN CONTEXT' on failure]]]]].
func appPlayAndGetDigits(ch *Channel, data dialplan.Expanded) string {
	args := arguments(data.String())
	if len(args) < 6 {
		ch.log.Warn("play_and_get_digits needs at least: min max tries timeout terminators sound", "data", data.String())
		return responseNone
	}
	c := collecting{timeout: firstTime(milliseconds(args[3]), time.Second), terminators: args[4], prompt: args[5]}
	if strings.EqualFold(c.terminators, "none") {
		c.terminators = ""
	}
	c.minimum, c.maximum = digitBounds(args[0], args[1])
	c.between = firstTime(milliseconds(optional(args, 9)), c.timeout)
	tries, _ := strconv.Atoi(args[2])
	invalid, name := optional(args, 6), optional(args, 7)
	var pattern *regexp.Regexp
	if p := optional(args, 8); p != "" {
		var err error
		if pattern, err = regexp.Compile(p); err != nil {
			ch.log.Warn("play_and_get_digits: pattern", "error", err)
			return responseNone
		}
	}
	ch.vars.del("read_terminator_used")
	if name != "" {
		ch.vars.del(name)
		ch.vars.del(name + "_invalid")
	}
	for n := 0; n < max(tries, 1) && !ch.isDown(); n++ {
		r := ch.collect(c)
		if r.ended != 0 {
			ch.set("read_terminator_used", string(r.ended))
		}
		if len(r.digits) >= c.minimum && (pattern == nil || pattern.MatchString(r.digits)) {
			ch.set("read_result", "success")
			if name != "" {
				ch.vars.set(Variable{Name: name, Value: r.digits, Wire: true})
			}
			return responseNone
		}
		if name != "" {
			ch.vars.set(Variable{Name: name + "_invalid", Value: r.digits, Wire: true})
		}
		if invalid != "" && !strings.EqualFold(invalid, "silence") && !ch.isDown() {
			ch.play(invalid, playOptions{})
		}
	}
	ch.set("read_result", "failure")
	if to := optional(args, 10); to != "" && !ch.isDown() {
		ch.executeApp("transfer", dialplan.Expanded{{Text: to}})
	}
	return responseNone
}

// arguments splits at spaces, but not within single quotes, and a backslash takes the special sense of what follows it,
// switch_separate_string.
func arguments(s string) []string {
	var out []string
	var b strings.Builder
	quoted, open := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == ' ' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
			open = true
		case c == '\'':
			quoted = !quoted
			open = true
		case c == ' ' && !quoted:
			if open {
				out = append(out, b.String())
				b.Reset()
				open = false
			}
		default:
			b.WriteByte(c)
			open = true
		}
	}
	if open {
		out = append(out, b.String())
	}
	return out
}
