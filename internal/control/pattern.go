package control

import (
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

const (
	maxPattern   = 16 << 10
	maxSubject   = 64 << 10
	matchTimeout = 50 * time.Millisecond
)

// match looks for a pattern, or /pattern/flags, in a text and returns what its groups hold. Like the dialplan it uses RE2, and for what
// RE2 cannot express a backtracking engine with a limit on its time; a pattern that is none, or runs out of time, does not match.
func match(pattern, subject string) ([]string, bool) {
	if len(pattern) > maxPattern || len(subject) > maxSubject {
		return nil, false
	}
	if end := strings.LastIndexByte(pattern, '/'); end > 0 && pattern[0] == '/' {
		flags := strings.Map(func(r rune) rune {
			if strings.ContainsRune("ims", r) {
				return r
			}
			return -1
		}, pattern[end+1:])
		if pattern = pattern[1:end]; flags != "" {
			pattern = "(?" + flags + ")" + pattern
		}
	}
	if re, err := regexp.Compile(pattern); err == nil {
		m := re.FindStringSubmatch(subject)
		return m, m != nil
	}
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return nil, false
	}
	re.MatchTimeout = matchTimeout
	m, err := re.FindStringMatch(subject)
	if err != nil || m == nil {
		return nil, false
	}
	var groups []string
	for _, g := range m.Groups() {
		groups = append(groups, g.String())
	}
	return groups, true
}
