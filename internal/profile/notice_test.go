package profile

import (
	"errors"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// TestNotify: a notice reaches each contact of a user, or the one of a Call-ID, as a NOTIFY outside of a dialog.
func TestNotify(t *testing.T) {
	s := startWith(t, registrarDefaults)
	var boxes []chan *sip.Request
	for _, contact := range []string{"one", "two"} {
		p := s.phone("ws", "1000", "pw1000")
		p.contact.User = contact
		p.notices = make(chan *sip.Request, 9)
		want(t, "register", p.register("600").StatusCode, 200)
		boxes = append(boxes, p.notices)
	}
	n := Notice{User: "1000", Domain: "example.com", Event: "check-sync;reboot=true\r\nX-Evil: 1", ContentType: "text/plain", Body: []byte("hello")}
	set := Set{s.p}
	if err := set.Notify("internal", n); err != nil {
		t.Fatal(err)
	}
	for _, box := range boxes {
		m := recv(t, box, "NOTIFY")
		want(t, "event", headerValue(m, "Event"), "check-sync;reboot=trueX-Evil: 1")
		want(t, "state", headerValue(m, "Subscription-State"), "terminated;reason=noresource")
		want(t, "content", headerValue(m, "Content-Type")+" "+string(m.Body()), "text/plain hello")
		want(t, "From", m.From().Address.String(), "sip:1000@example.com")
		want(t, "To", m.To().Address.String()+" "+tagOf(m.To().Params), "sip:1000@example.com ")
		want(t, "Contact", m.Contact() != nil, true)
	}
	for _, b := range s.reg.Lookup("1000", "example.com") {
		if b.ContactUser == "two" {
			n.CallID = b.CallID
		}
	}
	if err := set.Notify("internal", n); err != nil {
		t.Fatal(err)
	}
	recv(t, boxes[1], "NOTIFY")
	if len(boxes[0]) > 0 {
		t.Error("the other contact got it too")
	}
	for name, bad := range map[string]Notice{"nobody": {User: "1009", Domain: "example.com"}, "no such registration": {User: "1000", Domain: "example.com", CallID: "x"}} {
		if err := set.Notify("internal", bad); !errors.Is(err, ErrNoContact) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := set.Notify("nosuch", n); !errors.Is(err, ErrNoContact) {
		t.Error(err)
	}
	n.Body = make([]byte, maxNotice+1)
	if err := set.Notify("internal", n); !errors.Is(err, ErrNoticeTooLong) {
		t.Error(err)
	}
	for deadline := time.Now().Add(5 * time.Second); s.p.messages.Load() > 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("answers are waited for")
		}
	}
}
