package dialplan

import (
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

const (
	maxNested = 64  // conditions in conditions
	maxLoop   = 100 // loop="n" of an action
)

// compiler collects the problems of one Compile.
type compiler struct {
	problems []fsxml.Problem
	name     string // extension being compiled
}

func (c *compiler) problem(n *fsxml.Node, s fsxml.Severity, text string) {
	if c.name != "" {
		text = "extension " + c.name + ": " + text
	}
	c.problems = append(c.problems, fsxml.Problem{File: n.File, Line: n.Line, Severity: s, Text: text})
}

func (c *compiler) extension(n *fsxml.Node) *extension {
	x := &extension{name: n.Attr("name"), proceed: isTrue(n.Attr("continue"))}
	if x.name == "" {
		x.name = "UNKNOWN"
	}
	c.name = x.name
	defer func() { c.name = "" }()
	x.conditions = c.conditions(n, 0)
	if len(x.conditions) == 0 {
		c.problem(n, fsxml.Warning, "it has no condition and never applies")
	}
	return x
}

func (c *compiler) conditions(n *fsxml.Node, depth int) []*condition {
	nodes := n.All("condition")
	if len(nodes) > 0 && depth > maxNested {
		c.problem(n, fsxml.Error, "conditions are nested too deep; the inner ones are ignored")
		return nil
	}
	var all []*condition
	for _, x := range nodes {
		all = append(all, c.condition(x, depth))
	}
	return all
}

func (c *compiler) condition(n *fsxml.Node, depth int) *condition {
	k := &condition{test: c.test(n), requireNested: true}
	switch v := strings.ToLower(n.Attr("break")); v {
	case "", "on-false":
	case "on-true":
		k.brk = breakOnTrue
	case "always":
		k.brk = breakAlways
	case "never":
		k.brk = breakNever
	default:
		c.problem(n, fsxml.Warning, "unknown break "+strconv.Quote(v)+": on-false is used")
	}
	if v, ok := n.Lookup("regex"); ok {
		switch strings.ToLower(v) {
		case "all":
			k.rule = ruleAll
		case "xor":
			k.rule = ruleXor
		default:
			k.rule = ruleAny
		}
		for _, x := range n.All("regex") {
			k.regexes = append(k.regexes, c.test(x))
		}
	}
	if v, ok := n.Lookup("require-nested"); ok {
		k.requireNested = isTrue(v)
	}
	k.actions, k.anti = c.actions(n.All("action")), c.actions(n.All("anti-action"))
	k.nested = c.conditions(n, depth+1)
	return k
}

func (c *compiler) actions(nodes []*fsxml.Node) []Action {
	var all []Action
	for _, n := range nodes {
		a := Action{App: n.Attr("application"), Inline: isTrue(n.Attr("inline")), Extension: c.name, File: n.File, Line: n.Line, loop: 1}
		if a.App == "" {
			c.problem(n, fsxml.Error, "an action needs an application; it is ignored")
			continue
		}
		data := n.Text
		if data == "" {
			data = n.Attr("data")
		}
		a.Data = ParseTemplate(data)
		if v, ok := n.Lookup("loop"); ok {
			loop, err := strconv.Atoi(v)
			if err != nil || loop < 0 || loop > maxLoop {
				c.problem(n, fsxml.Warning, "loop must be a number from 0 to "+strconv.Itoa(maxLoop)+"; 1 is used")
				loop = 1
			}
			a.loop = loop
		}
		all = append(all, a)
	}
	return all
}

func (c *compiler) test(n *fsxml.Node) test {
	var t test
	var err error
	if t.when, err = parseTime(n); err != nil {
		c.problem(n, fsxml.Error, err.Error()+"; the condition never matches")
		t.when = []timeRule{{}}
	}
	field, ok := n.Lookup("field")
	if !ok {
		return t
	}
	t.hasField = true
	if strings.Contains(field, "${") {
		t.field = ParseTemplate(field)
	} else {
		t.plain = field
	}
	expr := n.Attr("expression")
	if x := n.Child("expression"); x != nil {
		expr = x.Text
	}
	if strings.Contains(expr, "${") {
		t.dynamic = parseParts(expr, templateSyntax{}, 0)
		return t
	}
	if t.pattern, err = compilePattern(expr); err != nil {
		c.problem(n, fsxml.Error, "expression "+strconv.Quote(expr)+": "+err.Error()+"; the condition never matches")
	} else if t.pattern.back != nil && explosive(expr) {
		c.problem(n, fsxml.Warning, "expression "+strconv.Quote(expr)+" needs a backtracking engine and may take for ever: a match that takes longer than "+
			matchTimeout.String()+" is none")
	}
	return t
}

// isTrue is switch_true of switch_utils.c.
func isTrue(v string) bool {
	switch strings.ToLower(v) {
	case "yes", "on", "true", "t", "enabled", "active", "allow":
		return true
	}
	n, err := strconv.Atoi(v)
	return err == nil && n != 0
}
