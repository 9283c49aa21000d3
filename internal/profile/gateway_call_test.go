package profile

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

func gatewayDial(t *testing.T, s *server, dest string, o call.Outbound, vars ...call.Variable) (call.Leg, *fakeCall, call.Destination) {
	t.Helper()
	ds, cause := s.p.Resolve("sofia", dest, vars)
	if len(ds) != 1 {
		t.Fatalf("%d destinations, cause %s", len(ds), cause)
	}
	f := newFakeCall()
	o.SDP = []byte(testOffer)
	leg, err := ds[0].Dial(o, f)
	if err != nil {
		t.Fatal(err)
	}
	return leg, f, ds[0]
}

func TestGatewayCallOut(t *testing.T) {
	out := call.Outbound{UUID: "u", CallerName: "Ann", CallerNum: "1000", MaxForwards: 69}
	v := func(name, value string) call.Variable { return call.Variable{Name: name, Value: value} }
	for _, tc := range []struct {
		name, params, dest string
		vars               []call.Variable
		uri, from, rpid    string
		other              [2]string
	}{
		{name: "account in From", dest: "gateway/carrier/4930", uri: "sip:4930@127.0.0.1:PORT", from: `"Ann" <sip:u@carrier.example>`,
			rpid: `"Ann" <sip:1000@carrier.example>;party=calling;screen=yes;privacy=off`},
		{name: "by profile", dest: "gateway/internal::carrier/4930", uri: "sip:4930@127.0.0.1:PORT", from: `"Ann" <sip:u@carrier.example>`,
			rpid: `"Ann" <sip:1000@carrier.example>;party=calling;screen=yes;privacy=off`},
		{name: "caller in From", params: param("caller-id-in-from", "true"), dest: "gateway/carrier/4930", uri: "sip:4930@127.0.0.1:PORT",
			from: `"Ann" <sip:1000@carrier.example>`, rpid: `"Ann" <sip:1000@carrier.example>;party=calling;screen=yes;privacy=off`},
		{name: "prefix and another host, still by the proxy", params: param("destination-prefix", "00"), dest: "gateway/carrier/49@else.example",
			uri: "sip:0049@else.example", from: `"Ann" <sip:u@carrier.example>`,
			rpid: `"Ann" <sip:1000@carrier.example>;party=calling;screen=yes;privacy=off`},
		{name: "hidden, P-Asserted-Identity", params: param("cid-type", "pid") + param("caller-id-in-from", "true"), dest: "gateway/carrier/4930",
			vars: []call.Variable{v("origination_privacy", "hide_name:hide_number")}, uri: "sip:4930@127.0.0.1:PORT",
			from: `"Anonymous" <sip:anonymous@anonymous.invalid>`, other: [2]string{"Privacy", "id"}},
		{name: "hidden, Remote-Party-ID", dest: "gateway/carrier/4930", vars: []call.Variable{v("privacy_hide_number", "true")},
			uri: "sip:4930@127.0.0.1:PORT", from: `"Anonymous" <sip:u@carrier.example>`,
			rpid: `"Ann" <sip:1000@carrier.example>;party=calling;screen=yes;privacy=uri`},
		{name: "no identity, URI by variables", dest: "gateway/carrier/4930",
			vars: []call.Variable{v("sip_cid_type", "none"), v("sip_from_uri", "sip:x@y.example"), v("sip_invite_params", "user=phone")},
			uri:  "sip:4930@127.0.0.1:PORT;user=phone", from: `"Ann" <sip:x@y.example>`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pr := newProvider(t)
			s := startGateway(t, pr, tc.params+param("register", "false"))
			leg, f, d := gatewayDial(t, s, tc.dest, out, tc.vars...)
			want(t, "gateway", value(d.Vars, "sip_gateway_name", ""), "carrier")
			c := recv(t, pr.calls, "INVITE")
			want(t, "Request-URI", c.invite.Recipient.String(), strings.Replace(tc.uri, "PORT", fmt.Sprint(pr.port), 1))
			from := *sip.CloneHeader(c.invite.From()).(*sip.FromHeader)
			from.Params = nil
			want(t, "From", from.Value(), tc.from)
			want(t, "Remote-Party-ID", headerValue(c.invite, "Remote-Party-ID"), tc.rpid)
			want(t, tc.other[0], headerValue(c.invite, tc.other[0]), tc.other[1])
			want(t, "Contact", c.invite.Contact().Address.User, "gw+carrier")
			first := pr.challenged()[0]
			want(t, "Call-ID", callID(c.invite), callID(first))
			want(t, "CSeq", c.invite.CSeq().SeqNo, first.CSeq().SeqNo+1)
			want(t, "tag", tagOf(c.invite.From().Params), tagOf(first.From().Params))
			if err := c.session.Accept([]byte(testAnswer)); err != nil {
				t.Fatal(err)
			}
			recv(t, f.answered, "answer")
			leg.Hangup(call.HangupReason{Cause: call.NormalClearing})
			recv(t, c.bye, "BYE")
			want(t, "counted", []uint64{Set{s.p}.Gateways()[0].CallsOut, Set{s.p}.Gateways()[0].FailedCallsOut}, []uint64{1, 0})
		})
	}
}

