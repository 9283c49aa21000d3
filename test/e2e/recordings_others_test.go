package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// otherEvents are those that are not a channel's, between the first and the last of a call's, or all when there is no call. Left out is what
// comes by the clock, what the recorder asked for, and what modules told that we have not.
func otherEvents(events []*esl.Event) []*esl.Event {
	channel := func(e *esl.Event) bool { return e.Value("Channel-State") != "" }
	if first := slices.IndexFunc(events, channel); first >= 0 {
		last := first
		for i, e := range events {
			if channel(e) {
				last = i
			}
		}
		events = events[first : last+1]
	}
	return slices.DeleteFunc(slices.Clone(events), func(e *esl.Event) bool {
		switch e.Name() {
		case "HEARTBEAT", "RE_SCHEDULE", "TRAP", "RECV_RTCP_MESSAGE", "MESSAGE_WAITING":
			return true
		case "API":
			return !slices.Contains([]string{"strftime", "user_data", "sofia_contact", "module_exists"}, e.Value("API-Command"))
		}
		return channel(e)
	})
}

// compareOthers compares which events there are besides those of channels, and their headers. Those of authentication come before the
// channel here, and those of media are not ordered with the rest.
func compareOthers(t *testing.T, got, want []*esl.Event) {
	t.Helper()
	if i := slices.IndexFunc(got, func(e *esl.Event) bool { return e.Subclass() == "sofia::pre_register" }); i > 0 { // a phone registered before
		got = got[i:]
	}
	signalled := slices.IndexFunc(got, func(e *esl.Event) bool { return e.Value("Channel-State") != "" })
	if signalled > 0 { // what came before the channel belongs to its call
		got = append(slices.Clone(got[signalled:signalled+1]), slices.Delete(slices.Clone(got), signalled, signalled+1)...)
	}
	g, w := otherEvents(got), otherEvents(want)
	labels := func(list []*esl.Event) (ordered, media []string) {
		for _, e := range list {
			if e.Name() == "CALL_SECURE" {
				media = append(media, label(e)+" "+e.Value("secure_type")[:len("srtp:dtls:")]) // the ciphers are others
			} else {
				ordered = append(ordered, label(e))
			}
		}
		return ordered, media
	}
	gotOrdered, gotMedia := labels(g)
	wantOrdered, wantMedia := labels(w)
	if !slices.Equal(gotOrdered, wantOrdered) {
		t.Errorf("events besides those of channels:\n%s", sideBySide(gotOrdered, wantOrdered))
	}
	if !slices.Equal(gotMedia, wantMedia) {
		t.Errorf("events of media: got %q, recorded %q", gotMedia, wantMedia)
	}
	for _, e := range g {
		i := slices.IndexFunc(w, func(r *esl.Event) bool { return label(r) == label(e) })
		if i >= 0 {
			compareShape(t, e, w[i])
		}
	}
}

// compareShape compares names and order of two events' headers.
func compareShape(t *testing.T, got, want *esl.Event) {
	t.Helper()
	g, w := headerNames(got), headerNames(want)
	if !slices.Equal(g, w) {
		t.Errorf("%s: headers\n%s", label(got), sideBySide(g, w))
	}
	for _, name := range []string{"Event-Calling-File", "Event-Calling-Function", "Event-Calling-Line-Number"} {
		if g, w := got.Value(name), want.Value(name); g != w && !strings.HasPrefix(got.Name(), "CALL_") {
			t.Errorf("%s: %s is %s, recorded %s", label(got), name, g, w)
		}
	}
	if got.HasBody != want.HasBody {
		t.Errorf("%s: a body: %v, recorded %v", label(got), got.HasBody, want.HasBody)
	}
}
