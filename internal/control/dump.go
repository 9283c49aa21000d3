package control

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/event"
)

// states are the channel states in FreeSWITCH's order; their numbers are what Channel-State-Number says.
var states = []string{"CS_NEW", "CS_INIT", "CS_ROUTING", "CS_SOFT_EXECUTE", "CS_EXECUTE", "CS_EXCHANGE_MEDIA", "CS_PARK", "CS_CONSUME_MEDIA",
	"CS_HIBERNATE", "CS_RESET", "CS_HANGUP", "CS_REPORTING", "CS_DESTROY", "CS_NONE"}

// dumpOrigin is where FreeSWITCH says that the event of a dump comes from.
var dumpOrigin = event.Origin{File: "mod_commands.c", Function: "uuid_dump_function", Line: 6495}

// uuidDump is "UUID [txt|plain|json|xml]". In txt, which is what there is without a format, values are URL-encoded; in plain they are not.
func (c *Control) uuidDump(ctx context.Context, args string) string {
	w := words(args, 2)
	if len(w) == 0 {
		return c.usage("uuid_dump")
	}
	s, ok := c.channel(w[0])
	if !ok {
		return noSuchChannel
	}
	e := c.deps.Bus.NewEvent("CHANNEL_DATA", dumpOrigin)
	c.deps.Bus.Stamp(e)
	if ch, ok := c.steered(w[0]); !ok || ch.Describe(ctx, e) != nil {
		e = c.channelEvent(s) // it is about to end
	}
	format := ""
	if len(w) > 1 {
		format = strings.ToLower(w[1])
	}
	switch format {
	case "json":
		return string(e.AppendJSON(nil))
	case "xml":
		return string(e.AppendXML(nil))
	case "plain":
		return asText(e)
	default:
		return string(e.AppendPlain(nil))
	}
}

// lineBreaks keeps a value, which may be a peer's, on its line.
var lineBreaks = strings.NewReplacer("\r", "%0D", "\n", "%0A")

// asText writes an event with its values as they are, each on its line.
func asText(e *esl.Event) string {
	var b strings.Builder
	for _, h := range e.Headers {
		value := h.Value
		if value == "" {
			value = "_undef_"
		}
		b.WriteString(oneLine(h.Name) + ": " + lineBreaks.Replace(value) + "\n")
	}
	b.WriteByte('\n')
	return b.String()
}

// channelEvent is a channel as an event, as far as its snapshot goes.
func (c *Control) channelEvent(s call.Snapshot) *esl.Event {
	e := c.deps.Bus.NewEvent("CHANNEL_DATA", dumpOrigin)
	c.deps.Bus.Stamp(e)
	e.Add("Channel-State", s.State)
	e.Add("Channel-Call-State", s.CallState)
	e.Add("Channel-State-Number", strconv.Itoa(slices.Index(states, s.State)))
	e.Add("Channel-Name", s.Name)
	e.Add("Unique-ID", s.UUID)
	e.Add("Call-Direction", s.Direction)
	e.Add("Presence-Call-Direction", s.Direction)
	e.Add("Channel-HIT-Dialplan", strconv.FormatBool(s.Direction == "inbound"))
	optional := func(name, value string) {
		if value != "" {
			e.Add(name, value)
		}
	}
	optional("Channel-Presence-ID", s.PresenceID)
	e.Add("Channel-Call-UUID", s.CallUUID)
	e.Add("Answer-State", s.AnswerState)
	optional("Hangup-Cause", string(s.HangupCause))
	if s.ReadCodec != "" {
		e.Add("Channel-Read-Codec-Name", s.ReadCodec)
		e.Add("Channel-Read-Codec-Rate", strconv.Itoa(s.ReadRate))
		e.Add("Channel-Read-Codec-Bit-Rate", strconv.Itoa(s.ReadBitRate))
		e.Add("Channel-Write-Codec-Name", s.WriteCodec)
		e.Add("Channel-Write-Codec-Rate", strconv.Itoa(s.WriteRate))
		e.Add("Channel-Write-Codec-Bit-Rate", strconv.Itoa(s.WriteBitRate))
	}
	e.Add("Caller-Direction", s.Direction)
	e.Add("Caller-Logical-Direction", s.Direction)
	optional("Caller-Dialplan", s.Dialplan)
	optional("Caller-Caller-ID-Name", s.CallerName)
	optional("Caller-Caller-ID-Number", s.CallerNumber)
	optional("Caller-Callee-ID-Name", s.CalleeName)
	optional("Caller-Callee-ID-Number", s.CalleeNumber)
	optional("Caller-Network-Addr", s.NetworkAddr)
	optional("Caller-Destination-Number", s.Destination)
	e.Add("Caller-Unique-ID", s.UUID)
	e.Add("Caller-Source", "mod_sofia")
	optional("Caller-Context", s.Context)
	e.Add("Caller-Channel-Name", s.Name)
	e.Add("Caller-Channel-Created-Time", micros(s.Created))
	e.Add("Caller-Channel-Answered-Time", micros(s.Answered))
	e.Add("Caller-Channel-Bridged-Time", micros(s.Bridged))
	for _, v := range s.Variables {
		values, isArray := strings.CutPrefix(v.Value, "ARRAY::")
		if !isArray || v.Wire { // a peer cannot make one
			e.Add("variable_"+v.Name, v.Value)
			continue
		}
		for _, value := range strings.Split(values, "|:") {
			e.Push("variable_"+v.Name, value)
		}
	}
	return e
}

// micros is a time in microseconds since 1970, 0 for none.
func micros(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}
