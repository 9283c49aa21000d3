package fsxml

import (
	"bytes"
	"strings"
)

// expand replaces the $${name} at the start of text; n is how much of text it took. An unknown variable becomes nothing, as in
// FreeSWITCH, which is worth a warning.
func (p *preprocessor) expand(f *file, text []byte) (value string, n int) {
	line := text[:min(len(text), maxName)]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	end := bytes.IndexByte(line, '}')
	if end < 0 {
		if !p.comment {
			p.problem(f, Warning, "$${ has no }")
		}
		return "$${", 3
	}
	name := string(line[3:end])
	v, ok := p.vars[name]
	if v.fixed {
		p.used[name] = true
	}
	if !ok && !p.comment {
		p.problem(f, Warning, "variable %q is not set: $${%s} becomes nothing", name, name)
	}
	return v.xml, end + 1
}

// expandAll replaces every $${name} of an instruction's data, as far as it takes to see that the value is too long.
func (p *preprocessor) expandAll(f *file, s string) string {
	if !strings.Contains(s, "$${") {
		return s
	}
	var b strings.Builder
	for s != "" && b.Len() <= 2*maxValue {
		i := strings.Index(s, "$${")
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		value, n := p.expand(f, []byte(s[i:]))
		b.WriteString(value)
		s = s[i+n:]
	}
	return b.String()
}

// tagAt returns the tag at the start of text and its length, 0 when it does not end. A > inside quotes does not end it.
func tagAt(text []byte) (string, int) {
	var quote byte
	for i, c := range text {
		switch {
		case i > maxValue:
			return "", 0
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return string(text[:i+1]), i + 1
		}
	}
	return "", 0
}

// attribute returns the raw value of an attribute of a tag.
func attribute(tag, name string) (string, bool) {
	for i := 0; i < len(tag); i++ {
		switch tag[i] {
		case '"', '\'': // over a value
			end := strings.IndexByte(tag[i+1:], tag[i])
			if end < 0 {
				return "", false
			}
			i += end + 1
		case ' ', '\t', '\n', '\r':
			if !hasPrefixFold([]byte(tag[i+1:]), name) {
				continue
			}
			rest := strings.TrimLeft(tag[i+1+len(name):], " \t\r\n")
			if !strings.HasPrefix(rest, "=") {
				continue
			}
			rest = strings.TrimLeft(rest[1:], " \t\r\n")
			if rest == "" || (rest[0] != '"' && rest[0] != '\'') {
				return "", false
			}
			value, _, ok := strings.Cut(rest[1:], rest[:1])
			return value, ok
		}
	}
	return "", false
}

func hasPrefixFold(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(string(text[:len(prefix)]), prefix)
}

// escape makes a value safe inside an attribute or element.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(strings.ToValidUTF8(s, "�"))
}

// unescape undoes XML's five entities; FreeSWITCH's stock files use no others in variables.
func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'", "&amp;", "&").Replace(s)
}
