// Package siptest is a scripted SIP user agent for tests and load generators: it registers, calls, is called, and does what the script
// says. Raw is a bare connection for bytes that no well-behaved user agent would send.
package siptest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/digest"
)

// Config is what a UA is made from.
type Config struct {
	Transport string // "udp" (default), "tcp", "tls", "ws" or "wss"
	Addr      string // ip:port of the server
	Listen    string // ip:port at which calls are taken over Transport, for a server that calls; "" is none (UDP always has one)
	URL       string // for ws and wss, the URL to connect to; "" is made from Addr
	Domain    string // SIP domain in From, To and Request-URIs; "" is Addr
	TLS       *tls.Config
	UserAgent string // "" is "siptest"
	Timers    sip.Timers
	Trace     func(f *sip.Flow, sent bool, data []byte) // see sip.Config
}

// UA is a user agent with one flow to its server. Its methods may be called from any goroutine; those with a ctx wait.
type UA struct {
	cfg   Config
	stack *sip.Stack
	flow  *sip.Flow
	host  string // of Contact and Via for WebSocket: random and invalid, as browsers have
	calls chan *Call
	other chan *sip.Request

	mu       sync.Mutex // guards what follows
	user     string
	password string
	callID   string // of REGISTER
	seq      uint32
	digest   digest.Client
	running  []*sip.Session // to be moved by Reconnect
}

// Dial makes a UA and opens its flow.
func Dial(ctx context.Context, cfg Config) (*UA, error) {
	u, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := u.Connect(ctx, cfg.Addr); err != nil {
		u.stack.Close()
		return nil, err
	}
	return u, nil
}

// New makes a UA that has no flow yet: a server that is started after it can be told where it listens.
func New(cfg Config) (*UA, error) {
	if cfg.Transport == "" {
		cfg.Transport = "udp"
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "siptest"
	}
	u := &UA{cfg: cfg, calls: make(chan *Call, 64), other: make(chan *sip.Request, 256), host: strings.ToLower(rand.Text()[:12]) + ".invalid",
		callID: rand.Text()}
	made := make(chan struct{}) // the stack listens before we have it
	defer close(made)
	sc := sip.Config{
		ClientTLS: cfg.TLS, UserAgent: cfg.UserAgent, Handler: sip.HandlerFunc(func(tx *sip.ServerTx) { <-made; u.serve(tx) }), Timers: cfg.Timers, Trace: cfg.Trace,
		Allow: strings.Fields("INVITE ACK BYE CANCEL OPTIONS MESSAGE INFO UPDATE REFER NOTIFY"), Supported: []string{"replaces"},
		ContactHost: func(f *sip.Flow) string {
			if strings.HasPrefix(f.Transport(), "ws") {
				return u.host
			}
			return ""
		},
	}
	local := cfg.Listen
	if cfg.Transport == "udp" && local == "" {
		addr, err := netip.ParseAddrPort(cfg.Addr)
		if err != nil {
			return nil, fmt.Errorf("siptest: %w", err)
		}
		local = "127.0.0.1:0"
		if addr.Addr().Is6() {
			local = "[::1]:0"
		}
		if !addr.Addr().IsLoopback() {
			local = ":0"
		}
	}
	if local != "" {
		sc.Listeners = []sip.Listener{{Transport: cfg.Transport, Addr: local}}
	}
	var err error
	if u.stack, err = sip.NewStack(sc); err != nil {
		return nil, err
	}
	return u, nil
}

// Listening is the address of Config.Listen.
func (u *UA) Listening() netip.AddrPort {
	addr, err := netip.ParseAddrPort(u.stack.Addr(u.cfg.Transport).String())
	if err != nil {
		return netip.AddrPort{}
	}
	return addr
}

// Connect opens the flow to a server of New's UA. It is called once, before anything is sent.
func (u *UA) Connect(ctx context.Context, addr string) error {
	if u.cfg.Addr = addr; u.cfg.Domain == "" {
		u.cfg.Domain = addr
	}
	flow, err := u.connect(ctx)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.flow = flow
	return nil
}

func (u *UA) connect(ctx context.Context) (*sip.Flow, error) {
	if u.cfg.URL != "" {
		return u.stack.DialWebSocket(ctx, u.cfg.URL)
	}
	addr, err := netip.ParseAddrPort(u.cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("siptest: %w", err)
	}
	return u.stack.FlowTo(ctx, u.cfg.Transport, addr)
}

// Reconnect closes the connection and opens another, as a browser does after its network changed. What running calls
// send goes over the new one.
func (u *UA) Reconnect(ctx context.Context) error {
	u.flow.Close()
	f, err := u.connect(ctx)
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.flow = f
	running := u.running
	u.running = nil
	u.mu.Unlock()
	for _, s := range running {
		s.Move(f)
	}
	u.mu.Lock()
	u.running = append(u.running, running...)
	u.mu.Unlock()
	return nil
}

// remember notes a session for Reconnect; the oldest are forgotten.
func (u *UA) remember(s *sip.Session) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.running = append(u.running, s)
	if len(u.running) > 256 {
		u.running = u.running[1:]
	}
}

// Close ends the UA at once, without BYE or un-REGISTER.
func (u *UA) Close() { u.stack.Close() }

// Flow is the flow to the server.
func (u *UA) Flow() *sip.Flow {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.flow
}

// Stack is the stack underneath, for what this package does not offer.
func (u *UA) Stack() *sip.Stack { return u.stack }

// Calls delivers incoming calls; they wait for Ring, Answer or Reject.
func (u *UA) Calls() <-chan *Call { return u.calls }

// Requests delivers out-of-dialog requests other than INVITE (MESSAGE, NOTIFY, OPTIONS …), which have been answered 200. It drops
// when nobody takes them.
func (u *UA) Requests() <-chan *sip.Request { return u.other }

