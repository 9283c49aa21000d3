package dialplan

import (
	"errors"
	"fmt"
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

// pattern is a compiled regular expression: RE2, whose time is linear, where it can express it, and otherwise a backtracking one
// with a limit on its time. FreeSWITCH uses PCRE.
type pattern struct {
	re2    *regexp.Regexp
	back   *regexp2.Regexp
	groups bool // has a "(": only then FreeSWITCH substitutes $1
}

// compilePattern accepts what switch_regex_perform does: an expression, or /expression/flags.
func compilePattern(expr string) (*pattern, error) {
	if len(expr) > maxPattern {
		return nil, fmt.Errorf("the expression is longer than %d bytes", maxPattern)
	}
	if strings.HasPrefix(expr, "_") {
		return nil, errors.New("patterns in Asterisk's form are not supported")
	}
	p := &pattern{groups: strings.Contains(expr, "(")}
	if strings.HasPrefix(expr, "/") {
		if end := strings.LastIndexByte(expr, '/'); end > 0 {
			flags := ""
			for _, f := range expr[end+1:] {
				if strings.ContainsRune("ims", f) {
					flags += string(f)
				}
			}
			if expr = expr[1:end]; flags != "" {
				expr = "(?" + flags + ")" + expr
			}
		}
	}
	var err error
	if p.re2, err = regexp.Compile(expr); err == nil {
		return p, nil
	}
	if p.back, err = regexp2.Compile(expr, regexp2.None); err != nil {
		return nil, err
	}
	p.back.MatchTimeout = matchTimeout
	return p, nil
}

// explosive guesses whether a backtracking engine may need exponential time for an expression: something that repeats is repeated, as in (a+)+.
func explosive(expr string) bool {
	var inner []bool // for each open group: something in it repeats
	inClass := false
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\':
			i++
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
		case c == '(':
			inner = append(inner, false)
		case c == ')' && len(inner) > 0:
			again := inner[len(inner)-1]
			inner = inner[:len(inner)-1]
			repeated := i+1 < len(expr) && strings.IndexByte("*+{", expr[i+1]) >= 0
			if again && repeated {
				return true
			}
			if n := len(inner); n > 0 {
				inner[n-1] = inner[n-1] || again || repeated
			}
		case strings.IndexByte("*+{", c) >= 0 && len(inner) > 0:
			inner[len(inner)-1] = true
		}
	}
	return false
}

// match returns the captures, $0 first. An expression that runs out of time does not match.
func (p *pattern) match(s string) ([]string, bool) {
	if len(s) > maxSubject {
		s = s[:maxSubject]
	}
	if p.re2 != nil {
		m := p.re2.FindStringSubmatch(s)
		return m, m != nil
	}
	m, err := p.back.FindStringMatch(s)
	if err != nil || m == nil {
		return nil, false
	}
	var captures []string
	for _, g := range m.Groups() {
		captures = append(captures, g.String())
	}
	return captures, true
}
