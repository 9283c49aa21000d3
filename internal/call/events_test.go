package call

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/event"
	"github.com/talkpath/talkpath/media"
)

// bare are the headers of an event that not every event has, as lines.
func bare(e *esl.Event) []string {
	var out []string
	for _, h := range e.Headers[slices.IndexFunc(e.Headers, func(h esl.Header) bool { return h.Name == "Event-Sequence" })+1:] {
		out = append(out, h.Name+": "+h.Value)
	}
	return out
}

// every is the events of a name, of any leg.
func (r *rig) every(name string) []*esl.Event {
	return slices.DeleteFunc(slices.Clone(r.events), func(e *esl.Event) bool { return e.Name() != name })
}

func TestSecureMediaIsTold(t *testing.T) {
	r := newRig(t)
	a, _ := answeredCall(r)
	s := r.media.all[0]
	s.secure = "srtp:dtls:AES_CM_128_HMAC_SHA1_80"
	s.cfg.OnEvent(media.Event{Type: media.EventConnected})
	first, second := r.untilEvent("CALL_SECURE", ""), r.untilEvent("CALL_SECURE", "")
	id := r.named("CHANNEL_CREATE")[0].Value("Unique-ID")
	want := []string{"secure_type: srtp:dtls:AES_CM_128_HMAC_SHA1_80", "caller-unique-id: " + id}
	for _, e := range []*esl.Event{first, second} {
		if got := bare(e); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r.media.all[1].cfg.OnEvent(media.Event{Type: media.EventConnected}) // in clear
	a.h.LegEnded(bye)
	r.until(2)
	if n := len(r.every("CALL_SECURE")); n != 2 {
		t.Errorf("%d events CALL_SECURE", n)
	}
}

func TestInfoIsTold(t *testing.T) {
	r := newRig(t)
	a, _ := answeredCall(r)
	a.h.LegInfo(Info{Headers: [][2]string{{"SIP-Content-Type", "text/plain"}, {"SIP-From-User", "10\r\nUnique-ID: 15"}}, Body: []byte("hello\n\nEvent-Name: X")})
	e := r.untilEvent("RECV_INFO", inbound)
	lines := bare(e)
	if !slices.Equal(lines[:3], []string{"SIP-Content-Type: text/plain", "SIP-From-User: 10Unique-ID: 15", "Channel-State: CS_EXECUTE"}) {
		t.Errorf("headers %q", lines[:3])
	}
	if e.Body != "hello\n\nEvent-Name: X" {
		t.Errorf("body %q", e.Body)
	}
	a.h.LegEnded(bye)
	r.until(2)
}

func TestMessagesAreTold(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    Message
		want []string
	}{
		{"as it came", ParseMessage([]esl.Header{{Name: "call-command", Value: "execute"}, {Name: "execute-app-name", Value: "set"},
			{Name: "execute-app-arg", Value: "a=b"}, {Name: "x-own", Value: "1"}}, ""),
			[]string{"call-command: execute", "execute-app-name: set", "execute-app-arg: a=b", "x-own: 1"}},
		{"our own", Message{Command: "execute", App: "set", Data: "a=b", Lock: true},
			[]string{"call-command: execute", "execute-app-name: set", "execute-app-arg: a=b", "event-lock: true"}},
		{"no command", Message{}, []string{"call-command: "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			a, _ := answeredCall(r)
			id := r.named("CHANNEL_CREATE")[0].Value("Unique-ID")
			ch, _ := r.core.Channel(id)
			if err := ch.Send(tc.m); err != nil {
				t.Fatal(err)
			}
			lines := bare(r.untilEvent("PRIVATE_COMMAND", inbound))
			if !slices.Equal(lines[:len(tc.want)], tc.want) || !strings.HasPrefix(lines[len(tc.want)], "Channel-State: ") {
				t.Errorf("headers %q", lines[:len(tc.want)+1])
			}
			a.h.LegEnded(bye)
			r.until(2)
		})
	}
}

// TestPresenceOfForks: of several phones that ring, those that lost are told as cancelled; privacy and a text for lamps are passed on.
func TestPresenceOfForks(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	r.dialer.add("1016")
	a := r.call("1016", Variable{Name: "presence_privacy", Value: "true"}, Variable{Name: "presence_call_info", Value: "line 1"})
	winner, loser := r.dialer.next(), r.dialer.next()
	winner.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	loser.want("hangup LOSE_RACE silent")
	a.h.LegEnded(bye)
	r.until(3)
	var got []string
	for _, e := range r.every("PRESENCE_IN") {
		if e.Value("Call-Direction") == outbound && e.Value("Hangup-Cause") != "" {
			got = append(got, e.Value("Hangup-Cause")+" "+e.Value("status")+" "+e.Value("presence-call-info-state"))
		}
		if own := e.Value("Call-Direction") == inbound; own != (e.Value("Presence-Privacy") == "true") || own != (e.Value("presence-call-info") == "line 1") {
			t.Errorf("%s leg: privacy %q, info %q", e.Value("Call-Direction"), e.Value("Presence-Privacy"), e.Value("presence-call-info"))
		}
	}
	slices.Sort(got)
	if want := []string{"LOSE_RACE cancelled idle", "NORMAL_CLEARING CS_HANGUP idle"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// BenchmarkEvent is what a channel event costs: built for a subscriber, and not built when nobody wants it. What is left then is the
// snapshot that a channel publishes for queries, which is shown alone for comparison.
func BenchmarkEvent(b *testing.B) {
	for _, name := range []string{"snapshot alone", "nobody", "one subscriber"} {
		b.Run(name, func(b *testing.B) {
			wanted := name == "one subscriber"
			bus := event.NewBus(event.Identity{CoreUUID: "c", Hostname: "h", Switchname: "h", IPv4: "192.0.2.1", IPv6: "::1"})
			sub := bus.Subscribe(event.Limit{})
			defer sub.Close()
			sub.Select(esl.Selection{Names: map[string]bool{"CHANNEL_EXECUTE": wanted, "HEARTBEAT": true}})
			ch := &Channel{core: &Core{cfg: Config{Bus: bus}}, uuid: newUUID(), direction: inbound, profile: &callerProfile{CallerName: "1000", Index: 1}}
			now := time.Now()
			ch.profile.Times.Created, ch.profile.Times.Answered = now, now
			for i := range 120 {
				ch.set("variable_number_"+itoa(i), "a value of thirty characters..")
			}
			b.ReportAllocs()
			for b.Loop() {
				if name == "snapshot alone" {
					ch.publish()
					continue
				}
				ch.emitExecute("set", "a=b", "11111111-2222-3333-4444-555555555555")
				if wanted {
					if _, err := sub.Next(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
