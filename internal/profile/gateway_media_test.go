package profile

import (
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/registrar"
)

// TestGatewayVariables: a gateway's <variables> decide on the media of calls to it, as if the dial string had them; the dial string's own win.
func TestGatewayVariables(t *testing.T) {
	v := func(name, value, direction string) string {
		return `<variable name="` + name + `" value="` + value + `" direction="` + direction + `"/>`
	}
	for _, tc := range []struct {
		name, variables string
		dial            []call.Variable
		webrtc, sdes    bool
	}{
		{"plain", "", nil, false, false},
		{"browsers' media", v("media_webrtc", "true", "outbound"), nil, true, false},
		{"SDES", v("rtp_secure_media", "mandatory:AES_CM_128_HMAC_SHA1_80", ""), nil, false, true},
		{"for calls from it", v("media_webrtc", "true", "inbound"), nil, false, false},
		{"the dial string", v("media_webrtc", "true", "outbound"), []call.Variable{{Name: "media_webrtc", Value: "false"}}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pr := newProvider(t)
			xml := pr.gatewayXML("carrier", param("register", "false")+"<variables>"+tc.variables+"</variables>")
			s := startWith(t, registrar.Config{}, treeWith(t, "", "", xml, ""))
			ds, cause := s.p.Resolve("sofia", "gateway/carrier/1", tc.dial)
			if len(ds) != 1 {
				t.Fatal(cause)
			}
			want(t, "WebRTC, SDES", []bool{ds[0].WebRTC, ds[0].SDES}, []bool{tc.webrtc, tc.sdes})
		})
	}
}

// TestGatewayFlaps: a provider that comes and goes is registered at each time that it is there, and calls meanwhile are refused at once.
func TestGatewayFlaps(t *testing.T) {
	pr := newProvider(t)
	s := startGateway(t, pr, "")
	s.state("TRYING", "REGISTER", "REGED")
	for range 10 {
		pr.status.Store(503)
		s.p.SteerGateway("carrier", "register")
		s.state("FAILED", "FAIL_WAIT")
		if ds, cause := s.p.Resolve("sofia", "gateway/carrier/1", nil); len(ds) != 0 || cause != call.GatewayDown {
			t.Fatalf("%d destinations, %s", len(ds), cause)
		}
		pr.status.Store(0)
		s.p.SteerGateway("carrier", "register")
		s.state("TRYING", "REGISTER", "REGED")
	}
	leg, _, _ := gatewayDial(t, s, "gateway/carrier/4930", call.Outbound{CallerNum: "1"})
	recv(t, pr.calls, "INVITE")
	leg.Hangup(call.HangupReason{Cause: call.NormalClearing})
}
