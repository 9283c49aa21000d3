package call

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
)

func TestParseMessage(t *testing.T) {
	for _, tc := range []struct {
		name, headers, body string
		want                Message
	}{
		{"execute", "call-command: execute|execute-app-name: set|execute-app-arg: a=b|Event-UUID: my-id", "",
			Message{Command: "execute", App: "set", Data: "a=b", UUID: "my-id"}},
		{"names in any case", "Call-Command: execute|Execute-App-Name: log", "", Message{Command: "execute", App: "log"}},
		{"argument as body", "call-command: execute|execute-app-name: log|content-type: text/plain", "INFO via body",
			Message{Command: "execute", App: "log", Data: "INFO via body"}},
		{"the header wins", "call-command: execute|execute-app-name: log|execute-app-arg: x|content-type: text/plain", "y",
			Message{Command: "execute", App: "log", Data: "x"}},
		{"a body of another kind", "call-command: execute|execute-app-name: log|content-type: text/html", "y",
			Message{Command: "execute", App: "log"}},
		{"lock and loops", "call-command: execute|execute-app-name: playback|event-lock: true|loops: -1", "",
			Message{Command: "execute", App: "playback", Lock: true, Loops: -1}},
		{"not even once", "call-command: execute|execute-app-name: playback|loops: 0", "", Message{Command: "execute"}},
		{"hangup", "call-command: hangup|hangup-cause: CALL_REJECTED", "", Message{Command: "hangup", Cause: CallRejected}},
		{"an unknown cause", "call-command: hangup|hangup-cause: BOGUS", "", Message{Command: "hangup"}},
		{"xferext", "call-command: xferext|application: set a=b|application: park", "", Message{Command: "xferext", Apps: []string{"set a=b", "park"}}},
		{"nothing", "", "", Message{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var headers []esl.Header
			for _, line := range strings.Split(tc.headers, "|") {
				if name, value, ok := strings.Cut(line, ": "); ok {
					headers = append(headers, esl.Header{Name: name, Value: value})
				}
			}
			tc.want.Headers = headers
			if got := ParseMessage(headers, tc.body); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

// executed are the applications of the events so far, "+" for a begin and "-" for an end, with their ids when those were given.
func (r *rig) executed() string {
	var out []string
	for _, e := range r.events {
		sign := map[string]string{"CHANNEL_EXECUTE": "+", "CHANNEL_EXECUTE_COMPLETE": "-"}[e.Name()]
		if sign == "" {
			continue
		}
		s := sign + e.Value("Application")
		if id := e.Value("Application-UUID"); len(id) < 10 {
			s += "/" + id
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// parked is a call that is answered and parked.
func (r *rig) parked() (*fakeLeg, *Channel) {
	r.t.Helper()
	a := r.call("5900")
	a.want("answer")
	r.untilEvent("CHANNEL_PARK", inbound)
	return a, r.core.all()[0]
}

func TestMessages(t *testing.T) {
	execute := func(app, data, id string, lock bool) Message {
		return Message{Command: "execute", App: app, Data: data, UUID: id, Lock: lock}
	}
	for _, tc := range []struct {
		name     string
		messages []Message
		want     string
		cause    Cause
	}{
		{"one on top of what runs", []Message{execute("sleep", "1000", "a", false), execute("set", "x=1", "b", false)},
			"+answer -answer +park +sleep/a +set/b -set/b -sleep/a -park", NormalClearing},
		{"a lock keeps the order", []Message{execute("sleep", "1000", "a", true), execute("set", "x=1", "b", false)},
			"+answer -answer +park +sleep/a -sleep/a +set/b -set/b -park", NormalClearing},
		{"a short one does not loop", []Message{{Command: "execute", App: "set", Data: "x=1", Loops: 5, UUID: "a"}},
			"+answer -answer +park +set/a -set/a -park", NormalClearing},
		{"loops", []Message{{Command: "execute", App: "sleep", Data: "600", Loops: 2, UUID: "a"}},
			"+answer -answer +park +sleep/a -sleep/a +sleep/a -sleep/a -park", NormalClearing},
		{"hangup waits for a lock", []Message{execute("sleep", "1000", "a", true), {Command: "hangup", Cause: CallRejected}},
			"+answer -answer +park +sleep/a -sleep/a -park", CallRejected},
		{"an unknown application ends the call", []Message{execute("nosuchapp", "", "a", false)}, "+answer -answer +park -park", DestinationOutOfOrder},
		{"xferext", []Message{{Command: "xferext", Apps: []string{"set a=b", "sleep 100"}}},
			"+answer -answer +park -park +set -set +sleep -sleep", NormalClearing},
		{"neither a command nor an application", []Message{{}, {Command: "bogus"}, {Command: "execute"}, {Command: "unicast"}, {Command: "nomedia"}},
			"+answer -answer +park -park", NormalClearing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				_, ch := r.parked()
				done := 0
				for _, m := range tc.messages {
					m.Done = func() { done++ }
					if err := ch.Send(m); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(5 * time.Second)
				ch.Hangup(NormalClearing)
				r.until(1)
				if got := r.executed(); got != tc.want {
					t.Errorf("got  %s\nwant %s", got, tc.want)
				}
				if got := ch.Snapshot().HangupCause; got != tc.cause {
					t.Errorf("cause %s, want %s", got, tc.cause)
				}
				synctest.Wait()
				if done != len(tc.messages) {
					t.Errorf("%d of %d messages are done", done, len(tc.messages))
				}
				if err := ch.Send(Message{}); !errors.Is(err, ErrChannelGone) {
					t.Errorf("a channel that ended says %v", err)
				}
			})
		})
	}
}

// TestMessagesAreBounded floods a channel that is busy with a locked message.
func TestMessagesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		_, ch := r.parked()
		done, sent := 0, 0
		send := func(m Message) error {
			m.Done = func() { done++ }
			err := ch.Send(m)
			if err == nil {
				sent++
			}
			return err
		}
		if err := send(Message{Command: "execute", App: "sleep", Data: "1000", Lock: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range maxMessages {
			if err := send(Message{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := send(Message{}); !errors.Is(err, ErrTooManyMessages) {
			t.Errorf("got %v", err)
		}
		if n := r.core.Stats().MailboxOverflows; n != 1 {
			t.Errorf("%d overflows counted", n)
		}
		time.Sleep(2 * time.Second)
		if err := send(Message{}); err != nil {
			t.Errorf("there is room again: %v", err)
		}
		ch.Hangup(NormalClearing)
		r.until(1)
		synctest.Wait()
		if done != sent {
			t.Errorf("%d of %d messages are done", done, sent)
		}
	})
}
