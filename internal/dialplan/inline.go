package dialplan

import "strings"

// Inline reads a program of the dialplan "inline": app:data,app:data… or, with m:X: in front, X for the comma. What came from the wire
// separates nothing and is not expanded when the application runs; the rest is.
func Inline(x Expanded) []Action {
	comma := byte(',')
	if len(x) > 0 && !x[0].Wire && len(x[0].Text) > 3 && strings.HasPrefix(x[0].Text, "m:") && x[0].Text[3] == ':' {
		comma = x[0].Text[2]
		x = append(Expanded{{Text: x[0].Text[4:]}}, x[1:]...)
	}
	var actions []Action
	for _, part := range x.Split(comma, 0) {
		if len(actions) == maxActions {
			break
		}
		halves := part.Split(':', 2)
		app := strings.TrimSpace(halves[0].String())
		if app == "" || halves[0].Wire() { // nobody outside chooses what runs
			continue
		}
		a := Action{App: app, loop: 1}
		if len(halves) == 2 {
			a.Data = halves[1].template()
		}
		actions = append(actions, a)
	}
	return actions
}

// template is text that is expanded when it is used, but for what came from the wire.
func (x Expanded) template() Template {
	t := Template{src: x.String(), captures: []Value{}}
	for _, v := range x {
		if v.Wire {
			t.parts = append(t.parts, part{kind: partCapture, n: len(t.captures)})
			t.captures = append(t.captures, v)
			continue
		}
		t.parts = append(t.parts, parseParts(v.Text, templateSyntax{}, 0)...)
	}
	return t
}

// Split cuts at a separator that did not come from the wire, into n pieces at most (0: as many as there are).
func (x Expanded) Split(sep byte, n int) []Expanded {
	var out []Expanded
	var part Expanded
	for _, v := range x {
		if v.Wire {
			part = append(part, v)
			continue
		}
		rest := v.Text
		for n == 0 || len(out) < n-1 {
			before, after, found := strings.Cut(rest, string(sep))
			if !found {
				break
			}
			if before != "" {
				part = append(part, Value{Text: before})
			}
			out, part, rest = append(out, part), nil, after
		}
		if rest != "" {
			part = append(part, Value{Text: rest})
		}
	}
	return append(out, part)
}

// Words are what stands between blanks, up to n of them (0: as many as there are); the last one is then all the rest. A part in
// single quotes is one word.
func (x Expanded) Words(n int) []Expanded {
	var out []Expanded
	var word Expanded
	started, quoted := false, false
	put := func(v Value) {
		if last := len(word) - 1; last >= 0 && word[last].Wire == v.Wire {
			word[last].Text += v.Text
		} else {
			word = append(word, v)
		}
		started = true
	}
	for _, v := range x {
		if v.Wire {
			put(v)
			continue
		}
		for i := 0; i < len(v.Text); i++ {
			c := v.Text[i]
			last := n > 0 && len(out) == n-1
			switch {
			case c == '\'' && !last:
				quoted, started = !quoted, true
			case isBlank(c) && !quoted && !started:
			case isBlank(c) && !quoted && !last:
				out, word, started = append(out, word), nil, false
			default:
				put(Value{Text: v.Text[i : i+1]})
			}
		}
	}
	if started {
		out = append(out, word)
	}
	return out
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
