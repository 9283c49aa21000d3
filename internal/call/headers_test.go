package call

import (
	"slices"
	"testing"
)

// has says whether the leg was given a header.
func (l *fakeLeg) has(name, value string) bool {
	list := l.headers.Load()
	return list != nil && slices.ContainsFunc(*list, func(v Variable) bool { return v.Name == name && v.Value == value })
}

// TestMessageHeaders: variables of the dialplan go on a leg's own messages, and those of a called leg's answers on the caller's.
func TestMessageHeaders(t *testing.T) {
	for _, copied := range []bool{true, false} {
		t.Run(map[bool]string{true: "copied", false: "sip_copy_custom_headers=false"}[copied], func(t *testing.T) {
			leg := ""
			if !copied {
				leg = "[sip_copy_custom_headers=false]"
			}
			r := soundRig(t, "set sip_rh_X-Own=1", "set sip_ph_X-Early=2", "set sip_bye_h_X-Bye=3", "ring_ready", "bridge "+leg+"user/1016@127.0.0.1")
			r.dialer.add("1016")
			a := r.call("1")
			a.want("ring")
			if !a.has("sip_ph_X-Early", "2") || !a.has("sip_rh_X-Own", "1") || !a.has("sip_bye_h_X-Bye", "3") {
				t.Errorf("headers at the ringing: %v", a.headers.Load())
			}
			b := r.dialer.next()
			b.h.LegAnswered([]byte(sdpB), []Variable{{Name: "sip_rh_X-Agent", Value: "7", Wire: true}, {Name: "other", Value: "x", Wire: true}})
			a.want("answer")
			if got := a.has("sip_rh_X-Agent", "7"); got != copied {
				t.Errorf("the called leg's header on the answer: %t, want %t", got, copied)
			}
			if a.has("other", "x") {
				t.Error("another variable became a header")
			}
			r.untilEvent("CALL_UPDATE", inbound)
			b.h.LegEnded(LegEnd{Cause: NormalClearing, Status: 200, Disposition: "recv_bye", Vars: []Variable{{Name: "sip_bye_h_X-Why", Value: "done", Wire: true}}})
			a.want("hangup NORMAL_CLEARING")
			if got := a.has("sip_bye_h_X-Why", "done"); got != copied {
				t.Errorf("the called leg's header on the BYE: %t, want %t", got, copied)
			}
			r.until(2)
		})
	}
}

// TestResolveSeesExports: exported variables decide about a target like those of the dial string, which win.
func TestResolveSeesExports(t *testing.T) {
	r := soundRig(t, "export sip_route_uri=sip:proxy", "set own=1", "bridge [x=y]user/1016@127.0.0.1")
	a := r.call("1")
	a.want("hangup USER_NOT_REGISTERED")
	r.until(1)
	want := []Variable{{Name: "sip_route_uri", Value: "sip:proxy"}, {Name: "x", Value: "y"}}
	if !slices.Equal(r.dialer.given, want) {
		t.Errorf("resolved with %v, want %v", r.dialer.given, want)
	}
}

// TestDialedUser: who is not in the directory is no dialed_user, as recorded.
func TestDialedUser(t *testing.T) {
	for cause, want := range map[Cause]string{SubscriberAbsent: "", UserNotRegistered: "1016"} {
		r := soundRig(t, "bridge user/1016@127.0.0.1")
		r.dialer.cause = cause
		a := r.call("1")
		a.want("hangup " + string(cause))
		wants(t, r.untilEvent("CHANNEL_DESTROY", inbound), map[string]string{"variable_dialed_user": want})
	}
}
