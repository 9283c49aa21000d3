package e2e

import (
	"context"
	"crypto/tls"
	"testing"

	"github.com/talkpath/talkpath/sip/siptest"
)

// kind is a kind of phone: how it signals and what media it has.
type kind struct {
	name      string
	transport string
	media     func(*testing.T) mediaPeer
}

var (
	browser   = kind{"WSS browser", "wss", func(t *testing.T) mediaPeer { return newBrowserPeer(t) }}
	rtpPhone  = kind{"UDP RTP phone", "udp", func(t *testing.T) mediaPeer { return newRTPPeer(t, false) }}
	sdesPhone = kind{"TCP SDES phone", "tcp", func(t *testing.T) mediaPeer { return newRTPPeer(t, true) }}
)

// phone is a registered user agent with the media of its kind.
type phone struct {
	kind
	user  string
	ua    *siptest.UA
	trace *trace
}

// addr is where the server listens for a transport.
func (ex *exchange) addr(transport string) string {
	switch transport {
	case "tcp":
		return ex.at.TCP
	case "tls":
		return ex.at.TLS
	case "ws":
		return ex.at.WS[len("ws://"):]
	case "wss":
		return ex.at.WSS[len("wss://"):]
	default:
		return ex.at.SIP
	}
}

// dial connects a user agent without registering it.
func (ex *exchange) dial(t *testing.T, transport string) *siptest.UA {
	t.Helper()
	return ex.dialTraced(t, transport, nil)
}

func (ex *exchange) dialTraced(t *testing.T, transport string, tr *trace) *siptest.UA {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ua, err := siptest.Dial(ctx, siptest.Config{
		Transport: transport, Addr: ex.addr(transport), Domain: ex.addr(transport),
		TLS: &tls.Config{InsecureSkipVerify: true}, Trace: tr.add,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ua.Close)
	return ua
}

// phone registers a user.
func (ex *exchange) phone(t *testing.T, k kind, user string) *phone {
	t.Helper()
	tr := &trace{}
	p := &phone{kind: k, user: user, ua: ex.dialTraced(t, k.transport, tr), trace: tr}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := p.ua.Register(ctx, user, userPassword, 600)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 {
		t.Fatalf("REGISTER of %s over %s: %s", user, k.transport, res.StartLine())
	}
	return p
}

// talk is one side of an answered call.
type talk struct {
	call  *siptest.Call
	media mediaPeer
}

// hangup ends the call from this side.
func (s talk) hangup(t *testing.T) {
	t.Helper()
	if err := s.call.Bye(); err != nil {
		t.Error(err)
	}
}

// ended waits until the other side, or the server, ended the call.
func (s talk) ended(t *testing.T) siptest.End {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	end, err := s.call.WaitEnded(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// invite calls a number without waiting for anything.
func (p *phone) invite(t *testing.T, number string) talk {
	t.Helper()
	m := p.media(t)
	call, err := p.ua.Invite(number, m.offer(t))
	if err != nil {
		t.Fatal(err)
	}
	return talk{call, m}
}

// incoming waits for a call to this phone.
func (p *phone) incoming(t *testing.T) *siptest.Call {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case call := <-p.ua.Calls():
		return call
	case <-ctx.Done():
		t.Fatalf("%s (%s) was not called", p.user, p.name)
		return nil
	}
}

// accept rings and answers a call.
func (p *phone) accept(t *testing.T, call *siptest.Call) talk {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := call.Ring(nil); err != nil {
		t.Fatal(err)
	}
	m := p.media(t)
	if err := call.Answer(ctx, m.answer(t, call.Request().Body())); err != nil {
		t.Fatal(err)
	}
	return talk{call, m}
}

// answered waits for the answer to an outgoing call.
func (s talk) answered(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := s.call.WaitAnswered(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.media.accept(t, res.Body())
}

// connect makes a call from one phone to another that is answered.
func connect(t *testing.T, from, to *phone) (a, b talk) {
	t.Helper()
	a = from.invite(t, to.user)
	b = to.accept(t, to.incoming(t))
	a.answered(t)
	return a, b
}

// hearEachOther lets both sides send a tone of their own and checks that each receives the other's.
func hearEachOther(t *testing.T, a, b talk) {
	t.Helper()
	const toneA, toneB = 440, 1000
	heardByA, heardByB := a.media.listener().expect(toneB), b.media.listener().expect(toneA)
	a.media.talk(toneA)
	b.media.talk(toneB)
	within(t, "the caller to hear the callee's tone", heardByA)
	within(t, "the callee to hear the caller's tone", heardByB)
}
