package control

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/profile"
)

// TestNotifyEvent: an event NOTIFY that a program sends reaches the phones it names, and is published like any other.
func TestNotifyEvent(t *testing.T) {
	for _, tc := range []struct{ name, headers, want string }{
		{"a user", "profile=internal user=1000 host=example.com event-string=check-sync Content-Type=text/plain",
			"internal {1000 example.com  check-sync text/plain hello}"},
		{"the profile's alias", "Profile=example.com User=1000 Host=h Call-ID=x Event-String=e content-type=t", "internal {1000 h x e t hello}"},
		{"a channel", "uuid=a event-string=talk content-type=t", "a notify talk t hello"},
		{"no such channel", "uuid=x event-string=talk content-type=t", ""},
		{"no event", "profile=internal user=1000 host=example.com content-type=t", ""},
		{"no user", "profile=internal event-string=e content-type=t", ""},
		{"any address", "profile=internal to-uri=sip:a@b from-uri=sip:c@d event-string=e content-type=t", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, core := testControl(t)
			did := steerable(c, core)
			var told []string
			c.deps.Notify = func(name string, n profile.Notice) error {
				told = append(told, name+" "+strings.ReplaceAll(fmt.Sprint(n), fmt.Sprint(n.Body), string(n.Body)))
				return errors.New("nobody there")
			}
			sub := c.Subscribe()
			defer sub.Close()
			sub.Select(esl.Selection{All: true})
			e := c.NewEvent("NOTIFY")
			for _, h := range strings.Fields(tc.headers) {
				name, value, _ := strings.Cut(h, "=")
				e.Add(name, value)
			}
			e.SetBody("hello")
			c.Publish(e)
			if got := strings.Join(append(told, *did...), ", "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if e, err := sub.Next(t.Context()); err != nil || e.Name() != "NOTIFY" {
				t.Error("it is not published: ", err)
			}
		})
	}
}
