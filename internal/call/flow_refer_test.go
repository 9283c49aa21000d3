package call

import (
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// TestReferContext: a transferred leg goes to its own context, or to what force_transfer_context and force_transfer_dialplan name; who asked
// remains as transfer_fallback_extension, for the dialplan.
func TestReferContext(t *testing.T) {
	for _, tc := range []struct {
		name, context string
		set           []Variable
	}{
		{"its own", "plain", nil},
		{"another", "vip", []Variable{{Name: "force_transfer_context", Value: "vip"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := flowRig(t)
			a, b := talking(r)
			r.dialer.add("1018")
			channelOf(t, b).SetVariables(tc.set...)
			accepted := make(chan bool, 1)
			a.h.LegRefer(Referral{Target: "1018", ReferTo: "sip:1018@x", ReferredBy: "<sip:1015@x>", Fallback: "1015", Done: func(ok bool) { accepted <- ok }})
			var routed, end *esl.Event // they come in any order
			r.read(func(e *esl.Event) bool {
				switch direction := e.Value("Call-Direction"); {
				case e.Name() == "CHANNEL_STATE" && direction == outbound && e.Value("Channel-State") == "CS_ROUTING":
					routed = e
				case e.Name() == "CHANNEL_HANGUP_COMPLETE" && direction == inbound:
					end = e
				}
				return routed != nil && end != nil
			})
			if !<-accepted {
				t.Error("refused")
			}
			for name, want := range map[string]string{"Caller-Context": tc.context, "Caller-Destination-Number": "1018"} {
				if got := routed.Value(name); got != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
			for name, want := range map[string]string{"variable_transfer_fallback_extension": "1015", "variable_transfer_destination": "blind:1018",
				"variable_endpoint_disposition": "BLIND_TRANSFER"} {
				if got := end.Value(name); got != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
			if tc.set == nil {
				c := r.dialer.next()
				c.h.LegEnded(LegEnd{Cause: UserBusy, Status: 486})
			}
			r.until(2)
		})
	}
}
