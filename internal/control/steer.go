package control

import (
	"context"
	"strings"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/call"
)

// steered is a channel as commands steer it. Its methods post to the channel and return.
type steered interface {
	Snapshot() call.Snapshot
	Transfer(destination, dialplan, context string, leg call.TransferLeg)
	// Send has the channel execute something as a message. Do has it do what an application does, without a word.
	Send(m call.Message) error
	Do(app, data string)
	ReceiveDTMF(digits string)
	DualTransfer(own, far call.Place)
	ReleaseLimits(realm, id string)
	Describe(ctx context.Context, e *esl.Event) error
	steeredMedia
	steeredPhone
	SetVariables(vars ...call.Variable)
	// BridgeTo connects the channel with another one; false: there is no such channel.
	BridgeTo(uuid string) bool
}

// steeredChannel is a channel of the call core.
type steeredChannel struct {
	*call.Channel
	core Core
}

// BridgeTo implements steered.
func (s steeredChannel) BridgeTo(uuid string) bool {
	other, ok := s.core.Channel(uuid)
	if ok {
		s.Bridge(other)
	}
	return ok
}

// Answers of FreeSWITCH about a channel that is not there.
const (
	invalidUUID      = "-ERR invalid uuid\n"
	invalidUUIDs     = "-ERR Invalid uuid\n"
	noSuchSession    = "-ERR Cannot locate session!\n"
	notThere         = "-ERROR\n"
	noVariable       = "-ERR No variable specified\n"
	done             = "+OK\n"
	success          = "+OK Success\n"
	messageSent      = "+OK Message sent\n"
	operationFailed  = "-ERR Operation failed\n"
	variableSettling = 250 * time.Millisecond
)

// words splits at runs of spaces outside of single quotes, into so many at most; the last one is then all the rest. Quotes around a word
// vanish, two of them are an empty word.
func words(args string, most int) []string {
	var out []string
	for args = strings.TrimLeft(args, " "); args != "" && len(out) < most-1; args = strings.TrimLeft(args, " ") {
		end := wordEnd(args)
		out = append(out, unquoted(args[:end]))
		args = args[end:]
	}
	if args != "" {
		out = append(out, unquoted(args))
	}
	return out
}

// wordEnd is where the first word ends.
func wordEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '\'':
			quoted = !quoted
		case s[i] == ' ' && !quoted:
			return i
		}
	}
	return len(s)
}

// unquoted is a word without its quotes and backslashes.
func unquoted(word string) string { return arguments(word, 0, 1)[0] }

// uuidTransfer is "UUID [-bleg|-both] destination [dialplan [context]]".
func (c *Control) uuidTransfer(args string) string {
	w := words(args, 16)
	if len(w) < 2 || len(w) > 5 {
		return c.usage("uuid_transfer")
	}
	ch, ok := c.steered(w[0])
	if !ok {
		return noSuchChannel
	}
	leg, rest := call.TransferSelf, w[1:]
	switch strings.ToLower(rest[0]) {
	case "-bleg":
		leg, rest = call.TransferFar, rest[1:]
	case "-both":
		leg, rest = call.TransferBoth, rest[1:]
	}
	if len(rest) == 0 {
		return c.usage("uuid_transfer")
	}
	rest = append(rest, "", "")
	ch.Transfer(rest[0], rest[1], rest[2], leg)
	return done
}

func (c *Control) uuidPark(args string) string {
	if args == "" {
		return c.usage("uuid_park")
	}
	ch, ok := c.steered(args)
	if !ok {
		return noSuchChannel
	}
	ch.Transfer("park", "inline", "", call.TransferSelf)
	return done
}

func (c *Control) uuidBridge(args string) string {
	w := strings.Fields(args)
	if len(w) < 2 {
		return c.usage("uuid_bridge")
	}
	ch, ok := c.steered(w[0])
	for _, other := range w[1:min(len(w), 3)] { // the third one when there is no second
		if ok && w[0] != other && ch.BridgeTo(other) {
			return "+OK " + other + "\n"
		}
	}
	return invalidUUIDs
}

func (c *Control) uuidAnswer(args string) string {
	return c.do(args, "answer", "", done, notThere)
}
func (c *Control) uuidPreAnswer(args string) string {
	return c.do(args, "pre_answer", "", done, notThere)
}

