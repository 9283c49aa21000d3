package e2e

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// drachtio is what Rocket.Chat 8 is to an exchange: a peer without account that signals over plain UDP or TCP and has browsers' media. It sends no
// 180, wants an offer in each INVITE, and answers what it does not know with 200.
type drachtio struct {
	ua *siptest.UA
	tr *trace
}

// startWithTrunk runs a server whose trunk is a drachtio at that address.
func startWithTrunk(t *testing.T, transport, ip string, set ...string) (*exchange, *drachtio) {
	t.Helper()
	p := newDrachtio(t, transport, ip)
	at := p.ua.Listening()
	ex := start(t, append([]string{"trunk=rocketchat", "trunk_host=" + ip, "trunk_port=" + strconv.Itoa(int(at.Port())), "trunk_transport=" + transport}, set...)...)
	p.connect(t, ex, transport)
	return ex, p
}

func newDrachtio(t *testing.T, transport, ip string) *drachtio {
	t.Helper()
	p := &drachtio{tr: &trace{}}
	var err error
	p.ua, err = siptest.New(siptest.Config{Transport: transport, Listen: ip + ":0", UserAgent: "drachtio 0.9.0", Trace: p.tr.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.ua.Close)
	p.ua.SetUser("2001", "")
	return p
}

func (p *drachtio) connect(t *testing.T, ex *exchange, transport string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.ua.Connect(ctx, ex.addr(transport)); err != nil {
		t.Fatal(err)
	}
}

// invite calls a number with a browser's offer.
func (p *drachtio) invite(t *testing.T, number string, headers ...sip.Header) talk {
	t.Helper()
	m := newBrowserPeer(t)
	call, err := p.ua.Invite(number, m.offer(t), headers...)
	if err != nil {
		t.Fatal(err)
	}
	return talk{call, m}
}

// incoming waits for a call to Rocket.Chat and checks that its offer is one that a browser takes.
func (p *drachtio) incoming(t *testing.T) *siptest.Call {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case call := <-p.ua.Calls():
		browserGrade(t, "offer", string(call.Request().Body()))
		return call
	case <-ctx.Done():
		t.Fatal("Rocket.Chat was not called")
		return nil
	}
}

// accept answers without having rung.
func (p *drachtio) accept(t *testing.T, call *siptest.Call) talk {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m := newBrowserPeer(t)
	if err := call.Answer(ctx, m.answer(t, call.Request().Body())); err != nil {
		t.Fatal(err)
	}
	return talk{call, m}
}

// browserGrade checks what a description must have for a browser.
func browserGrade(t *testing.T, what, sdp string) {
	t.Helper()
	for _, line := range []string{"UDP/TLS/RTP/SAVPF", "a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:sha-256 ", "a=setup:", "a=rtcp-mux", "a=group:BUNDLE ", "a=mid:", "a=candidate:"} {
		if !strings.Contains(sdp, line) {
			t.Errorf("the %s has no %s:\n%s", what, line, sdp)
		}
	}
	if strings.Contains(sdp, "a=ice-options:trickle") {
		t.Errorf("the %s promises candidates that nobody can take:\n%s", what, sdp)
	}
}
