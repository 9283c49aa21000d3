package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// carrier is a telephone provider's server, which counts what it is asked to call.
func carrier(t *testing.T) *siptest.UA {
	t.Helper()
	ua, err := siptest.New(siptest.Config{Listen: "127.0.0.2:0", UserAgent: "carrier"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ua.Close)
	return ua
}

// startWithCarrier runs a server whose users reach the carrier by the prefix 0, two calls a user at a time, as docs/rocketchat.md has it.
func startWithCarrier(t *testing.T, ua *siptest.UA, profile string) *exchange {
	t.Helper()
	gateway := `<gateways><gateway name="carrier"><param name="proxy" value="` + ua.Listening().String() + `"/><param name="register" value="false"/>
		<param name="extension" value="4930"/><param name="context" value="carrier"/></gateway>`
	out := `<context name="carrier"><extension name="in"><condition field="destination_number" expression="^4930$">
		<action application="bridge" data="user/1001@${domain}"/></condition></extension></context>
		<context name="default"><extension name="out"><condition field="destination_number" expression="^0(\d{2,15})$">
		<action application="limit" data="hash outbound user-${sip_from_user} 2 !USER_BUSY"/>
		<action application="bridge" data="sofia/gateway/carrier/$1"/></condition></extension>`
	ex := startWith(t, embeddedWith(t, func(text string) string {
		text = strings.Replace(text, "<gateways>", gateway, 1)
		text = strings.Replace(text, `<context name="default">`, out, 1)
		return strings.Replace(text, `<param name="auth-calls" value="true"/>`, profile, 1)
	}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := ua.Connect(ctx, ex.at.SIP); err != nil {
		t.Fatal(err)
	}
	return ex
}

// TestS18TollFraud: nobody whom no password or address vouches for reaches a gateway, by whatever name; a user reaches it, as often at a time as the
// dialplan allows.
func TestS18TollFraud(t *testing.T) {
	const askAll, askNobody = `<param name="auth-calls" value="true"/>`, `<param name="auth-calls" value="false"/>`
	for name, profile := range map[string]string{"a profile of users": askAll, "a profile that asks nobody": askNobody} {
		t.Run(name, func(t *testing.T) {
			ua := carrier(t)
			ex := startWithCarrier(t, ua, profile)
			stranger := newDrachtio(t, "udp", "127.0.0.3") // no account
			stranger.connect(t, ex, "udp")
			offer := newRTPPeer(t, false).description()
			for _, to := range []string{"0900123456", "gw+carrier", "carrier", "sofia/gateway/carrier/0900", "0900123456%40127.0.0.2", "9196"} {
				call, err := stranger.ua.Invite(to, offer, sip.NewHeader("P-Asserted-Identity", "<sip:1000@127.0.0.1>"), sip.NewHeader("X-FS-Support", "update_display"))
				if err != nil {
					t.Fatal(err)
				}
				if res := (talk{call: call}).failure(t); res.StatusCode != 403 && res.StatusCode != 407 && res.StatusCode != 603 && res.StatusCode != 404 {
					t.Errorf("%s: %s", to, res.StartLine())
				}
			}
			if name == "a profile of users" {
				return
			}
			// What the carrier calls stays in its context.
			call, err := ua.Invite("0900123456", offer)
			if err != nil {
				t.Fatal(err)
			}
			if res := (talk{call: call}).failure(t); res.StatusCode != 404 {
				t.Errorf("back to the carrier: %s", res.StartLine())
			}
			if n := len(ua.Calls()); n != 0 {
				t.Errorf("the carrier was asked for %d calls", n)
			}
		})
	}
	t.Run("a user's calls at a time", func(t *testing.T) {
		ua := carrier(t)
		ex := startWithCarrier(t, ua, askAll)
		one, two := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1002")
		dial := func(p *phone) (a, b talk) {
			t.Helper()
			a = p.invite(t, "0900123456")
			b = talk{<-ua.Calls(), newRTPPeer(t, false)}
			if err := b.call.Answer(t.Context(), b.media.answer(t, b.call.Request().Body())); err != nil {
				t.Fatal(err)
			}
			a.answered(t)
			return a, b
		}
		a, b := dial(one)
		c, d := dial(one)
		if res := one.invite(t, "0900123456").failure(t); res.StatusCode != 486 {
			t.Errorf("a third one: %s", res.StartLine())
		}
		e, f := dial(two) // another user has calls of his own
		b.hangup(t)
		a.ended(t)
		await(t, "the call to be no longer counted", func() (bool, string) {
			n := ex.command(t, "limit_usage hash outbound user-1000")
			return n == "1", n
		})
		g, h := dial(one)
		for _, s := range []struct{ from, to talk }{{c, d}, {e, f}, {g, h}} {
			s.from.hangup(t)
			s.to.ended(t)
		}
	})
}
