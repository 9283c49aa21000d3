package esl

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Channel is a channel that a connection controls: the one that dialled out, or that of myevents. Methods are called concurrently and
// work, as far as they can, after the channel has ended.
type Channel interface {
	UUID() string
	// Name is its Channel-Name.
	Name() string
	// Variable is the value of a variable, "" when it is not set.
	Variable(name string) string
	// SetVariable sets one.
	SetVariable(name, value string)
	// Data is the channel as an event, CHANNEL_DATA, with the caller's headers once more as Channel-….
	Data(ctx context.Context) *Event
	// Message does what a sendmsg asks for. With wait it returns when that is done, else at once. false: too many wait already.
	Message(ctx context.Context, headers []Header, body string, wait bool) bool
}

// Channels is implemented by a Backend whose channels can be controlled by myevents.
type Channels interface {
	ControlledChannel(uuid string) (Channel, bool)
}

// myEvents are the events that myevents adds to what is selected.
var myEvents = []string{"CHANNEL_ANSWER", "CHANNEL_APPLICATION", "CHANNEL_BRIDGE", "CHANNEL_CREATE", "CHANNEL_DATA", "CHANNEL_DESTROY",
	"CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_ORIGINATE", "CHANNEL_UUID",
	"CHANNEL_OUTGOING", "CHANNEL_PARK", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA", "CHANNEL_STATE", "CHANNEL_UNBRIDGE", "CHANNEL_UNPARK",
	"DETECTED_SPEECH", "DTMF", "NOTALK", "TALK"}

// controlState is how a connection and its channel hang together. It is part of eventState and guarded by its mu.
type controlState struct {
	uuid  string // of the channel, "" for none
	name  string // its name
	known bool   // it exists, or did
	// mine: only the channel's events pass, as after myevents.
	mine bool
	// diverted: what others send to the channel by sendevent comes here instead of everywhere.
	diverted bool

	linger     bool          // stay when the channel is hung up
	lingerTime time.Duration // for so long; negative: until the peer leaves
	hungUp     bool          // the linger notice was sent
	timer      *time.Timer   // of lingerTime
}

// controlled executes the verbs of a connection that controls a channel; done is false for others.
func (c *conn) controlled(cmd *command) (done bool) {
	line := cmd.line
	rest, hasRest := cmd.after()
	switch {
	case c.channel != nil && hasPrefixFold(line, "resume"):
		c.channel.SetVariable("socket_resume", "true")
		c.reply("+OK")
	case c.channel != nil && hasPrefixFold(line, "connect"):
		c.connected()
	case c.channel != nil && hasPrefixFold(line, "getvar"):
		c.reply(orUnknown(oneLine(c.channel.Variable(rest))))
	case cmd.verb() == "myevents" && hasRest, c.channel != nil && hasPrefixFold(line, "myevents"):
		c.replyWith(func() string { return c.myevents(rest) })
	case hasPrefixFold(line, "divert_events"):
		c.replyWith(func() string { return c.divert(strings.TrimLeft(line[len("divert_events"):], " ")) })
	default:
		return false
	}
	return true
}

// orUnknown is what FreeSWITCH answers when it has nothing to say.
func orUnknown(reply string) string {
	if reply == "" {
		return replyUnknown
	}
	return reply
}

// oneLine is text that may come from anywhere, fit for one line of a reply: what could end it becomes a blank.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// connected answers connect with the channel's data.
func (c *conn) connected() {
	mode, control := "static", "single-channel"
	if c.async {
		mode = "async"
	}
	if c.outbound != nil && c.outbound.Full {
		control = "full"
	}
	e := c.channel.Data(c.ctx)
	setOrigin(e, "parse_command", 2029)
	e.Add("Content-Type", "command/reply")
	e.Add("Reply-Text", "+OK\n")
	e.Add("Socket-Mode", mode)
	e.Add("Control", control)
	c.write(e.AppendPlain(nil))
	if c.outbound != nil && c.outbound.Connected != nil {
		c.outbound.Connected()
		c.outbound.Connected = nil
	}
}

// myevents restricts the connection to one channel's events: "UUID", after which a format is ignored, or for who dialled out an optional
// format. FreeSWITCH takes any uuid, but not one it does not know with something behind it.
func (c *conn) myevents(rest string) string {
	s := &c.events
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mine {
		return "-ERR aready enabled." // sic
	}
	uuid, chosen, _ := strings.Cut(strings.TrimRight(rest, " "), " ")
	if c.channel == nil {
		if ch, ok := c.server.controlledChannel(uuid); ok {
			c.channel, c.async = ch, true
			s.uuid, s.name, s.known = ch.UUID(), ch.Name(), true
		} else if uuid == "" || chosen != "" {
			return "-ERR invalid uuid"
		} else if s.uuid == "" {
			s.uuid = uuid
		}
	} else if c.outbound != nil {
		s.chooseFormat(rest)
	}
	s.mine, s.listening = true, true
	for _, name := range c.may.within(myEvents) {
		s.selection.addName(name)
	}
	c.subscribe()
	c.endIfGone()
	return "+OK Events Enabled"
}

