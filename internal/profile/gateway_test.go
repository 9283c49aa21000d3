package profile

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/digest"
)

// provider is somebody else's SIP server with one account, u / secret.
type provider struct {
	t     *testing.T
	stack *sip.Stack
	auth  *digest.Server
	port  int

	status   atomic.Int64 // what REGISTER and OPTIONS are answered; 0: 200 after a challenge, and 200
	expires  atomic.Pointer[string]
	requests chan *sip.Request // REGISTER and OPTIONS
	calls    chan *phoneCall   // after the challenge
	mu       sync.Mutex
	refused  []*sip.Request // INVITEs that were challenged
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	pr := &provider{t: t, auth: digest.New(digest.Config{}), requests: make(chan *sip.Request, 99), calls: make(chan *phoneCall, 9)}
	ready := make(chan struct{})
	defer close(ready)
	stack, err := sip.NewStack(sip.Config{
		Listeners: []sip.Listener{{Transport: "udp", Addr: "127.0.0.1:0"}, {Transport: "tcp", Addr: "127.0.0.1:0"}},
		Handler:   sip.HandlerFunc(func(tx *sip.ServerTx) { <-ready; pr.serve(tx) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	pr.stack, pr.port = stack, int(netip.MustParseAddrPort(stack.Addr("udp").String()).Port())
	return pr
}

func (pr *provider) serve(tx *sip.ServerTx) {
	req := tx.Request()
	status := int(pr.status.Load())
	switch {
	case req.Method == sip.OPTIONS && status == 0:
		_ = tx.Respond(tx.NewResponse(200, ""))
	case status != 0:
		_ = tx.Respond(tx.NewResponse(status, "", sip.NewHeader("Min-Expires", "7200")))
	case !pr.proved(req):
		name, code := "WWW-Authenticate", 401
		if req.Method == sip.INVITE {
			name, code = "Proxy-Authenticate", 407
			pr.mu.Lock()
			pr.refused = append(pr.refused, req)
			pr.mu.Unlock()
		}
		_ = tx.Respond(tx.NewResponse(code, "", sip.NewHeader(name, pr.auth.Challenge("carrier.example", "x", false)[0])))
		return
	case req.Method == sip.INVITE:
		c := newPhoneCall()
		c.invite = req
		if s, err := pr.stack.AcceptSession(tx, c); err == nil {
			c.session = s
			pr.calls <- c
		}
		return
	default:
		contact := sip.CloneHeader(req.Contact()).(*sip.ContactHeader)
		if e := pr.expires.Load(); e != nil {
			contact.Params = sip.HeaderParams{{K: "expires", V: *e}}
		}
		_ = tx.Respond(tx.NewResponse(200, "", contact))
	}
	pr.requests <- req
}

func (pr *provider) proved(req *sip.Request) bool {
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		if h := req.GetHeader(name); h != nil {
			return pr.auth.Verify(h.Value(), string(req.Method), func(user, _ string) (digest.HA1, bool) {
				return digest.HA1{Password: "secret"}, user == "u"
			}).OK
		}
	}
	return false
}

// gatewayXML is a gateway at the provider.
func (pr *provider) gatewayXML(name, params string) string {
	return fmt.Sprintf(`<gateways><gateway name="%s"><param name="username" value="u"/><param name="password" value="secret"/>
		<param name="realm" value="carrier.example"/><param name="from-domain" value="carrier.example"/>
		<param name="proxy" value="127.0.0.1:%d"/>%s</gateway></gateways>`, name, pr.port, params)
}

func (s *server) state(states ...string) {
	s.t.Helper()
	for _, state := range states {
		e := s.until("sofia::gateway_state")
		want(s.t, "state", header(e, "State"), state)
	}
}

func header(e event, name string) string {
	for _, h := range e.headers {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}

func startGateway(t *testing.T, pr *provider, params string, change ...string) *server {
	t.Helper()
	var profileParams string
	if len(change) > 0 {
		profileParams = change[0]
	}
	return startWith(t, registrar.Config{}, treeWith(t, profileParams, "", pr.gatewayXML("carrier", params), ""))
}

func TestGatewayRegisters(t *testing.T) {
	pr := newProvider(t)
	s := startGateway(t, pr, param("expire-seconds", "1800")+param("contact-params", "x=y"))
	s.state("TRYING", "REGISTER", "REGED")
	req := recv(t, pr.requests, "REGISTER")
	want(t, "Request-URI", req.Recipient.String(), fmt.Sprintf("sip:127.0.0.1:%d", pr.port))
	want(t, "From", req.From().Address.String(), "sip:u@carrier.example")
	want(t, "Expires", headerValue(req, "Expires"), "1800")
	want(t, "Contact user", req.Contact().Address.User, "gw+carrier")
	want(t, "Contact parameters", req.Contact().Address.UriParams.ToString(';'), "x=y;transport=udp;gw=carrier")
	st, ok := Set{s.p}.Gateway("internal", "carrier")
	want(t, "found", ok, true)
	want(t, "status", []any{st.State, st.Up, st.Granted, st.Config.Password}, []any{GatewayRegistered, true, 1800 * time.Second, "yes"})
	want(t, "contact", st.Contact, req.Contact().Address.String())

	want(t, "no such gateway", s.p.SteerGateway("nosuch", "killgw"), false)
	want(t, "unregister", s.p.SteerGateway("carrier", "unregister"), true)
	want(t, "signs off", headerValue(recv(t, pr.requests, "REGISTER"), "Expires"), "0")
	s.state("UNREGED")
	want(t, "register", s.p.SteerGateway("carrier", "register"), true)
	s.state("TRYING", "REGISTER", "REGED")
	recv(t, pr.requests, "REGISTER")
	want(t, "kill", s.p.SteerGateway("carrier", "killgw"), true)
	want(t, "signs off", headerValue(recv(t, pr.requests, "REGISTER"), "Expires"), "0")
	s.state("DOWN")
	want(t, "left", len(s.p.Gateways()), 0)
}

func TestGatewayRefreshes(t *testing.T) {
	pr := newProvider(t)
	two := "2"
	pr.expires.Store(&two)
	s := startGateway(t, pr, "")
	s.state("TRYING", "REGISTER", "REGED")
	first, second := recv(t, pr.requests, "REGISTER"), recv(t, pr.requests, "refresh")
	want(t, "one Call-ID", callID(second), callID(first))
	if second.CSeq().SeqNo <= first.CSeq().SeqNo {
		t.Fatal("CSeq does not grow")
	}
	pr.status.Store(503)
	recv(t, pr.requests, "REGISTER that is refused")
	s.state("FAILED", "FAIL_WAIT")
	_, cause := s.p.Resolve("sofia", "gateway/carrier/1", nil)
	want(t, "calls", cause, call.GatewayDown)
}

func TestGatewayFails(t *testing.T) {
	for status, states := range map[int][]string{403: {"TRYING", "FAILED", "FAIL_WAIT"}, 423: {"TRYING", "FAILED", "FAIL_WAIT"}} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			pr := newProvider(t)
			pr.status.Store(int64(status))
			s := startGateway(t, pr, "")
			s.state(states[0])
			e := s.until("sofia::gateway_state")
			want(t, "failed", []string{header(e, "Gateway"), header(e, "State"), header(e, "Status")}, []string{"carrier", "FAILED", fmt.Sprint(status)})
			s.state("FAIL_WAIT")
			recv(t, pr.requests, "REGISTER")
			if status == 423 {
				want(t, "what the registrar wants", headerValue(recv(t, pr.requests, "REGISTER"), "Expires"), "7200")
			}
			st, _ := Set{s.p}.Gateway("", "carrier")
			if left := time.Until(st.Retry); left <= 0 || left > 30*time.Second {
				t.Fatalf("retry in %s", left)
			}
			// The provider comes back.
			pr.status.Store(0)
			s.p.SteerGateway("carrier", "register")
			s.state("TRYING", "REGISTER", "REGED")
		})
	}
}

func TestGatewayPing(t *testing.T) {
	pr := newProvider(t)
	s := startGateway(t, pr, param("register", "false")+param("ping", "5"))
	want(t, "method", recv(t, pr.requests, "OPTIONS").Method, sip.OPTIONS)
	e := s.until("sofia::gateway_state")
	want(t, "up", []string{header(e, "State"), header(e, "Ping-Status")}, []string{"NOREG", "UP"})
	pr.status.Store(503)
	g := s.p.gateway("carrier")
	if !g.pingOnce(context.Background()) {
		t.Fatal("not noticed")
	}
	_, cause := s.p.Resolve("sofia", "gateway/carrier/1", nil)
	want(t, "calls", cause, call.GatewayDown)
	pr.status.Store(404)
	g.pingOnce(context.Background())
	want(t, "an answer is an answer", Set{s.p}.Gateways()[0].Up, true)
}

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
			first := pr.refused[0]
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
	pr.mu.Lock()
	want(t, "tries", len(pr.refused), 2)
	pr.mu.Unlock()
	want(t, "counted", Set{s.p}.Gateways()[0].FailedCallsOut, uint64(1))
}

