package profile

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

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
	if err := s.p.Restart(snap.Load(), nil); err != nil {
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