// serve is the handler of out-of-dialog requests.
func (u *UA) serve(tx *sip.ServerTx) {
	if tx.Request().Method == sip.INVITE {
		u.incoming(tx)
		return
	}
	_ = tx.Respond(tx.NewResponse(200, ""))
	select {
	case u.other <- tx.Request():
	default:
	}
}

// URI makes sip:user@domain.
func (u *UA) URI(user string) sip.Uri {
	uri, err := sip.ParseURI("sip:" + user + "@" + u.cfg.Domain)
	if err != nil {
		return sip.Uri{Scheme: "sip", User: user, Host: "invalid"}
	}
	return uri
}

// SetUser sets who the UA is without registering.
func (u *UA) SetUser(user, password string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.user, u.password = user, password
}

// Register registers user for expires seconds and returns the final response.
func (u *UA) Register(ctx context.Context, user, password string, expires int, headers ...sip.Header) (*sip.Response, error) {
	u.SetUser(user, password)
	return u.register(ctx, expires, headers)
}

// Unregister removes the binding.
func (u *UA) Unregister(ctx context.Context) (*sip.Response, error) { return u.register(ctx, 0, nil) }

func (u *UA) register(ctx context.Context, expires int, headers []sip.Header) (*sip.Response, error) {
	u.mu.Lock()
	user := u.user
	u.mu.Unlock()
	target := u.URI("")
	req := sip.NewRequest(sip.REGISTER, target)
	req.AppendHeader(&sip.FromHeader{Address: u.URI(user)})
	req.AppendHeader(&sip.ToHeader{Address: u.URI(user)})
	callID := sip.CallIDHeader(u.callID)
	req.AppendHeader(&callID)
	contact := &sip.ContactHeader{Address: u.contact(user), Params: sip.HeaderParams{{K: "expires", V: strconv.Itoa(expires)}}}
	if len(headers) == 0 || headers[0].Name() != "Contact" {
		req.AppendHeader(contact)
	}
	for _, h := range headers {
		req.AppendHeader(h)
	}
	return u.Do(ctx, req)
}

// contact is the address the UA is reached at on its flow.
func (u *UA) contact(user string) sip.Uri {
	f := u.Flow()
	if strings.HasPrefix(f.Transport(), "ws") {
		return sip.Uri{Scheme: "sip", User: user, Host: u.host, UriParams: sip.HeaderParams{{K: "transport", V: "ws"}}}
	}
	local := f.LocalAddr()
	if u.cfg.Listen != "" {
		local = u.Listening()
	}
	uri := sip.Uri{Scheme: "sip", User: user, Host: local.Addr().String(), Port: int(local.Port())}
	if local.Addr().Is6() {
		uri.Host = "[" + uri.Host + "]"
	}
	if f.Transport() != "udp" {
		uri.UriParams = sip.HeaderParams{{K: "transport", V: f.Transport()}}
	}
	return uri
}

// Request makes an out-of-dialog request from the UA's user to a user or URI.
func (u *UA) Request(method, target, contentType string, body []byte) *sip.Request {
	uri := u.target(target)
	req := sip.NewRequest(sip.RequestMethod(method), uri)
	u.mu.Lock()
	req.AppendHeader(&sip.FromHeader{Address: u.URI(u.user)})
	u.mu.Unlock()
	req.AppendHeader(&sip.ToHeader{Address: uri})
	if body != nil {
		ct := sip.ContentTypeHeader(contentType)
		req.AppendHeader(&ct)
		req.SetBody(body)
	}
	return req
}

// target takes a user ("1001") or a URI ("sip:1001@example.com").
func (u *UA) target(s string) sip.Uri {
	if strings.HasPrefix(s, "sip:") || strings.HasPrefix(s, "sips:") {
		if uri, err := sip.ParseURI(s); err == nil {
			return uri
		}
	}
	return u.URI(s)
}

// Do sends an out-of-dialog request, answers one challenge, and returns the final response.
func (u *UA) Do(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	if req.CallID() == nil {
		callID := sip.CallIDHeader(rand.Text())
		req.AppendHeader(&callID)
	}
	for try := 0; ; try++ {
		res, err := u.once(ctx, req)
		if err != nil || try > 0 || !challenged(res) {
			return res, err
		}
		if err := u.authorize(req, res); err != nil {
			return res, err
		}
	}
}

func (u *UA) once(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	u.mu.Lock()
	u.seq++
	seq := u.seq
	u.mu.Unlock()
	r := req.Clone()
	r.RemoveHeader("CSeq")
	r.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: req.Method})
	final := make(chan *sip.Response, 1)
	err := u.stack.Send(r, u.Flow(), func(res *sip.Response) {
		if res.StatusCode >= 200 {
			final <- res
		}
	})
	if err != nil {
		return nil, err
	}
	select {
	case res := <-final:
		return res, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("siptest: %s: %w", req.Method, ctx.Err())
	}
}

func challenged(res *sip.Response) bool { return res.StatusCode == 401 || res.StatusCode == 407 }

// authorize puts the answer to a challenge on a request.
func (u *UA) authorize(req *sip.Request, res *sip.Response) error {
	challenge, answer := "WWW-Authenticate", "Authorization"
	if res.StatusCode == 407 {
		challenge, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	u.mu.Lock()
	user, password := u.user, u.password
	u.mu.Unlock()
	err := errors.New("siptest: no challenge")
	for h := range sip.FindHeaders(res, challenge) {
		var value string
		if value, err = u.digest.Authorize(h.Value(), string(req.Method), req.Recipient.String(), user, password); err == nil {
			req.RemoveHeader(answer)
			req.AppendHeader(sip.NewHeader(answer, value))
			return nil
		}
	}
	return err
}
