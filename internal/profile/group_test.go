package profile

import (
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
)

// startTree starts a profile on the test tree with one text replaced.
func startTree(t *testing.T, old, with string) *server {
	t.Helper()
	if !strings.Contains(testTree, old) {
		t.Fatalf("the tree has no %s", old)
	}
	snap := loadTree(t, strings.Replace(testTree, old, with, 1))
	return startWith(t, registrar.Config{}, func(c *Config) { c.Snapshot = func() *config.Snapshot { return snap } })
}

func TestGroup(t *testing.T) {
	s := startTree(t, "<groups>", `<groups><group name="sales"><users><user id="1001" type="pointer"/><user id="1000" type="pointer"/></users></group>`)
	for _, tc := range []struct {
		ref, separator string
		members        []string
		ok             bool
	}{
		{"sales@example.com", ",", []string{"user/1001@example.com", "user/1000@example.com"}, true},
		{"sales", ",", []string{"user/1001@example.com", "user/1000@example.com"}, true},
		{"sales@example.com+A", ",", []string{"user/1001@example.com", "user/1000@example.com"}, true},
		{"sales@example.com+F", "|", []string{"user/1001@example.com", "user/1000@example.com"}, true},
		{"sales@example.com+e", ":_:", []string{"user/1001@example.com", "user/1000@example.com"}, true},
		{"nobody@example.com", ",", nil, false},
	} {
		t.Run(tc.ref, func(t *testing.T) {
			members, separator, ok := Set{s.p}.Group(tc.ref)
			want(t, "group", []any{members, separator, ok}, []any{tc.members, tc.separator, tc.ok})
		})
	}
	_, cause := s.p.Resolve("group", "nobody@example.com", nil)
	want(t, "unknown", cause, call.NoRouteDestination)
	_, cause = s.p.Resolve("group", "sales@example.com", nil)
	want(t, "nobody registered", cause, call.UserNotRegistered)
	s.phone("udp", "1000", "pw1000").register("600")
	s.phone("ws", "1001", "pw1001").register("600")
	ds, _ := s.p.Resolve("group", "sales@example.com", nil)
	var names []string
	for _, d := range ds {
		names = append(names, value(d.Vars, "dialed_user", ""))
	}
	want(t, "all ring", names, []string{"1001", "1000"})
}

func TestDialString(t *testing.T) {
	const own = `<param name="password" value="pw1000"/>`
	for _, tc := range []struct {
		name, text string
		ring       []string // channel names, without the port
		cause      call.Cause
		vars       map[string]string
	}{
		{"as the stock tree has it", `{^^:sip_invite_domain=${dialed_domain}:presence_id=${dialed_user}@${dialed_domain}}${sofia_contact(*/${dialed_user}@${dialed_domain})},${verto_contact(${dialed_user}@${dialed_domain})}`,
			[]string{"sofia/internal/1000@127.0.0.1"}, "", map[string]string{"sip_invite_domain": "example.com", "presence_id": "1000@example.com"}},
		{"an address", "{a=b}[c=d]sofia/internal/${dialed_user}@192.0.2.9", []string{"sofia/internal/1000@192.0.2.9"}, "", map[string]string{"a": "b"}},
		{"another user besides", "${sofia_contact(x)},user/1001@example.com", []string{"sofia/internal/1000@127.0.0.1", "sofia/internal/1001@127.0.0.1"}, "", nil},
		{"another user instead of nobody", "${verto_contact(x)}|user/1001@example.com", []string{"sofia/internal/1001@127.0.0.1"}, "", nil},
		{"nobody", "error/user_busy", nil, call.UserBusy, nil},
		{"itself", "user/1000@example.com", nil, call.InvalidURL, nil},
		{"broken", "{a=b", nil, call.UserNotRegistered, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startTree(t, own, own+param("dial-string", tc.text)+param("dial-var-colour", "red"))
			s.phone("udp", "1000", "pw1000").register("600")
			s.phone("udp", "1001", "pw1001").register("600")
			ds, cause := s.p.Resolve("user", "1000@example.com", nil)
			var ring []string
			for _, d := range ds {
				name, _, _ := cutLast(d.ChannelName, ":")
				ring = append(ring, name)
			}
			want(t, "rings", ring, tc.ring)
			want(t, "cause", cause, tc.cause)
			for name, v := range tc.vars {
				want(t, name, value(ds[0].Vars, name, ""), v)
			}
			if tc.name == "as the stock tree has it" {
				want(t, "dial-var", value(ds[0].Vars, "colour", ""), "red")
			}
		})
	}
}

func FuzzLeadingVariables(f *testing.F) {
	for _, s := range []string{"{a=b,c=d}x", "{^^:a=b:c=d}x", "{^^}x", "{", "{a}{b=c}", "{^^:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		vars, rest := leadingVariables(s)
		if len(rest) > len(s) || strings.HasPrefix(rest, "{") {
			t.Fatalf("%q leaves %q", s, rest)
		}
		for _, v := range vars {
			if !strings.Contains(s, v.Name) || !strings.Contains(s, v.Value) {
				t.Fatalf("%q gives %q=%q", s, v.Name, v.Value)
			}
		}
	})
}
