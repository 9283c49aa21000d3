package sip_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/digest"
	"github.com/talkpath/talkpath/sip/siptest"
)

var transports = []string{"udp", "tcp", "tls", "ws", "wss"}

var testSDP = []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")

// testServer is a stack on every transport whose handler delivers what happens on channels.
type testServer struct {
	*sip.Stack
	digest    *digest.Server
	sessions  chan *sip.Session
	events    chan event
	requests  chan *sip.ServerTx // out-of-dialog requests when manual
	manual    atomic.Bool
	serverTLS *tls.Config
}

type event struct {
	what    string
	session *sip.Session
	req     *sip.Request
	res     *sip.Response
	re      *sip.Reinvite
	tx      *sip.ServerTx
}

func newServer(t *testing.T, change func(*sip.Config, *testServer)) *testServer {
	t.Helper()
	s := &testServer{digest: digest.New(digest.Config{}), sessions: make(chan *sip.Session, 16), events: make(chan event, 256),
		requests: make(chan *sip.ServerTx, 256)}
	s.serverTLS = &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}
	cfg := sip.Config{
		Handler: s, TLS: s.serverTLS, ClientTLS: insecure(), UserAgent: "test-server",
		Allow:     strings.Fields("INVITE ACK BYE CANCEL OPTIONS MESSAGE INFO UPDATE REGISTER REFER NOTIFY"),
		Supported: []string{"timer", "path", "replaces"},
		Timers:    sip.Timers{T1: 50 * time.Millisecond, T2: 200 * time.Millisecond, T4: 200 * time.Millisecond},
	}
	for _, tr := range transports {
		cfg.Listeners = append(cfg.Listeners, sip.Listener{Transport: tr, Addr: "127.0.0.1:0"})
	}
	if change != nil {
		change(&cfg, s)
	}
	var err error
	if s.Stack, err = sip.NewStack(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		st := s.Stats()
		if st.Connections != 0 || st.ServerTransactions != 0 || st.ClientTransactions != 0 || st.Sessions != 0 || st.Panics != 0 {
			t.Errorf("left after Close: %+v", st)
		}
		checkGoroutines(t)
	})
	return s
}

// checkGoroutines fails when goroutines of this package are left.
func checkGoroutines(t *testing.T) {
	t.Helper()
	buf := make([]byte, 1<<20)
	var left string
	for range 100 {
		left = ""
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "talkpath/sip.(") && !strings.Contains(g, "testing.tRunner") {
				left = g
			}
		}
		if left == "" {
			return
		}
		runtime.Gosched()
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("goroutine left: %s", left)
}

// ServeSIP registers anyone with the password secret, answers INVITEs by sessions and the rest 200.
func (s *testServer) proved(header string) bool {
	claim, err := s.digest.Read(header)
	return err == nil && s.digest.Verify(&claim, "REGISTER", func(string, string) (digest.HA1, bool) { return digest.HA1{Password: "secret"}, true }).OK
}

func (s *testServer) ServeSIP(tx *sip.ServerTx) {
	if s.manual.Load() {
		s.requests <- tx
		return
	}
	switch r := tx.Request(); r.Method {
	case sip.REGISTER:
		h := r.GetHeader("Authorization")
		if h != nil && s.proved(h.Value()) {
			_ = tx.Respond(tx.NewResponse(200, "", sip.CloneHeader(r.Contact())))
			return
		}
		_ = tx.Respond(tx.NewResponse(401, "", sip.NewHeader("WWW-Authenticate", s.digest.Challenge("test", "", false)[0])))
	case sip.INVITE:
		if session, err := tx.Stack().AcceptSession(tx, s); err == nil {
			s.sessions <- session
		}
	default:
		_ = tx.Respond(tx.NewResponse(200, ""))
	}
}

