package dialplan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	maxDialString = 64 << 10
	maxTargets    = 256
	maxBlockVars  = 256 // variables of one {…}, […] or <…>
)

// ErrNoTarget is a dial string that names nothing to ring.
var ErrNoTarget = errors.New("dialplan: dial string: it names no destination")

// Pair is one variable of a dial string. Wire is set when any of the value came from outside.
type Pair struct {
	Name, Value string
	Wire        bool
}

// Target is one destination to ring.
type Target struct {
	Endpoint string   // user, sofia, error, loopback …
	Dest     string   // 1001@example.com
	Parts    Expanded // Dest in pieces: what of it came from the wire
	Vars     []Pair   // <enterprise>, then {global}, then [leg]: a later one of a name wins
}

// DialString is what to ring. Its parts, those between :_: , ring at once and independently of each other: FreeSWITCH's enterprise originate.
type DialString struct {
	Parts []Part
}

// Part is one part of a dial string: its groups ring one after the other, the targets of a group at once. It has at least one target.
type Part [][]Target

// ParseDialString parses <enterprise vars>{vars}[leg vars]endpoint/dest,…|…:_:…. Its syntax acts only in text that did not come
// from the wire. Several parts ignore early media unless a variable of their own says otherwise, as in FreeSWITCH.
func ParseDialString(x Expanded) (*DialString, error) {
	p := &dialParser{}
	for _, v := range x {
		if len(p.wire)+len(v.Text) > maxDialString {
			return nil, p.fail("it is longer than %d bytes", maxDialString)
		}
		for range len(v.Text) {
			p.wire = append(p.wire, v.Wire)
		}
	}
	p.text = x.String()
	return p.parse()
}

// dialParser is one parse; wire says of each byte where it came from.
type dialParser struct {
	text    string
	wire    []bool
	pos     int
	targets int
}

func (p *dialParser) fail(format string, args ...any) error {
	return fmt.Errorf("dialplan: dial string: "+format, args...)
}

// is says whether syntax c stands at i.
func (p *dialParser) is(i int, c byte) bool { return i < len(p.text) && p.text[i] == c && !p.wire[i] }

func (p *dialParser) enterprise(i int) bool { return p.is(i, ':') && p.is(i+1, '_') && p.is(i+2, ':') }

func (p *dialParser) spaces() {
	for p.is(p.pos, ' ') || p.is(p.pos, '\t') || p.is(p.pos, '\n') || p.is(p.pos, '\r') {
		p.pos++
	}
}

func (p *dialParser) parse() (*DialString, error) {
	outer, err := p.blocks('<', '>')
	if err != nil {
		return nil, err
	}
	if p.isEnterprise() {
		outer = append(outer, Pair{Name: "ignore_early_media", Value: "true"})
	}
	d := &DialString{}
	for {
		part, err := p.part(outer)
		if err != nil {
			return nil, err
		}
		if len(part) > 0 {
			d.Parts = append(d.Parts, part)
		}
		if p.pos >= len(p.text) {
			break
		}
		p.pos += len(":_:")
	}
	if len(d.Parts) == 0 {
		return nil, ErrNoTarget
	}
	return d, nil
}

// isEnterprise says whether :_: stands somewhere.
func (p *dialParser) isEnterprise() bool {
	for i := range p.text {
		if p.enterprise(i) {
			return true
		}
	}
	return false
}

// part parses up to the next :_: .
func (p *dialParser) part(outer []Pair) (Part, error) {
	global, err := p.blocks('{', '}')
	if err != nil {
		return nil, err
	}
	vars := append(outer[:len(outer):len(outer)], global...)
	var part Part
	var group []Target
	for {
		t, err := p.target(vars)
		if err != nil {
			return nil, err
		}
		if t != nil {
			group = append(group, *t)
		}
		last := p.pos >= len(p.text) || p.enterprise(p.pos)
		if (last || p.text[p.pos] == '|') && len(group) > 0 {
			part, group = append(part, group), nil
		}
		if last {
			return part, nil
		}
		p.pos++
	}
}

