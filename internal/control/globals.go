package control

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/event"
)

// maxExpansion bounds how deep expressions nest and how long a result may become.
const (
	maxDepth     = 8
	maxExpansion = 1 << 20
)

// Global looks a global variable up: one set by command first, then the configuration's.
func (c *Control) Global(name string) (string, bool) {
	c.mu.RLock()
	value, ok := c.globals[name]
	c.mu.RUnlock()
	if ok {
		return value, value != ""
	}
	value, ok = c.deps.Config().Vars[name]
	return value, ok
}

// Func runs ${name(args)}: a command by that name, or not. The arguments are expanded and some of their text may be a peer's, so eval and
// expand do not expand them again, and what changes the switch as a whole is refused: a call must not.
func (c *Control) Func(name, args string) (string, bool) {
	name = strings.ToLower(name)
	args = strings.TrimSpace(args)
	switch name {
	case "eval":
		return args, true
	case "expand":
		name, args, _ = strings.Cut(args, " ")
		name = strings.ToLower(name)
	}
	cmd, ok := c.table[name]
	if !ok || cmd.acts || name == "eval" || name == "expand" {
		return "", false
	}
	return cmd.run(context.Background(), args), true
}

// globalGet lists all variables, or answers with one; an unknown one is empty.
func (c *Control) globalGet(name string) string {
	if name != "" {
		value, _ := c.Global(name)
		return value
	}
	all := maps.Clone(c.deps.Config().Vars)
	if all == nil {
		all = map[string]string{}
	}
	c.mu.RLock()
	for name, value := range c.globals {
		if all[name] = value; value == "" {
			delete(all, name)
		}
	}
	c.mu.RUnlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString(name + "=" + all[name] + "\n")
	}
	return b.String()
}

// maxGlobals bounds the variables that commands can make.
const maxGlobals = 10_000

func (c *Control) globalSet(args string) string {
	name, value, ok := strings.Cut(args, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		return c.usage("global_setvar")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.globals[name]; !known && len(c.globals) >= maxGlobals {
		return "-ERR too many variables\n"
	}
	c.globals[name] = strings.TrimSpace(value)
	return "+OK"
}

// eval expands ${name}, $${name} and ${command(args)} in a text, with a channel's variables when it begins with uuid:ID.
func (c *Control) eval(args string) string {
	text, ch, ok := c.target(args)
	if !ok {
		return "-ERR No such channel!\n"
	}
	return c.expand(text, ch, 0)
}

// expandCommand is eval on a command's arguments before the command runs.
func (c *Control) expandCommand(ctx context.Context, args string) string {
	text, ch, ok := c.target(args)
	if !ok {
		return "-ERR No such channel!\n"
	}
	name, _, _ := strings.Cut(text, " ")
	if strings.EqualFold(name, "expand") {
		return c.usage("expand") // or it would nest without end
	}
	return c.Execute(ctx, c.expand(text, ch, 0))
}

// target takes uuid:ID off the front.
func (c *Control) target(args string) (text string, ch *call.Snapshot, ok bool) {
	id, rest, _ := strings.Cut(args, " ")
	id, has := strings.CutPrefix(id, "uuid:")
	if !has {
		return args, nil, true
	}
	snapshot, ok := c.channel(id)
	return rest, &snapshot, ok
}

// expand replaces expressions from the inside out. What an expression yields is not expanded again.
func (c *Control) expand(text string, ch *call.Snapshot, depth int) string {
	if depth > maxDepth {
		return text
	}
	var b strings.Builder
	for text != "" && b.Len() < maxExpansion {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			break
		}
		end := closing(text[i+2:])
		if end < 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(strings.TrimSuffix(text[:i], "$")) // $${name} is the same here
		b.WriteString(c.expression(text[i+2:i+2+end], ch, depth+1))
		text = text[i+3+end:]
	}
	return b.String()
}

// closing finds the brace that ends an expression, -1 when there is none.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

func (c *Control) expression(inner string, ch *call.Snapshot, depth int) string {
	inner = c.expand(inner, ch, depth)
	if name, rest, ok := strings.Cut(inner, "("); ok && strings.HasSuffix(rest, ")") {
		value, _ := c.Func(name, strings.TrimSuffix(rest, ")"))
		return value
	}
	if ch != nil {
		if value, ok := channelVariable(*ch, inner); ok {
			return value
		}
	}
	if value, ok := c.Global(inner); ok {
		return value
	}
	// FreeSWITCH expands against an event, so its base headers are variables, too.
	if value, ok := c.deps.Bus.NewEvent("CHANNEL_DATA", event.Origin{}).Lookup(inner); ok {
		return value
	}
	return ""
}
