package call

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/media"
)

// Errors that a peer's re-offer is refused with.
var errGone = errors.New("call: channel has ended")

// outside posts work that a peer caused. A peer that causes more than fits is hung up.
func (ch *Channel) outside(fn func()) bool {
	taken, full := ch.box.offer(fn)
	if full && ch.overflow.CompareAndSwap(false, true) {
		ch.core.overflows.Add(1)
		ch.box.put(func() { ch.hangup(HangupReason{Cause: SwitchCongestion}) })
	}
	return taken
}

// LegProgress implements LegHandler.
func (ch *Channel) LegProgress(status int, sdp []byte, vars []Variable) {
	ch.outside(func() { ch.progress(status, sdp, vars) })
}

// LegAnswered implements LegHandler.
func (ch *Channel) LegAnswered(sdp []byte, vars []Variable) {
	ch.box.put(func() { ch.accepted(sdp, vars) })
}

// LegConfirmed implements LegHandler.
func (ch *Channel) LegConfirmed(sdp []byte) {
	ch.outside(func() { ch.sound.confirmed, ch.ackSDP = true, sdp })
}

// LegEnded implements LegHandler.
func (ch *Channel) LegEnded(e LegEnd) {
	ch.box.put(func() { ch.legEnded(e) })
}

// LegReoffer implements LegHandler.
func (ch *Channel) LegReoffer(sdp []byte, respond func(answer []byte, err error)) {
	if !ch.outside(func() { ch.reoffer(sdp, respond) }) {
		respond(nil, errGone)
	}
}

// LegReofferAnswer implements LegHandler.
func (ch *Channel) LegReofferAnswer(sdp []byte) {
	ch.outside(func() { ch.reofferAnswered(sdp) })
}

// LegDTMF implements LegHandler.
func (ch *Channel) LegDTMF(digit byte, duration time.Duration) {
	ch.outside(func() { ch.dtmf(digit, duration, false) })
}

// LegRecord implements LegHandler.
func (ch *Channel) LegRecord(template string, respond func(refusal string)) {
	if !ch.outside(func() { respond(ch.recordByPeer(template)) }) {
		respond("No such call")
	}
}

// LegInfo implements LegHandler.
func (ch *Channel) LegInfo(m Info) {
	ch.outside(func() {
		if ch.profile != nil {
			ch.emitInfo(m)
		}
	})
}

// LegPass implements LegHandler.
func (ch *Channel) LegPass(r Request, respond func(passed bool)) {
	pass := func() {
		far := ch.bridgedTo
		if far == nil || !far.box.put(func() { respond(far.leg != nil && far.leg.Request(r) == nil) }) {
			respond(false)
		}
	}
	if !ch.outside(pass) {
		respond(false)
	}
}

// secured notes that media flows, and reports how it is encrypted if it is.
func (ch *Channel) secured() {
	if ch.secure = ch.media.Secure(); ch.secure != "" {
		ch.set("rtp_has_crypto", strings.TrimPrefix(ch.secure, "srtp:sdes:")) // of SDES the suite alone
		ch.emitSecure()
	}
}

// mediaEvent is the media session's callback.
func (ch *Channel) mediaEvent(e media.Event) {
	ch.outside(func() {
		switch e.Type {
		case media.EventConnected:
			ch.secured()
		case media.EventTimeout:
			ch.hangup(HangupReason{Cause: MediaTimeout})
		case media.EventFailed:
			ch.log.Warn("media failed", "error", e.Err)
			ch.hangup(HangupReason{Cause: DestinationOutOfOrder})
		case media.EventDTMF:
			ch.dtmf(e.Digit, time.Duration(e.Duration)*time.Millisecond, !e.InBand)
		}
	})
}

func (ch *Channel) apply(vars []Variable) {
	for _, v := range vars {
		ch.vars.set(v)
	}
}

// heardFrom takes over what a message of the peer taught. A leg that nobody calls learns its peer's address so.
func (ch *Channel) heardFrom(vars []Variable) {
	ch.apply(vars)
	if ch.profile != nil && ch.profile.NetworkAddr == "" {
		ch.ownProfile().NetworkAddr = ch.vars.value("sip_network_ip")
	}
}