// target parses [vars]endpoint/dest up to the next separator; nil when there is nothing before it.
func (p *dialParser) target(vars []Pair) (*Target, error) {
	for p.spaces(); p.is(p.pos, '[') || p.is(p.pos, '{'); p.spaces() {
		closer := byte(']')
		if p.text[p.pos] == '{' {
			closer = '}'
		}
		leg, err := p.blocks(p.text[p.pos], closer)
		if err != nil {
			return nil, err
		}
		vars = append(vars[:len(vars):len(vars)], leg...)
	}
	start, slash := p.pos, -1
	for p.pos < len(p.text) && !p.is(p.pos, ',') && !p.is(p.pos, '|') && !p.enterprise(p.pos) {
		switch {
		case slash < 0 && p.is(p.pos, '/'):
			slash = p.pos
		case slash < 0 && p.wire[p.pos]:
			return nil, p.fail("the endpoint came from outside")
		case p.text[p.pos] < ' ' && p.text[p.pos] != '\t' || p.text[p.pos] == 0x7f:
			return nil, p.fail("a destination holds a control character")
		}
		p.pos++
	}
	if slash < 0 {
		if strings.TrimSpace(p.text[start:p.pos]) != "" {
			return nil, p.fail("%q names no endpoint", p.text[start:p.pos])
		}
		return nil, nil
	}
	if p.targets++; p.targets > maxTargets {
		return nil, p.fail("it names more than %d destinations", maxTargets)
	}
	from, to := slash+1, p.pos
	for from < to && isBlank(p.text[from]) {
		from++
	}
	for from < to && isBlank(p.text[to-1]) {
		to--
	}
	t := &Target{Endpoint: p.text[start:slash], Dest: p.text[from:to], Parts: p.pieces(from, to), Vars: vars}
	if !isIdentifier(t.Endpoint) {
		return nil, p.fail("%q is no endpoint", t.Endpoint)
	}
	return t, nil
}

// pieces is the text of a range with where it came from.
func (p *dialParser) pieces(from, to int) Expanded {
	var out Expanded
	for begin := from; begin < to; {
		end := begin + 1
		for end < to && p.wire[end] == p.wire[begin] {
			end++
		}
		out = append(out, Value{Text: p.text[begin:end], Wire: p.wire[begin]})
		begin = end
	}
	return out
}

// blocks parses the {…}{…} at the position.
func (p *dialParser) blocks(opener, closer byte) ([]Pair, error) {
	var vars []Pair
	for p.spaces(); p.is(p.pos, opener); p.spaces() {
		end, err := p.blockEnd(opener, closer)
		if err != nil {
			return nil, err
		}
		block, err := p.variables(p.pos+1, end)
		if err != nil {
			return nil, err
		}
		vars = append(vars, block...)
		p.pos = end + 1
		if len(vars) > maxBlockVars {
			return nil, p.fail("it sets more than %d variables", maxBlockVars)
		}
	}
	return vars, nil
}

// blockEnd finds the closer of the block at the position. Inner blocks count, quotes do not, as in switch_find_end_paren.
func (p *dialParser) blockEnd(opener, closer byte) (int, error) {
	depth := 0
	for i := p.pos; i < len(p.text); i++ {
		switch {
		case p.is(i, opener):
			depth++
		case p.is(i, closer):
			if depth--; depth == 0 {
				return i, nil
			}
		}
	}
	return 0, p.fail("%q is not closed", string(opener))
}

// variables parses name=value,… or, after ^^ and a character, with that character for the comma.
func (p *dialParser) variables(from, to int) ([]Pair, error) {
	delimiter := byte(',')
	if from+2 < to && p.is(from, '^') && p.is(from+1, '^') && !p.wire[from+2] {
		delimiter = p.text[from+2]
		from += 3
	}
	var vars []Pair
	for from < to {
		name, value, end := p.variable(from, to, delimiter)
		wire := slices.Contains(p.wire[from:end], true)
		from = end + 1
		if name == "" {
			continue
		}
		if strings.ContainsAny(value, "\r\n\x00") || strings.ContainsAny(name, "\r\n\x00") {
			return nil, p.fail("variable %q holds a line break", name)
		}
		if vars = append(vars, Pair{name, value, wire}); len(vars) > maxBlockVars {
			return nil, p.fail("it sets more than %d variables", maxBlockVars)
		}
	}
	return vars, nil
}

// variable parses one name=value and returns where it ends. Quotes around a part of the value vanish, \, \' and \\ lose the
// backslash. A name from the wire is none.
func (p *dialParser) variable(from, to int, delimiter byte) (name, value string, end int) {
	var b strings.Builder
	equals, quoted := false, false
	i := from
	for ; i < to; i++ {
		c := p.text[i]
		switch {
		case p.wire[i]:
			if !equals {
				equals, name = true, ""
				b.Reset()
			}
			b.WriteByte(c)
		case c == '\\' && i+1 < to && !p.wire[i+1] && (p.text[i+1] == delimiter || p.text[i+1] == '\'' || p.text[i+1] == '\\'):
			i++
			b.WriteByte(p.text[i])
		case c == '\'' && (quoted || p.quoteEnds(i+1, to)):
			quoted = !quoted
		case quoted:
			b.WriteByte(c)
		case c == delimiter:
			return name, trimmed(name, equals, &b), i
		case c == '=' && !equals:
			equals, name = true, strings.TrimSpace(b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return name, trimmed(name, equals, &b), i
}

func trimmed(name string, equals bool, b *strings.Builder) string {
	if name == "" || !equals {
		return ""
	}
	return strings.Trim(b.String(), " \t")
}

// quoteEnds says whether a quote opened before i ends before the block does: a lone apostrophe is no quote.
func (p *dialParser) quoteEnds(i, to int) bool {
	for ; i < to; i++ {
		if p.is(i, '\'') {
			return true
		}
	}
	return false
}
