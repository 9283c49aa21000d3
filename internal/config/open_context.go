package config

import (
	"regexp"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// tollNumbers are numbers that a stranger would call at somebody else's expense, written as dialplans expect them around the world.
var tollNumbers = []string{"4930123456789", "+4930123456789", "004930123456789", "011493012345678", "12025550123", "2025550123", "5550123",
	"912025550123", "900123456789", "18005550123", "0123456789", "0900123456", "33123456789", "84930123456789"}

// Bounds of the search: transfers one after the other, and pairs of context and number that are looked at.
const (
	maxFollow = 6
	maxSeen   = 2000
	maxTries  = 300_000 // of extensions
)

// openWay finds the action by which a caller in a context reaches another network: a bridge to a gateway or to a foreign SIP address, directly or
// through transfers. It tries numbers; of the conditions only those on the number called decide, all others count as true, because a stranger
// may make them so. nil when there is none.
func openWay(section *fsxml.Node, context string) *fsxml.Node {
	w := walker{contexts: map[string]*fsxml.Node{}, patterns: map[string]*regexp.Regexp{}, seen: map[[2]string]bool{}}
	for _, c := range section.All("context") {
		if name := strings.ToLower(c.Attr("name")); w.contexts[name] == nil {
			w.contexts[name] = c
		}
	}
	for _, number := range tollNumbers {
		if n := w.context(context, number, 0); n != nil {
			return n
		}
	}
	return nil
}

// walker follows calls through a dialplan.
type walker struct {
	contexts map[string]*fsxml.Node
	patterns map[string]*regexp.Regexp
	seen     map[[2]string]bool // context and number
	tries    int
}

func (w *walker) context(name, number string, depth int) *fsxml.Node {
	name = strings.ToLower(name)
	key := [2]string{name, number}
	if depth > maxFollow || w.seen[key] || len(w.seen) >= maxSeen {
		return nil
	}
	w.seen[key] = true
	for _, e := range w.contexts[name].All("extension") {
		if w.tries++; w.tries > maxTries {
			return nil
		}
		if n := w.extension(e, name, number, depth); n != nil {
			return n
		}
	}
	return nil
}

// extension tries one extension. A failed condition ends it, except that break="never" goes on with the next one.
func (w *walker) extension(e *fsxml.Node, context, number string, depth int) *fsxml.Node {
	for _, c := range e.All("condition") {
		match := w.condition(c, number)
		if match == nil {
			if strings.EqualFold(c.Attr("break"), "never") {
				continue
			}
			return nil
		}
		for _, a := range c.All("action") {
			if n := w.action(a, match, context, number, depth); n != nil {
				return n
			}
		}
		if n := w.extension(c, context, number, depth); n != nil { // nested conditions
			return n
		}
	}
	return nil
}

// condition returns the captures, nil when the number called rules the condition out.
func (w *walker) condition(c *fsxml.Node, number string) []string {
	all := c.All("regex")
	if len(all) == 0 {
		return w.test(c, number)
	}
	var match []string
	for _, x := range all {
		if m := w.test(x, number); m != nil {
			match = m
		} else if strings.EqualFold(c.Attr("regex"), "all") {
			return nil
		}
	}
	return match
}

func (w *walker) test(n *fsxml.Node, number string) []string {
	field := strings.TrimSpace(n.Attr("field"))
	if field != "destination_number" && field != "${destination_number}" {
		return []string{number}
	}
	pattern := n.Attr("expression")
	if x := n.Child("expression"); pattern == "" && x != nil {
		pattern = x.Text
	}
	return w.match(pattern, number)
}

// match returns the captures, nil when the pattern does not match. One that Go cannot read, with look-ahead perhaps, counts as a match of everything.
func (w *walker) match(pattern, number string) []string {
	re, ok := w.patterns[pattern]
	if !ok {
		re, _ = regexp.Compile(pattern)
		w.patterns[pattern] = re
	}
	if re == nil {
		if strings.Contains(pattern, "(?") {
			return []string{number, number}
		}
		return nil
	}
	return re.FindStringSubmatch(number)
}

func (w *walker) action(a *fsxml.Node, match []string, context, number string, depth int) *fsxml.Node {
	data := a.Attr("data")
	for i := min(len(match), 10) - 1; i >= 0; i-- {
		data = strings.ReplaceAll(data, "$"+string(rune('0'+i)), match[i])
	}
	data = strings.ReplaceAll(data, "${destination_number}", number)
	switch strings.ToLower(a.Attr("application")) {
	case "bridge":
		if outbound(data) {
			return a
		}
	case "transfer", "execute_extension":
		words := strings.Fields(data)
		if len(words) > 0 && strings.HasPrefix(words[0], "-") {
			words = words[1:]
		}
		if len(words) == 0 || strings.Contains(words[0], "$") {
			return nil
		}
		to := context
		if len(words) > 2 {
			to = words[2]
		}
		return w.context(to, words[0], depth+1)
	}
	return nil
}

// outbound says whether a dial string leaves for another network.
func outbound(data string) bool {
	if strings.Contains(data, "sofia/gateway/") || strings.Contains(data, "lcr/") || strings.Contains(data, "${enum_auto_route}") || strings.Contains(data, "freetdm/") {
		return true
	}
	_, rest, ok := strings.Cut(data, "sofia/")
	if !ok {
		return false
	}
	_, host, ok := strings.Cut(rest, "@")
	return ok && !strings.HasPrefix(host, "${")
}
