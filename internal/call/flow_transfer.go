package call

import (
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// inlineDialplan is the dialplan whose destinations are programs, app:data,app:data….
const inlineDialplan = "inline"

// maxDepth bounds execute_extension within execute_extension, FreeSWITCH's SWITCH_MAX_STACK_DEPTH.
const maxDepth = 16

// TransferLeg says which legs of a bridge a transfer moves.
type TransferLeg int

const (
	TransferSelf TransferLeg = iota // the leg itself; the far leg is hung up
	TransferFar                     // -bleg: the leg that it is bridged to
	TransferBoth                    // -both
)

// place is where a transfer goes; what is empty stays as it is.
type place struct {
	dest              dialplan.Expanded
	dialplan, context string
}

// Transfer sends a leg, the leg it is bridged to, or both to a destination of the dialplan, as uuid_transfer does. The destination is
// not expanded; with the dialplan "inline" it is a program. dialplan and context may be empty.
func (ch *Channel) Transfer(destination, dialplanName, context string, leg TransferLeg) {
	to := place{dest: dialplan.Literal(destination, false), dialplan: dialplanName, context: context}
	ch.box.put(func() { ch.transferLeg(to, leg) })
}

// SetVariables sets variables of the channel; an empty value removes one.
func (ch *Channel) SetVariables(vars ...Variable) {
	ch.box.put(func() { ch.apply(vars) })
}

// appTransfer is transfer [-bleg|-both] destination [dialplan [context]].
func appTransfer(ch *Channel, data dialplan.Expanded) string {
	words, leg := data.Words(0), TransferSelf
	if len(words) > 0 {
		switch strings.ToLower(words[0].String()) {
		case "-bleg":
			words, leg = words[1:], TransferFar
		case "-both":
			words, leg = words[1:], TransferBoth
		}
	}
	if len(words) == 0 {
		ch.log.Warn("transfer without a destination")
		return responseNone
	}
	to := placeOf(words)
	ch.transferLeg(to, leg)
	return responseNone
}

// placeOf reads destination [dialplan [context]].
func placeOf(words []dialplan.Expanded) place {
	to := place{dest: words[0]}
	if len(words) > 1 {
		to.dialplan = words[1].String()
	}
	if len(words) > 2 {
		to.context = words[2].String()
	}
	return to
}

// transferLeg moves this leg, the far one or both. The far leg hears of it first, so that it is not hung up with the bridge.
func (ch *Channel) transferLeg(to place, leg TransferLeg) {
	if far := ch.bridgedTo; far != nil && leg != TransferSelf {
		far.box.put(func() { far.transfer(to) })
	} else if leg == TransferFar {
		ch.log.Info("no leg to transfer")
	}
	if leg != TransferFar {
		ch.transfer(to)
	}
}

// transfer has the channel leave what it is doing and go through the dialplan again, switch_ivr_session_transfer. Each one costs one of
// the hops that a call may make, which ends loops.
func (ch *Channel) transfer(to place) {
	if ch.hungUp || ch.profile == nil || ch.ringsForOther() {
		return
	}
	hops := ch.nextForwards()
	if hops <= 0 {
		ch.log.Warn("too many transfers")
		ch.hangup(HangupReason{Cause: ExchangeRoutingError})
		return
	}
	ch.set("max_forwards", strconv.Itoa(hops))
	name := first(to.dialplan, ch.vars.value("force_transfer_dialplan"), ch.profile.Dialplan, "XML")
	if to.dialplan == "" && strings.EqualFold(name, inlineDialplan) { // nobody named it: the destination is a number
		name = "XML"
	}
	context := first(to.context, ch.vars.value("force_transfer_context"), ch.profile.Context, "default")
	dest := headerText(to.dest.String())
	ch.newProfile("bl_xfer:" + dest + "/" + context + "/" + name)
	p := ch.ownProfile()
	p.RDNIS, p.Destination = p.Destination, dest
	p.Dialplan, p.Context = name, context
	ch.other, ch.otherType = nil, ""
	ch.vars.del("signal_bond")
	if !isTrue(ch.vars.value("limit_ignore_transfer")) {
		ch.releaseLimits()
	}
	ch.requested, ch.leaving = csRouting, NormalClearing
	ch.depart()
	ch.next = func() { ch.reroute(to.dest) }
}

// ringsForOther says whether this is a called leg that was not answered: it is not its own master.
func (ch *Channel) ringsForOther() bool { return ch.caller != nil && !ch.isAnswered }

// newProfile begins a new chapter of the call with a caller profile of its own; how says what led to it.
func (ch *Channel) newProfile(how string) {
	ch.noteChapter()
	source := ch.noteTransfer(how)
	p := *ch.profile
	p.Index++
	p.TransferSource = source
	p.Times.ProfileCreated, p.Times.Bridged = time.Now(), time.Time{}
	ch.profile = &p
	ch.vars.set(Variable{Name: "transfer_source", Value: source, Wire: true})
}

// noteTransfer adds to transfer_history, TIME:ID:HOW, and gives what it added.
func (ch *Channel) noteTransfer(how string) string {
	source := strconv.FormatInt(time.Now().Unix(), 10) + ":" + newUUID() + ":" + headerText(how)
	ch.vars.push("transfer_history", strings.ReplaceAll(source, "|", ""))
	return source
}

// depart takes a called leg away from who called it; its call goes on without this leg.
func (ch *Channel) depart() {
	ch.releaseHold()
	a, c := ch.parent, ch.caller
	if c == nil {
		return
	}
	ch.caller, ch.parent = nil, nil
	if a != nil && ch.bridgedTo == a { // else a bridge of its own is about to end
		ch.bridgedTo = nil
	}
	ch.media.Unbridge()
	ch.vars.del("bridge_to")
	c.post(func() { c.childLeft(ch) })
}

// reroute searches the dialplan after a transfer and does what it says.
func (ch *Channel) reroute(program dialplan.Expanded) {
	ch.state = csRouting
	if ch.direction == inbound {
		ch.emitCallState(callRinging)
	}
	ch.emitState()
	actions := ch.route(program)
	if ch.direction == outbound {
		ch.flip()
	}
	ch.execute(actions)
}

// flip makes a called leg that was transferred the caller of what comes: who it was is its caller id now.
func (ch *Channel) flip() {
	ch.callUUID = ch.uuid
	ch.set("call_uuid", ch.uuid)
	ch.flipCallerID()
	ch.emitFlip()
}

// flipCallerID makes who was called on this leg its caller, once.
func (ch *Channel) flipCallerID() {
	if ch.flipped {
		return
	}
	ch.flipped = true
	p := ch.ownProfile()
	ch.vars.set(Variable{Name: "pre_transfer_caller_id_name", Value: p.CallerName, Wire: true})
	ch.vars.set(Variable{Name: "pre_transfer_caller_id_number", Value: p.CallerNumber, Wire: true})
	ch.set("channel_cid_flipped", "yes")
	p.CallerName, p.CallerNumber, p.CalleeName, p.CalleeNumber = p.CalleeName, p.CalleeNumber, p.CallerName, p.CallerNumber
}

// appExecuteExtension runs an extension of the dialplan and comes back: execute_extension destination [dialplan [context]].
func appExecuteExtension(ch *Channel, data dialplan.Expanded) string {
	words := data.Words(0)
	if len(words) == 0 {
		return responseNone
	}
	if ch.depth >= maxDepth {
		ch.log.Warn("execute_extension is nested too deep")
		return responseNone
	}
	to := placeOf(words)
	before := ch.profile
	inner := *before
	inner.Destination = headerText(to.dest.String())
	inner.Dialplan, inner.Context = first(to.dialplan, inner.Dialplan), first(to.context, inner.Context)
	ch.profile = &inner
	actions := ch.route(to.dest)
	p := ch.ownProfile()
	p.Destination, p.Dialplan, p.Context = before.Destination, before.Dialplan, before.Context
	ch.depth++
	ch.perform(actions)
	ch.depth--
	return responseNone
}
