package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/sip"
)

// TestNotifyEvent: an event NOTIFY of a program reaches the phone of a user, and within a call the peer of a channel.
func TestNotifyEvent(t *testing.T) {
	ex := start(t)
	one, two := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	client, err := esl.Dial(t.Context(), ex.at.ESL, eslPassword)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	send := func(headers ...string) {
		t.Helper()
		e := esl.NewEvent("NOTIFY")
		for _, h := range append(headers, "event-string=check-sync", "content-type=application/simple-message-summary") {
			name, value, _ := strings.Cut(h, "=")
			e.Add(name, value)
		}
		e.SetBody("x: y")
		if _, err := client.SendEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	check := func(req *sip.Request) {
		t.Helper()
		if req.Method != sip.NOTIFY || header(req, "Event") != "check-sync" || header(req, "Content-Type") != "application/simple-message-summary" ||
			header(req, "Subscription-State") != "terminated;reason=noresource" || string(req.Body()) != "x: y" {
			t.Errorf("got %s", req)
		}
	}
	send("profile=internal", "user=1000", "host=127.0.0.1")
	select {
	case req := <-one.ua.Requests():
		check(req)
	case <-time.After(patience):
		t.Fatal("no notice")
	}
	a, b := connect(t, one, two)
	for _, l := range strings.Split(ex.command(t, "show channels"), "\n")[1:] {
		if id, rest, _ := strings.Cut(l, ","); strings.HasPrefix(rest, "inbound") {
			send("uuid=" + id)
		}
	}
	check(a.request(t))
	a.hangup(t)
	b.ended(t)
	ex.awaitIdle(t)
}
