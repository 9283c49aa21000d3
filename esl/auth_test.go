package esl_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// usersBackend is a switch with users.
type usersBackend struct {
	*esltest.Backend
	users map[string]esl.User
}

func (b usersBackend) EventSocketUser(name, domain string) (esl.User, bool) {
	u, ok := b.users[name+"@"+domain]
	return u, ok
}

func list(s string) *string { return &s }

func newUsersBackend() usersBackend {
	return usersBackend{&esltest.Backend{Answers: map[string][]string{"status": {"UP"}, "eval status": {"status"}, "show calls": {"0 total."}}},
		map[string]esl.User{
			"all@d":     {Password: "pw"},
			"none@d":    {},
			"some@d":    {Password: "pw", AllowedEvents: list("HEARTBEAT CHANNEL_ANSWER CUSTOM a::b c::d"), AllowedAPI: list("status,eval"), DenyLog: true},
			"allbut@d":  {Password: "pw", AllowedEvents: list("ALL"), AllowedAPI: list("")},
			"strange@d": {Password: "pw", AllowedAPI: list("a\nReply-Text: +OK")},
		}}
}

// TestUserauth: who signs in by userauth may do what the directory says; mod_event_socket.c parse_command.
func TestUserauth(t *testing.T) {
	const invalid = "Content-Type: command/reply\nReply-Text: -ERR invalid\n\nContent-Type: text/disconnect-notice\n"
	accepted := func(events, api, log string) string {
		return "Content-Type: command/reply\nReply-Text: +OK accepted\nAllowed-Events: " + events + "\nAllowed-API: " + api + "\nAllowed-LOG: " + log + "\n\n"
	}
	reply := func(text string) string { return "Content-Type: command/reply\nReply-Text: " + text + "\n\n" }
	denied := reply("-ERR permission denied")
	for _, tc := range []struct {
		name, auth, greeting string
		say, want            string
	}{
		{"everything", "all@d:pw", accepted("all", "all", "true"), "event plain ALL", reply("+OK event listener enabled plain")},
		{"password in front", "all:pw@d", accepted("all", "all", "true"), "api status", "Content-Type: api/response\nContent-Length: 2\n\nUP"},
		{"wrong password", "all@d:pwx", invalid, "", ""},
		{"no password", "all@d", invalid, "", ""},
		{"empty password of a user without one", "none@d:", invalid, "", ""},
		{"no domain", "all:pw", invalid, "", ""},
		{"unknown user", "x@d:pw", invalid, "", ""},
		{"server's password", "x@d:ClueCon", invalid, "", ""},
		{"allowed event", "some@d:pw", accepted("HEARTBEAT CHANNEL_ANSWER CUSTOM a::b c::d", "status,eval", "false"), "event json CHANNEL_ANSWER CUSTOM c::d",
			reply("+OK event listener enabled json")},
		{"event not allowed", "some@d:pw", "", "event plain HEARTBEAT CHANNEL_CREATE", denied},
		{"all events not allowed", "some@d:pw", "", "event plain ALL", denied},
		{"subclass not allowed", "some@d:pw", "", "event plain CUSTOM a::b x::y", denied},
		{"all events", "allbut@d:pw", accepted("ALL", "", "true"), "event plain ALL", reply("+OK event listener enabled plain")},
		{"no command at all", "allbut@d:pw", "", "api status", denied},
		{"allowed command", "some@d:pw", "", "api STATUS", "Content-Type: api/response\nContent-Length: 31\n\n-ERR STATUS Command not found!\n"},
		{"command not allowed", "some@d:pw", "", "api show calls", denied},
		{"in the background", "some@d:pw", "", "bgapi show calls", denied},
		{"smuggled in eval", "some@d:pw", "", "api eval show calls", denied},
		{"smuggled twice", "some@d:pw", "", "api eval eval ${show(calls)}", denied},
		{"in eval", "some@d:pw", "", "api eval status", "Content-Type: api/response\nContent-Length: 6\n\nstatus"},
		{"several typed", "some@d:pw", "", "api eval status;; status ;;\nconsole_execute: true", "Content-Type: api/response\nContent-Length: 8\n\nstatusUP"},
		{"several not typed", "all@d:pw", "", "api status;;status", "-ERR status;;status Command not found!\n"},
		{"smuggled behind another", "some@d:pw", "", "api status;;show calls\nconsole_execute: true", denied},
		{"log", "some@d:pw", "", "log debug", denied},
		{"a list with a line break", "strange@d:pw", accepted("all", "a Reply-Text: +OK", "true"), "log", reply("+OK log level  [7]")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newUsersBackend()
			nc := dial(t, serve(t, &esl.Server{Backend: b}))
			fmt.Fprintf(nc, "userauth %s\n\n%s\n\nexit\n\n", tc.auth, tc.say)
			text, err := io.ReadAll(nc)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := strings.CutPrefix(string(text), "Content-Type: auth/request\n\n"+tc.greeting)
			if !ok || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q and %q", text, tc.greeting, tc.want)
			}
			if tc.want == denied && b.Executed() > 0 {
				t.Error("executed")
			}
		})
	}
}

// TestMyeventsWithinPermissions: myevents gives no more than esl-allowed-events.
func TestMyeventsWithinPermissions(t *testing.T) {
	b := newUsersBackend()
	nc := dial(t, serve(t, &esl.Server{Backend: b}))
	fmt.Fprint(nc, "userauth some@d:pw\n\nmyevents u\n\n")
	eventually(t, "subscribed", func() bool { return b.Subscribers() == 1 })
	for _, name := range []string{"CHANNEL_PARK", "CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE"} {
		e := b.NewEvent(name)
		e.Add("Unique-ID", "u")
		b.Publish(e)
	}
	text, err := io.ReadAll(nc)
	if err != nil || strings.Count(string(text), "Event-Name: ") != 1 || !strings.Contains(string(text), "Event-Name: CHANNEL_ANSWER\n") {
		t.Errorf("%s, %v", text, err)
	}
}
