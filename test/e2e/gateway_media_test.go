package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/sip/siptest"
)

// TestGatewayMedia: a call by a gateway has its kind of media, and behind NAT the gateway is told our outside address in SDP, Contact and Via.
func TestGatewayMedia(t *testing.T) {
	for _, tc := range []struct {
		name, variable string
		secure         bool
	}{
		{"RTP", "", false},
		{"SDES", `<variables><variable name="rtp_secure_media" value="mandatory:AES_CM_128_HMAC_SHA1_80" direction="outbound"/></variables>`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ua, err := siptest.New(siptest.Config{Listen: "127.0.0.2:0", UserAgent: "carrier"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(ua.Close)
			gateway := `<settings><param name="local-network-acl" value="none"/>`
			account := `<gateways><gateway name="carrier"><param name="proxy" value="` + ua.Listening().String() + `"/><param name="register" value="false"/>` + tc.variable + `</gateway>`
			out := `<context name="default"><extension name="out"><condition field="destination_number" expression="^0(\d+)$">
				<action application="bridge" data="sofia/gateway/carrier/$1"/></condition></extension>`
			ex := startWith(t, embeddedWith(t, func(text string) string {
				text = strings.Replace(text, "<settings>", gateway, 1)
				text = strings.Replace(text, "<gateways>", account, 1)
				return strings.Replace(text, `<context name="default">`, out, 1)
			}), "ext_rtp_ip=203.0.113.9", "ext_sip_ip=203.0.113.8")
			a := ex.phone(t, rtpPhone, "1000").invite(t, "04930")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var call *siptest.Call
			select {
			case call = <-ua.Calls():
			case <-ctx.Done():
				t.Fatal("the gateway was not called")
			}
			req := call.Request()
			sdp := string(req.Body())
			if !strings.Contains(sdp, "c=IN IP4 203.0.113.9\r\n") || req.Contact().Address.Host != "203.0.113.8" || req.Via().Host != "203.0.113.8" {
				t.Errorf("Contact %s, Via %s,\n%s", req.Contact().Value(), req.Via().Value(), sdp)
			}
			if got := strings.Contains(sdp, "RTP/SAVP "); got != tc.secure {
				t.Errorf("offered\n%s", sdp)
			}
			inside := strings.ReplaceAll(sdp, "203.0.113.9", "127.0.0.1") // what the router makes of it
			b := talk{call, newRTPPeer(t, tc.secure)}
			if err := call.Answer(ctx, b.media.answer(t, []byte(inside))); err != nil {
				t.Fatal(err)
			}
			res, err := a.call.WaitAnswered(ctx)
			if err != nil {
				t.Fatal(err)
			}
			a.media.accept(t, []byte(strings.ReplaceAll(string(res.Body()), "203.0.113.9", "127.0.0.1")))
			hearEachOther(t, a, b)
			if err := a.call.Bye(); err != nil {
				t.Fatal(err)
			}
			ex.awaitIdle(t)
		})
	}
}