func TestGatewayWrongPassword(t *testing.T) {
	pr := newProvider(t)
	xml := strings.Replace(pr.gatewayXML("carrier", param("register", "false")), `value="secret"`, `value="wrong"`, 1)
	s := startWith(t, registrar.Config{}, treeWith(t, "", "", xml, ""))
	_, f, _ := gatewayDial(t, s, "gateway/carrier/4930", call.Outbound{CallerNum: "1"})
	end := recv(t, f.ended, "end")
	want(t, "status", []any{end.Status, end.Cause}, []any{407, call.CallRejected})
	want(t, "tries", len(pr.challenged()), 2)
	want(t, "counted", Set{s.p}.Gateways()[0].FailedCallsOut, uint64(1))
}

// TestS09NobodyElseIsAnswered: a callee that is no gateway's gets no proof of any password, whatever realm it names.
func TestS09NobodyElseIsAnswered(t *testing.T) {
	pr, evil := newProvider(t), newProvider(t)
	s := startGateway(t, pr, param("register", "false"))
	_, f, _ := gatewayDial(t, s, fmt.Sprintf("internal/x@127.0.0.1:%d", evil.port), call.Outbound{CallerNum: "1"})
	want(t, "status", recv(t, f.ended, "end").Status, 407)
	want(t, "tries", len(evil.challenged()), 1)
	_, f, _ = gatewayDial(t, s, fmt.Sprintf("gateway/carrier/x@127.0.0.1:%d", evil.port), call.Outbound{CallerNum: "1"})
	recv(t, pr.calls, "INVITE at the gateway's own proxy")
	want(t, "tries elsewhere", len(evil.challenged()), 1)
	_ = f
}

// TestS09OtherRealms: once a gateway has registered its password answers challenges in that realm and in the configured one, not what a callee
// behind the provider asks.
func TestS09OtherRealms(t *testing.T) {
	for _, tc := range []struct {
		name, configured, realm string
		register, answered      bool
	}{
		{"the one it registered in", "else.example", "carrier.example", true, true},
		{"the configured one", "else.example", "else.example", true, true},
		{"another", "carrier.example", "evil.example", true, false},
		{"it does not register", "else.example", "carrier.example", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pr := newProvider(t)
			pr.realm.Store(&tc.realm)
			xml := strings.Replace(pr.gatewayXML("carrier", param("register", fmt.Sprint(tc.register))), `"realm" value="carrier.example"`, `"realm" value="`+tc.configured+`"`, 1)
			s := startWith(t, registrar.Config{}, treeWith(t, "", "", xml, ""))
			if tc.register {
				s.state("TRYING", "REGISTER", "REGED")
			}
			leg, f, _ := gatewayDial(t, s, "gateway/carrier/4930", call.Outbound{CallerNum: "1"})
			if !tc.answered {
				want(t, "status", recv(t, f.ended, "end").Status, 407)
				want(t, "tries", len(pr.challenged()), 1)
				return
			}
			recv(t, pr.calls, "INVITE with a proof")
			leg.Hangup(call.HangupReason{Cause: call.NormalClearing})
		})
	}
}

