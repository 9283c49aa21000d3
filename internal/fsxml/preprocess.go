package fsxml

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
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

// unreadable is a file that is there and cannot be read: FreeSWITCH goes on without it, but half a configuration is none.
func (p *preprocessor) unreadable(f *file, err error) error {
	from := p.stack[len(p.stack)-1]
	return fmt.Errorf("fsxml: read: %w (included by %s:%d)", err, from, p.lines[len(p.lines)-1])
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

// oldInstruction handles <!--#set "name=value"-->, <!--#include "file"--> and drops every other <!--# comment.
func (p *preprocessor) oldInstruction(f *file, rest []byte) error {
	end := bytes.Index(rest, []byte("-->"))
	if end < 0 {
		return p.fail(f, "a comment has no end")
	}
	cmd, arg, _ := strings.Cut(string(rest[len("<!--#"):end]), " ")
	arg = strings.Trim(strings.TrimSpace(arg), `"`)
	var err error
	switch strings.ToLower(cmd) {
	case "set", "include", "exec", "exec-set":
		err = p.run(f, strings.ToLower(cmd), p.expandAll(f, arg))
	}
	p.skip(f, end+3)
	p.mark(f)
	return err
}

// instruction handles <X-PRE-PROCESS cmd="…" data="…"/>. Prose about the tag inside a comment has no cmd and is dropped.
func (p *preprocessor) instruction(f *file) error {
	tag, n := tagAt(f.text[f.pos:])
	if n == 0 {
		if p.comment {
			f.pos++
			return nil
		}
		return p.fail(f, "an X-PRE-PROCESS tag has no end")
	}
	cmd, _ := attribute(tag, "cmd")
	data, hasData := attribute(tag, "data")
	var err error
	switch {
	case cmd != "" && hasData:
		err = p.run(f, strings.ToLower(cmd), p.expandAll(f, data))
	case !p.comment:
		p.problem(f, Error, "X-PRE-PROCESS needs cmd and data")
	}
	p.skip(f, n)
	p.mark(f)
	return err
}

// run executes one instruction.
func (p *preprocessor) run(f *file, cmd, data string) error {
	switch cmd {
	case "set":
		p.setInstruction(f, data)
	case "stun-set":
		// Nothing is asked of the network while a configuration is read: the value stays as written, "stun:host".
		p.setInstruction(f, data)
	case "env-set":
		p.envSet(f, data)
	case "include":
		return p.glob(f, unescape(data))
	case "exec", "exec-set":
		return p.exec(f, cmd, unescape(data))
	default:
		p.problem(f, Error, "unknown X-PRE-PROCESS command %q", cmd)
	}
	return nil
}

// exec runs a program, where the loader has a way to, and puts its output in place of the instruction (exec) or into a variable (exec-set).
func (p *preprocessor) exec(f *file, cmd, data string) error {
	if p.l.Exec == nil {
		p.problem(f, Error, "%s is refused: a configuration executes no commands", cmd)
		return nil
	}
	name, command, ok := strings.Cut(data, "=")
	if cmd == "exec" {
		command = data
	} else if name = strings.TrimSpace(name); !ok || name == "" {
		p.problem(f, Error, "exec-set needs name=command, not %q", data)
		return nil
	}
	if cmd == "exec-set" && p.vars[name].fixed {
		p.used[name] = true
		return nil
	}
	command = strings.TrimSpace(command)
	out, err := p.l.Exec(command)
	if err != nil {
		p.problem(f, Error, "%s %q: %v", cmd, command, err)
		return nil
	}
	if !utf8.Valid(out) {
		out = fromLatin1(out)
	}
	if cmd == "exec-set" {
		if value := strings.TrimRight(string(out), "\r\n"); len(value) <= maxValue {
			p.vars[name] = variable{value: value, xml: escape(value)}
			return nil
		}
		p.problem(f, Error, "the value of %s is longer than %d bytes", name, maxValue)
		return nil
	}
	if len(p.stack) >= maxIncludeDepth {
		p.problem(f, Error, "exec: programs and files include each other more than %d deep", maxIncludeDepth)
		return nil
	}
	p.stack = append(p.stack, f.name)
	defer func() { p.stack = p.stack[:len(p.stack)-1] }()
	return p.scan(&file{name: f.name + "(exec)", text: out, line: 1})
}

func (p *preprocessor) setInstruction(f *file, data string) {
	name, value, ok := strings.Cut(data, "=")
	name, value = strings.TrimRight(name, " "), strings.TrimLeft(value, " ")
	switch {
	case !ok || name == "":
		p.problem(f, Error, "set needs name=value, not %q", data)
	case len(value) > maxValue:
		p.problem(f, Error, "the value of %s is longer than %d bytes", name, maxValue)
	case p.vars[name].fixed:
		p.used[name] = true
	default:
		p.vars[name] = variable{value: unescape(value), xml: value}
	}
}

// envSet sets a variable from the environment: name=VARIABLE, with or without $ before it. An unset one changes nothing.
func (p *preprocessor) envSet(f *file, data string) {
	name, from, ok := strings.Cut(data, "=")
	from = strings.Trim(strings.TrimPrefix(strings.TrimSpace(from), "$"), "{}")
	if name = strings.TrimSpace(name); !ok || name == "" || from == "" {
		p.problem(f, Error, "env-set needs name=VARIABLE, not %q", data)
		return
	}
	if p.vars[name].fixed {
		p.used[name] = true
		return
	}
	if p.l.Env == nil {
		return
	}
	if v, ok := p.l.Env(from); ok && len(v) <= maxValue {
		p.vars[name] = variable{value: v, xml: escape(v)}
	}
}

// glob includes every file that matches, in the order of names.
func (p *preprocessor) glob(f *file, pattern string) error {
	name, err := p.resolve(f, pattern)
	if err != nil {
		p.problem(f, Error, "include %q: %v", pattern, err)
		return nil
	}
	if len(p.stack) >= maxIncludeDepth {
		p.problem(f, Error, "include %q: files include each other more than %d deep", pattern, maxIncludeDepth)
		return nil
	}
	matches, err := fs.Glob(p.l.FS, name)
	if err != nil {
		p.problem(f, Error, "include %q: %v", pattern, err)
		return nil
	}
	if len(matches) == 0 && !strings.ContainsAny(name, "*?[") {
		p.problem(f, Warning, "include %q: no such file", pattern)
	}
	if len(matches) == 0 && errors.Is(p.folder(name), fs.ErrPermission) {
		p.problem(f, Error, "include %q: the folder cannot be read", pattern)
	}
	p.lines = append(p.lines, f.line)
	defer func() { p.lines = p.lines[:len(p.lines)-1] }()
	for chunk := range slices.Chunk(matches, readAhead) {
		chunk = slices.DeleteFunc(chunk, func(m string) bool {
			loop := slices.Contains(p.stack, m)
			if loop {
				p.problem(f, Error, "include %q: the file is being included already", pattern)
			}
			return loop
		})
		for _, c := range p.readMany(chunk) {
			if err := p.include(c); err != nil {
				return err
			}
			p.mark(f)
		}
	}
	return nil
}

// folder says why a pattern's folder cannot be listed; Glob keeps that to itself.
func (p *preprocessor) folder(pattern string) error {
	_, err := fs.ReadDir(p.l.FS, path.Dir(pattern))
	return err
}

// resolve makes the path of an include relative to the tree's folder.
func (p *preprocessor) resolve(f *file, name string) (string, error) {
	if strings.HasPrefix(name, "/") {
		rest, ok := strings.CutPrefix(path.Clean(name), strings.TrimRight(p.l.Dir, "/")+"/")
		if p.l.Dir == "" || !ok {
			return "", errors.New("outside of the configuration folder")
		}
		return rest, nil
	}
	name = path.Join(path.Dir(f.name), name)
	if name == ".." || strings.HasPrefix(name, "../") {
		return "", errors.New("outside of the configuration folder")
	}
	return name, nil
}

// unusedOverrides warns of overrides that nothing reads: most likely a misspelt name.
func (p *preprocessor) unusedOverrides() {
	for _, name := range slices.Sorted(maps.Keys(p.used)) {
		if !p.used[name] && !bytes.Contains(p.out, []byte("${"+name+"}")) {
			p.problem(&file{}, Warning, "the override of %q has no effect: the configuration knows no such variable", name)
		}
	}
}
