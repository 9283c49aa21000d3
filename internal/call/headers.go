package call

import "strings"

// Prefixes of the variables that are headers of a leg's own messages: provisional responses, final ones, and what ends the leg.
const (
	progressHeaders = "sip_ph_"
	responseHeaders = "sip_rh_"
	byeHeaders      = "sip_bye_h_"
)

// messageHeaders are the variables that are headers of the leg's messages from now on.
func (ch *Channel) messageHeaders() []Variable {
	var list []Variable
	for v := range ch.vars.all() {
		if hasPrefix(v.Name, progressHeaders, responseHeaders, byeHeaders) {
			list = append(list, v)
		}
	}
	return list
}

// tellHeaders gives the leg its headers before a message that carries them.
func (ch *Channel) tellHeaders() {
	if list := ch.messageHeaders(); len(list) > 0 || ch.toldHeaders {
		ch.leg.SetHeaders(list)
		ch.toldHeaders = true
	}
}

// passHeaders hands custom headers that came with a message of this leg's peer on to the other leg, whose own messages then carry them, unless
// sip_copy_custom_headers is off (sofia.c, sofia_handle_sip_r_invite and sofia_handle_sip_i_bye).
func (ch *Channel) passHeaders(to *Channel, prefix string, vars []Variable) {
	if to == nil || isFalse(ch.vars.value("sip_copy_custom_headers")) {
		return
	}
	var list []Variable
	for _, v := range vars {
		if hasPrefix(v.Name, prefix) {
			list = append(list, v)
		}
	}
	if len(list) > 0 {
		to.box.put(func() { to.apply(list) })
	}
}

// calledBy is the channel that rings this one; nil when a command does.
func (ch *Channel) calledBy() *Channel {
	by, _ := ch.caller.(*Channel)
	return by
}

func hasPrefix(name string, prefixes ...string) bool {
	for _, p := range prefixes {
		if len(name) > len(p) && strings.EqualFold(name[:len(p)], p) {
			return true
		}
	}
	return false
}