// chooseFormat takes the format that myevents names anywhere.
func (s *eventState) chooseFormat(text string) {
	for _, word := range []string{"xml", "json"} { // json wins
		if strings.Contains(text, word) || strings.Contains(text, strings.ToUpper(word)) {
			s.format, _ = parseFormat(word)
		}
	}
}

// control makes the connection one of a channel from the start. Its end is noticed from here on.
func (c *conn) control(ch Channel) {
	s := &c.events
	s.mu.Lock()
	defer s.mu.Unlock()
	c.channel = ch
	s.uuid, s.name, s.known = ch.UUID(), ch.Name(), true
	c.subscribe()
	c.endIfGone()
}

// endIfGone ends the connection when the channel ended before its events were subscribed to. events.mu is held.
func (c *conn) endIfGone() {
	b, ok := c.server.Backend.(Channels)
	if !ok || c.channel == nil {
		return
	}
	if _, there := b.ControlledChannel(c.channel.UUID()); !there {
		c.children.Go(func() { c.channelEnds(true) }) // takes the locks that are held here
	}
}

func (s *Server) controlledChannel(uuid string) (Channel, bool) {
	b, ok := s.Backend.(Channels)
	if !ok || uuid == "" {
		return nil, false
	}
	return b.ControlledChannel(uuid)
}

// divert is the verb divert_events.
func (c *conn) divert(value string) string {
	if c.channel == nil {
		return replyNoSession + "."
	}
	if value == "" {
		return "-ERR missing value."
	}
	s := &c.events
	s.mu.Lock()
	defer s.mu.Unlock()
	on := strings.EqualFold(value, "on")
	if on != s.diverted {
		s.diverted = on
		n := -1
		if on {
			n = 1
		}
		c.server.diverted.add(s.uuid, n)
		c.reselect()
	}
	if on {
		return "+OK events diverted"
	}
	return "+OK events not diverted"
}

// diversions are the channels whose events are diverted, with the number of connections that get them.
type diversions struct {
	mu    sync.Mutex
	count map[string]int
}

func (d *diversions) add(uuid string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count == nil {
		d.count = map[string]int{}
	}
	if d.count[uuid] += n; d.count[uuid] <= 0 {
		delete(d.count, uuid)
	}
}

func (d *diversions) has(uuid string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count[uuid] > 0
}

// linger is the verb: without seconds the connection stays until the peer leaves.
func (c *conn) linger(line string) string {
	if c.channel == nil {
		return replyNoSession
	}
	s := &c.events
	s.mu.Lock()
	defer s.mu.Unlock()
	s.linger, s.lingerTime = true, -time.Second
	rest := line[len("linger"):]
	if len(rest) < 2 || rest[0] != ' ' {
		return "+OK will linger"
	}
	seconds := min(max(leadingInt(rest[1:]), -1), maxLinger)
	s.lingerTime = time.Duration(seconds) * time.Second
	if seconds < 0 {
		return "+OK will linger"
	}
	return "+OK will linger " + strconv.Itoa(seconds) + " seconds"
}

// maxLinger is the most seconds that a connection stays when it named a time, a week.
const maxLinger = 7 * 24 * 3600

// leadingInt is C's atoi.
func leadingInt(s string) int {
	s = strings.TrimLeft(s, " ")
	end := 0
	for end < len(s) && end < 10 && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[end] == '-' || s[end] == '+')) {
		end++
	}
	n, _ := strconv.Atoi(s[:end])
	return n
}

// nolinger is the verb.
func (c *conn) nolinger() string {
	if c.channel == nil {
		return replyNoSession
	}
	c.events.mu.Lock()
	defer c.events.mu.Unlock()
	c.events.linger = false
	return "+OK will not linger"
}

// channelEnds does what is due when the controlled channel is hung up (over is false) and when it is over.
func (c *conn) channelEnds(over bool) (last bool) {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.ends(over)
}

// ends is channelEnds with writing held. It says whether the connection is over.
func (c *conn) ends(over bool) (last bool) {
	s := &c.events
	s.mu.Lock()
	linger, first := s.linger, !s.hungUp
	lasts := s.lingerTime
	name, uuid := s.name, s.uuid
	if linger {
		s.hungUp = true
	}
	s.mu.Unlock()
	switch {
	case linger && first:
		c.send([]byte("Content-Type: text/disconnect-notice\nControlled-Session-UUID: " + oneLine(uuid) + "\nContent-Disposition: linger\nChannel-Name: " +
			oneLine(name) + "\nLinger-Time: " + strconv.Itoa(int(lasts/time.Second)) + "\nContent-Length: 0\n\n"))
		if lasts >= 0 {
			s.mu.Lock()
			s.timer = time.AfterFunc(lasts, c.lingered)
			s.mu.Unlock()
		}
	case !linger && over && first:
		c.sendFarewell(goodbye)
		return true
	}
	return false
}

// lingered ends the connection after its linger time.
func (c *conn) lingered() { c.farewell(goodbye) }
