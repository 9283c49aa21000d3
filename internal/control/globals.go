package control

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/internal/event"
)

// maxExpansion bounds what a text function produces.
const maxExpansion = 1 << 20

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

// eval expands ${name}, ${name:offset:length}, $${name} and ${command(args)} in a text. Names are those of event headers and of global
// variables; with uuid:ID in front, headers are a channel's, variable_NAME among them.
func (c *Control) eval(args string) string { return c.expand(c.target(args)) }

// expandCommand is eval on a command before it runs.
func (c *Control) expandCommand(ctx context.Context, args string) string {
	text, source := c.target(args)
	name, _, _ := strings.Cut(text, " ")
	if strings.EqualFold(name, "expand") {
		return c.usage("expand") // or it would nest without end
	}
	return c.Execute(ctx, c.expand(text, source))
}

// target takes uuid:ID off the front and returns what names are looked up in: the channel's event, or without one the headers that every
// event has.
func (c *Control) target(args string) (text string, source *esl.Event) {
	if rest, ok := strings.CutPrefix(args, "uuid:"); ok {
		id, text, _ := strings.Cut(rest, " ")
		if s, ok := c.channel(id); ok {
			return text, c.channelEvent(s)
		}
		args = text
	}
	return args, c.deps.Bus.NewEvent("CHANNEL_DATA", event.Origin{})
}

// expand is the dialplan's expansion. What an expression yields is not expanded again.
func (c *Control) expand(text string, source *esl.Event) string {
	text = strings.ReplaceAll(text, "$${", "${") // the same here
	return dialplan.ParseTemplate(text).Expand(evalEnv{c, source}).String()
}

// evalEnv is what eval reads.
type evalEnv struct {
	c      *Control
	source *esl.Event
}

// Var implements dialplan.Env.
func (e evalEnv) Var(name string) (dialplan.Value, bool) {
	for i := range e.source.Headers {
		if h := &e.source.Headers[i]; strings.EqualFold(h.Name, name) {
			return dialplan.Value{Text: h.Value, Wire: true}, true
		}
	}
	text, ok := e.c.Global(name)
	return dialplan.Value{Text: text}, ok
}

// Func implements dialplan.Env.
func (e evalEnv) Func(name, args string) (string, bool) { return e.c.Func(name, args) }
