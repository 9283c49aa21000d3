package call

import "github.com/talkpath/talkpath/internal/dialplan"

// Referral is what the peer of a leg asks for with REFER (RFC 3515): that the other party of the call goes on at a target. All texts are
// from the wire.
type Referral struct {
	Target     string     // the number
	Params     string     // parameters of the target's URI
	ReferTo    string     // Refer-To as it came
	ReferredBy string     // who asks, as the target is told
	Fallback   string     // who asked, as the REFER's From names it
	Replaces   string     // attended transfer: the dialog that Replaced has, as it came
	Replaced   LegHandler // attended transfer: the other call of the same peer, whose far party is the target
	// Done is told, once, whether the call goes to the target. It must not block.
	Done func(accepted bool)
}

// LegRefer implements LegHandler.
func (ch *Channel) LegRefer(r Referral) {
	if !ch.outside(func() { ch.refer(r) }) {
		r.Done(false)
	}
}

// LegPeer implements LegHandler.
func (ch *Channel) LegPeer() string {
	if p := ch.talkedTo.Load(); p != nil {
		return p.party()
	}
	return ""
}

// farNow is the leg that this one is bridged to, or is about to be; nil when there is none. It may be asked from anywhere.
func (ch *Channel) farNow() *Channel {
	if far, ok := ch.core.Channel(ch.Snapshot().OtherUUID); ok {
		return far
	}
	far := ch.talkedTo.Load()
	if far == nil || far.talkedTo.Load() != ch || far.Snapshot().OtherUUID != "" {
		return nil // it goes on elsewhere
	}
	far, _ = ch.core.Channel(far.uuid) // unless it has ended
	return far
}

// party is the user@domain that the leg belongs to; it never changes.
func (ch *Channel) party() string {
	if ch.incoming != nil {
		return ch.incoming.PresenceID
	}
	if ch.dest != nil {
		return ch.dest.PresenceID
	}
	return ""
}

// refer does what the peer asks for, as sofia_handle_sip_i_refer does.
func (ch *Channel) refer(r Referral) {
	if ch.hungUp || !ch.isAnswered || ch.profile == nil || isTrue(ch.vars.value("deny_refer_requests")) {
		r.Done(false)
		return
	}
	if ch.whenBridged(func() { ch.refer(r) }) {
		return
	}
	if r.Params != "" {
		ch.setWire("sip_refer_to_params", r.Params)
	}
	ch.set("transfer_disposition", "recv_replace")
	if r.Replaces != "" {
		ch.referAttended(r)
		return
	}
	ch.referBlind(r)
}

// whenBridged puts off what needs the far leg while a bridge is about to stand: a peer may ask for a transfer as soon as it has the answer.
// It says whether it did. fn runs at the latest when the leg has ended.
func (ch *Channel) whenBridged(fn func()) bool {
	soon := ch.ringing != nil && ch.ringing.winner != nil || ch.parent != nil && ch.state == csConsumeMedia
	if ch.hungUp || ch.bridgedTo != nil || !ch.isAnswered || !soon || len(ch.atBridge) >= maxAtBridge {
		return false
	}
	ch.atBridge = append(ch.atBridge, fn)
	return true
}

// maxAtBridge bounds what waits for a bridge.
const maxAtBridge = 8

// bridgeStands runs what waited for the bridge, or finds that there will be none.
func (ch *Channel) bridgeStands() {
	waiting := ch.atBridge
	ch.atBridge = nil
	for _, fn := range waiting {
		fn()
	}
}

// referBlind sends the far party to a number of the dialplan.
func (ch *Channel) referBlind(r Referral) {
	far := ch.farLeg()
	if far == nil || r.Target == "" {
		ch.log.Info("a call with one leg cannot be transferred", "target", headerText(r.Target))
		ch.set("endpoint_disposition", "ATTENDED_TRANSFER_ERROR") // sic
		r.Done(false)
		return
	}
	ch.set("transfer_to", "blind:"+far.uuid)
	ch.setWire("transfer_destination", "blind:"+r.Target)
	ch.setWire("transfer_fallback_extension", r.Fallback)
	ch.set("endpoint_disposition", "BLIND_TRANSFER")
	ch.givenAway = true
	r.Done(true)
	to := place{dest: dialplan.Literal(r.Target, true)}
	far.box.put(func() { far.referredTo(r, to) })
}

// farLeg is whom the leg talks to, or is about to: a peer that has its answer may ask for a transfer before the bridge stands.
func (ch *Channel) farLeg() *Channel {
	if ch.bridgedTo == nil && ch.isAnswered && ch.ringing != nil && ch.ringing.winner != nil && !ch.ringing.winner.ended {
		return ch.ringing.winner.ch
	}
	return ch.bridgedTo
}

// referredTo goes to where the far leg's peer sends this one.
func (ch *Channel) referredTo(r Referral, to place) {
	if ch.hungUp {
		return
	}
	ch.noteReferral(r)
	ch.sound.movable = true // the target may choose another codec
	if r.Params != "" {
		ch.setWire("sip_h_X-FS-Refer-Params", r.Params)
	}
	ch.transfer(to)
}

