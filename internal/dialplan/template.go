package dialplan

import (
	"strconv"
	"strings"
)

const (
	maxExpanded     = 256 << 10 // bytes of one expansion
	maxTemplateNest = 16        // ${…${…}…}
)

// Value is a piece of text and where it came from.
type Value struct {
	Text string
	Wire bool // came from the wire: its characters never act as syntax and it is never expanded again
}

// Env is what expansion reads.
type Env interface {
	// Var returns a channel variable or caller profile field by FreeSWITCH's name (destination_number, caller_id_number, sip_h_X-…).
	Var(name string) (Value, bool)
	// Func evaluates ${name(args)}; args is expanded. The results of group_call, group, sofia_contact, verto_contact and user_data
	// may be parts of a dial string: who computes them keeps syntax of others out of them.
	Func(name, args string) (string, bool)
}

// Expanded is expanded text in pieces.
type Expanded []Value

// String joins the pieces.
func (x Expanded) String() string {
	if len(x) == 1 {
		return x[0].Text
	}
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

// Value joins the pieces to one value, from the wire when one of them is.
func (x Expanded) Value() Value { return Value{x.String(), x.Wire()} }

// Literal is text that is no template, such as an argument a program gave.
func Literal(text string, wire bool) Expanded { return Expanded{{text, wire}} }

type partKind uint8

const (
	partText partKind = iota
	partCapture
	partVariable
	partFunction
)

// part is one piece of a template.
type part struct {
	kind   partKind
	text   string // the text, or the source of an expansion
	n      int    // capture: which
	name   []part // variable, function: its name
	args   []part // function
	offset int    // variable: ${name:offset:length}
	length int    // -1: to the end
	index  int    // variable: ${name[index]}, -1: none
}

// Template is parsed text with ${…} and $1 in it. The zero value is empty text.
type Template struct {
	src      string
	parts    []part
	captures []Value // nil: $1 is text
}

// ParseTemplate never fails: what is no expansion is text. \$ is a dollar sign.
func ParseTemplate(s string) Template {
	return Template{src: s, parts: parseParts(s, templateSyntax{captures: true, escapes: true}, 0)}
}

// bind gives $0, $1 … their values.
func (t Template) bind(captures []Value) Template {
	t.captures = captures
	return t
}

// String returns the source text.
func (t Template) String() string { return t.src }

// templateSyntax says what else than ${} has a meaning: in a regular expression neither \$ nor $1 has.
type templateSyntax struct{ captures, escapes bool }

func parseParts(s string, syn templateSyntax, depth int) []part {
	var parts []part
	start := 0
	closes := closings(s)
	flush := func(end int) {
		if end > start {
			parts = append(parts, part{kind: partText, text: s[start:end]})
		}
	}
	for i := 0; i < len(s); {
		switch {
		case syn.escapes && s[i] == '\\' && i+1 < len(s) && s[i+1] == '$':
			flush(i)
			start, i = i+1, i+2
		case s[i] == '$' && i+1 < len(s) && s[i+1] == '{' && depth < maxTemplateNest:
			end, ok := closes[i+1]
			if !ok {
				i += 2
				continue
			}
			flush(i)
			parts = append(parts, parseExpansion(s[i:end+1], syn, depth))
			start, i = end+1, end+1
		case syn.captures && s[i] == '$' && i+1 < len(s) && isDigit(s[i+1]):
			flush(i)
			end := i + 1
			for end < len(s) && end < i+5 && isDigit(s[end]) {
				end++
			}
			n, _ := strconv.Atoi(s[i+1 : end]) // at most four digits
			parts = append(parts, part{kind: partCapture, text: s[i:end], n: n})
			start, i = end, end
		default:
			i++
		}
	}
	flush(len(s))
	return parts
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// closings maps each { that has a } to it.
func closings(s string) map[int]int {
	if !strings.Contains(s, "${") {
		return nil
	}
	closes := map[int]int{}
	var open []int
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			open = append(open, i)
		case '}':
			if n := len(open); n > 0 {
				closes[open[n-1]], open = i, open[:n-1]
			}
		}
	}
	return closes
}

// parseExpansion parses one ${…}: ${name}, ${name:offset:length}, ${name[index]}, ${func(args)} or ${func args}.
func parseExpansion(src string, syn templateSyntax, depth int) part {
	body := src[2 : len(src)-1]
	p := part{kind: partVariable, text: src, length: -1, index: -1}
	if i := strings.IndexAny(body, "( "); i > 0 && isIdentifier(body[:i]) {
		args := body[i+1:]
		if body[i] == '(' {
			if j := strings.LastIndexByte(args, ')'); j >= 0 {
				args = args[:j]
			}
		}
		p.kind = partFunction
		p.name = []part{{kind: partText, text: body[:i]}}
		p.args = parseParts(args, syn, depth+1)
		return p
	}
	name := body
	if i := strings.IndexByte(name, ':'); i > 0 && !strings.Contains(name[:i], "${") {
		offset, length, hasLength := strings.Cut(name[i+1:], ":")
		n, err := strconv.Atoi(offset)
		m, err2 := strconv.Atoi(length)
		if err == nil && (!hasLength || err2 == nil) {
			name, p.offset = name[:i], n
			if hasLength && m >= 0 {
				p.length = m
			}
		}
	}
	if i := strings.IndexByte(name, '['); i > 0 && strings.HasSuffix(name, "]") {
		if n, err := strconv.Atoi(name[i+1 : len(name)-1]); err == nil && n >= 0 {
			name, p.index = name[:i], n
		}
	}
	p.name = parseParts(name, syn, depth+1)
	return p
}

func isIdentifier(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '_' && c != '-' && c != '.' && !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != ""
}