// TestS9NobodyElseIsAnswered: a callee that is no gateway's gets no proof of any password, whatever realm it names.
func TestS9NobodyElseIsAnswered(t *testing.T) {
	pr, evil := newProvider(t), newProvider(t)
	s := startGateway(t, pr, param("register", "false"))
	_, f, _ := gatewayDial(t, s, fmt.Sprintf("internal/x@127.0.0.1:%d", evil.port), call.Outbound{CallerNum: "1"})
	want(t, "status", recv(t, f.ended, "end").Status, 407)
	want(t, "tries", len(evil.refused), 1)
	_, f, _ = gatewayDial(t, s, fmt.Sprintf("gateway/carrier/x@127.0.0.1:%d", evil.port), call.Outbound{CallerNum: "1"})
	recv(t, pr.calls, "INVITE at the gateway's own proxy")
	want(t, "tries elsewhere", len(evil.refused), 1)
	_ = f
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

// TestRescan: gateways follow the configuration; those that did not change are left alone.
func TestRescan(t *testing.T) {
	pr := newProvider(t)
	tree := func(gateways string) *config.Snapshot {
		return loadTree(t, strings.Replace(testTree, "</settings>", "</settings>"+gateways, 1))
	}
	var snap atomic.Pointer[config.Snapshot]
	one, two := pr.gatewayXML("one", param("register", "false")), pr.gatewayXML("two", param("register", "false"))
	snap.Store(tree(one + two))
	s := startWith(t, registrar.Config{}, func(c *Config) { c.Snapshot = snap.Load })
	kept := s.p.gateway("one")
	snap.Store(tree("<!-- moved -->\n" + one + pr.gatewayXML("two", param("register", "false")+param("context", "x")) + pr.gatewayXML("three", param("register", "false"))))
	r := s.p.Rescan(snap.Load())
	want(t, "report", r, RescanReport{GatewaysStarted: 2, GatewaysEnded: 1})
	var names []string
	for _, g := range s.p.Gateways() {
		names = append(names, g.Name+" "+g.Config.Context)
	}
	want(t, "gateways", names, []string{"one public", "three public", "two x"})
	want(t, "the same one", s.p.gateway("one") == kept, true)
	snap.Store(loadTree(t, strings.Replace(testTree, `"sip-port" value="0"`, `"sip-port" value="5099"`, 1)))
	r = s.p.Rescan(snap.Load())
	want(t, "needs a restart", r.NeedsRestart, []string{"sip-port"})
	want(t, "gateways", len(s.p.Gateways()), 0)
}

// TestRestartInPlace: a profile gets a further listener and another realm while a call of it goes on.
func TestRestartInPlace(t *testing.T) {
	pr := newProvider(t)
	var snap atomic.Pointer[config.Snapshot]
	gateways := pr.gatewayXML("one", param("register", "false"))
	tree := strings.Replace(testTree, "</settings>", "</settings>"+gateways, 1)
	snap.Store(loadTree(t, tree))
	s := startWith(t, registrar.Config{}, func(c *Config) { c.Snapshot = snap.Load })
	p := s.phone("ws", "1000", "pw1000")
	p.register("600")
	c := p.invite("1001", nil)
	f := recv(t, s.core.calls, "call")
	if err := f.in.Leg.Answer([]byte(testAnswer)); err != nil {
		t.Fatal(err)
	}
	recv(t, f.ack, "ACK")
	was, udp := s.p.gateway("one"), s.p.Addr("udp").String()
	snap.Store(loadTree(t, strings.Replace(strings.Replace(tree, `"challenge-realm" value="auto_from"`, `"challenge-realm" value="new.example"`, 1),
		`<param name="ws-binding" value=":0"/>`, param("ws-binding", "")+param("user-agent-string", "Renamed"), 1)))
	want(t, "a rescan is not enough", s.p.Rescan(snap.Load()).NeedsRestart, []string{"ws-binding", "user-agent-string"})
	if err := s.p.Restart(snap.Load()); err != nil {
		t.Fatal(err)
	}
	want(t, "WebSocket listener", s.p.Addr("ws") == nil, true)
	want(t, "UDP socket", s.p.Addr("udp").String(), udp)
	want(t, "nothing left to do", len(s.p.Rescan(snap.Load()).NeedsRestart), 0)
	want(t, "gateway is another", s.p.gateway("one") != nil && s.p.gateway("one") != was, true)
	want(t, "registered", s.reg.Count(), 1)
	phone := s.phone("udp", "1001", "pw1001")
	res := phone.send(phone.request(sip.REGISTER, "1001"))
	want(t, "realm", strings.Contains(headerValue(res, "WWW-Authenticate"), `"new.example"`), true)
	want(t, "agent", headerValue(res, "User-Agent"), "Renamed")
	f.in.Leg.Hangup(call.HangupReason{Cause: call.NormalClearing})
	recv(t, c.bye, "BYE of the call that went on")
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
