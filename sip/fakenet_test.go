package sip

import (
	"bytes"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeNet connects two stacks by a datagram network without sockets, for tests in virtual time.
type fakeNet struct {
	t    *testing.T
	a, b *Stack
	ab   *Flow // at a, to b
	ba   *Flow // at b, to a
	ha   *recorder
	hb   *recorder

	mu   sync.Mutex
	log  []wireMessage
	drop func(m wireMessage) bool
	gate chan struct{} // while messages are held up, not closed
}

// wireMessage is one message seen on the network.
type wireMessage struct {
	at   time.Duration
	from string // "a" or "b"
	what string // "INVITE" or "200 INVITE"
	text string
}

// recorder notes what a handler was told.
type recorder struct {
	name     string
	mu       sync.Mutex
	events   []string
	sessions []*Session
	onInvite func(s *Session)
	onRe     func(r *Reinvite)
	onReq    func(s *Session, tx *ServerTx)
	onReject func(s *Session, res *Response)
	onAnswer func(s *Session)
}

func (r *recorder) add(what string) {
	r.mu.Lock()
	r.events = append(r.events, what)
	r.mu.Unlock()
}

func (r *recorder) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, " ")
}

func (r *recorder) ServeSIP(tx *ServerTx) {
	if tx.Request().Method != INVITE {
		if r.onReq != nil {
			r.onReq(nil, tx)
		} else {
			_ = tx.Respond(tx.NewResponse(200, ""))
		}
		return
	}
	s, err := tx.Stack().AcceptSession(tx, r)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.sessions = append(r.sessions, s)
	r.mu.Unlock()
	if r.onInvite != nil {
		r.onInvite(s)
	}
}

func (r *recorder) OnProvisional(_ *Session, res *Response) { r.add("provisional") }
func (r *recorder) OnAnswer(s *Session, _ *Response) {
	r.add("answer")
	if r.onAnswer != nil {
		r.onAnswer(s)
	}
}
func (r *recorder) OnReject(s *Session, res *Response) {
	r.add("reject" + portString(uint16(res.StatusCode)))
	if r.onReject != nil {
		r.onReject(s, res)
	}
}
func (r *recorder) OnCancel(*Session, *Request) { r.add("cancel") }
func (r *recorder) OnAck(*Session, *Request)    { r.add("ack") }
func (r *recorder) OnExpired(*Session)          { r.add("expired") }
func (r *recorder) OnAckTimeout(*Session)       { r.add("acktimeout") }
func (r *recorder) OnReinvite(_ *Session, re *Reinvite) {
	r.add("reinvite")
	if r.onRe != nil {
		r.onRe(re)
		return
	}
	_ = re.Accept([]byte("sdp"))
}
func (r *recorder) OnRequest(s *Session, tx *ServerTx) {
	r.add(string(tx.Request().Method))
	if r.onReq != nil {
		r.onReq(s, tx)
		return
	}
	_ = tx.Respond(tx.NewResponse(200, ""))
}
func (r *recorder) OnBye(*Session, *Request) { r.add("bye") }
func (r *recorder) OnFlowClosed(*Session)    { r.add("flowclosed") }

// inBubble runs f in virtual time with two connected stacks.
func inBubble(t *testing.T, f func(n *fakeNet)) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{t: t, ha: &recorder{name: "a"}, hb: &recorder{name: "b"}}
		n.a = newStack(Config{Handler: n.ha})
		n.b = newStack(Config{Handler: n.hb})
		n.ab, n.ba = n.link("10.0.0.1:5060", "10.0.0.2:5060")
		f(n)
		if err := n.a.Close(); err != nil {
			t.Error(err)
		}
		n.b.Close()
		for _, s := range []*Stack{n.a, n.b} {
			if st := s.Stats(); st.Sessions != 0 || st.ServerTransactions != 0 || st.ClientTransactions != 0 || st.Panics != 0 {
				t.Errorf("left after Close: %+v", st)
			}
		}
		synctest.Wait()
	})
}

