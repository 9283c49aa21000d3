package profile

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/digest"
)

const testOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
const testAnswer = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"

const testTree = `<document type="freeswitch/xml">
 <X-PRE-PROCESS cmd="set" data="domain=example.com"/>
 <section name="configuration">
  <configuration name="sofia.conf"><profiles><profile name="internal"><settings>
   <param name="sip-ip" value="127.0.0.1"/><param name="sip-port" value="0"/><param name="ws-binding" value=":0"/>
   <param name="context" value="public"/><param name="challenge-realm" value="auto_from"/>
   <param name="force-register-domain" value="$${domain}"/>
  </settings></profile></profiles></configuration>
 </section>
 <section name="dialplan"><context name="default"/></section>
 <section name="directory"><domain name="$${domain}">
  <variables><variable name="record_stereo" value="true"/></variables>
  <groups><group name="default"><users>
   <user id="1000"><params><param name="password" value="pw1000"/></params><variables>
    <variable name="user_context" value="default"/><variable name="effective_caller_id_name" value="Extension 1000"/></variables></user>
   <user id="1001"><params><param name="password" value="pw1001"/></params><variables>
    <variable name="user_context" value="default"/><variable name="effective_caller_id_name" value="Extension 1001"/></variables></user>
  </users></group></groups>
 </domain></section>
</document>`

// fakeCore takes every call and hands it to the test.
type fakeCore struct {
	calls chan *fakeCall
	err   atomic.Pointer[error]
	busy  atomic.Bool
}

func (c *fakeCore) Busy() bool { return c.busy.Load() }

func (c *fakeCore) NewInbound(in call.Inbound) (call.LegHandler, error) {
	if err := c.err.Load(); err != nil {
		return nil, *err
	}
	f := newFakeCall()
	f.in = in
	c.calls <- f
	return f, nil
}

// fakeCall is a channel that only writes down what it is told.
type fakeCall struct {
	in       call.Inbound
	progress chan progress
	answered chan progress
	ack      chan struct{}
	ended    chan call.LegEnd
	dtmf     chan byte
	info     chan call.Info
	passed   chan call.Request
	record   chan string
	reoffer  chan func([]byte, error)
	refer    chan call.Referral
	reanswer chan string
	peer     atomic.Pointer[string]
}

type progress struct {
	status int
	sdp    string
	vars   []call.Variable
}

func newFakeCall() *fakeCall {
	return &fakeCall{
		progress: make(chan progress, 9), answered: make(chan progress, 9), ack: make(chan struct{}, 9), ended: make(chan call.LegEnd, 9),
		dtmf: make(chan byte, 9), record: make(chan string, 9), info: make(chan call.Info, 9), passed: make(chan call.Request, 9), reoffer: make(chan func([]byte, error), 9), refer: make(chan call.Referral, 9), reanswer: make(chan string, 9),
	}
}

func (f *fakeCall) LegProgress(status int, sdp []byte, vars []call.Variable) {
	f.progress <- progress{status, string(sdp), vars}
}
func (f *fakeCall) LegAnswered(sdp []byte, vars []call.Variable) {
	f.answered <- progress{200, string(sdp), vars}
}
func (f *fakeCall) LegConfirmed([]byte)                              { f.ack <- struct{}{} }
func (f *fakeCall) LegEnded(e call.LegEnd)                           { f.ended <- e }
func (f *fakeCall) LegReoffer(_ []byte, respond func([]byte, error)) { f.reoffer <- respond }
func (f *fakeCall) LegInfo(m call.Info)                              { f.info <- m }
func (f *fakeCall) LegPass(r call.Request, respond func(bool))       { f.passed <- r; respond(true) }
func (f *fakeCall) LegReofferAnswer(sdp []byte)                      { f.reanswer <- string(sdp) }
func (f *fakeCall) LegRefer(r call.Referral)                         { f.refer <- r }
func (f *fakeCall) LegPeer() string {
	if p := f.peer.Load(); p != nil {
		return *p
	}
	return ""
}
func (f *fakeCall) LegDTMF(digit byte, _ time.Duration) { f.dtmf <- digit }
func (f *fakeCall) LegRecord(template string, respond func(string)) {
	f.record <- template
	respond("")
}

