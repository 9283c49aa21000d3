package fsxml

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"
)

const (
	maxAttrs    = 256
	maxInterned = 1 << 17 // different short texts that are kept once each
	maxShort    = 64
)

// tagReader reads tags and character data at pos.
type tagReader struct {
	text     []byte
	pos      int
	interned map[string]string // a directory repeats the same names and values a thousand times
	buf      []byte
}

// intern returns the text as a string, the same one for equal short texts.
func (r *tagReader) intern(b []byte) string {
	if len(b) > maxShort {
		return string(b)
	}
	if s, ok := r.interned[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(r.interned) < maxInterned {
		r.interned[s] = s
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// startsName says whether a tag's name may begin with c.
func startsName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' || c >= utf8.RuneSelf
}

// name reads up to what cannot be part of a name.
func (r *tagReader) name() []byte {
	start := r.pos
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case isSpace(c) || c == '=' || c == '/' || c == '>' || c == '<' || c == '"' || c == '\'':
			return r.text[start:r.pos]
		}
		r.pos++
	}
	return r.text[start:r.pos]
}

func (r *tagReader) space() {
	for r.pos < len(r.text) && isSpace(r.text[r.pos]) {
		r.pos++
	}
}

// peek is the next byte, 0 at the end.
func (r *tagReader) peek() byte {
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

// startTag reads a tag into n. empty says that it ends with />.
func (r *tagReader) startTag(n *Node) (empty bool, err error) {
	r.pos++ // <
	if !startsName(r.peek()) {
		return false, errors.New("expected element name after <")
	}
	n.Name = r.intern(r.name())
	for {
		r.space()
		switch c := r.peek(); {
		case c == 0:
			return false, errors.New("a tag has no end")
		case c == '>':
			r.pos++
			return false, nil
		case c == '/':
			r.pos++
			if r.peek() == '>' {
				r.pos++
				return true, nil
			}
		default:
			a, err := r.attr()
			if err != nil {
				return false, err
			}
			if len(n.Attrs) == maxAttrs {
				return false, errors.New("an element has more than 256 attributes")
			}
			if n.Attrs == nil {
				n.Attrs = make([]Attr, 0, 2)
			}
			n.Attrs = append(n.Attrs, a)
		}
	}
}

// attr reads name="value", name='value', name=value or name, which has itself as its value.
func (r *tagReader) attr() (Attr, error) {
	name := r.name()
	if len(name) == 0 {
		return Attr{}, errors.New("expected attribute name in element: a quote is missing or one too many")
	}
	a := Attr{Name: r.intern(name)}
	r.space()
	if r.peek() != '=' {
		a.Value = a.Name
		return a, nil
	}
	r.pos++
	r.space()
	quote := r.peek()
	if quote != '"' && quote != '\'' {
		start := r.pos
		for c := r.peek(); c != 0 && c != '>' && !isSpace(c); c = r.peek() {
			r.pos++
		}
		value := r.text[start:r.pos]
		if bytes.HasSuffix(value, []byte("/")) && r.peek() == '>' { // of />
			value = value[:len(value)-1]
			r.pos--
		}
		a.Value = r.intern(r.unescape(value))
		return a, nil
	}
	end := bytes.IndexByte(r.text[r.pos+1:], quote)
	if end < 0 {
		return Attr{}, errors.New("the value of attribute " + a.Name + " has no closing quote")
	}
	a.Value = r.intern(r.unescape(r.text[r.pos+1 : r.pos+1+end]))
	r.pos += end + 2
	return a, nil
}

// unescape replaces the five entities of XML and character references; every other & is text. The result is good until the next call.
func (r *tagReader) unescape(b []byte) []byte {
	if bytes.IndexByte(b, '&') < 0 && bytes.IndexByte(b, '\r') < 0 {
		return b
	}
	out := r.buf[:0]
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\r': // XML 1.0 §2.11
			if i+1 == len(b) || b[i+1] != '\n' {
				out = append(out, '\n')
			}
		case c == '&':
			s, n := entity(b[i:])
			out = append(out, s...)
			i += n - 1
		default:
			out = append(out, c)
		}
	}
	r.buf = out
	return out
}

// entity returns what the entity at the start of b stands for and its length. One that is none stands for its &.
func entity(b []byte) (string, int) {
	b = b[:min(len(b), len("&#x10ffff;"))]
	end := bytes.IndexByte(b, ';')
	if end < 0 {
		return "&", 1
	}
	switch name := string(b[1:end]); name {
	case "lt":
		return "<", end + 1
	case "gt":
		return ">", end + 1
	case "amp":
		return "&", end + 1
	case "quot":
		return `"`, end + 1
	case "apos":
		return "'", end + 1
	default:
		if len(name) < 2 || name[0] != '#' {
			return "&", 1
		}
		digits, base := name[1:], 10
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseUint(digits, base, 21)
		if err != nil || n == 0 || !utf8.ValidRune(rune(n)) {
			return "&", 1
		}
		return string(rune(n)), end + 1
	}
}
