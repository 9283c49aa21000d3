package call

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

func TestLoopback(t *testing.T) {
	for _, c := range []struct{ name, dial, app string }{
		{"number", "loopback/9196", "echo"},
		{"number and context", "loopback/9196/plain/XML", "echo"},
		{"program", "loopback/answer,park/plain/inline", "park"},
		{"application", "loopback/app=echo", "echo"},
		{"application with data", "loopback/app=echo:a, b/c", "echo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := dialRigWith(t, c.dial)
			a := r.call("x")
			a.want("answer")
			var second *esl.Event
			told := false
			r.read(func(e *esl.Event) bool {
				name := e.Value("Channel-Name")
				if e.Name() == "CHANNEL_EXECUTE" && e.Value("Application") == c.app && strings.HasSuffix(name, "-b") {
					second = e
				}
				told = told || e.Name() == "CALL_UPDATE" && strings.HasPrefix(name, "sofia/")
				return told && second != nil
			})
			if second.Value("Caller-Source") != "mod_loopback" || second.Value("Caller-Caller-ID-Number") != "1015" {
				t.Errorf("second leg from %s, %s", second.Value("Caller-Source"), second.Value("Caller-Caller-ID-Number"))
			}
			a.h.LegEnded(bye)
			r.until(3)
		})
	}
}

// dialRigWith is a dialRig whose dial string is one target, commas and all.
func dialRigWith(t *testing.T, dial string) *rig {
	t.Helper()
	r := dialRig(t, "user/0@x")
	parts := dialplan.Expanded{{Text: strings.TrimPrefix(dial, "loopback/")}}
	r.core.apps["bridge"] = func(ch *Channel, _ dialplan.Expanded) string {
		d := &dialplan.DialString{Parts: []dialplan.Part{{{{Endpoint: "loopback", Dest: parts.String(), Parts: parts}}}}}
		win, _ := ch.originate(d)
		if win != nil && ch.connect(win) {
			ch.talk(win.ch)
		}
		ch.ringing = nil
		return responseNone
	}
	return r
}

func TestLoopbackFails(t *testing.T) {
	for _, c := range []struct{ name, dial, want string }{
		{"nobody there", "loopback/4711", "hangup NO_ROUTE_DESTINATION"},
		{"unknown application", "loopback/app=voicemail:default x 1000", "hangup DESTINATION_OUT_OF_ORDER"},
		{"to itself", "loopback/x", "hangup EXCHANGE_ROUTING_ERROR"},
		{"from outside", "loopback/${sip_h_X-Evil}", "hangup NO_ROUTE_DESTINATION"},
		{"name from outside", "loopback/app=${sip_h_X-Evil}", "hangup NO_ROUTE_DESTINATION"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := dialRig(t, c.dial)
			a := r.call("x", Variable{Name: "sip_h_X-Evil", Value: "9196/plain/inline", Wire: true})
			a.want(c.want)
			for len(r.core.Channels()) > 0 {
				r.until(1)
			}
		})
	}
}

// What the caller says passes both legs to the echo and comes back.
func TestLoopbackThroughTheEngine(t *testing.T) {
	eng, err := media.NewEngine(media.Config{ListenIP: netip.MustParseAddr("127.0.0.1"), MuxTCPPort: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := eng.Stats().Legs; n != 0 {
			t.Errorf("%d media legs left", n)
		}
		eng.Close()
	})
	r := dialRig(t, "loopback/9196")
	r.core.media = engine{eng}
	phone, sdp := rtpPhone(t)
	a := newFakeLeg(t)
	h, err := r.core.NewInbound(Inbound{Leg: a, ChannelName: "sofia/internal/1015@x", CallerNum: "1015", Destination: "x", Context: "plain",
		NetworkAddr: "127.0.0.1", SDP: sdp})
	if err != nil {
		t.Fatal(err)
	}
	a.want("answer")
	sendRTP(t, phone, a.sdp, phone)
	h.LegEnded(bye)
	r.until(3)
}
