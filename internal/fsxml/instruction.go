package fsxml

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

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
