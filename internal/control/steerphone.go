package control

import (
	"strings"

	"github.com/talkpath/talkpath/internal/call"
)

// steeredPhone is what commands tell a channel's peer.
type steeredPhone interface {
	Display(name, number string)
	Notify(event string)
	SendNotify(event, contentType, body string)
	SendRequest(method, contentType, body string)
}

// phoneCommands are those that tell the peer something.
func (c *Control) phoneCommands() map[string]command {
	return map[string]command{
		"uuid_display":       action(c.uuidDisplay, "Update phone display", "<uuid> <display>"),
		"uuid_phone_event":   action(c.uuidPhoneEvent, "Send an event to the phone", "<uuid>"),
		"uuid_send_info":     action(c.uuidSendInfo, "Send info to the endpoint", "<uuid> [<mime_type> <mime_subtype>] <message>"),
		"uuid_send_message":  action(c.uuidSendMessage, "Send MESSAGE to the endpoint", "<uuid> <message>"),
		"uuid_deflect":       action(c.uuidDeflect, "Send a deflect", "<uuid> <uri>"),
		"uuid_redirect":      action(c.uuidRedirect, "Send a redirect", "<uuid> <uri>"),
		"uuid_simplify":      action(c.uuidSimplify, "Try to cut out of a call path / attended xfer", "<uuid>"),
		"uuid_ring_ready":    action(c.uuidRingReady, "Sending ringing to a channel", "<uuid> [queued]"),
		"uuid_flush_dtmf":    action(c.uuidFlushDTMF, "Flush dtmf on a given uuid", "<uuid>"),
		"uuid_dual_transfer": action(c.uuidDualTransfer, "Transfer a session and its partner", dualTransferSyntax),
	}
}

const dualTransferSyntax = "<uuid> <A-dest-exten>[/<A-dialplan>][/<A-context>] <B-dest-exten>[/<B-dialplan>][/<B-context>]"

// tell does something to a channel if there is one.
func (c *Control) tell(id string, do func(ch steered)) bool {
	ch, ok := c.steered(id)
	if ok {
		do(ch)
	}
	return ok
}

// uuidDisplay is "UUID NAME[|NUMBER]".
func (c *Control) uuidDisplay(args string) string {
	w := words(args, 2)
	if len(w) < 2 {
		return c.usage("uuid_display")
	}
	name, number, _ := strings.Cut(w[1], "|")
	return successIf(c.tell(w[0], func(ch steered) { ch.Display(name, number) }))
}

// uuidPhoneEvent is "UUID [talk|hold]".
func (c *Control) uuidPhoneEvent(args string) string {
	w := words(args, 2)
	if len(w) == 0 {
		return c.usage("uuid_phone_event") + operationFailed
	}
	event := "talk"
	if len(w) > 1 && strings.EqualFold(w[1], "hold") {
		event = "hold"
	}
	return successIf(c.tell(w[0], func(ch steered) { ch.Notify(event) }))
}

// uuidSendInfo is "UUID [TYPE SUBTYPE] TEXT".
func (c *Control) uuidSendInfo(args string) string {
	const failed = "-ERR Operation Failed\n"
	w := words(args, 4)
	if len(w) < 1 || len(w) == 3 {
		return c.usage("uuid_send_info") + failed
	}
	contentType, text := "freeswitch/data", ""
	switch len(w) {
	case 2:
		text = w[1]
	case 4:
		contentType, text = oneLine(w[1]+"/"+w[2]), w[3]
	}
	if !c.tell(w[0], func(ch steered) { ch.SendRequest("INFO", contentType, text) }) {
		return failed
	}
	return success
}

// uuidSendMessage is "UUID TEXT".
func (c *Control) uuidSendMessage(args string) string {
	w := words(args, 2)
	if len(w) < 2 {
		return c.usage("uuid_send_message")
	}
	if !c.tell(w[0], func(ch steered) { ch.SendRequest("MESSAGE", "text/plain", w[1]) }) {
		return "-ERR Unable to find session for UUID\n"
	}
	return success
}

// uuidDeflect is "UUID URI". It does not wait for what the phone makes of it.
func (c *Control) uuidDeflect(args string) string {
	id, uri, _ := strings.Cut(args, " ")
	if id == "" || uri == "" {
		return c.usage("uuid_deflect")
	}
	if !c.tell(id, func(ch steered) { ch.Do("deflect", uri) }) {
		return "-ERR No such channel " + id + "!\n"
	}
	return "+OK:no reply\n"
}

// uuidRedirect is "UUID URI". Nobody answers a redirect: FreeSWITCH prints what is not there.
func (c *Control) uuidRedirect(args string) string {
	id, uri, _ := strings.Cut(args, " ")
	if id == "" || uri == "" {
		return c.usage("uuid_redirect")
	}
	return c.do(id, "redirect", uri, "+OK:(null)\n", "-ERR No such channel "+id+"!\n")
}

// uuidSimplify is "UUID". The media and the signalling stay here.
func (c *Control) uuidSimplify(args string) string {
	if len(words(args, 2)) == 0 {
		return c.usage("uuid_simplify")
	}
	return operationFailed
}

// uuidRingReady is "UUID [queued]".
func (c *Control) uuidRingReady(args string) string {
	w := words(args, 2)
	if len(w) == 0 || len(w) > 1 && !strings.EqualFold(w[1], "queued") {
		return c.usage("uuid_ring_ready")
	}
	return c.do(w[0], "ring_ready", "", done, notThere)
}

func (c *Control) uuidFlushDTMF(args string) string {
	return c.do(args, "flush_dtmf", "", done, "-ERR No such session\n")
}

// uuidDualTransfer is "UUID A[/DIALPLAN[/CONTEXT]] B[/DIALPLAN[/CONTEXT]]".
func (c *Control) uuidDualTransfer(args string) string {
	w := words(args, 5)
	if len(w) != 3 {
		return c.usage("uuid_dual_transfer")
	}
	if !c.tell(w[0], func(ch steered) { ch.DualTransfer(placeOf(w[1]), placeOf(w[2])) }) {
		return noSuchChannel
	}
	return done
}

// placeOf reads DESTINATION[/DIALPLAN[/CONTEXT]] or PROGRAM/inline.
func placeOf(text string) call.Place {
	if program, ok := strings.CutSuffix(text, "/inline"); ok {
		return call.Place{Destination: program, Dialplan: "inline"}
	}
	destination, rest, _ := strings.Cut(text, "/")
	dialplan, context, _ := strings.Cut(rest, "/")
	return call.Place{Destination: destination, Dialplan: dialplan, Context: context}
}