// do has a channel do what an application does.
func (c *Control) do(uuid, app, data, ok, missing string) string {
	ch, found := c.steered(uuid)
	if !found {
		return missing
	}
	ch.Do(app, data)
	return ok
}

// uuidBroadcast is "UUID path [aleg|bleg|holdb|both]": a sound, or APP[!CAUSE]::DATA, for this leg, the one it is bridged to, or both. With a
// cause this leg is hung up afterwards.
func (c *Control) uuidBroadcast(args string) string {
	w := words(args, 4)
	if len(w) < 2 {
		return c.usage("uuid_broadcast")
	}
	ch, ok := c.steered(w[0])
	if !ok {
		return invalidUUID
	}
	app, data, isApp := strings.Cut(w[1], "::")
	if !isApp {
		app, data = "playback", w[1]
	}
	app, why, hangs := strings.Cut(app, "!")
	leg := "aleg"
	if len(w) > 2 {
		leg = strings.ToLower(w[2])
	}
	both := strings.Contains(leg, "both")
	m := call.Message{Command: "execute", App: app, Data: data, Lock: true}
	if far, found := c.steered(ch.Snapshot().OtherUUID); found && (both || strings.Contains(leg, "bleg")) {
		_ = far.Send(m) // it may have ended meanwhile
	}
	if both || strings.Contains(leg, "aleg") {
		_ = ch.Send(m)
	}
	if hangs {
		_ = ch.Send(call.Message{Command: "execute", App: "hangup", Data: string(cause(why)), Lock: true})
	}
	return messageSent
}

// uuidSendDTMF has the peer hear digits, uuidRecvDTMF acts as if it had pressed them.
func (c *Control) uuidSendDTMF(args string) string {
	return c.digits("uuid_send_dtmf", " sent DTMF ", args, func(ch steered, digits string) { ch.Do("send_dtmf", digits) })
}

func (c *Control) uuidRecvDTMF(args string) string {
	return c.digits("uuid_recv_dtmf", " received DTMF ", args, steered.ReceiveDTMF)
}

func (c *Control) digits(command, did, args string, do func(ch steered, digits string)) string {
	w := words(args, 2)
	if len(w) < 2 {
		return c.usage(command)
	}
	ch, ok := c.steered(w[0])
	if !ok {
		return noSuchSession
	}
	if strings.Trim(w[1], "0123456789*#ABCDabcdFfWw@+") != "" {
		return operationFailed
	}
	do(ch, w[1])
	return "+OK " + w[0] + did + w[1] + ".\n"
}

// uuidSetvar is "UUID name [value]": without a value the variable goes.
func (c *Control) uuidSetvar(ctx context.Context, args string) string {
	id, rest, _ := strings.Cut(args, " ")
	name, value, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if id == "" || name == "" {
		return c.usage("uuid_setvar")
	}
	ch, ok := c.steered(id)
	if !ok {
		return noSuchChannel
	}
	setVariables(ctx, ch, call.Variable{Name: name, Value: strings.TrimSpace(value)})
	return done
}

// uuidSetvars is "UUID name=value;name=value".
func (c *Control) uuidSetvars(ctx context.Context, args string) string {
	id, rest, ok := strings.Cut(args, " ")
	if !ok {
		return c.usage("uuid_setvar_multi")
	}
	ch, ok := c.steered(id)
	if !ok {
		return noSuchChannel
	}
	var vars []call.Variable
	for _, pair := range arguments(rest, ';', 64) {
		if name, value, _ := strings.Cut(pair, "="); name != "" {
			vars = append(vars, call.Variable{Name: name, Value: value})
		}
	}
	if len(vars) == 0 {
		return noVariable
	}
	setVariables(ctx, ch, vars...)
	return done
}

// setVariables sets variables and waits, for no more than a moment, until a query would see them: who sets one asks for it next.
func setVariables(ctx context.Context, ch steered, vars ...call.Variable) {
	for i, v := range vars {
		if v.Value == "_undef_" {
			vars[i].Value = ""
		}
		vars[i].Wire = fromDialplan(ctx) // it may be
	}
	ch.SetVariables(vars...)
	ctx, cancel := context.WithTimeout(ctx, variableSettling)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	last := vars[len(vars)-1]
	for ctx.Err() == nil {
		if value, _ := ch.Snapshot().Variable(last.Name); value == last.Value {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