func (s *testServer) OnProvisional(x *sip.Session, r *sip.Response) {
	s.events <- event{what: "provisional", session: x, res: r}
}
func (s *testServer) OnAnswer(x *sip.Session, r *sip.Response) {
	s.events <- event{what: "answer", session: x, res: r}
}
func (s *testServer) OnReject(x *sip.Session, r *sip.Response) {
	s.events <- event{what: "reject", session: x, res: r}
}
func (s *testServer) OnCancel(x *sip.Session, r *sip.Request) {
	s.events <- event{what: "cancel", session: x, req: r}
}
func (s *testServer) OnAck(x *sip.Session, r *sip.Request) {
	s.events <- event{what: "ack", session: x, req: r}
}
func (s *testServer) OnExpired(x *sip.Session)    { s.events <- event{what: "expired", session: x} }
func (s *testServer) OnAckTimeout(x *sip.Session) { s.events <- event{what: "acktimeout", session: x} }
func (s *testServer) OnReinvite(x *sip.Session, r *sip.Reinvite) {
	s.events <- event{what: "reinvite", session: x, re: r}
}
func (s *testServer) OnRequest(x *sip.Session, tx *sip.ServerTx) {
	s.events <- event{what: "request", session: x, tx: tx, req: tx.Request()}
}
func (s *testServer) OnBye(x *sip.Session, r *sip.Request) {
	s.events <- event{what: "bye", session: x, req: r}
}
func (s *testServer) OnFlowClosed(x *sip.Session) { s.events <- event{what: "flowclosed", session: x} }

func (s *testServer) want(t *testing.T, what string) event {
	t.Helper()
	select {
	case e := <-s.events:
		if e.what != what {
			t.Fatalf("event %s, want %s", e.what, what)
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatalf("no event, want %s", what)
	}
	return event{}
}

func (s *testServer) session(t *testing.T) *sip.Session {
	t.Helper()
	return receive(t, s.sessions)
}

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
	}
	panic("unreachable")
}

func (s *testServer) dial(t *testing.T, transport string) *siptest.UA {
	t.Helper()
	ua, err := siptest.Dial(t.Context(), siptest.Config{Transport: transport, Addr: s.Addr(transport).String(), TLS: insecure(),
		Timers: sip.Timers{T1: 50 * time.Millisecond, T2: 200 * time.Millisecond, T4: 200 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ua.Close)
	ua.SetUser("1000", "secret")
	return ua
}

func (s *testServer) raw(t *testing.T, transport string) *siptest.Raw {
	t.Helper()
	r, err := siptest.DialRaw(t.Context(), transport, s.Addr(transport).String(), insecure())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} } // the certificate is made by the test

func testCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// message makes a request text; fields replace the defaults by name, an empty one removes it.
func message(start string, fields ...string) string {
	method, _, _ := strings.Cut(start, " ")
	order := []string{"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact"}
	values := map[string]string{
		"Via": fmt.Sprintf("SIP/2.0/UDP 127.0.0.1:5999;rport;branch=z9hG4bK%s", rand.Text()), "Max-Forwards": "70",
		"From": "<sip:1000@test>;tag=" + rand.Text(), "To": "<sip:1001@test>", "Call-ID": rand.Text(), "CSeq": "1 " + method,
		"Contact": "<sip:1000@127.0.0.1:5999>",
	}
	body := ""
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ":")
		if name == "body" {
			body = value
			continue
		}
		if _, ok := values[name]; !ok {
			order = append(order, name)
		}
		values[name] = strings.TrimSpace(value)
	}
	if _, ok := values["Content-Length"]; !ok {
		order = append(order, "Content-Length")
		values["Content-Length"] = fmt.Sprint(len(body))
	}
	var b strings.Builder
	b.WriteString(start + "\r\n")
	for _, name := range order {
		if values[name] != "" {
			b.WriteString(name + ": " + values[name] + "\r\n")
		}
	}
	return b.String() + "\r\n" + body
}

var background = context.Background()

type response = sip.Response

// captureFlow returns an in-dialog-free transaction of ua, for its flow.
func captureFlow(t *testing.T, s *testServer, ua *siptest.UA) *sip.ServerTx {
	t.Helper()
	s.manual.Store(true)
	go func() { _, _ = ua.Do(background, ua.Request("OPTIONS", "1000", "", nil)) }()
	tx := receive(t, s.requests)
	check(t, tx.Respond(tx.NewResponse(200, "")))
	s.manual.Store(false)
	return tx
}