// link makes a pair of flows between the stacks.
func (n *fakeNet) link(addrA, addrB string) (ab, ba *Flow) {
	a, b := netip.MustParseAddrPort(addrA), netip.MustParseAddrPort(addrB)
	ab = &Flow{stack: n.a, transport: "udp", local: a, remote: b, id: "udp/" + addrA + "/" + addrB, done: n.a.done}
	ba = &Flow{stack: n.b, transport: "udp", local: b, remote: a, id: "udp/" + addrB + "/" + addrA, done: n.b.done}
	start := time.Now()
	carry := func(from string, to *Stack, at *Flow) func([]byte) error {
		wire := make(chan []byte, 1000)
		to.spawn(func() {
			for {
				select {
				case data := <-wire:
					n.passGate()
					to.receive(at, data)
				case <-to.done:
					return
				}
			}
		})
		return func(data []byte) error {
			m := wireMessage{at: time.Since(start), from: from, what: summary(string(data)), text: string(data)}
			n.mu.Lock()
			n.log = append(n.log, m)
			lost := n.drop != nil && n.drop(m)
			n.mu.Unlock()
			if !lost {
				wire <- bytes.Clone(data)
			}
			return nil
		}
	}
	ab.send1 = carry("a", n.b, ba)
	ba.send1 = carry("b", n.a, ab)
	return ab, ba
}

func summary(text string) string {
	start, rest, _ := strings.Cut(text, "\r\n")
	if code, ok := strings.CutPrefix(start, "SIP/2.0 "); ok {
		_, cseq, _ := strings.Cut(rest, "CSeq: ")
		cseq, _, _ = strings.Cut(cseq, "\r\n")
		_, method, _ := strings.Cut(cseq, " ")
		return code[:3] + " " + method
	}
	method, _, _ := strings.Cut(start, " ")
	return method
}

// holdUp lets no message arrive until release is called: what both sides send before crosses.
func (n *fakeNet) holdUp() (release func()) {
	gate := make(chan struct{})
	n.mu.Lock()
	n.gate = gate
	n.mu.Unlock()
	return func() { close(gate) }
}

func (n *fakeNet) passGate() {
	n.mu.Lock()
	gate := n.gate
	n.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// setDrop decides which messages are lost from now on.
func (n *fakeNet) setDrop(f func(m wireMessage) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop = f
}

// times lists when a message was sent, in milliseconds.
func (n *fakeNet) times(from, what string) []int {
	n.mu.Lock()
	defer n.mu.Unlock()
	var at []int
	for _, m := range n.log {
		if m.from == from && m.what == what {
			at = append(at, int(m.at.Milliseconds()))
		}
	}
	return at
}

// trace lists all messages as "a>INVITE b>100 INVITE …".
func (n *fakeNet) trace() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for _, m := range n.log {
		all = append(all, m.from+">"+m.what)
	}
	return strings.Join(all, " ")
}

func (n *fakeNet) clear() {
	n.mu.Lock()
	n.log = nil
	n.mu.Unlock()
}

func uri(s string) Uri {
	u, err := ParseURI(s)
	if err != nil {
		panic(err)
	}
	return u
}

func request(method RequestMethod) *Request {
	r := NewRequest(method, uri("sip:bob@10.0.0.2"))
	r.AppendHeader(&FromHeader{Address: uri("sip:alice@10.0.0.1")})
	r.AppendHeader(&ToHeader{Address: uri("sip:bob@10.0.0.2")})
	return r
}

// invite makes a call from a to b.
func (n *fakeNet) invite() *Session {
	n.t.Helper()
	s, err := n.a.Invite(request(INVITE), n.ab, n.ha)
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

// call makes an answered call and returns both ends.
func (n *fakeNet) call() (a, b *Session) {
	n.t.Helper()
	n.hb.onInvite = func(s *Session) {
		if err := s.Accept([]byte("sdp")); err != nil {
			n.t.Error(err)
		}
	}
	a = n.invite()
	synctest.Wait()
	if n.ha.all() != "answer" || n.hb.all() != "ack" {
		n.t.Fatalf("no call: a %q, b %q, %s", n.ha.all(), n.hb.all(), n.trace())
	}
	n.clear()
	return a, n.hb.sessions[0]
}

func (n *fakeNet) wantEvents(a, b string) {
	n.t.Helper()
	synctest.Wait()
	if got := n.ha.all(); got != a {
		n.t.Errorf("events at a: %q, want %q", got, a)
	}
	if got := n.hb.all(); got != b {
		n.t.Errorf("events at b: %q, want %q", got, b)
	}
}

func (n *fakeNet) wantTrace(want string) {
	n.t.Helper()
	synctest.Wait()
	got := n.trace()
	if got != want {
		n.t.Errorf("messages:\n got %s\nwant %s", got, want)
	}
}