// progress handles a provisional response to the INVITE of a called leg.
func (ch *Channel) progress(status int, sdp []byte, vars []Variable) {
	if ch.hungUp || ch.isAnswered {
		return
	}
	ch.heardFrom(vars)
	ch.passHeaders(ch.calledBy(), progressHeaders, vars)
	switch {
	case len(sdp) > 0 && !ch.early:
		if err := ch.media.SetRemoteAnswer(sdp); err != nil {
			ch.log.Warn("early media refused", "error", err)
			return
		}
		ch.vars.set(Variable{Name: "switch_r_sdp", Value: string(sdp), Wire: true})
		ch.set("endpoint_disposition", "EARLY MEDIA")
		ch.markEarly()
		ch.negotiated(sdp)
		ch.emitCodec()
		ch.toCaller(func(c caller, b peer) { c.childEarly(ch, b) })
	case (status == 180 || status == 183) && len(sdp) == 0 && !ch.early:
		if ch.markRinging() {
			ch.toCaller(func(c caller, b peer) { c.childRinging(ch, b) })
		}
	}
}

// markRinging reports the first sign that the far end rings; once per channel.
func (ch *Channel) markRinging() bool {
	if ch.ringReady || ch.early || ch.isAnswered {
		return false
	}
	ch.ringReady = true
	ch.ownProfile().Times.Progress = time.Now()
	if ch.other != nil {
		ch.ownOther().Times.Progress = ch.profile.Times.Progress
	}
	ch.emitProgress()
	ch.emitCallState(callRinging)
	ch.runOn("ring")
	return true
}

// markEarly reports media before the answer; once per channel.
func (ch *Channel) markEarly() {
	if ch.early || ch.isAnswered {
		return
	}
	ch.early = true
	ch.answerState = answerEarly
	ch.ownProfile().Times.ProgressMedia = time.Now()
	ch.emitProgressMedia()
	ch.emitCallState(callEarly)
	ch.runOn("pre_answer")
	ch.runOn("media")
}

// markAnswered reports the answer.
func (ch *Channel) markAnswered() {
	ch.isAnswered = true
	ch.answerState = answered
	ch.ownProfile().Times.Answered = time.Now()
	ch.emitAnswer()
	ch.emitPresence(answered, presenceOfAnswer)
	ch.emitCallState(callActive)
	ch.runOn("answer")
}

// accepted handles the 2xx of a called leg.
func (ch *Channel) accepted(sdp []byte, vars []Variable) {
	if ch.hungUp || ch.isAnswered {
		return
	}
	ch.heardFrom(vars)
	ch.passHeaders(ch.calledBy(), responseHeaders, vars)
	if had := ch.codec.Name != ""; had && ch.early && bytes.Equal(sdp, ch.media.RemoteSDP()) {
		ch.vars.set(Variable{Name: "switch_r_sdp", Value: string(sdp), Wire: true}) // nothing new but its place
	} else if err := ch.takeAnswer(sdp); err != nil {
		ch.log.Info("answer has nothing in common with the offer", "error", err)
		ch.hangup(HangupReason{Cause: IncompatibleDest})
		return
	} else if !had {
		ch.emitCodec()
	}
	ch.markAnswered()
	if ch.bridgedTo != nil { // with early media; else the bridge sets it
		ch.set("endpoint_disposition", "ANSWER")
	}
	ch.toCaller(func(c caller, b peer) { c.childAnswered(ch, b) })
}

// takeAnswer gives a called leg's answer to the media; without one the early answer holds.
func (ch *Channel) takeAnswer(sdp []byte) error {
	if len(sdp) > 0 {
		if err := ch.media.SetRemoteAnswer(sdp); err != nil {
			return err
		}
	}
	if !ch.negotiated(sdp) {
		return errNoCodec
	}
	return nil
}

// legEnded handles the end of the leg by the peer or the network.
func (ch *Channel) legEnded(e LegEnd) {
	if ch.ended || ch.hungUp { // the answer to our own hang-up says nothing about who ended the leg
		return
	}
	ch.ended = true
	ch.legEnd = e
	ch.heardFrom(e.Vars)
	ch.passHeaders(ch.calledBy(), responseHeaders, e.Vars)
	ch.passHeaders(ch.bridgedTo, byeHeaders, e.Vars)
	if e.Disposition != "" && e.Disposition != "recv_bye" {
		ch.setDefault("sip_hangup_disposition", e.Disposition)
	}
	if e.Status > 0 {
		if e.Status >= 300 {
			ch.setDefault("sip_invite_failure_status", strconv.Itoa(e.Status))
			ch.setDefault("sip_invite_failure_phrase", e.Phrase)
		}
		ch.setDefault("sip_term_status", strconv.Itoa(e.Status))
		ch.setDefault("proto_specific_hangup_cause", "sip:"+strconv.Itoa(e.Status))
		ch.setDefault("sip_term_cause", strconv.Itoa(e.Cause.orNormal().Q850()))
	}
	ch.hangup(HangupReason{Cause: e.Cause, Status: e.Status, Phrase: e.Phrase})
}
