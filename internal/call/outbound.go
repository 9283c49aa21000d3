package call

import (
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/media"
)

// newOutbound makes the channel of a called leg. It runs on the caller's goroutine; the new channel's starts after it.
func (ch *Channel) newOutbound(d Destination, t target) (*Channel, error) {
	b, err := ch.core.newChannel(outbound, d.ChannelName, t.vars["origination_uuid"], true)
	if err != nil {
		return nil, err
	}
	made := false
	defer func() {
		if !made { // a panic; it would stay in the table for ever
			ch.core.done(b)
		}
	}()
	b.caller, b.parent, b.dest = ch, ch, &d
	b.talkedTo.Store(ch)
	b.state, b.requested = csNone, csInit
	now := time.Now()
	a := ch.profile
	b.profile = &callerProfile{Direction: outbound, Logical: outbound, Username: a.Username, Dialplan: a.Dialplan,
		CallerName:   first(t.vars["origination_caller_id_name"], ch.vars.value("effective_caller_id_name"), a.CallerName),
		CallerNumber: first(t.vars["origination_caller_id_number"], ch.vars.value("effective_caller_id_number"), a.CallerNumber),
		OrigName:     a.OrigName, OrigNumber: a.OrigNumber, CalleeName: "Outbound Call", CalleeNumber: d.CalleeNum,
		NetworkAddr: a.NetworkAddr, ANI: a.ANI, Destination: d.CalleeNum, UUID: b.uuid, Source: a.Source, Context: a.Context, RDNIS: a.RDNIS,
		HideName: a.HideName, HideNumber: a.HideNumber, Channel: d.ChannelName, Index: 1, Times: profileTimes{ProfileCreated: now, Created: now}}
	b.other, b.otherType = a.asOriginator(), originator
	b.profile.originated(t.vars)
	b.offered = media.Offerable(ch.ownOffer(), prefsOf(d, t))
	ch.outboundVariables(b, t)
	b.offered = b.allowed(b.offered)
	b.prefs = b.offered
	b.sound.meta.merge(ch.sound.far)
	made = true
	return b, nil
}

// prefsOf are the codecs that a leg may be offered: those of its side, or what absolute_codec_string of the dial string names. A called leg
// gets of them what its caller can take, or the caller's codec alone once it has one. Nothing is transcoded.
func prefsOf(d Destination, t target) []media.Codec {
	return codecsFor(first(t.vars["absolute_codec_string"], d.CodecPrefs), d.DTMFType)
}

// outboundVariables gives a called leg its variables, in the recorded order, around those of the signalling side.
func (ch *Channel) outboundVariables(b *Channel, t target) {
	b.standardVariables()
	b.setDefault("sip_profile_name", profileOf(b.name))
	b.fromDestination("sip_local_network_addr", "sip_profile_name")
	b.set("text_media_flow", "disabled")
	b.set("channel_name", b.name)
	b.fromDestination("sip_destination_url")
	b.set("max_forwards", strconv.Itoa(ch.nextForwards()))
	b.set("originator_codec", ch.originatorCodec())
	b.set("originator", ch.uuid)
	b.set("signal_bond", ch.uuid)
	b.vars.set(Variable{Name: "switch_m_sdp", Value: string(ch.media.RemoteSDP()), Wire: true})
	b.set("call_uuid", ch.uuid)
	b.fromDestination("dialed_user", "dialed_domain")
	ch.exportTo(b)
	for _, v := range t.list {
		b.vars.set(v)
	}
	b.fromDestination("sip_invite_domain", "presence_id")
	b.setDefault("presence_id", b.dest.PresenceID)
	b.set("originate_early_media", "true")
	b.set("originating_leg_uuid", ch.uuid)
	b.set("originate_endpoint", "sofia")
	for _, v := range b.dest.Vars {
		if !late(v.Name) {
			b.setFirst(v)
		}
	}
	if !isFalse(ch.vars.value("sip_copy_custom_headers")) {
		for v := range ch.vars.all() {
			if passedOn(v.Name) {
				b.setFirst(v)
			}
		}
	}
}

// passedOn says whether a caller's header goes to whom it calls: its own X- headers, and by whom the call was sent here.
func passedOn(variable string) bool {
	name, ok := strings.CutPrefix(strings.ToLower(variable), "sip_h_")
	return ok && (strings.HasPrefix(name, "x-") || name == "referred-by" || name == "diversion")
}

// fromDestination sets the named variables that the signalling side gave.
func (ch *Channel) fromDestination(names ...string) {
	for _, name := range names {
		for _, v := range ch.dest.Vars {
			if v.Name == name {
				ch.vars.set(v)
			}
		}
	}
}

// late says whether FreeSWITCH's SIP side sets a variable after the offer is made.
func late(name string) bool {
	switch name {
	case "sip_outgoing_contact_uri", "sip_req_uri", "sip_to_host", "sip_from_host", "sofia_profile_name", "recovery_profile_name",
		"sofia_profile_url":
		return true
	}
	return false
}

// setFirst sets a variable unless it is there.
func (ch *Channel) setFirst(v Variable) {
	if _, ok := ch.vars.lookup(v.Name); !ok {
		ch.vars.set(v)
	}
}

