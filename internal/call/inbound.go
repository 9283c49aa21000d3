package call

import (
	"slices"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// answerSide is the life of an inbound leg: it comes into being, is routed, and executes what the dialplan says.
func (ch *Channel) answerSide() {
	if actions, ok := ch.arrive(); ok {
		ch.execute(actions)
	}
}

// arrive takes an inbound leg from nothing to what the dialplan says; false when it is over already.
func (ch *Channel) arrive() ([]dialplan.Action, bool) {
	ch.emitState() // CS_NEW: nothing is known but the channel's name
	ch.inboundProfile()
	ch.inboundVariables()
	ch.state, ch.requested = csInit, csInit
	ch.emitState()
	if err := ch.takeOffer(); err != nil {
		ch.log.Info("offer refused", "error", err)
		ch.hangup(HangupReason{Cause: IncompatibleDest})
		return nil, false
	}
	ch.requested = csRouting
	ch.emitCreate()
	ch.state = csRouting
	ch.emitCallState(callRinging)
	ch.emitState()
	return ch.route(ch.incoming.program), true
}

// inboundProfile makes the caller profile of an inbound leg.
func (ch *Channel) inboundProfile() {
	in, now := ch.incoming, time.Now()
	ch.profile = &callerProfile{Direction: inbound, Logical: inbound, Username: in.Username, Dialplan: in.Dialplan,
		HideName: in.HideName, HideNumber: in.HideNumber,
		CallerName: in.CallerName, CallerNumber: in.CallerNum, OrigName: in.CallerName, OrigNumber: in.CallerNum,
		NetworkAddr: in.NetworkAddr, ANI: in.ANI, Destination: in.Destination, UUID: ch.uuid, Source: first(in.source, "mod_sofia"), Context: in.Context,
		Channel: in.ChannelName, Index: 1, Times: profileTimes{ProfileCreated: now, Created: now}}
}

// inboundVariables sets the variables a call arrives with, in the recorded order around those that the signalling side gave.
func (ch *Channel) inboundVariables() {
	in := ch.incoming
	ch.standardVariables()
	for _, v := range in.Vars {
		if v.Name == "sip_call_id" {
			ch.setDefault("channel_name", in.ChannelName)
		}
		ch.vars.set(v)
		if v.Name == "sip_from_host" {
			for _, kind := range []string{"video", "audio", "text"} {
				ch.set(kind+"_media_flow", "disabled") // until the offer is answered
			}
		}
	}
	ch.setDefault("channel_name", in.ChannelName)
	ch.setDefault("rtp_use_codec_string", in.CodecPrefs)
	ch.setDefault("max_forwards", "70")
	ch.setDefault("presence_id", in.PresenceID)
	ch.set("switch_r_sdp", string(in.SDP))
	in.Vars = nil // the channel has them
}

// standardVariables are those that every channel begins with.
func (ch *Channel) standardVariables() {
	ch.set("direction", ch.direction)
	if ch.direction == outbound {
		ch.set("is_outbound", "true")
	}
	ch.set("uuid", ch.uuid)
	if ch.parent == nil {
		ch.set("call_uuid", ch.callUUID)
	}
	ch.set("session_id", decimal(ch.number))
}

// takeOffer gives the offer to a new media session.
func (ch *Channel) takeOffer() error {
	in := ch.incoming
	ch.newMedia(media.SessionConfig{RTPTimeout: in.RTPTimeout, HoldTimeout: in.HoldTimeout, PeerIP: peerIP(in.NetworkAddr), AdvertisedIP: in.MediaIP})
	if ch.offerless() {
		ch.prefs = codecsFor(in.CodecPrefs, in.DTMFType)
	} else {
		if err := ch.media.SetRemoteOffer(in.SDP); err != nil {
			return err
		}
		if in.RequireSRTP && ch.media.Kind() == media.KindRTP {
			return errPlainRTP
		}
		ch.prefs = media.Intersect(ch.media.RemoteCodecs(), codecsFor(in.CodecPrefs, in.DTMFType))
	}
	if len(audioOf(ch.prefs)) == 0 {
		return errNoCodec
	}
	ch.set("ep_codec_string", codecStrings(ch.prefs))
	ch.set("endpoint_disposition", "DELAYED NEGOTIATION")
	return nil
}

// route asks the dialplan what to do. program is that of the dialplan "inline".
func (ch *Channel) route(program dialplan.Expanded) []dialplan.Action {
	if strings.EqualFold(ch.profile.Dialplan, inlineDialplan) {
		if ch.profile.RDNIS != "" { // the number is that from before: the program is none
			p := ch.ownProfile()
			p.Destination, p.RDNIS = p.RDNIS, ""
		}
		return dialplan.Inline(program)
	}
	return ch.routeIn(ch.profile.Context)
}

// routeIn searches a context of the XML dialplan.
func (ch *Channel) routeIn(context string) []dialplan.Action {
	plan := ch.core.cfg.Plan()
	if plan == nil {
		return nil
	}
	result, ok := plan.Route(context, inlineEnv{env{ch}}, time.Now())
	if !ok {
		ch.log.Warn("dialplan has no such context", "context", context)
	}
	return result.Actions
}

// dialplanMatch is the variable with what the last of the dialplan's conditions matched.
const dialplanMatch = "DP_MATCH"

// execute runs the actions one after the other until the channel is hung up. A channel talks deep inside of this: what needs room on the stack
// before has a function of its own.
func (ch *Channel) execute(actions []dialplan.Action) {
	if ch.executes(actions) {
		ch.perform(actions)
	}
}

// executes takes the channel to its actions; false when there is none.
func (ch *Channel) executes(actions []dialplan.Action) bool {
	ch.noteMatches(actions)
	ch.set("call_uuid", ch.callUUID)
	if len(actions) == 0 {
		ch.hangup(HangupReason{Cause: NoRouteDestination})
		ch.emitPresence(csRouting.String(), presenceOfState)
		return false
	}
	ch.requested = csExecute
	ch.emitPresence(csRouting.String(), presenceOfState)
	ch.state = csExecute
	if ch.isAnswered {
		ch.emitCallState(callActive) // after a transfer
	}
	ch.emitState()
	ch.sound.ahead = makesSound(actions)
	return true
}

// noteMatches sets DP_MATCH.
func (ch *Channel) noteMatches(actions []dialplan.Action) {
	for _, a := range slices.Backward(actions) {
		if len(a.Matches) > 0 {
			ch.vars.set(Variable{Name: dialplanMatch, Value: array(a.Matches), Wire: true})
			return
		}
	}
}

// perform runs actions until there is none left or the call ends or goes on elsewhere.
func (ch *Channel) perform(actions []dialplan.Action) {
	for i := range actions {
		ch.drain()
		if ch.isDown() {
			return
		}
		ch.executeApp(actions[i].App, ch.expand(&actions[i]))
	}
}

// expand is the data of an action.
func (ch *Channel) expand(a *dialplan.Action) dialplan.Expanded { return a.Data.Expand(env{ch}) }

// drain handles what was posted meanwhile, and the messages, without waiting.
func (ch *Channel) drain() {
	for !ch.isDown() {
		if fn, ok := ch.box.take(); ok {
			fn()
		} else if !ch.nextMessage() {
			return
		}
	}
}

// executeApp runs one application and reports its begin and end.
func (ch *Channel) executeApp(name string, data dialplan.Expanded) {
	ch.executeAs(name, data, newUUID())
}

// executeAs is executeApp with the Application-UUID that the events have.
func (ch *Channel) executeAs(name string, data dialplan.Expanded, id string) {
	if run := ch.application(name); run != nil {
		text := ch.appBegins(name, data, id)
		ch.appEnds(name, text, run(ch, data), id)
	}
}

// application finds an application. When there is none of that name the call ends, and it is nil.
func (ch *Channel) application(name string) app {
	if found, ok := ch.core.apps[strings.ToLower(name)]; ok {
		return found
	}
	if ch.core.ignored.take(name, ch.log) {
		return appNothing
	}
	ch.log.Error("unknown application", "application", name)
	ch.hangup(HangupReason{Cause: DestinationOutOfOrder})
	return nil
}

// appBegins gives an application what it needs and reports it. It returns the data as text.
func (ch *Channel) appBegins(name string, data dialplan.Expanded, id string) string {
	text := data.String()
	if ch.codec.Name == "" && ch.direction == inbound && needsMedia(name) {
		ch.openMedia(false)
	}
	ch.app, ch.appData = name, text
	ch.vars.del("current_application_response")
	ch.noteApp(name, text)
	ch.set("current_application", name)
	ch.vars.set(Variable{Name: "current_application_data", Value: text, Wire: data.Wire()})
	ch.emitExecute(name, text, id)
	ch.set("current_application", name)
	return text
}

// appEnds reports what came of it.
func (ch *Channel) appEnds(name, text, response, id string) {
	if response != responseNone {
		ch.set("current_application_response", response)
	}
	if ch.hungUp && ch.ended {
		ch.setDefault("sip_hangup_disposition", ch.legEnd.Disposition)
	}
	ch.emitExecuteComplete(name, text, response, id)
}

// needsMedia says whether an application gives the caller media, early if need be, before it begins: those that FreeSWITCH does not
// mark with SAF_SUPPORT_NOMEDIA.
func needsMedia(app string) bool {
	switch strings.ToLower(app) {
	case "playback", "endless_playback", "loop_playback", "gentones", "read", "play_and_get_digits", "record", "start_dtmf":
		return true
	}
	return false
}

// array is the value of a variable with these values. What separates them is taken out of them: they may come from a peer.
func array(values []string) string {
	clean := make([]string, len(values))
	for i, v := range values {
		clean[i] = strings.ReplaceAll(v, arraySeparator[:1], "")
	}
	if len(clean) == 1 {
		return clean[0]
	}
	return arrayPrefix + strings.Join(clean, arraySeparator)
}
