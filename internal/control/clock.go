package control

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// isoTime is the format of strftime when none is given.
const isoTime = "%Y-%m-%d %T"

// clockCommands tell the time.
func (c *Control) clockCommands() map[string]command {
	return map[string]command{
		"strftime":      query(strftimeCommand, "strftime", "[<epoch>|]<format_string>"),
		"strftime_tz":   query(strftimeZone, "Display formatted time of timezone", "<timezone_name> [<epoch>|][format string]"),
		"strepoch":      query(strepoch, "Convert a date string into epoch time", "<string>"),
		"strmicroepoch": query(strmicroepoch, "Convert a date string into microepoch time", "<string>"),
	}
}

func strepoch(args string) string      { return strconv.FormatInt(parseTime(args).Unix(), 10) }
func strmicroepoch(args string) string { return strconv.FormatInt(parseTime(args).UnixMicro(), 10) }

// strftimeCommand is "[epoch|]format" in local time.
func strftimeCommand(args string) string {
	when, format := moment(args)
	return strftime(when.Local(), format)
}

// strftimeZone is "zone [epoch|]format".
func strftimeZone(args string) string {
	name, rest, _ := strings.Cut(args, " ")
	zone := time.Local
	if name != "" {
		var err error
		if zone, err = time.LoadLocation(name); err != nil {
			return "-ERR Invalid timezone/format\n"
		}
	}
	when, format := moment(rest)
	return strftime(when.In(zone), format)
}

// moment takes "epoch|" off the front; without it the time is now.
func moment(args string) (when time.Time, format string) {
	when, format = time.Now(), strings.TrimSpace(args)
	if epoch, rest, ok := strings.Cut(format, "|"); ok {
		seconds, _ := strconv.ParseInt(strings.TrimSpace(epoch), 10, 64) // as atol does: what is no number is 0
		when, format = time.Unix(seconds, 0), rest
	}
	if format == "" {
		format = isoTime
	}
	return when, format
}

// parseTime reads a date and time of local time; nothing is now, and what is no date is 0.
func parseTime(s string) time.Time {
	if s == "" {
		return time.Now()
	}
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t
		}
	}
	return time.Unix(0, 0)
}

// strftime is C's, in the POSIX locale. An unknown letter stays as it is.
func strftime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format) && b.Len() < maxExpansion; i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		if (format[i] == 'E' || format[i] == 'O') && i+1 < len(format) {
			i++ // the POSIX locale has no other forms
		}
		if text, ok := conversion(t, format[i]); ok {
			b.WriteString(text)
		} else {
			b.WriteString("%" + format[i:i+1])
		}
	}
	return b.String()
}

// layouts are the conversions that Go's layouts have.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'D': "01/02/06", 'x': "01/02/06",
	'F': "2006-01-02", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'P': "pm", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05",
	'T': "15:04:05", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST", 'c': "Mon Jan _2 15:04:05 2006",
}

func conversion(t time.Time, letter byte) (string, bool) {
	if layout, ok := layouts[letter]; ok {
		return t.Format(layout), true
	}
	switch letter {
	case '%':
		return "%", true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case 's':
		return strconv.FormatInt(t.Unix(), 10), true
	}
	number := func(format string, n int) (string, bool) { return fmt.Sprintf(format, n), true }
	isoYear, isoWeek := t.ISOWeek()
	weekday := int(t.Weekday())
	switch letter {
	case 'C':
		return number("%02d", t.Year()/100)
	case 'j':
		return number("%03d", t.YearDay())
	case 'k':
		return number("%2d", t.Hour())
	case 'l':
		return number("%2d", (t.Hour()+11)%12+1)
	case 'u':
		return number("%d", (weekday+6)%7+1)
	case 'w':
		return number("%d", weekday)
	case 'U': // week of the year, from the first Sunday on
		return number("%02d", (t.YearDay()+6-weekday)/7)
	case 'W': // from the first Monday on
		return number("%02d", (t.YearDay()+6-(weekday+6)%7)/7)
	case 'V':
		return number("%02d", isoWeek)
	case 'G':
		return number("%d", isoYear)
	case 'g':
		return number("%02d", isoYear%100)
	}
	return "", false
}
