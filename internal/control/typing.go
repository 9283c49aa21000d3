package control

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Bounds of what commands can add.
const (
	maxAliases     = 1000
	maxCompletions = 1000
	completionDeep = 10 // words of a completion
)

// alias is another name for a command and its first arguments. FreeSWITCH keeps the sticky ones; here all end with the process.
type alias struct {
	name, command string
	sticky        bool
}

// completion is a line of words that complete what is typed: a word itself, "" for any word, "::[one:two" for one of several, or
// "::console::list_uuid" and the like for one of those there are.
type completion struct {
	words  []string
	sticky bool
}

// typing is what helps people who type commands: aliases and completions of their own.
type typing struct {
	mu          sync.RWMutex // guards what follows
	aliases     []alias      // by name
	completions []completion
}

func newTyping() *typing { return &typing{} }

const (
	aliasSyntax    = "[add|stickyadd] <alias> <command> | del [<alias>|*]"
	completeSyntax = "add <word>|del [<word>|*]"
)

// typingCommands serve those who type, and clients that complete what they type.
func (c *Control) typingCommands() map[string]command {
	return map[string]command{
		"alias":                action(c.typing.changeAlias, "Alias", aliasSyntax),
		"complete":             action(c.typing.changeCompletion, "Complete", completeSyntax),
		"console_complete":     query(c.consoleComplete, "", "<line>"),
		"console_complete_xml": query(c.consoleCompleteXML, "", "<line>"),
	}
}

// alias looks one up.
func (t *typing) alias(name string) (command string, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, a := range t.aliases {
		if a.name == name {
			return a.command, true
		}
	}
	return "", false
}

// changeAlias is "add|stickyadd name command" or "del name|*". A command of the switch is never hidden by an alias.
func (t *typing) changeAlias(args string) string {
	w := words(args, 3)
	if len(w) < 2 {
		return "-USAGE: " + aliasSyntax + "\n"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	without := func() {
		t.aliases = slices.DeleteFunc(t.aliases, func(a alias) bool { return w[1] == "*" || a.name == w[1] })
	}
	switch verb := strings.ToLower(w[0]); {
	case (verb == "add" || verb == "stickyadd") && len(w) == 3 && w[1] != w[2]:
		without()
		if len(t.aliases) >= maxAliases {
			return "-ERR Too many aliases\n"
		}
		t.aliases = append(t.aliases, alias{oneLine(w[1]), oneLine(w[2]), verb == "stickyadd"})
		slices.SortFunc(t.aliases, func(a, b alias) int { return strings.Compare(a.name, b.name) })
		return done
	case verb == "del" && len(w) == 2:
		without()
		return done
	}
	return "-USAGE: " + aliasSyntax + "\n"
}

// changeCompletion is "add|stickyadd words" or "del words|*".
func (t *typing) changeCompletion(args string) string {
	w := words(args, completionDeep+1)
	if len(w) < 2 {
		return "-USAGE: " + completeSyntax + "\n"
	}
	line := w[1:]
	for i := range line {
		if line[i] = oneLine(line[i]); strings.EqualFold(line[i], "_any_") {
			line[i] = ""
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch verb := strings.ToLower(w[0]); verb {
	case "add", "stickyadd":
		if len(t.completions) >= maxCompletions {
			return "-ERR Too many completions\n"
		}
		t.completions = append(t.completions, completion{line, verb == "stickyadd"})
		return done
	case "del":
		t.completions = slices.DeleteFunc(t.completions, func(c completion) bool {
			return line[0] == "*" || len(c.words) >= len(line) && slices.Equal(c.words[:len(line)], line)
		})
		return done
	}
	return "-USAGE: " + completeSyntax + "\n"
}

// aliasReport is show aliases.
func (t *typing) aliasReport(host string) report {
	r := report{columns: []string{"sticky", "alias", "command", "hostname"}}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, a := range t.aliases {
		r.rows = append(r.rows, []string{flag(a.sticky), a.name, a.command, host})
	}
	return r
}

// completionReport is show complete: those of the switch, and those added.
func (c *Control) completionReport(host string) report {
	r := report{columns: []string{"sticky"}}
	for i := range completionDeep {
		r.columns = append(r.columns, "a"+strconv.Itoa(i+1))
	}
	r.columns = append(r.columns, "hostname")
	all := c.completions()
	slices.SortStableFunc(all, func(a, b completion) int { return slices.Compare(a.words, b.words) })
	for _, line := range all {
		row := make([]string, 0, len(r.columns))
		row = append(row, flag(line.sticky))
		row = append(row, line.words...)
		for len(row) <= completionDeep {
			row = append(row, "")
		}
		r.rows = append(r.rows, append(row, host))
	}
	return r
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
