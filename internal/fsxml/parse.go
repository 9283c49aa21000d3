package fsxml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// parser builds the tree from pre-processed text.
type parser struct {
	dec      *xml.Decoder
	names    map[string]string // one copy of each name of an element or attribute
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

// parse reads the whole text. Raw tokens are used so that an unmatched end tag is reported with the tag it should have met, and
// non-strict ones because FreeSWITCH's parser keeps a bare & and unknown entities as text.
func parse(text []byte, marks []mark, maxDepth int, reduce func(*Node, []*Node) bool) (*Node, error) {
	p := &parser{
		dec: xml.NewDecoder(bytes.NewReader(text)), names: map[string]string{},
		marks: marks, maxDepth: maxDepth, reduce: reduce,
	}
	p.dec.Strict = false
	for {
		at := int(p.dec.InputOffset())
		tok, err := p.dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var se *xml.SyntaxError
			if errors.As(err, &se) {
				err = errors.New(se.Msg)
			}
			return nil, p.fail(int(p.dec.InputOffset()), "%v", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			err = p.start(tok, at)
		case xml.EndElement:
			err = p.end(p.name(tok.Name), at)
		case xml.CharData:
			p.chars(tok)
		}
		if err != nil {
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

// name is a qualified name, shared with all its other occurrences.
func (p *parser) name(n xml.Name) string {
	name := n.Local
	if n.Space != "" {
		name = n.Space + ":" + n.Local
	}
	if known, ok := p.names[name]; ok {
		return known
	}
	p.names[name] = name
	return name
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

func (p *parser) start(tok xml.StartElement, at int) error {
	n := p.node()
	n.Name = p.name(tok.Name)
	n.File, n.Line = p.place(at)
	if len(p.open) >= p.maxDepth {
		return p.fail(at, "elements are nested more than %d deep", p.maxDepth)
	}
	if p.nodes++; p.nodes > maxNodes {
		return p.fail(at, "more than %d elements", maxNodes)
	}
	for _, a := range tok.Attr {
		n.Attrs = append(n.Attrs, Attr{p.name(a.Name), a.Value})
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
