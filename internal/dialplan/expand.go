package dialplan

import "strings"

// Expand replaces ${var}, ${var:offset:length} and ${func(args)} in one pass: what a variable holds is not expanded again, as in
// switch_channel_expand_variables. An unknown variable is nothing. The result ends at 256 KiB.
func (t Template) Expand(env Env) Expanded {
	x := expander{env: env, captures: t.captures, left: maxExpanded}
	return x.expand(t.parts)
}

// Each expands as Expand does and hands the pieces over one by one: text of the template itself, and what an expansion gave. Who writes
// values into a format of its own (CSV, SQL) must know them apart.
func (t Template) Each(env Env, piece func(text string, literal bool)) {
	x := expander{env: env, captures: t.captures, left: maxExpanded}
	for i := range t.parts {
		v := x.part(&t.parts[i])
		if len(v.Text) > x.left {
			v.Text = v.Text[:x.left]
		}
		x.left -= len(v.Text)
		piece(v.Text, t.parts[i].kind == partText)
	}
}

// expander is one expansion.
type expander struct {
	env      Env
	captures []Value
	left     int // bytes it may still produce, inner expansions included
}

func (x *expander) expand(parts []part) Expanded {
	var out Expanded
	for i := range parts {
		v := x.part(&parts[i])
		if len(v.Text) > x.left {
			v.Text = v.Text[:x.left]
		}
		x.left -= len(v.Text)
		switch last := len(out) - 1; {
		case v.Text == "":
		case last >= 0 && out[last].Wire == v.Wire:
			out[last].Text += v.Text
		default:
			out = append(out, v)
		}
	}
	return out
}

func (x *expander) part(p *part) Value {
	switch p.kind {
	case partCapture:
		switch {
		case x.captures == nil:
			return Value{Text: p.text}
		case p.n < len(x.captures):
			return x.captures[p.n]
		}
		return Value{}
	case partVariable:
		return x.variable(p)
	case partFunction:
		return x.function(p)
	default:
		return Value{Text: p.text}
	}
}

func (x *expander) variable(p *part) Value {
	v, _ := x.env.Var(x.expand(p.name).String())
	if p.index >= 0 {
		v.Text = element(v.Text, p.index)
	}
	if p.offset != 0 || p.length >= 0 {
		v.Text = substring(v.Text, p.offset, p.length)
	}
	return v
}

// element returns one element of an array as FreeSWITCH keeps it in a variable, ARRAY::a|:b. A plain value is an array of one.
func element(s string, i int) string {
	list, ok := strings.CutPrefix(s, "ARRAY::")
	if !ok {
		if i == 0 {
			return s
		}
		return ""
	}
	for ; i > 0; i-- {
		if _, list, ok = strings.Cut(list, "|:"); !ok {
			return ""
		}
	}
	first, _, _ := strings.Cut(list, "|:")
	return first
}

// substring counts bytes, a negative offset from the end. What is out of range is left out (S13: FreeSWITCH once read past it).
func substring(s string, offset, length int) string {
	switch {
	case offset > len(s):
		return ""
	case offset >= 0:
		s = s[offset:]
	case offset >= -len(s):
		s = s[len(s)+offset:]
	}
	if length >= 0 && length < len(s) {
		s = s[:length]
	}
	return strings.ToValidUTF8(s, "")
}

func (x *expander) function(p *part) Value {
	name := x.expand(p.name).String()
	args := x.expand(p.args)
	text, ok := x.env.Func(name, args.String())
	if !ok {
		return Value{}
	}
	switch kindOf(name) {
	case structural:
		return Value{Text: text}
	case computed:
		return Value{text, args.Wire()}
	default:
		return Value{text, true}
	}
}

type funcKind uint8

const (
	stored     funcKind = iota // may hand back anything a caller once sent: hash, db, uuid_getvar …
	computed                   // made from its arguments only
	structural                 // made of the configuration and of contacts its author made safe
)

func kindOf(name string) funcKind {
	switch name {
	case "group_call", "group", "sofia_contact", "verto_contact", "user_data":
		return structural
	case "cond", "regex", "replace", "expr", "strftime", "strepoch", "md5", "url_encode", "lower", "upper", "create_uuid",
		"module_exists", "domain_exists", "user_exists", "in_group", "hostname", "switchname", "global_getvar":
		return computed
	}
	return stored
}