func TestGatewayCallIn(t *testing.T) {
	for _, tc := range []struct {
		name, profile, params, user string
		elsewhere                   bool // the gateway's proxy is not where the call comes from
		status                      int
		context, dest, gateway      string
	}{
		{name: "by contact", user: "gw+carrier", context: "trunk", dest: "4930", gateway: "carrier"},
		{name: "by contact, from elsewhere", user: "gw+carrier", elsewhere: true, status: 407},
		{name: "by contact, from elsewhere, open profile", profile: param("auth-calls", "false"), user: "gw+carrier", elsewhere: true,
			context: "public", dest: "4930", gateway: "carrier"},
		{name: "by address, open profile", profile: param("auth-calls", "false"), user: "4711", context: "trunk", dest: "4711", gateway: "carrier"},
		{name: "by address, a profile of users", user: "4711", status: 407},
		{name: "auto_to_user", params: param("extension", "auto_to_user"), user: "gw+carrier", context: "trunk", dest: "to", gateway: "carrier"},
		{name: "not in its list", params: param("gw-auth-acl", "192.0.2.0/24"), user: "gw+carrier", status: 407},
		{name: "unknown gateway", user: "gw+nosuch", status: 407},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pr := newProvider(t)
			params := param("register", "false") + param("context", "trunk") + tc.params
			if !strings.Contains(params, "extension") {
				params += param("extension", "4930")
			}
			xml := pr.gatewayXML("carrier", params+`<variables><variable name="line" value="7" direction="inbound"/></variables>`)
			if tc.elsewhere {
				xml = strings.Replace(xml, "127.0.0.1", "192.0.2.1", 1)
			}
			s := startWith(t, registrar.Config{}, treeWith(t, tc.profile, "", xml, ""))
			g := s.p.gateway("carrier")
			g.lookup(context.Background())
			p := s.phone("udp", "caller", "")
			c := newPhoneCall()
			req := p.request(sip.INVITE, "to")
			req.Recipient.User = tc.user
			ct := sip.ContentTypeHeader("application/sdp")
			req.AppendHeader(&ct)
			req.SetBody([]byte(testOffer))
			if _, err := p.stack.Invite(req, p.flow, c); err != nil {
				t.Fatal(err)
			}
			if tc.status != 0 {
				want(t, "status", recv(t, c.rejected, "refusal").StatusCode, tc.status)
				return
			}
			in := recv(t, s.core.calls, "call").in
			want(t, "call", []string{in.Context, in.Destination, value(in.Vars, "sip_gateway", ""), value(in.Vars, "line", "")},
				[]string{tc.context, tc.dest, tc.gateway, "7"})
			want(t, "counted", g.status().CallsIn, uint64(1))
		})
	}
}

func TestGatewayByTCP(t *testing.T) {
	pr := newProvider(t)
	pr.port = int(netip.MustParseAddrPort(pr.stack.Addr("tcp").String()).Port())
	s := startGateway(t, pr, param("register-transport", "tcp"))
	s.state("TRYING", "REGISTER", "REGED")
	req := recv(t, pr.requests, "REGISTER")
	want(t, "Request-URI", req.Recipient.String(), fmt.Sprintf("sip:127.0.0.1:%d;transport=tcp", pr.port))
	_, _, d := gatewayDial(t, s, "gateway/carrier/1", call.Outbound{CallerNum: "1"})
	want(t, "address", d.NetworkAddr, "127.0.0.1")
	want(t, "transport", recv(t, pr.calls, "INVITE").session.Flow().Transport(), "tcp")
}

// TestGatewayChallengesInDialog: a provider may ask for the password again for each request in the call.
func TestGatewayChallengesInDialog(t *testing.T) {
	pr := newProvider(t)
	s := startGateway(t, pr, param("register", "false"))
	leg, f, _ := gatewayDial(t, s, "gateway/carrier/4930", call.Outbound{CallerNum: "1000"})
	c := recv(t, pr.calls, "INVITE")
	if err := c.session.Accept([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	recv(t, f.answered, "answer")
	done := make(chan error, 1)
	if err := leg.Reoffer([]byte(testOffer), func(_ []byte, err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	challenge := sip.NewHeader("Proxy-Authenticate", pr.auth.Challenge("carrier.example", "x", false)[0])
	first := recv(t, c.reinvite, "re-INVITE")
	want(t, "proof before it is asked for", first.Request().GetHeader("Proxy-Authorization"), sip.Header(nil))
	if err := first.Reject(407, "", challenge); err != nil {
		t.Fatal(err)
	}
	second := recv(t, c.reinvite, "re-INVITE again")
	want(t, "proof", pr.proved(second.Request()), true)
	if err := second.Accept([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	if err := recv(t, done, "result"); err != nil {
		t.Fatal(err)
	}
}
