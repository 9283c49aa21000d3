package fsxml

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// variable is a global variable: what programs see and how it stands in XML text.
type variable struct {
	value string
	xml   string
	fixed bool // an override: the tree cannot set it
}

// mark says that the output from offset off on comes from file:line.
type mark struct {
	off  int
	file string
	line int
}

// preprocessor turns files into one text without comments, instructions and declarations. Owned by one Load.
type preprocessor struct {
	l        *Loader
	max      int
	vars     map[string]variable
	used     map[string]bool // overrides that met their variable
	out      []byte
	marks    []mark
	problems []Problem
	files    []string
	seen     map[string]bool // files
	stack    []string        // files being read, outermost first
	lines    []int           // of their include instructions
	repeats  int
	comment  bool // inside <!-- -->; survives the borders of included files, as in FreeSWITCH
	cdata    bool
}

func newPreprocessor(l *Loader) *preprocessor {
	p := &preprocessor{l: l, max: l.MaxBytes, vars: map[string]variable{}, used: map[string]bool{}, seen: map[string]bool{}}
	if p.max <= 0 {
		p.max = defaultMaxBytes
	}
	for name, v := range l.Defaults {
		p.vars[name] = variable{value: v, xml: escape(v)}
	}
	for name, v := range l.Set {
		_, p.used[name] = p.vars[name]
		p.vars[name] = variable{value: v, xml: escape(v), fixed: true}
	}
	return p
}

// file is the scanner's place in one file.
type file struct {
	name string
	text []byte
	pos  int
	line int
}

func (p *preprocessor) problem(f *file, s Severity, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{File: f.name, Line: f.line, Severity: s, Text: fmt.Sprintf(format, args...)})
	}
}

func (p *preprocessor) fail(f *file, format string, args ...any) error {
	return &SyntaxError{File: f.name, Line: f.line, Text: fmt.Sprintf(format, args...)}
}

// include reads one file into the output.
func (p *preprocessor) include(c content) error {
	name := c.name
	f := &file{name: name, line: 1}
	if p.seen[name] {
		p.repeats++
	}
	switch {
	case p.repeats > maxRepeats:
		return p.fail(f, "more than %d files are included again", maxRepeats)
	case len(p.files) >= maxFiles:
		return p.fail(f, "more than %d files are included", maxFiles)
	}
	if c.late {
		c = p.readOne(name, p.max-len(p.out), false)
	}
	switch text := c.text; {
	case c.dir:
		return nil
	case c.err != nil && len(p.stack) == 0:
		return fmt.Errorf("fsxml: read: %w", c.err)
	case c.err != nil:
		return p.unreadable(f, c.err)
	case len(text) > p.max-len(p.out):
		return fmt.Errorf("fsxml: read: %w", p.tooLarge(name))
	}
	if !p.seen[name] {
		p.seen[name] = true
		p.files = append(p.files, name)
	}
	text := c.text
	if text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")); !utf8.Valid(text) {
		p.problem(f, Warning, "the file is not UTF-8; read as Latin-1")
		text = fromLatin1(text)
	}
	f.text = text
	p.stack = append(p.stack, name)
	defer func() { p.stack = p.stack[:len(p.stack)-1] }()
	return p.scan(f)
}

func fromLatin1(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	for _, c := range text {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// scan copies a file to the output, acting on what it meets.
func (p *preprocessor) scan(f *file) error {
	p.out = slices.Grow(p.out, len(f.text)) // at once: a large file would double it time and again
	p.mark(f)
	for f.pos < len(f.text) {
		if len(p.out) > p.max {
			return p.fail(f, "the configuration is larger than %d bytes", p.max)
		}
		rest := f.text[f.pos:]
		switch c := rest[0]; {
		case c == '\n':
			p.out = append(p.out, '\n')
			f.pos++
			f.line++
			p.mark(f)
		case c != '<' && c != '$' && !p.comment && !p.cdata:
			n := plain(rest)
			p.out = append(p.out, rest[:n]...)
			f.pos += n
		case c == '<' && hasPrefixFold(rest, "<X-PRE-PROCESS"):
			if err := p.instruction(f); err != nil {
				return err
			}
		case c == '$' && bytes.HasPrefix(rest, []byte("$${")):
			text, n := p.expand(f, rest)
			if !p.comment {
				p.out = append(p.out, text...)
			}
			f.pos += n
		case p.comment:
			if bytes.HasPrefix(rest, []byte("-->")) {
				p.comment = false
				f.pos += 2
			}
			f.pos++
		case p.cdata:
			p.cdata = !bytes.HasPrefix(rest, []byte("]]>"))
			p.out = append(p.out, c)
			f.pos++
		case c == '<' && len(rest) > 1 && (rest[1] == '!' || rest[1] == '?' || rest[1] == '/'):
			if err := p.markup(f, rest); err != nil {
				return err
			}
		default:
			p.out = append(p.out, c)
			f.pos++
		}
	}
	return nil
}

// plain is the length of the text before the next byte that may mean something; the first one is known to mean nothing.
func plain(text []byte) int {
	for i := 1; i < len(text); i++ {
		if c := text[i]; c == '<' || c == '\n' || c == '$' {
			return i
		}
	}
	return len(text)
}

func (p *preprocessor) mark(f *file) {
	m := mark{len(p.out), f.name, f.line}
	if n := len(p.marks); n > 0 && p.marks[n-1].off == m.off {
		p.marks[n-1] = m
		return
	}
	p.marks = append(p.marks, m)
}

// skip moves over n bytes and counts their lines.
func (p *preprocessor) skip(f *file, n int) {
	lines := bytes.Count(f.text[f.pos:f.pos+n], []byte{'\n'})
	f.pos += n
	if lines > 0 {
		f.line += lines
		p.mark(f)
	}
}

// markup handles comments, CDATA, declarations and the end tag of an instruction.
func (p *preprocessor) markup(f *file, rest []byte) error {
	switch {
	case bytes.HasPrefix(rest, []byte("<!--#")):
		return p.oldInstruction(f, rest)
	case bytes.HasPrefix(rest, []byte("<!--")):
		p.comment = true
		f.pos += 4
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		p.cdata = true
		p.out = append(p.out, "<![CDATA["...)
		f.pos += 9
	case rest[1] == '!':
		return p.fail(f, "document type declarations are refused")
	case rest[1] == '?':
		end := bytes.Index(rest, []byte("?>"))
		if end < 0 {
			return p.fail(f, "a <? has no ?>")
		}
		p.skip(f, end+2)
	case hasPrefixFold(rest, "</X-PRE-PROCESS"):
		end := bytes.IndexByte(rest, '>')
		if end < 0 {
			return p.fail(f, "an end tag has no >")
		}
		p.skip(f, end+1)
	default:
		p.out = append(p.out, '<', '/')
		f.pos += 2
	}
	return nil
}

// unusedOverrides warns of overrides that nothing reads: most likely a misspelt name.
func (p *preprocessor) unusedOverrides() {
	for _, name := range slices.Sorted(maps.Keys(p.used)) {
		if !p.used[name] && !slices.Contains(p.l.Reads, name) && !bytes.Contains(p.out, []byte("${"+name+"}")) {
			p.problem(&file{}, Warning, "the override of %q has no effect: the configuration knows no such variable", name)
		}
	}
}
