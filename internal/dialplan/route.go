package dialplan

import (
	"regexp"
	"strings"
	"time"
)

const maxActions = 5_000 // of one search

// Result is what a call is to do.
type Result struct {
	Actions   []Action // none: NO_ROUTE_DESTINATION
	Extension string   // the first extension that contributed an action
	Matches   []string // DP_MATCH: captures of the last condition that matched and has any, $0 first
	// MatchesWire says that Matches came from the wire.
	MatchesWire bool
}

// Inliner is an Env that executes inline actions while the plan is searched, so that later conditions see what they set. Without
// it an inline action takes its place in Result.Actions.
type Inliner interface {
	Inline(a Action)
}

// Route searches a context, or "global" when there is none of that name. The second result says whether one exists.
func (p *Plan) Route(name string, env Env, now time.Time) (Result, bool) {
	ctx := p.context(name)
	if ctx == nil {
		if ctx = p.context("global"); ctx == nil {
			return Result{}, false
		}
	}
	h := &hunt{env: env, now: now}
	h.inliner, _ = env.(Inliner)
	for _, x := range ctx.extensions[h.first(ctx):] {
		h.name = x.name
		if h.conditions(x.conditions) && !x.proceed {
			break
		}
	}
	return h.res, true
}

// hunt is one search.
type hunt struct {
	env     Env
	inliner Inliner
	now     time.Time
	name    string
	res     Result
}

// first is the extension to begin with: with auto_hunt the one named like the number.
func (h *hunt) first(ctx *context) int {
	if v, _ := h.env.Var("auto_hunt"); v.Wire || !isTrue(v.Text) {
		return 0
	}
	number, _ := h.env.Var("destination_number")
	for i, x := range ctx.extensions {
		if x.name == number.Text {
			return i
		}
	}
	return 0
}

// conditions tries a list of sibling conditions as parse_exten of mod_dialplan_xml.c does and says whether the last one tried
// matched or had anti-actions: the search ends with this extension then.
func (h *hunt) conditions(list []*condition) bool {
	proceed := false
	for _, c := range list {
		captures, matched := h.condition(c)
		proceed = matched
		if matched {
			h.add(c.actions, captures)
		} else if len(c.anti) > 0 {
			h.add(c.anti, nil)
			proceed = true
		}
		if c.brk == breakAlways || matched && c.brk == breakOnTrue || !matched && c.brk == breakOnFalse {
			break
		}
		if !proceed || len(c.nested) == 0 {
			continue
		}
		if proceed = h.conditions(c.nested) || !c.requireNested; !proceed && c.brk != breakNever {
			return false
		}
	}
	return proceed
}

// condition evaluates one condition: its own test, or its regexes by their rule.
func (h *hunt) condition(c *condition) ([]Value, bool) {
	if c.rule == ruleNone {
		return h.test(&c.test)
	}
	if len(c.when) > 0 && !inTime(c.when, clock(h.env, h.now)) {
		return nil, false
	}
	var captures []Value
	passed := 0
	for i := range c.regexes {
		m, ok := h.test(&c.regexes[i])
		if ok {
			passed++
			if m != nil {
				captures = m
			}
		}
		if ok && c.rule == ruleAny || !ok && c.rule == ruleAll {
			break
		}
	}
	switch c.rule {
	case ruleAll:
		return captures, passed == len(c.regexes)
	case ruleXor:
		return captures, passed == 1
	default:
		return captures, passed > 0
	}
}

// test evaluates one test. Captures are nil unless the expression has groups.
func (h *hunt) test(t *test) ([]Value, bool) {
	if len(t.when) > 0 && !inTime(t.when, clock(h.env, h.now)) {
		return nil, false
	}
	if !t.hasField {
		return nil, true
	}
	var subject Value
	if t.plain != "" {
		subject, _ = h.env.Var(t.plain)
	} else {
		subject = t.field.Expand(h.env).Value()
	}
	p := t.pattern
	if p == nil {
		if p = h.dynamic(t); p == nil {
			return nil, false
		}
	}
	m, ok := p.match(subject.Text)
	if !ok || !p.groups {
		return nil, ok
	}
	captures := make([]Value, len(m))
	for i, s := range m {
		captures[i] = Value{s, subject.Wire}
	}
	return captures, true
}

// dynamic compiles an expression that holds variables. What came from the wire in it stands for itself (S13).
func (h *hunt) dynamic(t *test) *pattern {
	if t.dynamic == nil {
		return nil
	}
	x := expander{env: h.env, left: maxPattern}
	var b strings.Builder
	for _, v := range x.expand(t.dynamic) {
		if v.Wire {
			v.Text = regexp.QuoteMeta(v.Text)
		}
		b.WriteString(v.Text)
	}
	p, err := compilePattern(b.String())
	if err != nil {
		return nil
	}
	return p
}

// add appends actions, with the captures of their condition bound. Without groups in the expression $1 stays text.
func (h *hunt) add(actions []Action, captures []Value) {
	var matches []string
	for _, v := range captures {
		matches = append(matches, v.Text)
	}
	if captures != nil {
		h.res.Matches, h.res.MatchesWire = matches, captures[0].Wire
	}
	for _, a := range actions {
		a.Matches = matches
		a.Data = a.Data.bind(captures)
		if h.res.Extension == "" {
			h.res.Extension = h.name
		}
		for i := 0; i < a.loop && len(h.res.Actions) < maxActions; i++ {
			if a.Inline && h.inliner != nil {
				h.inliner.Inline(a)
				continue
			}
			h.res.Actions = append(h.res.Actions, a)
		}
	}
}
