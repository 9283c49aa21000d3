package esl

import (
	"errors"
	"strconv"
	"strings"
)

// Calling origins that FreeSWITCH gives in the events its event socket makes.
const originFile = "mod_event_socket.c"

const (
	replyUnknown    = "-ERR command not found"
	replyNoKeywords = "-ERR no keywords supplied"
	replyNoSession  = "-ERR not controlling a session"
	replyFull       = "-ERR memory error" // FreeSWITCH's words for a channel at which too many messages wait
)

// execute runs one command and answers it; false ends the connection. Names are matched as FreeSWITCH does: some by the whole first
// word, some by their beginning ("events" is event), all in any case, and in its order.
func (c *conn) execute(cmd *command) bool {
	c.server.counters.commands.Add(1)
	rest, hasRest := cmd.after()
	switch {
	case isExit(cmd.line):
		c.reply("+OK bye")
		return false
	case cmd.verb() == "filter" && hasRest:
		c.replyWith(func() string { return c.events.filter(rest) })
	case c.controlled(cmd):
	case hasPrefixFold(cmd.line, "sendmsg"):
		c.sendmsg(strings.TrimSpace(cmd.line[len("sendmsg"):]), cmd)
	case c.outbound != nil && !c.outbound.Full:
		c.reply(replyUnknown)
	default:
		c.executeFull(cmd)
	}
	return true
}

// executeFull is execute for the commands that concern more than one channel.
func (c *conn) executeFull(cmd *command) {
	verb := cmd.verb()
	rest, hasRest := cmd.after()
	switch {
	case verb == "api" && hasRest:
		c.api(rest, isTrue(cmd.header("console_execute")))
	case verb == "bgapi" && hasRest:
		c.bgapi(rest, cmd.header("Job-UUID"))
	case strings.HasPrefix(verb, "sendevent"):
		c.sendevent(strings.TrimSpace(cmd.line[len("sendevent"):]), cmd)
	case strings.HasPrefix(verb, "log"):
		c.replyWith(func() string { return c.startLog(cmd.line[len("log"):]) })
	case strings.HasPrefix(verb, "linger"):
		c.replyWith(func() string { return c.linger(cmd.line) })
	case strings.HasPrefix(verb, "nolinger"):
		c.replyWith(c.nolinger)
	case strings.HasPrefix(verb, "nolog"):
		c.replyWith(c.stopLog)
	case strings.HasPrefix(verb, "event"):
		c.replyWith(func() string { return c.event(rest) })
	case strings.HasPrefix(verb, "nixevent"):
		c.replyWith(func() string { return c.nixevent(rest) })
	case strings.HasPrefix(verb, "noevents"):
		c.replyWith(c.none)
	default:
		c.reply(replyUnknown)
	}
}

// api executes at once. An empty result becomes an error text here; in a BACKGROUND_JOB it stays empty. With the header console_execute, which
// fs_cli sends, the line is what somebody typed: it may be several commands, whose results follow one another.
func (c *conn) api(line string, typed bool) {
	lines := []string{line}
	if typed {
		lines = typedCommands(line)
	}
	for _, line := range lines {
		if !c.may.mayRun(line) {
			c.reply(replyDenied)
			return
		}
	}
	result := ""
	for _, line := range lines {
		result += c.server.run(c.ctx, line)
	}
	if result == "" {
		result = "-ERR no reply\n"
	}
	frame := make([]byte, 0, len(result)+64)
	frame = append(frame, "Content-Type: api/response\nContent-Length: "...)
	frame = strconv.AppendInt(frame, int64(len(result)), 10)
	frame = append(frame, "\n\n"...)
	c.write(append(frame, result...))
}

// typedCommands splits a line where ;; stands, as switch_console_execute does.
func typedCommands(line string) []string {
	var lines []string
	for _, part := range strings.Split(line, ";;") {
		if part = strings.TrimSpace(part); part != "" {
			lines = append(lines, part)
		}
	}
	return lines
}

// sendmsg hands a message to a channel: the one named, or the one that is controlled.
func (c *conn) sendmsg(target string, cmd *command) {
	if target == "" {
		target = cmd.header("session-id")
	}
	if c.channel != nil && (target == "" || target == c.channel.UUID()) {
		wait := !c.async && !isTrue(cmd.header("async"))
		if !c.channel.Message(c.ctx, cmd.headers, cmd.body, wait) {
			c.reply(replyFull)
			return
		}
		c.reply("+OK")
		return
	}
	err := ErrNoChannel
	if m, ok := c.server.Backend.(Messenger); ok && target != "" {
		err = m.SendMessage(c.ctx, target, cmd.headers, cmd.body)
	}
	switch {
	case err == nil:
		c.reply("+OK")
	case errors.Is(err, ErrNoChannel):
		c.reply("-ERR invalid session id [" + target + "]")
	default:
		c.reply(replyFull)
	}
}

// isTrue reads a value as FreeSWITCH's switch_true does.
func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "yes", "on", "true", "t", "enabled", "active", "allow":
		return true
	}
	n, err := strconv.Atoi(value)
	return err == nil && n != 0
}

// sendevent publishes an event the client made. FreeSWITCH puts the subclass first, then the command line, the client's headers, and
// the base headers after them.
func (c *conn) sendevent(name string, cmd *command) {
	known, ok := eventName(name)
	if !ok || known == all {
		known = custom
	}
	base := c.server.Backend.NewEvent(known)
	setOrigin(base, "parse_command", 2283)
	id := newUUID()
	e := &Event{name: known}
	if sub := cmd.header("Event-Subclass"); sub != "" {
		e.Add("Event-Subclass", sub)
	}
	e.Add("Command", cmd.line)
	for _, h := range cmd.headers {
		_, reserved := base.Lookup(h.Name)
		if !reserved && !strings.EqualFold(h.Name, "Event-Subclass") && !strings.EqualFold(h.Name, "Event-UUID") {
			e.Headers = append(e.Headers, h)
		}
	}
	e.Add("Event-UUID", id)
	e.Headers = append(e.Headers, base.Headers...)
	e.Body, e.HasBody = cmd.body, cmd.hasBody
	if channel := cmd.header("Unique-ID"); c.server.diverted.has(channel) {
		e.diverted = channel
	}
	c.reply("+OK " + id)
	c.server.Backend.Publish(e)
}

func setOrigin(e *Event, function string, line int) {
	e.Set("Event-Calling-File", originFile)
	e.Set("Event-Calling-Function", function)
	e.Set("Event-Calling-Line-Number", strconv.Itoa(line))
}
