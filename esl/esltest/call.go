package esltest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/esl"
)

// Call plays the switch's side of an outbound connection: a call that has reached the dialplan's socket application, in mode "async full".
// Set the fields before Dial.
type Call struct {
	UUID string
	// Variables of the channel; set changes them.
	Variables map[string]string
	// Run is told of each application and returns its Application-Response; nil returns "_none_".
	Run func(application, argument string) string

	nc       net.Conn
	myevents bool
	linger   bool
	hungUp   bool
}

// Dial connects to a program's outbound server and plays the call until the program leaves or, without linger, the call has ended.
func (c *Call) Dial(ctx context.Context, address string) error {
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("esltest: %w", err)
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	c.nc = nc
	r := textproto.NewReader(bufio.NewReader(nc))
	for {
		line, err := r.ReadLine()
		if err != nil {
			return nil // the program left
		}
		if line == "" {
			continue
		}
		header, err := r.ReadMIMEHeader()
		if err != nil {
			return fmt.Errorf("esltest: after %q: %w", line, err)
		}
		length, _ := strconv.Atoi(header.Get("Content-Length"))
		body := make([]byte, length)
		if _, err := io.ReadFull(r.R, body); err != nil {
			return fmt.Errorf("esltest: body of %q: %w", line, err)
		}
		if !c.answer(line, header, string(body)) {
			return nil
		}
	}
}

// answer answers one command; false ends the connection.
func (c *Call) answer(line string, header textproto.MIMEHeader, body string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "connect":
		e := c.event("CHANNEL_DATA")
		for name, value := range c.Variables {
			e.Add("variable_"+name, value)
		}
		e.Add("Content-Type", "command/reply")
		e.Add("Reply-Text", "+OK\n")
		e.Add("Socket-Mode", "async")
		e.Add("Control", "full")
		c.write(string(e.AppendPlain(nil)))
	case "myevents":
		c.myevents = true
		c.reply("+OK Events Enabled")
	case "linger":
		c.linger = true
		c.reply("+OK will linger")
	case "getvar":
		if c.Variables[rest] == "" {
			rest = "-ERR command not found" // as a switch does
		} else {
			rest = c.Variables[rest]
		}
		c.reply(rest)
	case "sendmsg":
		c.reply("+OK")
		return c.message(header, body)
	case "exit":
		c.reply("+OK bye")
		return false
	default:
		c.reply("-ERR command not found")
	}
	return true
}

func (c *Call) message(header textproto.MIMEHeader, body string) bool {
	application, argument := header.Get("Execute-App-Name"), header.Get("Execute-App-Arg")
	switch {
	case c.hungUp:
		return true
	case header.Get("Call-Command") == "hangup", application == "hangup":
		return c.hangUp(header.Get("Hangup-Cause"))
	}
	if argument == "" {
		argument = body
	}
	response := "_none_"
	if c.Run != nil {
		response = c.Run(application, argument)
	}
	if name, value, ok := strings.Cut(argument, "="); ok && application == "set" {
		c.Variables[name] = value
	}
	e := c.event("CHANNEL_EXECUTE_COMPLETE")
	e.Add("Application", application)
	e.Add("Application-Data", argument)
	e.Add("Application-Response", response)
	e.Add("Application-UUID", header.Get("Event-Uuid"))
	c.send(e)
	return true
}

func (c *Call) hangUp(cause string) bool {
	c.hungUp = true
	if c.linger {
		c.write("Content-Type: text/disconnect-notice\nControlled-Session-UUID: " + c.UUID +
			"\nContent-Disposition: linger\nChannel-Name: loopback/a\nLinger-Time: -1\nContent-Length: 0\n\n")
	}
	e := c.event("CHANNEL_HANGUP_COMPLETE")
	e.Add("Hangup-Cause", cause)
	c.send(e)
	return c.linger
}

func (c *Call) event(name string) *esl.Event {
	e := esl.NewEvent(name)
	e.Add("Unique-ID", c.UUID)
	return e
}

func (c *Call) send(e *esl.Event) {
	if c.myevents {
		body := e.AppendJSON(nil)
		c.write("Content-Length: " + strconv.Itoa(len(body)) + "\nContent-Type: text/event-json\n\n" + string(body))
	}
}

func (c *Call) reply(text string) {
	c.write("Content-Type: command/reply\nReply-Text: " + text + "\n\n")
}

func (c *Call) write(frame string) { _, _ = io.WriteString(c.nc, frame) } // a program that is gone is noticed by the next read
