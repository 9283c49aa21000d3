package call

import (
	"time"

	"github.com/talkpath/talkpath/media"
)

// view is what a channel shows of itself: published after each step of the channel's goroutine, immutable. Queries and events are made of
// it by who reads them, on their own time.
type view struct {
	look
	vars variables
}

// look is the part of a view that can be compared.
type look struct {
	name, callUUID, answerState string
	state, requested            state
	callState                   callState
	cause                       Cause
	codec                       media.Codec
	secure                      string
	app, appData                string
	otherUUID                   string // the bridged channel
	bridgeBegan                 time.Time
	flipped                     bool
	// profile and other are shared with the channel, which changes copies of them.
	profile, other *callerProfile
	otherType      string
	incoming       *Inbound
}

// publish makes the channel's present state visible to others and returns it.
func (ch *Channel) publish() *view {
	l := look{name: ch.name, callUUID: ch.callUUID, answerState: ch.answerState, state: ch.state, requested: ch.requested,
		callState: ch.callState, cause: ch.cause, codec: ch.codec, secure: ch.secure, app: ch.app, appData: ch.appData,
		bridgeBegan: ch.bridgeBegan, flipped: ch.flipped, profile: ch.profile, other: ch.other, otherType: ch.otherType,
		incoming: ch.incoming}
	if ch.bridgedTo != nil {
		l.otherUUID = ch.bridgedTo.uuid
	}
	ch.profileSeen, ch.otherSeen = true, true
	if v := ch.seen.Load(); v != nil && v.look == l && v.vars.same(&ch.vars) {
		return v
	}
	v := &view{look: l, vars: ch.vars}
	ch.seen.Store(v)
	return v
}

// show is publish for who does not need the view.
func (ch *Channel) show() { ch.publish() }

// ownProfile is the channel's caller profile, to be changed.
func (ch *Channel) ownProfile() *callerProfile {
	if ch.profileSeen {
		p := *ch.profile
		ch.profile, ch.profileSeen = &p, false
	}
	return ch.profile
}

// ownOther is the other leg's caller profile, to be changed.
func (ch *Channel) ownOther() *callerProfile {
	if ch.otherSeen {
		p := *ch.other
		ch.other, ch.otherSeen = &p, false
	}
	return ch.other
}

// Snapshot is the channel as last published.
func (ch *Channel) Snapshot() Snapshot {
	v := ch.seen.Load()
	vars := &v.vars
	s := Snapshot{UUID: ch.uuid, CallUUID: v.callUUID, OtherUUID: v.otherUUID, Direction: ch.direction, Created: ch.created,
		BridgeCreated: v.bridgeBegan, Name: v.name, State: v.state.String(), CallState: v.callState.String(), AnswerState: v.answerState,
		Application: v.app, ApplicationData: v.appData, Hostname: ch.core.cfg.Hostname, HangupCause: v.cause, Secure: v.secure,
		PresenceID: vars.value("presence_id"), PresenceData: vars.value("presence_data"), AccountCode: vars.value("accountcode"),
		Profile: profileOf(v.name), Variables: vars.slice()}
	if p := v.profile; p != nil {
		s.CallerName, s.CallerNumber, s.CalleeName, s.CalleeNumber = p.CallerName, p.CallerNumber, p.CalleeName, p.CalleeNumber
		s.NetworkAddr, s.Destination, s.Dialplan, s.Context = p.NetworkAddr, p.Destination, p.Dialplan, p.Context
		s.Answered, s.Bridged = p.Times.Answered, p.Times.Bridged
		s.InitialCallerName, s.InitialCallerNumber = p.CallerName, p.CallerNumber
		s.InitialNetworkAddr, s.InitialDestination, s.InitialDialplan, s.InitialContext = p.NetworkAddr, p.Destination, p.Dialplan, p.Context
	}
	if name, ok := vars.lookup("last_sent_callee_id_name"); ok {
		s.CalleeDirection, s.SentCalleeName, s.SentCalleeNumber = "SEND", name.Value, vars.value("last_sent_callee_id_number")
	}
	if c := v.codec; c.Name != "" {
		s.ReadCodec, s.ReadRate, s.ReadBitRate = c.Name, c.SampleRate(), bitRate(c)
		s.WriteCodec, s.WriteRate, s.WriteBitRate = s.ReadCodec, s.ReadRate, s.ReadBitRate
	}
	if in := v.incoming; in != nil && in.Profile != "" {
		s.Profile = in.Profile
	}
	return s
}
