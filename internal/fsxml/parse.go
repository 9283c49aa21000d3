package fsxml

import (
	"bytes"
	"fmt"
	"strings"
)

// parser builds the tree from pre-processed text: elements, attributes, character data, CDATA; nothing else is left in it. It takes what FreeSWITCH's
// parser takes: a bare & and unknown entities are text, < and > may stand in quotes, an attribute may lack quotes or a value.
type parser struct {
	tags     tagReader
	marks    []mark
	next     int // first mark not passed yet
	maxDepth int
	nodes    int // that the tree holds now
	root     *Node
	open     []*Node         // elements not closed yet; an <include> stands here too but adopts nothing
	text     []*bytes.Buffer // character data of each, nil while there is none
	reduce   func(n *Node, above []*Node) bool
	free     []*Node // taken out of the tree by reduce
}

// parse reads the whole text.
func parse(text []byte, marks []mark, maxDepth int, reduce func(*Node, []*Node) bool) (*Node, error) {
	p := &parser{marks: marks, maxDepth: maxDepth, reduce: reduce, tags: tagReader{text: text, interned: map[string]string{}}}
	for i, c := range text { // XML 1.0 §2.2
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' {
			return nil, p.fail(i, "illegal control character %#02x", c)
		}
	}
	for r := &p.tags; r.pos < len(text); {
		if i := bytes.IndexByte(text[r.pos:], '<'); i != 0 {
			if i < 0 {
				i = len(text) - r.pos
			}
			p.chars(r.unescape(text[r.pos : r.pos+i]))
			r.pos += i
			continue
		}
		if err := p.markup(); err != nil {
			return nil, err
		}
	}
	if n := len(p.open); n > 0 {
		o := p.open[n-1]
		return nil, &SyntaxError{o.File, o.Line, fmt.Sprintf("<%s> is never closed", o.Name)}
	}
	if p.root == nil {
		return nil, p.fail(len(text), "there is no element in it")
	}
	return p.root, nil
}

// markup reads what begins with <.
func (p *parser) markup() error {
	r := &p.tags
	at, rest := r.pos, r.text[r.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		end := bytes.Index(rest, []byte("]]>"))
		if end < 0 {
			return p.fail(at, "a CDATA section has no end")
		}
		p.chars(rest[len("<![CDATA["):end])
		r.pos += end + len("]]>")
		return nil
	case len(rest) > 1 && rest[1] == '/':
		end := bytes.IndexByte(rest, '>')
		if end < 0 {
			return p.fail(at, "an end tag has no >")
		}
		r.pos += end + 1
		return p.end(r.intern(bytes.TrimSpace(rest[2:end])), at)
	}
	n := p.node()
	n.File, n.Line = p.place(at)
	empty, err := r.startTag(n)
	if err != nil {
		return p.fail(at, "%v", err)
	}
	if err := p.start(n, at); err != nil || !empty {
		return err
	}
	return p.end(n.Name, at)
}

// node returns a new element, or one that reduce has set free.
func (p *parser) node() *Node {
	last := len(p.free) - 1
	if last < 0 {
		return &Node{}
	}
	n := p.free[last]
	p.free = p.free[:last]
	*n = Node{Attrs: n.Attrs[:0]}
	return n
}

// place finds the source of an offset; offsets never go back by more than a tag.
func (p *parser) place(off int) (string, int) {
	for p.next < len(p.marks) && p.marks[p.next].off <= off {
		p.next++
	}
	i := p.next
	for i > 0 && p.marks[i-1].off > off {
		i--
	}
	if i == 0 {
		return "", 0
	}
	return p.marks[i-1].file, p.marks[i-1].line
}

func (p *parser) fail(off int, format string, args ...any) error {
	file, line := p.place(off)
	return &SyntaxError{file, line, fmt.Sprintf(format, args...)}
}

func (p *parser) start(n *Node, at int) error {
	if len(p.open) >= p.maxDepth {
		return p.fail(at, "elements are nested more than %d deep", p.maxDepth)
	}
	if p.nodes++; p.nodes > maxNodes {
		return p.fail(at, "more than %d elements", maxNodes)
	}
	p.open = append(p.open, n)
	p.text = append(p.text, nil)
	return nil
}

func (p *parser) end(name string, at int) error {
	last := len(p.open) - 1
	if last < 0 {
		return p.fail(at, "</%s> closes nothing", name)
	}
	n := p.open[last]
	if n.Name != name {
		return p.fail(at, "</%s> where </%s> is expected: <%s> is open since %s:%d", name, n.Name, n.Name, n.File, n.Line)
	}
	if b := p.text[last]; b != nil {
		n.Text = strings.TrimSpace(b.String())
	}
	p.open, p.text = p.open[:last], p.text[:last]
	if len(n.Name) > 12 && strings.HasSuffix(strings.ToUpper(n.Name), "-PRE-PROCESS") {
		return nil // X-NO-PRE-PROCESS, Z-PRE-PROCESS: instructions someone switched off
	}
	if p.reduce != nil && p.reduce(n, p.open) {
		p.recycle(n.Children)
		n.Children = nil
	}
	if last > 0 {
		parent := p.open[last-1]
		if n.Name == "include" {
			parent.Children = append(parent.Children, n.Children...)
		} else {
			parent.Children = append(parent.Children, n)
		}
		return nil
	}
	return p.top(n, at)
}

// recycle takes elements back.
func (p *parser) recycle(list []*Node) {
	for _, n := range list {
		p.nodes--
		p.recycle(n.Children)
		p.free = append(p.free, n)
	}
}

// top takes a finished outermost element: the document.
func (p *parser) top(n *Node, at int) error {
	if n.Name == "include" && len(n.Children) == 1 {
		n = n.Children[0]
	}
	if p.root != nil {
		return p.fail(at, "<%s> follows the end of the document", n.Name)
	}
	p.root = n
	return nil
}

func (p *parser) chars(data []byte) {
	last := len(p.open) - 1
	if last < 0 || len(bytes.TrimSpace(data)) == 0 && p.text[last] == nil {
		return
	}
	if p.text[last] == nil {
		p.text[last] = &bytes.Buffer{}
	}
	p.text[last].Write(data)
}
