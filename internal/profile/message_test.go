package profile

import (
	"testing"

	"github.com/talkpath/talkpath/sip"
)

// ask sends a request in a dialog and gives its final response.
func ask(t *testing.T, c *phoneCall, method, kind, body string, hs ...sip.Header) *sip.Response {
	t.Helper()
	final := make(chan *sip.Response, 1)
	if err := c.session.Send(method, kind, []byte(body), hs, func(r *sip.Response) { final <- r }); err != nil {
		t.Fatal(err)
	}
	return recv(t, final, "response to "+method)
}

// mailbox makes a registered browser that takes messages and answers none.
func mailbox(t *testing.T, s *server, user, contact string) (*phone, chan *sip.Request) {
	t.Helper()
	p := s.phone("ws", user, "pw"+user)
	p.contact.User = contact
	p.inbox = make(chan *sip.Request, 9)
	want(t, "register", p.register("600").StatusCode, 200)
	return p, p.inbox
}

const contactUpdate = `{"uri":"sip:1002@example.com"}`

// TestContactUpdate: a MESSAGE in a call goes to every contact of the other party, outside of a dialog and with its own headers; that no
// contact answers ends nothing.
func TestContactUpdate(t *testing.T) {
	messages := make(chan Event, 9)
	s := startWith(t, registrarDefaults, func(c *Config) {
		c.Events = func(e Event) {
			if e.Name == "MESSAGE" {
				messages <- e
			}
		}
	})
	_, first := mailbox(t, s, "1000", "one")
	_, second := mailbox(t, s, "1000", "two")
	_, c, l := answeredCall(t, s, true)
	peer := "1000@example.com"
	l.(*leg).handler.(*fakeCall).peer.Store(&peer)
	res := ask(t, c, "MESSAGE", "application/json", contactUpdate, sip.NewHeader("X-Message-Type", "contactUpdate"),
		sip.NewHeader("Content-Disposition", "render"), sip.NewHeader("P-Asserted-Identity", "<sip:boss@example.com>"))
	want(t, "answer", res.StatusCode, 202)
	for _, box := range []chan *sip.Request{first, second} {
		m := recv(t, box, "MESSAGE")
		want(t, "To tag", tagOf(m.To().Params), "")
		want(t, "From", m.From().Address.String(), "sip:1001@example.com")
		want(t, "type", headerValue(m, "X-Message-Type"), "contactUpdate")
		want(t, "content", headerValue(m, "Content-Type")+" "+string(m.Body()), "application/json "+contactUpdate)
		want(t, "mark", headerValue(m, "X-FS-Sending-Message"), s.p.mark)
		want(t, "identity", headerValue(m, "P-Asserted-Identity"), "")
	}
	ev := recv(t, messages, "event")
	e := map[string]string{"_body": ev.Body}
	for _, h := range ev.Headers {
		e[h[0]] = h[1]
	}
	for name, v := range map[string]string{
		"from": "1001@example.com", "to": "1000@example.com", "type": "application/json", "sip_h_X-Message-Type": "contactUpdate", "_body": contactUpdate,
		"proto": "sip", "sip_profile": "internal", "context": "public", "from_user": "1001", "to_user": "1000",
	} {
		want(t, name, e[name], v)
	}
	want(t, "the call stands", ask(t, c, "OPTIONS", "", "").StatusCode, 200)
	want(t, "waiting", s.p.messages.Load(), int64(2))
}

// TestMessageBetweenUsers: users may write to each other, nobody else to anybody.
func TestMessageBetweenUsers(t *testing.T) {
	s := start(t)
	_, box := mailbox(t, s, "1001", "one")
	p := s.phone("udp", "1000", "pw1000")
	say := func(to string, change func(*sip.Request)) int {
		return p.authorized(func() *sip.Request {
			req := p.request(sip.MESSAGE, to)
			req.AppendHeader(sip.NewHeader("Content-Type", "text/plain"))
			req.SetBody([]byte("hello"))
			if change != nil {
				change(req)
			}
			return req
		}).StatusCode
	}
	want(t, "to a user", say("1001", nil), 202)
	m := recv(t, box, "MESSAGE")
	want(t, "text", string(m.Body())+" "+m.From().Address.String(), "hello sip:1000@example.com")
	want(t, "to oneself, not registered", say("1000", nil), 480)
	want(t, "as somebody else", say("1001", func(r *sip.Request) { r.From().Address.User = "1001" }), 403)
	want(t, "a message of ours that came back", say("1001", func(r *sip.Request) {
		r.AppendHeader(sip.NewHeader("X-FS-Sending-Message", s.p.mark))
	}), 503)
	s.p.messages.Store(maxMessages)
	want(t, "too many unanswered", say("1001", nil), 503)
	s.p.messages.Store(0)
}
