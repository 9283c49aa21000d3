package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/sip"
)

// recordedRequests is a recording without a call of ours: what phones send, and until when events are read.
type recordedRequests struct {
	name string
	play func(t *testing.T, ex *exchange)
	last string // label of the last event
	// ours and theirs are labels of events that only we, or only FreeSWITCH, send here.
	ours, theirs []string
}

func recordedRequestScenes() []recordedRequests {
	register := func(t *testing.T, ex *exchange, user, password string, expires int, headers ...sip.Header) {
		t.Helper()
		if _, err := ex.dial(t, "udp").Register(t.Context(), user, password, expires, headers...); err != nil {
			t.Fatal(err)
		}
	}
	return []recordedRequests{
		{name: "registration", last: "CUSTOM sofia::expire",
			play: func(t *testing.T, ex *exchange) {
				p := ex.dial(t, "udp")
				for _, expires := range []int{600, 600} {
					if _, err := p.Register(t.Context(), "1010", userPassword, expires); err != nil {
						t.Fatal(err)
					}
				}
				register(t, ex, "1010", "wrong", 600)
				register(t, ex, "nosuch", "wrong", 600)
				if _, err := p.Unregister(t.Context()); err != nil {
					t.Fatal(err)
				}
				tab := ex.dial(t, "ws")
				if _, err := tab.Register(t.Context(), "1011", userPassword, 600); err != nil {
					t.Fatal(err)
				}
				ex.command(t, "sofia_contact 1011@127.0.0.1")
				ex.command(t, "reloadxml")
				tab.Flow().Close()
			}},
		{name: "invite_bad_auth", last: "CUSTOM sofia::register_failure", play: func(t *testing.T, ex *exchange) {
			p := ex.dial(t, "udp")
			for _, user := range []string{"1000", "9999"} {
				p.SetUser(user, "wrong")
				c, err := p.Invite("1001", newRTPPeer(t, false).offer(t))
				if err != nil {
					t.Fatal(err)
				}
				if res := (talk{call: c}).failure(t); res.StatusCode != 403 {
					t.Errorf("INVITE of %s: %s", user, res.StartLine())
				}
			}
		}},
		{name: "misc_methods", last: "MESSAGE",
			ours:   []string{"CUSTOM sofia::register_attempt", "CUSTOM sofia::register", "MESSAGE_QUERY"}, // the phones were registered before
			theirs: []string{"PRESENCE_PROBE", "PRESENCE_IN", "MESSAGE_QUERY", "RECV_INFO"},               // of subscriptions, and of an INFO without a call
			play: func(t *testing.T, ex *exchange) {
				p, q := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
				if res, err := p.ua.Do(t.Context(), p.ua.Request("OPTIONS", "1001", "", nil)); err != nil || res.StatusCode != 200 {
					t.Fatal(res, err)
				}
				if res, err := p.ua.Do(t.Context(), p.ua.Request("MESSAGE", "1001", "text/plain", []byte("hello there"))); err != nil || res.StatusCode != 202 {
					t.Fatal(res, err)
				}
				select {
				case req := <-q.ua.Requests():
					if req.Method != "MESSAGE" || string(req.Body()) != "hello there" {
						t.Errorf("got %s", req)
					}
				case <-t.Context().Done():
				}
			}},
	}
}

// TestRequestsAsRecorded compares the events of registrations, refused calls and messages: each kind that FreeSWITCH sends is sent, and
// with its headers in its order.
func TestRequestsAsRecorded(t *testing.T) {
	for _, c := range recordedRequestScenes() {
		t.Run(c.name, func(t *testing.T) {
			recorded := otherEvents(channelless(recordedEvents(t, c.name)))
			ex := startWith(t, recordedTree(t))
			client := ex.follow(t, "ALL")
			c.play(t, ex)
			s := &recordedScene{client: client}
			failures := 0
			s.until(t, func(e *esl.Event) bool {
				if label(e) == c.last {
					failures++
				}
				return label(e) == c.last && (c.name != "invite_bad_auth" || failures == 2)
			})
			got := otherEvents(channelless(s.events))
			for _, e := range got {
				i := slices.IndexFunc(recorded, func(w *esl.Event) bool {
					return label(w) == label(e) && w.Value("Event-Calling-Function") == e.Value("Event-Calling-Function")
				})
				if i < 0 {
					if !slices.Contains(c.ours, label(e)) {
						t.Errorf("%s is not in the recording", label(e))
					}
					continue
				}
				compareShape(t, e, recorded[i])
			}
			for _, w := range recorded {
				sent := slices.ContainsFunc(got, func(e *esl.Event) bool { return label(e) == label(w) })
				if !sent && !slices.Contains(c.theirs, label(w)) {
					t.Errorf("%s was not sent", label(w))
				}
			}
		})
	}
}

// channelless leaves the events of channels out: FreeSWITCH makes one for each INVITE, before it asks for a password, and the recorder went on
// into the next call.
func channelless(events []*esl.Event) []*esl.Event {
	if i := slices.IndexFunc(events, func(e *esl.Event) bool { return strings.HasPrefix(e.Value("variable_sip_from_user"), "1015") }); i >= 0 {
		events = events[:i]
	}
	return slices.DeleteFunc(slices.Clone(events), func(e *esl.Event) bool { return e.Value("Channel-State") != "" })
}