// server is a profile under test.
type server struct {
	t    *testing.T
	p    *Profile
	reg  *registrar.Registrar
	core *fakeCore
	ws   string // where WebSockets go instead of the server

	events chan event // CUSTOM ones
	others chan Event
	seen   []string
}

type event struct {
	name    string
	headers [][2]string
}

func loadTree(t testing.TB, tree string) *config.Snapshot {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(tree), 0o600); err != nil {
		t.Fatal(err)
	}
	snap, err := config.Load(config.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// registrarDefaults is a registrar as it is without settings.
var registrarDefaults registrar.Config

// withParam sets one more parameter of the profile.
func withParam(t *testing.T, name, value string) func(*Config) {
	snap := loadTree(t, strings.Replace(testTree, `<param name="context"`, `<param name="`+name+`" value="`+value+`"/><param name="context"`, 1))
	return func(c *Config) { c.Snapshot = func() *config.Snapshot { return snap } }
}

func start(t *testing.T) *server { return startWith(t, registrar.Config{}) }

func startWith(t *testing.T, rc registrar.Config, change ...func(*Config)) *server {
	t.Helper()
	s := &server{t: t, core: &fakeCore{calls: make(chan *fakeCall, 9)}, events: make(chan event, 999), others: make(chan Event, 999)}
	snap := loadTree(t, testTree)
	var err error
	if s.reg, err = registrar.New(rc); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Name: "internal", Snapshot: func() *config.Snapshot { return snap }, Core: s.core, Registrar: s.reg, Version: "test",
		Events: func(e Event) {
			if e.Name != custom || e.Subclass == "sofia::profile_start" {
				s.others <- e
				return
			}
			s.events <- event{e.Subclass, e.Headers}
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	if s.p, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.p.Close(); err != nil {
			t.Error(err)
		}
		if err := s.reg.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// untilIdle waits until no session is left.
func (s *server) untilIdle(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); s.p.Stats().Sessions > 0; {
		if time.Now().After(deadline) {
			t.Fatal("a session is left")
		}
		<-time.After(time.Millisecond)
	}
}

// names waits for n events in all and gives their names, oldest first.
func (s *server) names(n int) []string {
	s.t.Helper()
	for len(s.seen) < n {
		s.seen = append(s.seen, recv(s.t, s.events, "event").name)
	}
	return s.seen
}

// until waits for an event of a name.
func (s *server) until(name string) event {
	s.t.Helper()
	for {
		if e := recv(s.t, s.events, name); e.name == name {
			return e
		}
	}
}

// phone is a user agent with its own stack.
type phone struct {
	t         *testing.T
	s         *server
	user      string
	password  string
	host      string // of its address of record
	transport string
	stack     *sip.Stack
	flow      *sip.Flow
	contact   sip.Uri
	callID    string
	cseq      uint32
	auth      digest.Client
	calls     chan *phoneCall
	options   func(*sip.ServerTx) // answers OPTIONS outside of dialogs, when it is set
	notices   chan *sip.Request   // gets each NOTIFY outside of a dialog too, when it is set
	inbox     chan *sip.Request   // takes each MESSAGE instead of an answer, when it is set
}

func (s *server) phone(transport, user, password string) *phone {
	s.t.Helper()
	return s.phoneAt(transport, user, password, 0)
}

// phoneAt makes a phone on a UDP port of its own choice.
func (s *server) phoneAt(transport, user, password string, port int) *phone {
	s.t.Helper()
	p := &phone{
		t: s.t, s: s, user: user, password: password, host: "example.com", transport: transport, calls: make(chan *phoneCall, 9),
	}
	var listeners []sip.Listener
	if transport == "udp" {
		listeners = []sip.Listener{{Transport: "udp", Addr: fmt.Sprintf("127.0.0.1:%d", port)}}
	}
	ready := make(chan struct{})
	defer close(ready)
	serve := sip.HandlerFunc(func(tx *sip.ServerTx) { <-ready; p.serve(tx) })
	stack, err := sip.NewStack(sip.Config{Listeners: listeners, Handler: serve, ClientTLS: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = stack.Close() })
	p.stack = stack
	p.connect()
	if transport == "udp" {
		p.contact = sip.Uri{Scheme: "sip", User: user, Host: "127.0.0.1", Port: int(p.flow.LocalAddr().Port())}
	} else {
		p.contact = sip.Uri{Scheme: "sip", User: "r4nd0m", Host: "abc.invalid", UriParams: sip.HeaderParams{{K: "transport", V: "ws"}}}
	}
	return p
}

// connect opens a connection, also when there is one already.
func (p *phone) connect() {
	p.t.Helper()
	addr := netip.MustParseAddrPort(p.s.p.Addr(p.transport).String())
	open := func() (*sip.Flow, error) { return p.stack.FlowTo(context.Background(), p.transport, addr) }
	if p.transport == "ws" {
		at := addr.String()
		if p.s.ws != "" {
			at = p.s.ws
		}
		open = func() (*sip.Flow, error) { return p.stack.DialWebSocket(context.Background(), "ws://"+at) }
	}
	flow, err := open()
	if err != nil {
		p.t.Fatal(err)
	}
	p.flow = flow
	p.callID = fmt.Sprintf("reg-%s-%s", p.user, flow.LocalAddr())
}

func (p *phone) request(method sip.RequestMethod, to string) *sip.Request {
	target := sip.Uri{Scheme: "sip", Host: p.host}
	if to != "" && method != sip.REGISTER {
		target.User = to
	}
	req := sip.NewRequest(method, target)
	req.AppendHeader(&sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: p.user, Host: p.host}, Params: sip.HeaderParams{{K: "tag", V: "t" + p.user}}})
	req.AppendHeader(&sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: to, Host: p.host}})
	id := sip.CallIDHeader(p.callID)
	req.AppendHeader(&id)
	p.cseq++
	req.AppendHeader(&sip.CSeqHeader{SeqNo: p.cseq, MethodName: method})
	req.AppendHeader(&sip.ContactHeader{Address: *p.contact.Clone()})
	req.AppendHeader(sip.NewHeader("User-Agent", "test-ua"))
	return req
}

