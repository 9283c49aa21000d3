package call

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
)

// Bounds of messages.
const (
	maxMessages    = 1000                   // waiting at one channel
	maxMessageApps = 100                    // of one xferext
	shortestLoop   = 500 * time.Millisecond // an application that took less is not repeated
)

// Errors of Send.
var (
	ErrChannelGone     = errors.New("call: the channel has ended")
	ErrTooManyMessages = errors.New("call: too many messages wait at the channel")
)

// Message is a command to a channel, as sendmsg gives it (switch_ivr.c switch_ivr_parse_event). A channel deals with its messages one
// after the other wherever it waits: parked, in a bridge, in an application that plays or listens, between two applications. What a message
// executes runs on top of what the channel is doing, which goes on afterwards.
type Message struct {
	// Command is execute, hangup, xferext, unicast or nomedia. Any other does nothing.
	Command string
	// App and Data are the application that execute runs. ${} in Data is expanded.
	App, Data string
	// Loops is how often it runs: once for 0, for ever when negative. One that takes less than half a second runs once.
	Loops int
	// Lock keeps the messages that follow waiting until this one is done.
	Lock bool
	// UUID is the Application-UUID in the events of execute; "" makes one.
	UUID string
	// Cause is that of hangup; "" is NORMAL_CLEARING.
	Cause Cause
	// Apps are what xferext has the channel do in place of what it is doing, each "NAME DATA".
	Apps []string
	// Headers are what it was read from, for unicast, nomedia and PRIVATE_COMMAND; nil: those that the fields above make.
	Headers []esl.Header
	// Done, if any, is called once: when the message was dealt with, or when the channel has ended without. It must not block.
	Done func()
}

// ParseMessage reads the headers and the body of a sendmsg. Names are matched in any case.
func ParseMessage(headers []esl.Header, body string) Message {
	value := func(name string) string {
		for _, h := range headers {
			if strings.EqualFold(h.Name, name) {
				return h.Value
			}
		}
		return ""
	}
	m := Message{Command: value("call-command"), App: value("execute-app-name"), Data: value("execute-app-arg"), UUID: headerText(value("event-uuid")), Headers: headers,
		Lock: isTrue(value("event-lock")) || isTrue(value("event-lock-pri"))}
	if m.Data == "" && strings.EqualFold(value("content-type"), "text/plain") {
		m.Data = body
	}
	if loops := value("loops"); loops != "" {
		if m.Loops, _ = strconv.Atoi(strings.TrimSpace(loops)); m.Loops == 0 {
			m.App = "" // not even once
		}
	}
	if cause := value("hangup-cause"); cause != "" {
		m.Cause, _ = ParseCause(cause)
	}
	for _, h := range headers {
		if strings.EqualFold(h.Name, "application") && len(m.Apps) < maxMessageApps {
			m.Apps = append(m.Apps, h.Value)
		}
	}
	return m
}

// inbox are the messages that wait. All but count belongs to the channel's goroutine.
type inbox struct {
	count  atomic.Int32 // accepted and not begun
	queue  []Message
	locked bool // a message with Lock is being dealt with
	nested int  // messages being dealt with, one on top of the other
}

// Send hands a message to the channel and returns. The errors are ErrChannelGone and ErrTooManyMessages; Done is not called then.
func (ch *Channel) Send(m Message) error {
	if ch.inbox.count.Add(1) > maxMessages {
		ch.inbox.count.Add(-1)
		ch.core.overflows.Add(1)
		return ErrTooManyMessages
	}
	if !ch.box.put(func() { ch.inbox.queue = append(ch.inbox.queue, m) }) {
		ch.inbox.count.Add(-1)
		return ErrChannelGone
	}
	return nil
}

// Execute runs an application on the channel as soon as what it does now allows. ${} in data is expanded.
func (ch *Channel) Execute(app, data string) {
	_ = ch.Send(Message{Command: "execute", App: app, Data: data}) // who is gone executes nothing
}

