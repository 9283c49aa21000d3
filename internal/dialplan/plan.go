package dialplan

import (
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Plan is a compiled dialplan. It is immutable and safe for concurrent use.
type Plan struct {
	contexts []*context
}

type context struct {
	name       string
	extensions []*extension
}

type extension struct {
	name       string
	proceed    bool // continue="true"
	conditions []*condition
}

// breakMode says when the search leaves an extension after a condition.
type breakMode uint8

const (
	breakOnFalse breakMode = iota
	breakOnTrue
	breakAlways
	breakNever
)

// rule combines the <regex> elements of a condition.
type rule uint8

const (
	ruleNone rule = iota
	ruleAny
	ruleAll
	ruleXor
)

// test is what a <condition> or <regex> asks.
type test struct {
	when     []timeRule
	hasField bool
	field    Template // ${…} in it
	plain    string   // a caller profile field; "" when field is a template
	pattern  *pattern // nil: contains variables, or never matches
	dynamic  []part   // the expression, when it contains variables
}

type condition struct {
	test
	rule          rule
	regexes       []test
	brk           breakMode
	actions, anti []Action
	nested        []*condition
	requireNested bool
}

// Action is one application to execute.
type Action struct {
	App       string
	Data      Template // captures of the matching condition are bound in it
	Inline    bool
	Extension string // the extension it stands in
	File      string
	Line      int
	Matches   []string // captures of the condition, $0 first

	loop int
}

// Compile reads the section "dialplan". What cannot be compiled never matches and is a problem.
func Compile(section *fsxml.Node) (*Plan, []fsxml.Problem) {
	c := &compiler{}
	p := &Plan{}
	for _, n := range section.All("context") {
		name := n.Attr("name")
		if name == "" {
			c.problem(n, fsxml.Error, "a context needs a name")
			continue
		}
		if p.context(name) != nil {
			c.problem(n, fsxml.Error, "context "+name+" exists already; this one is ignored")
			continue
		}
		ctx := &context{name: name}
		for _, x := range n.All("extension") {
			ctx.extensions = append(ctx.extensions, c.extension(x))
		}
		p.contexts = append(p.contexts, ctx)
	}
	return p, c.problems
}

// Contexts lists the names of the contexts in document order.
func (p *Plan) Contexts() []string {
	var names []string
	for _, c := range p.contexts {
		names = append(names, c.name)
	}
	return names
}

func (p *Plan) context(name string) *context {
	for _, c := range p.contexts {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}