// originatorCodec is what the caller brought: its codec, or what it offered.
func (ch *Channel) originatorCodec() string {
	if ch.codec.Name != "" {
		return ch.codec.FreeSWITCHName()
	}
	return codecStrings(ch.prefs)
}

// exportTo copies the variables that export named.
func (ch *Channel) exportTo(b *Channel) {
	names := ch.vars.value("export_vars")
	if names == "" {
		return
	}
	b.set("export_vars", names)
	for _, v := range ch.exports() {
		b.vars.set(v)
	}
}

// maxForwards is how many hops the call may still make, RFC 3261 §8.1.1.6.
func (ch *Channel) maxForwards() int {
	n, err := strconv.Atoi(ch.vars.value("max_forwards"))
	if err != nil {
		return 70
	}
	return min(n, 255)
}

// nextForwards is what is left of that behind one more hop. The first hop of a call that began here costs nothing.
func (ch *Channel) nextForwards() int {
	if ch.vars.value("max_forwards") == "" {
		return 70
	}
	return ch.maxForwards() - 1
}

// callSide is the life of a called leg.
func (ch *Channel) callSide() {
	if ch.dial() {
		ch.waitLeg()
	}
}

// dial takes a called leg from nothing to its INVITE; false when it is over already.
func (ch *Channel) dial() bool {
	ch.presenceHidden(func() { ch.emitOutgoing() })
	if ch.parent != nil {
		ch.callUUID = ch.parent.uuid
	}
	ch.state = csInit
	ch.emitState()
	sdp, err := ch.makeOffer()
	if err != nil {
		ch.log.Info("no offer", "error", err)
		ch.hangup(HangupReason{Cause: IncompatibleDest})
		return false
	}
	ch.requested = csRouting
	ch.emitCreate()
	ch.emitOriginate()
	ch.state = csRouting
	ch.emitState()
	ch.requested = csConsumeMedia
	ch.emitPresence(csRouting.String(), presenceOfState)
	ch.state = csConsumeMedia
	ch.emitState()
	if !ch.delayStart() {
		return false
	}
	ch.leg, err = ch.dest.Dial(Outbound{UUID: ch.uuid, CallerName: ch.profile.CallerName, CallerNum: ch.profile.CallerNumber, SDP: sdp,
		HideName: ch.profile.HideName, HideNumber: ch.profile.HideNumber,
		MaxForwards: ch.maxForwards(), Headers: ch.customHeaders()}, ch)
	if err != nil {
		ch.log.Info("dial failed", "error", err)
		ch.ended = true
		ch.hangup(HangupReason{Cause: NetworkOutOfOrder})
		return false
	}
	return true
}

// presenceHidden runs f before the presence id is known: FreeSWITCH's first event of a called leg has none.
func (ch *Channel) presenceHidden(f func()) {
	all := ch.vars
	ch.vars = variables{}
	f()
	ch.vars = all
	ch.publish()
}

// makeOffer makes the media session and its offer.
func (ch *Channel) makeOffer() ([]byte, error) {
	if len(audioOf(ch.offered)) == 0 {
		return nil, errNoCodec
	}
	kind := media.KindRTP
	switch {
	case ch.dest.WebRTC:
		kind = media.KindWebRTC
	case ch.dest.SDES:
		kind = media.KindSDES
	}
	ch.newMedia(media.SessionConfig{RTPTimeout: ch.dest.RTPTimeout, HoldTimeout: ch.dest.HoldTimeout, PeerIP: peerIP(ch.dest.NetworkAddr), AdvertisedIP: ch.dest.MediaIP})
	sdp, err := ch.media.Offer(kind, ch.offered)
	if err != nil {
		return nil, err
	}
	if ch.parent != nil {
		ch.set("rtp_use_codec_string", codecStrings(ch.offered))
	} else {
		ch.set("rtp_use_codec_string", first(ch.vars.value("absolute_codec_string"), ch.dest.CodecPrefs, codecStrings(ch.offered)))
	}
	ch.setLocalMedia(ch.localDescription())
	ch.set("audio_media_flow", "sendrecv")
	ch.vars.set(Variable{Name: "rtp_local_sdp_str", Value: string(sdp)})
	for _, v := range ch.dest.Vars {
		if late(v.Name) {
			ch.vars.set(v)
		}
	}
	return sdp, nil
}

// customHeaders are the sip_h_ variables of the leg as headers.
func (ch *Channel) customHeaders() []Variable {
	var out []Variable
	for v := range ch.vars.all() {
		if len(v.Name) > 6 && strings.EqualFold(v.Name[:6], "sip_h_") {
			out = append(out, Variable{Name: v.Name[6:], Value: headerText(v.Value), Wire: v.Wire})
		}
	}
	return out
}

// profileOf is the SIP profile in a channel's name, sofia/PROFILE/….
func profileOf(name string) string {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) == 3 && parts[0] == "sofia" {
		return parts[1]
	}
	return ""
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func isFalse(value string) bool { return value != "" && !isTrue(value) }
