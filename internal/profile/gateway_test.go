package profile

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/call"
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

	realm    atomic.Pointer[string] // of INVITEs; nil: carrier.example
	status   atomic.Int64           // what REGISTER and OPTIONS are answered; 0: 200 after a challenge, and 200
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
		name, code, realm := "WWW-Authenticate", 401, "carrier.example"
		if req.Method == sip.INVITE {
			if other := pr.realm.Load(); other != nil {
				realm = *other
			}
			name, code = "Proxy-Authenticate", 407
			pr.mu.Lock()
			pr.refused = append(pr.refused, req)
			pr.mu.Unlock()
		}
		_ = tx.Respond(tx.NewResponse(code, "", sip.NewHeader(name, pr.auth.Challenge(realm, "x", false)[0])))
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
		if h := sip.FindHeader(req, name); h != nil {
			claim, err := pr.auth.Read(h.Value())
			return err == nil && pr.auth.Verify(&claim, string(req.Method), func(user, _ string) (digest.HA1, bool) {
				return digest.HA1{Password: "secret"}, user == "u"
			}).OK
		}
	}
	return false
}

// challenged is the INVITEs that were asked for a password.
func (pr *provider) challenged() []*sip.Request {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return slices.Clone(pr.refused)
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
