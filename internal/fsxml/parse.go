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
	marks    []mark
	next     int // first mark not passed yet
	maxDepth int
	nodes    int
	root     *Node
	open     []*Node         // elements not closed yet; an <include> stands here too but adopts nothing
	text     []*bytes.Buffer // character data of each, nil while there is none
}

// parse reads the whole text. Raw tokens are used so that an unmatched end tag is reported with the tag it should have met, and
// non-strict ones because FreeSWITCH's parser keeps a bare & and unknown entities as text.
func parse(text []byte, marks []mark, maxDepth int) (*Node, error) {
	p := &parser{dec: xml.NewDecoder(bytes.NewReader(text)), marks: marks, maxDepth: maxDepth}
	p.dec.Strict = false
	for {
		at := p.dec.InputOffset()
		tok, err := p.dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var se *xml.SyntaxError
			if errors.As(err, &se) {
				err = errors.New(se.Msg)
			}
			return nil, p.fail(p.dec.InputOffset(), "%v", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			err = p.start(tok, at)
		case xml.EndElement:
			err = p.end(tok, at)
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
		return nil, p.fail(int64(len(text)), "there is no element in it")
	}
	return p.root, nil
}

// place finds the source of an offset; offsets never go back by more than a token.
func (p *parser) place(off int64) (string, int) {
	for p.next < len(p.marks) && int64(p.marks[p.next].off) <= off {
		p.next++
	}
	i := p.next
	for i > 0 && int64(p.marks[i-1].off) > off {
		i--
	}
	if i == 0 {
		return "", 0
	}
	return p.marks[i-1].file, p.marks[i-1].line
}

func (p *parser) fail(off int64, format string, args ...any) error {
	file, line := p.place(off)
	return &SyntaxError{file, line, fmt.Sprintf(format, args...)}
}

func fullName(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

func (p *parser) start(tok xml.StartElement, at int64) error {
	n := &Node{Name: fullName(tok.Name)}
	n.File, n.Line = p.place(at)
	if len(p.open) >= p.maxDepth {
		return p.fail(at, "elements are nested more than %d deep", p.maxDepth)
	}
	if p.nodes++; p.nodes > maxNodes {
		return p.fail(at, "more than %d elements", maxNodes)
	}
	for _, a := range tok.Attr {
		n.Attrs = append(n.Attrs, Attr{fullName(a.Name), a.Value})
	}
	p.open = append(p.open, n)
	p.text = append(p.text, nil)
	return nil
}

func (p *parser) end(tok xml.EndElement, at int64) error {
	name, last := fullName(tok.Name), len(p.open)-1
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
	if strings.HasSuffix(strings.ToUpper(n.Name), "-PRE-PROCESS") {
		return nil // X-NO-PRE-PROCESS, Z-PRE-PROCESS: instructions someone switched off
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

// top takes a finished outermost element: the document.
func (p *parser) top(n *Node, at int64) error {
	if n.Name == "include" && len(n.Children) == 1 {
		n = n.Children[0]
	}
	if p.root != nil {
		return p.fail(at, "<%s> follows the end of the document", n.Name)
	}
	p.root = n
	return nil
}

func (p *parser) chars(data xml.CharData) {
	last := len(p.open) - 1
	if last < 0 || len(bytes.TrimSpace(data)) == 0 && p.text[last] == nil {
		return
	}
	if p.text[last] == nil {
		p.text[last] = &bytes.Buffer{}
	}
	p.text[last].Write(data)
}
