package e2e

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// recordedTree is a copy of the configuration that the recordings were made with, on ephemeral ports; the test is skipped without it.
func recordedTree(t *testing.T) string {
	t.Helper()
	from := filepath.Join("..", "..", "..", "shared", "freeswitch-conf", "recorded")
	if _, err := os.Stat(from); err != nil {
		t.Skipf("the configuration of the recordings is not at %s", from)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	for file, change := range map[string][2]string{
		"autoload_configs/event_socket.conf.xml": {`"8021"`, `"0"`}, "sip_profiles/internal.xml": {`"127.0.0.1:5066"`, `"127.0.0.1:0"`},
	} {
		name := filepath.Join(dir, file)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.NewReplacer(change[0], change[1], `"127.0.0.1:7443"`, `"127.0.0.1:0"`, "ClueCon", eslPassword).Replace(string(text))
		if err := os.Remove(name); err != nil { // the copy may be read-only
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "sip_profiles", "external.xml")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// recordedStage is a server with the phones that were used so far.
type recordedStage struct {
	all    *testing.T // that the phones live as long as
	ex     *exchange
	phones map[string]*phone
}

// phone is one for all calls: a UDP registration outlives its phone.
func (st *recordedStage) phone(k kind, user string) *phone {
	if st.phones[user] == nil {
		st.phones[user] = st.ex.phone(st.all, k, user)
	}
	return st.phones[user]
}

// TestEventsAsRecorded makes calls through the whole server with the configuration of the recordings, and compares the events: names,
// states and headers, in their order.
func TestEventsAsRecorded(t *testing.T) {
	for _, k := range []kind{rtpPhone, browser} { // apart, since a call rings all phones of a user
		st := &recordedStage{t, startWith(t, recordedTree(t)), map[string]*phone{}}
		for _, c := range recordedCalls() {
			if c.caller.name == k.name {
				t.Run(c.name, func(t *testing.T) { st.compare(t, c) })
			}
		}
	}
}

// compare plays a call and compares what is told of it.
func (st *recordedStage) compare(t *testing.T, c recordedCall) {
	recorded := upTo(recordedEvents(t, c.name), c.until)
	s := &recordedScene{caller: st.phone(c.caller, c.from), number: c.number, last: c.until}
	if c.to != "" {
		s.callee = st.phone(c.caller, c.to)
	}
	s.client = st.ex.follow(t, "ALL")
	for _, p := range st.phones {
		p.trace.begin()
	}
	c.play(t, s)
	s.untilIdle(t)
	if c.until == "" {
		s.compareMessages(t, c)
		rocketChatRules(t, s.events, c.from)
	}
	events := upTo(s.events, c.until)
	for _, e := range slices.Concat(events, recorded) {
		for _, name := range c.races {
			e.Del(name)
		}
	}
	got, want := channelEvents(t, events), channelEvents(t, recorded)
	for _, leg := range []string{"inbound", "outbound"} {
		compareLives(t, leg, got[leg], want[leg])
		compareEventHeaders(t, leg, got[leg], want[leg])
	}
	compareOthers(t, events, recorded)
}

// compareMessages compares what the phones sent and received.
func (s *recordedScene) compareMessages(t *testing.T, c recordedCall) {
	t.Helper()
	messages := map[string][]string{}
	if c.caller.transport == "wss" {
		messages[c.from], messages[c.to] = recordedBrowserMessages(t, c.name, "A"), recordedBrowserMessages(t, c.name, "B")
	} else {
		messages = recordedMessages(t, c.name)
	}
	compareMessages(t, c.from, s.caller.trace.settled(len(messages[c.from])), messages[c.from])
	if s.callee != nil {
		compareMessages(t, c.to, s.callee.trace.settled(len(messages[c.to])), messages[c.to])
	}
}

func recordedEvents(t *testing.T, name string) []*esl.Event {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "oracle", "calls", name+".jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the recording is not at %s", path)
	}
	var out []*esl.Event
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e, err := esl.ParseJSON(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// rocketChatRules holds events to what Rocket.Chat computes calls from: no field of the caller names the callee on any leg, sequence
// numbers sort as text, every leg says whom its call is for, and the caller's leg is destroyed last.
func rocketChatRules(t *testing.T, events []*esl.Event, caller string) {
	t.Helper()
	dialed, destroyed := map[string]bool{}, ""
	for i, e := range events {
		if e.Value("Unique-ID") == "" {
			continue
		}
		for _, name := range []string{"variable_sip_from_user", "Caller-Username", "Caller-Caller-ID-Number", "Caller-ANI"} {
			if v := e.Value(name); v != "" && v != caller {
				t.Errorf("%s of the %s leg: %s is %s, the caller is %s", e.Name(), e.Value("Call-Direction"), name, v, caller)
			}
		}
		if i > 0 && (len(e.Value("Event-Sequence")) != len(events[0].Value("Event-Sequence")) || e.Value("Event-Sequence") <= events[i-1].Value("Event-Sequence")) {
			t.Errorf("sequence %s after %s", e.Value("Event-Sequence"), events[i-1].Value("Event-Sequence"))
		}
		if e.Name() == "CHANNEL_DESTROY" {
			destroyed = e.Value("Call-Direction")
			dialed[destroyed] = e.Value("variable_dialed_extension")+e.Value("variable_dialed_user") != ""
		}
	}
	if destroyed != "inbound" {
		t.Errorf("the %s leg is destroyed last", destroyed)
	}
	if called, ok := dialed["outbound"]; ok && (!called || !dialed["inbound"]) {
		t.Errorf("legs that say whom the call is for: %v", dialed)
	}
}
