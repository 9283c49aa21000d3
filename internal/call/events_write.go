package call

import (
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// variablePrefix begins the names of headers that are variables.
const variablePrefix = "variable_"

// channelEvent is an event of a channel as it was at that moment; its reader writes it.
type channelEvent struct {
	*view
	ch            *Channel // what of it never changes
	before, after extra
	withVars      bool
	body          string
}

// ownHeaders and ownBytes are about what a channel event has besides the base headers and variables: its own and those of two caller profiles.
const (
	ownHeaders = 96
	ownBytes   = 3 << 10
)

// EventSize implements event.Source.
func (c *channelEvent) EventSize() (headers, bytes int) {
	headers, bytes = ownHeaders+len(c.before)+len(c.after), ownBytes+len(c.body)+c.before.size()+c.after.size()
	if c.withVars {
		n := c.vars.count()
		headers += n
		bytes += c.vars.bytes + n*len(variablePrefix)
	}
	return headers, bytes
}

// WriteEvent implements event.Source.
func (c *channelEvent) WriteEvent(e *esl.Event) {
	w := writer{headers: e.Headers}
	c.write(&w)
	e.Headers = w.headers
	if c.body != "" {
		e.SetBody(c.body)
	}
}

func (c *channelEvent) write(w *writer) {
	text := ownBytes / 4 // numbers, most of them times
	if c.withVars {
		for v := range c.vars.all() {
			text += len(variablePrefix) + len(v.Name)
		}
	}
	w.text.Grow(text)
	c.before.write(w)
	c.writeBasic(w)
	if c.profile != nil {
		c.profile.write(w, &ownNames)
	}
	if c.other != nil {
		w.add("Other-Type", c.otherType)
		c.other.write(w, &otherNames)
	}
	if c.withVars {
		for v := range c.vars.all() {
			w.variable(v)
		}
	}
	c.after.write(w)
}

// writeBasic writes the headers of switch_channel_event_set_basic_data before the caller profile.
func (c *channelEvent) writeBasic(w *writer) {
	w.add("Channel-State", c.state.String())
	w.add("Channel-Call-State", c.callState.String())
	w.add("Channel-State-Number", w.number(int64(c.requested)))
	w.add("Channel-Name", c.name)
	w.add("Unique-ID", c.ch.uuid)
	w.add("Call-Direction", c.ch.direction)
	w.add("Presence-Call-Direction", c.ch.direction)
	w.add("Channel-HIT-Dialplan", strconv.FormatBool(c.ch.direction == inbound || c.flipped))
	if id := c.vars.value("presence_id"); id != "" {
		w.add("Channel-Presence-ID", id)
	}
	w.add("Channel-Call-UUID", c.callUUID)
	w.add("Answer-State", c.answerState)
	if c.cause != "" {
		w.add("Hangup-Cause", string(c.cause))
	}
	if c.codec.Name == "" {
		return
	}
	rate, bits := w.number(int64(c.codec.SampleRate())), w.number(int64(bitRate(c.codec)))
	w.add("Channel-Read-Codec-Name", c.codec.Name)
	w.add("Channel-Read-Codec-Rate", rate)
	w.add("Channel-Read-Codec-Bit-Rate", bits)
	w.add("Channel-Write-Codec-Name", c.codec.Name)
	w.add("Channel-Write-Codec-Rate", rate)
	w.add("Channel-Write-Codec-Bit-Rate", bits)
}

// writer makes an event's headers. The names and values that it makes up itself stand in one piece of memory.
type writer struct {
	headers []esl.Header
	text    strings.Builder
}

func (w *writer) add(name, value string) {
	w.headers = append(w.headers, esl.Header{Name: name, Value: value})
}

// number is a number as text.
func (w *writer) number(n int64) string {
	var digits [20]byte
	start := w.text.Len()
	w.text.Write(strconv.AppendInt(digits[:0], n, 10))
	return w.text.String()[start:]
}

// micros is a time as event headers show it.
func (w *writer) micros(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return w.number(t.UnixMicro())
}

// variable writes a variable_ header, an array when the variable has several values. A peer cannot make one: each value of an array
// costs more memory than it has bytes on the wire.
func (w *writer) variable(v Variable) {
	start := w.text.Len()
	w.text.WriteString(variablePrefix)
	w.text.WriteString(v.Name)
	h := esl.Header{Name: w.text.String()[start:], Value: v.Value}
	if values := arrayValues(v.Value); values != nil && (!v.Wire || v.Name == dialplanMatch) {
		if len(values) == 1 {
			h.Value = values[0]
		} else {
			h.Array = values
		}
	}
	w.headers = append(w.headers, h)
}

func (x extra) write(w *writer) {
	for _, h := range x {
		w.add(h[0], h[1])
	}
}

// size is how many bytes the names and values have.
func (x extra) size() int {
	n := 0
	for _, h := range x {
		n += len(h[0]) + len(h[1])
	}
	return n
}
