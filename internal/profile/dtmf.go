package profile

import (
	"strconv"
	"strings"
	"time"
)

const (
	dtmfDefault = 250 * time.Millisecond
	dtmfLongest = 10 * time.Second
)

// parseDTMF reads the body of an INFO with a digit. application/dtmf-relay carries Signal= and Duration= lines in milliseconds (some
// clients leave out the last line end), application/dtmf the bare digit.
func parseDTMF(contentType string, body []byte) (digit byte, duration time.Duration, ok bool) {
	duration = dtmfDefault
	switch contentType {
	case "application/dtmf":
		digit, ok = dtmfDigit(string(body))
		return digit, duration, ok
	case "application/dtmf-relay":
	default:
		return 0, 0, false
	}
	for line := range strings.Lines(string(body)) {
		k, v, _ := strings.Cut(line, "=")
		v = strings.TrimSpace(v)
		switch strings.ToLower(strings.TrimSpace(k)) {
		case "signal":
			digit, ok = dtmfDigit(v)
		case "duration":
			if n, err := strconv.Atoi(v); err == nil && n > 0 {
				duration = min(time.Duration(min(n, 1<<20))*time.Millisecond, dtmfLongest)
			}
		}
	}
	return digit, duration, ok
}

// dtmfDigit reads one digit; 10 and 11 stand for * and #, as some gateways send them.
func dtmfDigit(s string) (byte, bool) {
	switch s = strings.TrimSpace(s); {
	case s == "10":
		return '*', true
	case s == "11":
		return '#', true
	case len(s) != 1:
		return 0, false
	}
	c := s[0]
	if c >= 'a' && c <= 'd' {
		c -= 'a' - 'A'
	}
	return c, strings.IndexByte("0123456789*#ABCD", c) >= 0
}
