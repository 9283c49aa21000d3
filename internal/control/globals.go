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

// dialplanCall is the key under which the context of a command says that a dialplan called it.
type dialplanCall struct{}

func fromDialplan(ctx context.Context) bool { return ctx.Value(dialplanCall{}) != nil }

// Func runs ${name(args)}: a command by that name, or not. The arguments are expanded and some of their text may be a peer's, so eval and
// expand do not expand them again, and neither runs what changes the switch as a whole, or what would take them for an expression.
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
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), dialplanCall{}, true))
	cancel() // a channel waits for nothing
	c.announce(name, args)
	return cmd.run(ctx, args), true
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

// globalSet is "name=value", or "name=value =old", which sets the variable only when it has the old value. Global variables may hold parts of dial strings, so a call cannot put such syntax into one: the text may be
// its peer's.
func (c *Control) globalSet(ctx context.Context, args string) string {
	name, value, ok := strings.Cut(args, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		return c.usage("global_setvar")
	}
	if fromDialplan(ctx) && (dialable(name) != name || strings.ContainsAny(value, ",|<>[]{}^$'\"\\")) {
		return "-ERR not from a dialplan\n"
	}
	if start, old, conditional := cutLast(value, " ="); conditional {
		value = start
		if now, _ := c.Global(name); now != old {
			return "+OK" // FreeSWITCH does not tell
		}
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
	name, rest, _ := strings.Cut(text, " ")
	rest = c.expand(rest, source)
	switch {
	case strings.EqualFold(name, "expand"):
		return c.usage("expand") // or it would nest without end
	case strings.EqualFold(name, "eval"):
		return rest // once is enough: what came out may be a peer's
	}
	return c.Execute(ctx, strings.TrimSuffix(name+" "+rest, " "))
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
