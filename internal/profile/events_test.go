package profile

import (
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
)

// otherEvents takes events other than those of registrations, each in a line.
func (s *server) otherEvents(n int) (list []string) {
	for range n {
		e := recv(s.t, s.others, "event")
		line := e.Name
		for _, h := range e.Headers {
			if slices.Contains([]string{"status", "rpid", "Message-Account", "to", "profile_name"}, h[0]) {
				line += " " + h[1]
			}
		}
		list = append(list, line)
	}
	return list
}

// TestPresenceOfRegistrations: what is told besides sofia:: when users come and go.
func TestPresenceOfRegistrations(t *testing.T) {
	query, gone := "MESSAGE_QUERY sip:1000@example.com", "PRESENCE_IN unknown Unregistered"
	for _, tc := range []struct {
		name, params string
		want         []string
	}{
		{"first contact only", "", []string{query, gone}},
		{"at each", `<param name="send-message-query-on-register" value="true"/>`, []string{query, query, query, gone}},
		{"no messages", `<param name="send-message-query-on-register" value="false"/>`, []string{gone}},
		{"presence too", `<param name="send-presence-on-register" value="first-only"/>`, []string{query, "PRESENCE_IN unknown Registered", gone}},
		{"a probe", `<param name="send-presence-on-register" value="first-only"/><param name="presence-probe-on-register" value="true"/>`,
			[]string{query, "PRESENCE_PROBE 1000@example.com", gone}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			snap := loadTree(t, strings.Replace(testTree, "<settings>", "<settings>"+tc.params, 1))
			s := startWith(t, registrar.Config{}, func(c *Config) { c.Snapshot = func() *config.Snapshot { return snap } })
			want(t, "start", s.otherEvents(1), []string{"CUSTOM internal"})
			p, second := s.phone("udp", "1000", "pw1000"), s.phone("udp", "1000", "pw1000")
			p.register("600")
			p.register("600")
			second.register("600")
			p.register("0") // the other is still there
			second.register("0")
			want(t, "events", s.otherEvents(len(tc.want)), tc.want)
			want(t, "further events", len(s.others), 0)
		})
	}
}

// TestPresenceAsRecorded compares the headers of the events around registrations with FreeSWITCH's.
func TestPresenceAsRecorded(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "pw1000")
	p.register("600")
	p.register("0")
	tab := s.phone("ws", "1001", "pw1001")
	tab.register("600")
	tab.flow.Close()
	s.until("sofia::expire")
	ours := map[string]Event{}
	for len(ours) < 4 {
		e := recv(t, s.others, "event")
		ours[e.Name+" "+e.Origin.Function] = e
	}
	for key, e := range ours {
		if e.Name == custom {
			continue
		}
		t.Run(key, func(t *testing.T) {
			theirs := recorded(t, "registration.jsonl", func(r map[string]any) bool {
				return r["Event-Name"] == e.Name && r["Event-Calling-Function"] == e.Origin.Function
			})
			var names []string
			for _, h := range e.Headers {
				names = append(names, h[0])
			}
			want(t, "headers", names, slices.DeleteFunc(theirs, func(n string) bool {
				return strings.HasPrefix(n, "Event-") || strings.HasPrefix(n, "FreeSWITCH-") || n == "Core-UUID"
			}))
		})
	}
}
