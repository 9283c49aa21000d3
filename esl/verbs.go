package esl

import (
	"strconv"
	"strings"
)

// Calling origins that FreeSWITCH gives in the events its event socket makes.
const originFile = "mod_event_socket.c"

const (
	replyUnknown    = "-ERR command not found"
	replyNoKeywords = "-ERR no keywords supplied"
	replyNoSession  = "-ERR not controlling a session"
)

// execute runs one command and answers it; false ends the connection. Names are matched as FreeSWITCH does: some by the whole first
// word, some by their beginning ("events" is event), all in any case.
func (c *conn) execute(cmd *command) bool {
	c.server.counters.commands.Add(1)
	verb := cmd.verb()
	rest, hasRest := cmd.after()
	switch {
	case strings.HasPrefix(verb, "exit"):
		c.reply("+OK bye")
		return false
	case verb == "api" && hasRest:
		c.api(rest)
	case verb == "bgapi" && hasRest:
		c.bgapi(rest, cmd.header("Job-UUID"))
	case verb == "sendmsg":
		c.sendmsg(rest, cmd)
	case strings.HasPrefix(verb, "sendevent"):
		c.sendevent(rest, cmd)
	case verb == "filter" && hasRest:
		c.replyWith(func() string { return c.events.filter(rest) })
	case verb == "myevents" && hasRest:
		c.replyWith(func() string { return c.myevents(rest) })
	case strings.HasPrefix(verb, "divert_events"):
		c.reply(replyNoSession + ".")
	case strings.HasPrefix(verb, "linger"), strings.HasPrefix(verb, "nolinger"):
		c.reply(replyNoSession)
	case strings.HasPrefix(verb, "nixevent"):
		c.replyWith(func() string { return c.nixevent(rest) })
	case strings.HasPrefix(verb, "noevents"):
		c.replyWith(c.events.none)
	case strings.HasPrefix(verb, "event"):
		c.replyWith(func() string { return c.event(rest) })
	case strings.HasPrefix(verb, "nolog"):
		c.reply("+OK no longer logging")
	case verb == "log":
		c.reply(logReply(rest))
	default:
		c.reply(replyUnknown)
	}
	return true
}

// api executes at once. An empty result becomes an error text here; in a BACKGROUND_JOB it stays empty.
func (c *conn) api(line string) {
	result := c.server.run(c.ctx, line)
	if result == "" {
		result = "-ERR no reply\n"
	}
	frame := make([]byte, 0, len(result)+64)
	frame = append(frame, "Content-Type: api/response\nContent-Length: "...)
	frame = strconv.AppendInt(frame, int64(len(result)), 10)
	frame = append(frame, "\n\n"...)
	c.write(append(frame, result...))
}

// sendmsg answers; no channel can be commanded this way yet.
func (c *conn) sendmsg(target string, cmd *command) {
	if m, ok := c.server.Backend.(Messenger); ok && target != "" {
		if m.SendMessage(c.ctx, target, cmd.headers, cmd.body) {
			c.reply("+OK")
			return
		}
	}
	c.reply("-ERR invalid session id [" + target + "]")
}

// sendevent publishes an event the client made. FreeSWITCH puts the subclass first, then the command line, the client's headers, and
// the base headers after them.
func (c *conn) sendevent(name string, cmd *command) {
	known, ok := eventName(strings.TrimSpace(name))
	if !ok || known == all {
		known = custom
	}
	base := c.server.Backend.NewEvent(known)
	setOrigin(base, "parse_command", 2283)
	id := newUUID()
	e := &Event{}
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
	c.reply("+OK " + id)
	c.server.Backend.Publish(e)
}

func setOrigin(e *Event, function string, line int) {
	e.Set("Event-Calling-File", originFile)
	e.Set("Event-Calling-Function", function)
	e.Set("Event-Calling-Line-Number", strconv.Itoa(line))
}

// logReply answers log; log lines are not sent over the event socket.
func logReply(level string) string {
	levels := []string{"console", "alert", "crit", "err", "warning", "notice", "info", "debug"}
	level = strings.TrimSpace(level)
	if level == "" {
		return "+OK log level  [7]"
	}
	for i, name := range levels {
		if strings.EqualFold(name, level) {
			return "+OK log level " + level + " [" + strconv.Itoa(i) + "]"
		}
	}
	if n, err := strconv.Atoi(level); err == nil && n >= 0 {
		return "+OK log level " + level + " [" + strconv.Itoa(min(n, 63)) + "]"
	}
	return "-ERR invalid log level"
}
