package dialplan

// Match looks for a pattern, written as a condition's expression is, in a text and returns what it captured, $0 first. A pattern that is none does not
// match. The command regex uses it.
func Match(expr, subject string) (captures []string, ok bool) {
	p, err := compilePattern(expr)
	if err != nil {
		return nil, false
	}
	return p.match(subject)
}
