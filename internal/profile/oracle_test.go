package profile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/sip"
)

// recorded gives the header names, in order, of the first recorded event that match accepts.
func recorded(t *testing.T, file string, match func(map[string]any) bool) []string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "oracle", "calls", file)
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("the recordings are not there: %v", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var all map[string]any
		if err := json.Unmarshal(lines.Bytes(), &all); err != nil {
			t.Fatal(err)
		}
		if match(all) {
			return keys(t, lines.Bytes())
		}
	}
	t.Fatalf("%s: no such event", file)
	return nil
}

// keys reads the keys of a JSON object in order.
func keys(t *testing.T, object []byte) (names []string) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		k, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, k.(string))
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// TestEventsAsRecorded compares the headers of the registration events with FreeSWITCH's.
func TestEventsAsRecorded(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "pw1000")
	p.register("600")
	p.register("0")
	bad := s.phone("udp", "1000", "no")
	bad.register("600")
	ours := map[string]event{}
	for range 9 {
		e := recv(t, s.events, "event")
		ours[e.name] = e
	}
	// Variables of the directory differ from tree to tree.
	directory := []string{
		"record_stereo", "default_gateway", "default_areacode", "transfer_fallback_extension", "toll_allow", "accountcode", "user_context",
		"effective_caller_id_name", "effective_caller_id_number", "outbound_caller_id_name", "outbound_caller_id_number", "callgroup",
	}
	strip := func(names []string) []string {
		return slices.DeleteFunc(names, func(n string) bool {
			return slices.Contains(directory, n) || strings.HasPrefix(n, "Event-") || strings.HasPrefix(n, "FreeSWITCH-") || n == "Core-UUID"
		})
	}
	for _, name := range []string{"sofia::pre_register", "sofia::register_attempt", "sofia::register", "sofia::unregister", "sofia::register_failure"} {
		t.Run(name, func(t *testing.T) {
			theirs := recorded(t, "registration.jsonl", func(e map[string]any) bool { return e["Event-Subclass"] == name })
			var names []string
			for _, h := range ours[name].headers {
				names = append(names, h[0])
			}
			want(t, "headers", strip(names), strip(theirs))
		})
	}
}

// TestVariablesAsRecorded compares the variables of an inbound call with FreeSWITCH's: those that signalling gives are there, in order.
func TestVariablesAsRecorded(t *testing.T) {
	theirs := recorded(t, "plain_basic_caller_hangup.jsonl", func(e map[string]any) bool {
		return e["Event-Name"] == "CHANNEL_CREATE" && e["Call-Direction"] == "inbound"
	})
	s := start(t)
	p := s.phone("udp", "1000", "pw1000")
	p.invite("1001", func(req *sip.Request) { req.AppendHeader(sip.NewHeader("Allow", "INVITE,ACK")) })
	var ours []string
	for _, v := range recv(t, s.core.calls, "call").in.Vars {
		ours = append(ours, "variable_"+v.Name)
	}
	var both []string
	for _, n := range theirs {
		if slices.Contains(ours, n) {
			both = append(both, n)
		}
	}
	want(t, "order", slices.DeleteFunc(slices.Clone(ours), func(n string) bool { return !slices.Contains(theirs, n) }), both)
	for _, n := range theirs {
		if strings.HasPrefix(n, "variable_sip_") && !slices.Contains(ours, n) && n != "variable_sip_to_port" {
			t.Errorf("%s is missing", n)
		}
	}
}