// send sends a request outside of dialogs and gives its final response.
func (p *phone) send(req *sip.Request) *sip.Response {
	p.t.Helper()
	final := make(chan *sip.Response, 1)
	err := p.stack.Send(req, p.flow, func(res *sip.Response) {
		if res.StatusCode >= 200 {
			final <- res
		}
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return recv(p.t, final, "final response to "+string(req.Method))
}

// authorized sends what build makes and answers one challenge.
func (p *phone) authorized(build func() *sip.Request) *sip.Response {
	p.t.Helper()
	res := p.send(build())
	name, header := "Authorization", res.GetHeader("WWW-Authenticate")
	if res.StatusCode == 407 {
		name, header = "Proxy-Authorization", res.GetHeader("Proxy-Authenticate")
	}
	if header == nil {
		return res
	}
	req := build()
	value, err := p.auth.Authorize(header.Value(), string(req.Method), req.Recipient.String(), p.user, p.password)
	if err != nil {
		p.t.Fatal(err)
	}
	req.AppendHeader(sip.NewHeader(name, value))
	return p.send(req)
}

func (p *phone) register(expires string) *sip.Response {
	p.t.Helper()
	return p.authorized(func() *sip.Request {
		req := p.request(sip.REGISTER, p.user)
		req.Contact().Params = sip.HeaderParams{{K: "expires", V: expires}}
		return req
	})
}

// phoneCall is a session of a phone, either way.
type phoneCall struct {
	sip.NopSessionHandler
	session  *sip.Session
	invite   *sip.Request
	ringing  chan *sip.Response
	answered chan *sip.Response
	rejected chan *sip.Response
	canceled chan *sip.Request
	bye      chan *sip.Request
	acked    chan struct{}
	reinvite chan *sip.Reinvite
	requests chan *sip.ServerTx
}

func newPhoneCall() *phoneCall {
	return &phoneCall{
		ringing: make(chan *sip.Response, 9), answered: make(chan *sip.Response, 9), rejected: make(chan *sip.Response, 9),
		canceled: make(chan *sip.Request, 9), bye: make(chan *sip.Request, 9), acked: make(chan struct{}, 9), reinvite: make(chan *sip.Reinvite, 9),
		requests: make(chan *sip.ServerTx, 9),
	}
}

func (c *phoneCall) OnProvisional(_ *sip.Session, res *sip.Response) { c.ringing <- res }
func (c *phoneCall) OnAnswer(_ *sip.Session, res *sip.Response)      { c.answered <- res }
func (c *phoneCall) OnReject(_ *sip.Session, res *sip.Response)      { c.rejected <- res }
func (c *phoneCall) OnCancel(_ *sip.Session, req *sip.Request)       { c.canceled <- req }
func (c *phoneCall) OnBye(_ *sip.Session, req *sip.Request)          { c.bye <- req }
func (c *phoneCall) OnAck(*sip.Session, *sip.Request)                { c.acked <- struct{}{} }
func (c *phoneCall) OnReinvite(_ *sip.Session, r *sip.Reinvite)      { c.reinvite <- r }
func (c *phoneCall) OnRequest(_ *sip.Session, tx *sip.ServerTx) {
	_ = tx.Respond(tx.NewResponse(200, ""))
	c.requests <- tx
}

func (p *phone) serve(tx *sip.ServerTx) {
	if tx.Request().Method == sip.MESSAGE && p.inbox != nil {
		p.inbox <- tx.Request()
		return
	}
	if tx.Request().Method == sip.NOTIFY && p.notices != nil {
		p.notices <- tx.Request()
	}
	if tx.Request().Method == sip.OPTIONS && p.options != nil {
		p.options(tx)
		return
	}
	if tx.Request().Method != sip.INVITE {
		_ = tx.Respond(tx.NewResponse(200, ""))
		return
	}
	c := newPhoneCall()
	c.invite = tx.Request()
	s, err := p.stack.AcceptSession(tx, c)
	if err != nil {
		return
	}
	c.session = s
	p.calls <- c
}

// invite calls a number, answering the challenge.
func (p *phone) invite(to string, change func(*sip.Request)) *phoneCall {
	p.t.Helper()
	build := func() *sip.Request {
		req := p.request(sip.INVITE, to)
		ct := sip.ContentTypeHeader("application/sdp")
		req.AppendHeader(&ct)
		req.SetBody([]byte(testOffer))
		if change != nil {
			change(req)
		}
		return req
	}
	p.callID = "call-" + to + "-" + strings.Repeat("x", int(p.cseq%7))
	c := newPhoneCall()
	if _, err := p.stack.Invite(build(), p.flow, c); err != nil {
		p.t.Fatal(err)
	}
	res := recv(p.t, c.rejected, "challenge")
	if res.StatusCode != 407 {
		c.rejected <- res
		return c
	}
	req := build()
	value, err := p.auth.Authorize(res.GetHeader("Proxy-Authenticate").Value(), "INVITE", req.Recipient.String(), p.user, p.password)
	if err != nil {
		p.t.Fatal(err)
	}
	req.AppendHeader(sip.NewHeader("Proxy-Authorization", value))
	c = newPhoneCall()
	if c.session, err = p.stack.Invite(req, p.flow, c); err != nil {
		p.t.Fatal(err)
	}
	return c
}

func recv[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(5 * time.Second):
		t.Fatalf("no %s in 5 s", what)
		panic("unreachable")
	}
}