// Do does what an application does, as soon as what the channel does now allows, without the events of one: that is how commands act on
// channels. ${} in data is expanded.
func (ch *Channel) Do(app, data string) {
	ch.box.put(func() {
		if f := ch.core.apps[app]; f != nil && !ch.hungUp && ch.profile != nil {
			f(ch, dialplan.ParseTemplate(data).Expand(env{ch}))
		}
	})
}

// nextMessage deals with the oldest message, if the time is right for one; it says whether there was one.
func (ch *Channel) nextMessage() bool {
	in := &ch.inbox
	if len(in.queue) == 0 || in.locked || in.nested >= maxDepth || ch.isDown() || ch.profile == nil {
		return false
	}
	m := in.queue[0]
	in.queue[0] = Message{}
	in.queue = in.queue[1:]
	in.count.Add(-1)
	in.nested++
	in.locked = m.Lock
	defer func() {
		in.nested--
		in.locked = false
		m.finish()
		ch.publish()
	}()
	ch.handle(m)
	ch.emitPrivateCommand(m.shown())
	return true
}

// shown are the headers that PRIVATE_COMMAND shows.
func (m Message) shown() extra {
	var x extra
	for _, h := range m.Headers {
		x = append(x, [2]string{h.Name, headerText(h.Value)})
	}
	if m.Headers != nil {
		return x
	}
	x = extra{{"call-command", m.Command}}
	for _, h := range [][2]string{{"execute-app-name", m.App}, {"execute-app-arg", headerText(m.Data)}} {
		if h[1] != "" {
			x = append(x, h)
		}
	}
	if m.Lock {
		x = append(x, [2]string{"event-lock", "true"})
	}
	return x
}

// finish tells the sender.
func (m Message) finish() {
	if m.Done != nil {
		m.Done()
	}
}

// drop ends the messages that nobody will deal with any more.
func (in *inbox) drop() {
	for _, m := range in.queue {
		m.finish()
	}
	in.queue = nil
}

// flush forgets the messages that wait.
func (in *inbox) flush() {
	in.count.Add(-int32(len(in.queue)))
	in.drop()
}

// handle does what a message asks for.
func (ch *Channel) handle(m Message) {
	switch strings.ToLower(m.Command) {
	case "execute":
		ch.executeMessage(m)
	case "hangup":
		ch.hangup(HangupReason{Cause: m.Cause.orNormal()})
	case "xferext":
		ch.goTo(m.Apps)
	case "unicast":
		ch.unicast(m)
	case "nomedia":
		ch.noMedia(m)
	default:
		ch.log.Info("message without a command that is known", "call-command", headerText(m.Command))
	}
}

// executeMessage runs an application as often as a message asks for.
func (ch *Channel) executeMessage(m Message) {
	if m.App == "" {
		return
	}
	loops := m.Loops
	if loops == 0 {
		loops = 1
	}
	defer func() {
		ch.vars.del("current_loop")
		ch.vars.del("total_loops")
	}()
	cut := ch.untilCut()
	for n := 1; loops < 0 || n <= loops; n++ {
		ch.set("current_loop", strconv.Itoa(n))
		ch.set("total_loops", strconv.Itoa(loops))
		began := time.Now()
		ch.executeAs(m.App, dialplan.ParseTemplate(m.Data).Expand(env{ch}), first(m.UUID, newUUID()))
		if cut() || time.Since(began) < shortestLoop {
			return
		}
	}
}

// goTo has the channel leave what it is doing and execute these applications, switch_channel_transfer_to_extension.
func (ch *Channel) goTo(apps []string) {
	if ch.hungUp || ch.ringsForOther() {
		return
	}
	var actions []dialplan.Action
	for _, line := range apps {
		name, data, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" {
			actions = append(actions, dialplan.Action{App: name, Data: dialplan.ParseTemplate(data)})
		}
	}
	ch.requested, ch.leaving = csReset, NormalClearing
	ch.depart()
	ch.next = func() { ch.execute(actions) }
}
