package e2e

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// notCompared are the recordings that no test here plays, with the reason.
var notCompared = map[string]string{}

// notSent are the events of the recordings that we do not send, and those that are compared elsewhere.
var notSent = map[string]string{
	"TRAP":                "told when the machine's address changes: addresses are those of the configuration",
	"RECV_RTCP_MESSAGE":   "the relay keeps reports to itself",
	"MESSAGE_WAITING":     "the answer of a voicemail",
	"PRESENCE_PROBE":      "of SUBSCRIBE, which is not served; that of a registration: internal/profile",
	"CUSTOM sofia::error": "of a MESSAGE to nobody: internal/profile",
	"HEARTBEAT":           "TestOwnEventsAsRecorded", "RE_SCHEDULE": "TestOwnEventsAsRecorded", "BACKGROUND_JOB": "TestOwnEventsAsRecorded",
}

// recordings are the names of all that there are.
func recordings(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "oracle", "calls", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Skip("the recordings are not there")
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".jsonl"))
	}
	return names
}

func comparedRecordings() (names []string) {
	for _, c := range recordedCalls() {
		names = append(names, c.name)
	}
	for _, c := range commandedCalls() {
		names = append(names, c.name)
	}
	for _, c := range recordedTransfers() {
		names = append(names, c.name)
	}
	for _, c := range recordedRequestScenes() {
		names = append(names, c.name)
	}
	return names
}

// TestEveryRecordingIsCompared: a recording that nobody plays is listed with the reason, and the list holds no other.
func TestEveryRecordingIsCompared(t *testing.T) {
	all, compared := recordings(t), comparedRecordings()
	for _, name := range all {
		if _, listed := notCompared[name]; listed == slices.Contains(compared, name) {
			t.Errorf("%s: compared %v, listed as not compared %v", name, !listed, listed)
		}
	}
	for name := range maps.Keys(notCompared) {
		if !slices.Contains(all, name) {
			t.Errorf("%s is listed and does not exist", name)
		}
	}
}

// TestEveryRecordedEventIsCompared: each name and subclass of an event that FreeSWITCH sent in any of the recordings occurs in one that is
// compared, or is listed with the reason.
func TestEveryRecordedEventIsCompared(t *testing.T) {
	kind := func(e *esl.Event) string { return strings.TrimSpace(e.Name() + " " + e.Subclass()) }
	compared := map[string]bool{}
	for _, name := range comparedRecordings() {
		events := recordedEvents(t, name)
		for _, e := range slices.Concat(otherEvents(channelless(events)), slices.DeleteFunc(events, func(e *esl.Event) bool { return e.Value("Channel-State") == "" })) {
			compared[kind(e)] = true
		}
	}
	seen := map[string]bool{}
	for _, name := range recordings(t) {
		for _, e := range recordedEvents(t, name) {
			if k := kind(e); !seen[k] {
				seen[k] = true
				if notSent[k] == "" && !compared[k] {
					t.Errorf("%s, first in %s, is neither compared nor listed", k, name)
				}
			}
		}
	}
	for k := range notSent {
		if !seen[k] {
			t.Errorf("%s is listed and was never recorded", k)
		}
	}
}

// TestOwnEventsAsRecorded compares the headers of events that come of nobody's call.
func TestOwnEventsAsRecorded(t *testing.T) {
	recorded := recordedEvents(t, "bgapi_originate_bridge")
	ex := startWith(t, embeddedWith(t, func(text string) string {
		const anchor = `<param name="max-sessions"`
		return strings.Replace(text, anchor, `<param name="event-heartbeat-interval" value="1"/>`+anchor, 1)
	}))
	client := ex.follow(t, "HEARTBEAT", "RE_SCHEDULE", "BACKGROUND_JOB")
	if _, err := client.BGAPI(t.Context(), "echo hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Command(t.Context(), "bgapi echo hello"); err != nil { // whose event the client does not take for itself
		t.Fatal(err)
	}
	missing := map[string]bool{"HEARTBEAT": true, "RE_SCHEDULE": true, "BACKGROUND_JOB": true}
	for len(missing) > 0 {
		e := next(t, client)
		i := slices.IndexFunc(recorded, func(w *esl.Event) bool { return w.Name() == e.Name() })
		if missing[e.Name()] && i >= 0 {
			delete(missing, e.Name())
			compareShape(t, e, recorded[i])
		}
	}
}
