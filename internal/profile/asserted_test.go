package profile

import (
	"context"
	"testing"

	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// TestAsserted: who calls by a gateway is whom it asserts; nobody else's word counts.
func TestAsserted(t *testing.T) {
	h := sip.NewHeader
	for _, tc := range []struct {
		name            string
		headers         []sip.Header
		stranger        bool
		caller, number  string
		hideN, hideNumb bool
	}{
		{"From alone", nil, false, "caller", "caller", false, false},
		{"P-Asserted-Identity", []sip.Header{h("P-Asserted-Identity", `"Ann \"A\"" <sip:+4930@carrier.example;user=phone>`)}, false, `Ann "A"`, "+4930", false, false},
		{"tel", []sip.Header{h("P-Asserted-Identity", `<tel:+4930;phone-context=x>`)}, false, "+4930", "+4930", false, false},
		{"Remote-Party-ID", []sip.Header{h("Remote-Party-ID", `"Ann" <sip:4930@carrier.example>;party=calling;screen=yes;privacy=full`)}, false, "Ann", "4930", true, true},
		{"both", []sip.Header{h("Remote-Party-ID", `"No" <sip:1@x>;privacy=name`), h("P-Asserted-Identity", `sip:2@x`)}, false, "2", "2", true, false},
		{"Privacy", []sip.Header{h("P-Asserted-Identity", `<sip:4930@x>`), h("Privacy", "id;critical")}, false, "4930", "4930", true, true},
		{"nonsense", []sip.Header{h("P-Asserted-Identity", `"x`), h("Remote-Party-ID", `<<>>`)}, false, "caller", "caller", false, false},
		{"a stranger", []sip.Header{h("P-Asserted-Identity", `"Boss" <sip:1@x>`), h("Privacy", "id")}, true, "caller", "caller", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pr := newProvider(t)
			xml, user := pr.gatewayXML("carrier", param("register", "false")), "gw+carrier"
			if tc.stranger {
				user = "4711"
				xml = ""
			}
			s := startWith(t, registrar.Config{}, treeWith(t, param("auth-calls", "false"), "", xml, ""))
			if g := s.p.gateway("carrier"); g != nil {
				g.lookup(context.Background())
			}
			p := s.phone("udp", "caller", "")
			c := newPhoneCall()
			req := p.request(sip.INVITE, "to")
			req.Recipient.User = user
			ct := sip.ContentTypeHeader("application/sdp")
			req.AppendHeader(&ct)
			for _, x := range tc.headers {
				req.AppendHeader(x)
			}
			req.SetBody([]byte(testOffer))
			if _, err := p.stack.Invite(req, p.flow, c); err != nil {
				t.Fatal(err)
			}
			in := recv(t, s.core.calls, "call").in
			want(t, "caller", []any{in.CallerName, in.CallerNum, in.HideName, in.HideNumber}, []any{tc.caller, tc.number, tc.hideN, tc.hideNumb})
		})
	}
}