func (ch *Channel) noteReferral(r Referral) {
	if r.ReferredBy != "" {
		ch.setWire("sip_h_Referred-By", r.ReferredBy)
	}
	ch.setWire("sip_refer_to", r.ReferTo)
}

// referAttended connects the far parties of two calls of one peer. When the second one still rings, the first one's far party waits for it; when one
// of the calls has nobody, the other's far party is sent to that call's number.
func (ch *Channel) referAttended(r Referral) {
	second, ok := r.Replaced.(*Channel)
	if !ok || second == ch || second.core != ch.core {
		ch.set("endpoint_disposition", "ATTENDED_TRANSFER_ERROR")
		r.Done(false)
		return
	}
	ch.setWire("_sofia_replaces_", r.Replaces)
	ch.set("refer_uuid", second.uuid)
	far := ch.farLeg()
	if !second.box.put(func() { second.giveAway(ch, far, r) }) {
		r.Done(false)
	}
}

// giveAway is the part of the second call in an attended transfer: its far party goes to that of the first.
func (ch *Channel) giveAway(by, far *Channel, r Referral) {
	if ch.whenBridged(func() { ch.giveAway(by, far, r) }) {
		return
	}
	own := ch.farLeg()
	if ch.hungUp || ch.profile == nil || isTrue(ch.vars.value("deny_refer_requests")) || far == own {
		r.Done(false) // far == own: neither has a far party, or both the same
		return
	}
	ch.set("transfer_disposition", "replaced")
	ch.set("endpoint_disposition", "ATTENDED_TRANSFER")
	ch.givenAway = true
	if far != nil && ch.ringsStill() {
		ch.ringFor(by, far, r)
		return
	}
	dest := ch.profile.Destination
	if !by.box.put(func() { by.gaveAway(far, own, ch, dest, r) }) {
		r.Done(false)
	}
}

// ringsStill says whether nobody has answered the call that this leg makes.
func (ch *Channel) ringsStill() bool {
	return ch.ringing != nil && ch.ringing.winner == nil || ch.bridgedTo != nil && !ch.isAnswered
}

// gaveAway is the end of an attended transfer on the call that asked for it.
func (ch *Channel) gaveAway(far, own, second *Channel, dest string, r Referral) {
	if ch.hungUp {
		r.Done(false)
		return
	}
	ch.givenAway = true
	switch {
	case far != nil && own != nil:
		ch.set("transfer_to", "att:"+own.uuid)
		r.Done(true)
		by := ch.party()
		own.box.put(func() {
			own.set("transfer_disposition", "bridge")
			own.noteTransfer("att_xfer:" + by + "/" + own.party())
		})
		far.box.put(func() {
			far.noteTransfer("att_xfer:" + by + "/" + far.party())
			far.sound.movable = true
			far.takeOver(own, offerToJoin{cause: NormalClearing})
		})
	case far != nil:
		r.Done(true)
		far.box.put(func() {
			far.referredTo(Referral{ReferTo: r.ReferTo, ReferredBy: r.ReferredBy}, place{dest: dialplan.Literal(dest, true)})
		})
		second.Hangup(AttendedTransfer)
	default:
		r.Done(true)
		to := place{dest: dialplan.Literal(ch.profile.Destination, true)}
		own.box.put(func() { own.referredTo(Referral{ReferTo: r.ReferTo, ReferredBy: r.ReferredBy}, to) })
		ch.hangup(HangupReason{Cause: AttendedTransfer})
	}
}

// gaveFar is the end of the bridge of a leg whose peer transferred the far party. In a blind transfer nothing bonds the two any more.
func (ch *Channel) gaveFar() {
	if ch.held {
		ch.hold(false)
	}
	if ch.vars.value("endpoint_disposition") == "BLIND_TRANSFER" {
		ch.vars.del("signal_bond")
	}
}

// setWire sets a variable to a text that came from a peer.
func (ch *Channel) setWire(name, value string) {
	ch.vars.set(Variable{Name: name, Value: headerText(value), Wire: true})
}

// Replace makes an inbound call take the place of another of the same user, which h is told about (INVITE with Replaces, RFC 3891): it is
// connected with the far party of that call, or, when that call rings, with who calls. It fails when h is no channel.
func (in *Inbound) Replace(h LegHandler, early bool) bool {
	ch, ok := h.(*Channel)
	if !ok {
		return false
	}
	program := "intercept:" + ch.uuid
	if !early {
		program = "intercept:-bleg " + ch.uuid
		ch.box.put(func() { // it ends when its far party has gone
			ch.givenAway = true
			ch.set("transfer_disposition", "replaced")
		})
	}
	in.Dialplan, in.program, in.Destination = inlineDialplan, dialplan.Literal(program, false), program
	return true
}
