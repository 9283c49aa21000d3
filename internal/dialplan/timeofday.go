package dialplan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// timeRule is one time attribute of a condition; all of a condition must hold. The zero value never holds.
type timeRule struct {
	value  func(time.Time) int
	ranges [][2]int64
	moment bool // ranges are Unix seconds of local wall-clock time
}

// maxOffset bounds a time zone's difference from UTC, in hours.
const maxOffset = 24

// clock is the time that conditions see: that of the variable tod_tz_offset (hours from UTC), else of timezone (a name such as Europe/Berlin), else the
// server's own (check_tz of mod_dialplan_xml.c). A zone that does not exist changes nothing.
func clock(env Env, now time.Time) time.Time {
	if v, ok := env.Var("tod_tz_offset"); ok {
		if hours, err := strconv.Atoi(v.Text); err == nil && hours >= -maxOffset && hours <= maxOffset {
			return now.In(time.FixedZone("", hours*3600))
		}
	}
	if v, ok := env.Var("timezone"); ok && v.Text != "" {
		if place, err := time.LoadLocation(v.Text); err == nil {
			return now.In(place)
		}
	}
	return now
}

// offsetOf is the difference from UTC in whole hours; summer says, as 1 or 0, whether summer time is on.
func offsetOf(t time.Time) int {
	_, seconds := t.Zone()
	return seconds / 3600
}

func summer(t time.Time) int {
	if t.IsDST() {
		return 1
	}
	return 0
}

// timeAttrs are the attributes of switch_xml_std_datetime_check (switch_xml.c), counted as there: Sunday is 1, minutes of the day
// begin at 1.
var timeAttrs = []struct {
	name  string
	value func(time.Time) int
}{
	{"year", time.Time.Year},
	{"yday", time.Time.YearDay},
	{"mon", func(t time.Time) int { return int(t.Month()) }},
	{"mday", time.Time.Day},
	{"week", func(t time.Time) int { return t.YearDay()/7 + 1 }},
	{"mweek", weekOfMonth},
	{"wday", func(t time.Time) int { return int(t.Weekday()) + 1 }},
	{"hour", time.Time.Hour},
	{"minute", time.Time.Minute},
	{"minute-of-day", func(t time.Time) int { return t.Hour()*60 + t.Minute() + 1 }},
	{"time-of-day", func(t time.Time) int { return t.Hour()*3600 + t.Minute()*60 + t.Second() }},
}

// weekOfMonth is 1 to 6; a week begins on Sunday.
func weekOfMonth(t time.Time) int {
	first := int(time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).Weekday())
	return (t.Day()+first-1)/7 + 1
}

// parseTime reads the time attributes of a condition.
func parseTime(n *fsxml.Node) ([]timeRule, error) {
	var rules []timeRule
	for _, a := range timeAttrs {
		text, ok := n.Lookup(a.name)
		if !ok {
			continue
		}
		ranges, err := parseRanges(a.name, text)
		if err != nil {
			return nil, err
		}
		rules = append(rules, timeRule{value: a.value, ranges: ranges})
	}
	if text, ok := n.Lookup("date-time"); ok {
		ranges, err := parseMoments(text)
		if err != nil {
			return nil, err
		}
		rules = append(rules, timeRule{ranges: ranges, moment: true})
	}
	if text, ok := n.Lookup("tz-offset"); ok {
		hours, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || hours < -maxOffset || hours > maxOffset {
			return nil, fmt.Errorf("tz-offset must be hours, not %q", text)
		}
		rules = append(rules, timeRule{value: offsetOf, ranges: [][2]int64{{int64(hours), int64(hours)}}})
	}
	if text, ok := n.Lookup("dst"); ok && text != "" {
		wanted := int64(0)
		if isTrue(text) {
			wanted = 1
		}
		rules = append(rules, timeRule{value: summer, ranges: [][2]int64{{wanted, wanted}}})
	}
	return rules, nil
}

// parseRanges reads "1-5,7", names of days, and times of day.
func parseRanges(name, text string) ([][2]int64, error) {
	var all [][2]int64
	for _, item := range strings.Split(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(item), "-")
		a, err := timeNumber(name, low)
		if err != nil {
			return nil, err
		}
		b := a
		if isRange {
			if b, err = timeNumber(name, high); err != nil {
				return nil, err
			}
		}
		all = append(all, [2]int64{a, b})
	}
	return all, nil
}

func timeNumber(name, s string) (int64, error) {
	s = strings.TrimSpace(s)
	switch name {
	case "wday":
		if len(s) >= 3 {
			if i := strings.Index("sunmontuewedthufrisat", strings.ToLower(s[:3])); i >= 0 && i%3 == 0 {
				return int64(i/3 + 1), nil
			}
		}
	case "time-of-day":
		for _, layout := range []string{"15:04", "15:04:05"} {
			if t, err := time.Parse(layout, s); err == nil {
				return int64(t.Hour()*3600 + t.Minute()*60 + t.Second()), nil
			}
		}
		return 0, fmt.Errorf("%s must be hh:mm, not %q", name, s)
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%s must be a number, not %q", name, s)
	}
	return int64(n), nil
}

// parseMoments reads "2026-12-24 12:00:00~2026-12-26 23:59:59", several separated by commas.
func parseMoments(text string) ([][2]int64, error) {
	var all [][2]int64
	for _, item := range strings.Split(text, ",") {
		low, high, ok := strings.Cut(item, "~")
		a, err := parseMoment(low)
		b := a
		if err == nil && ok {
			b, err = parseMoment(high)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, [2]int64{a, b})
	}
	return all, nil
}

func parseMoment(s string) (int64, error) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Unix(), nil
		}
	}
	return 0, fmt.Errorf("date-time must be YYYY-MM-DD hh:mm[:ss], not %q", s)
}

// inTime says whether every rule holds. A range that ends before it begins wraps around: fri-mon, 22:00-06:00.
func inTime(rules []timeRule, now time.Time) bool {
	for _, r := range rules {
		if !r.holds(now) {
			return false
		}
	}
	return true
}

func (r timeRule) holds(now time.Time) bool {
	var v int64
	switch {
	case r.moment:
		v = time.Date(now.Year(), now.Month(), now.Day(), now.Hour(), now.Minute(), now.Second(), 0, time.UTC).Unix()
	case r.value != nil:
		v = int64(r.value(now))
	}
	for _, b := range r.ranges {
		low, high := b[0], b[1]
		if low <= high && v >= low && v <= high || low > high && !r.moment && (v >= low || v <= high) {
			return true
		}
	}
	return false
}
