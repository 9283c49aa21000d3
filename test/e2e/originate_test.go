package e2e

import (
	"context"
	"strings"
	"testing"
)

// originate gives the command without waiting for its answer, which comes when somebody answered.
func (ex *exchange) originate(t *testing.T, args string) (answer func() string) {
	t.Helper()
	out := make(chan string, 1)
	go func() {
		text, err := ex.Execute(context.WithoutCancel(t.Context()), "originate "+args)
		if err != nil {
			text = err.Error()
		}
		out <- text
	}()
	return func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		select {
		case text := <-out:
			return text
		case <-ctx.Done():
			t.Fatal("originate does not come back")
			return ""
		}
	}
}

// ok is the uuid of an originate that succeeded.
func ok(t *testing.T, answer string) string {
	t.Helper()
	id, found := strings.CutPrefix(strings.TrimSpace(answer), "+OK ")
	if !found {
		t.Fatalf("originate: %s", answer)
	}
	return id
}

func TestOriginateToEcho(t *testing.T) {
	for _, k := range []kind{rtpPhone, browser} {
		t.Run(k.name, func(t *testing.T) {
			ex := start(t)
			p := ex.phone(t, k, "1000")
			answer := ex.originate(t, "user/1000 &echo")
			a := p.accept(t, p.incoming(t))
			ok(t, answer())
			heard := a.media.listener().expect(440)
			a.media.talk(440)
			within(t, "the echo", heard)
			a.hangup(t)
			ex.awaitIdle(t)
		})
	}
}

// TestLoopbackIsHeard: both legs of such a call have a codec that can be played and recorded.
func TestLoopbackIsHeard(t *testing.T) {
	ex := start(t)
	id := ok(t, ex.command(t, "originate loopback/9196/default &park()"))
	if codec := ex.command(t, "uuid_getvar "+id+" read_codec"); codec != "G722" {
		t.Errorf("it talks %s", codec)
	}
	if got := ex.command(t, "uuid_record "+id+" start loopback.wav"); got != "+OK Success\n" {
		t.Error(got)
	}
	ex.command(t, "hupall")
	ex.awaitIdle(t)
}

func TestOriginateAndBridge(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to kind
		what     string
	}{
		{"application", rtpPhone, rtpPhone, "user/1000 &bridge(user/1001)"},
		{"extension", rtpPhone, rtpPhone, "user/1000 1001 XML default"},
		{"inline program", rtpPhone, rtpPhone, "user/1000 'set:x=1,bridge:user/1001' inline"},
		{"variables", rtpPhone, rtpPhone, "{ignore_early_media=true,origination_caller_id_name='Click To Dial'}[origination_uuid=my-own]user/1000 &bridge(user/1001)"},
		{"phone to browser", rtpPhone, browser, "{^^:absolute_codec_string=PCMU,PCMA}user/1000 &bridge(user/1001)"},
		{"browser to browser", browser, browser, "user/1000 &bridge(user/1001)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ex := start(t)
			from, to := ex.phone(t, c.from, "1000"), ex.phone(t, c.to, "1001")
			answer := ex.originate(t, c.what)
			a := from.accept(t, from.incoming(t))
			id := ok(t, answer())
			if strings.Contains(c.what, "my-own") && id != "my-own" {
				t.Errorf("the channel is %s", id)
			}
			b := to.accept(t, to.incoming(t))
			hearEachOther(t, a, b)
			a.hangup(t)
			b.ended(t)
			ex.awaitIdle(t)
		})
	}
}

// TestOriginateOutcomes: what becomes of a leg is the answer.
func TestOriginateOutcomes(t *testing.T) {
	ex := start(t)
	p, q := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	for _, c := range []struct {
		name, what, want string
		play             func(*testing.T)
	}{
		{"busy", "user/1000 &park", "-ERR USER_BUSY\n", func(t *testing.T) { reject(486, "Busy Here")(t, p.incoming(t)) }},
		{"declined", "user/1000 &park", "-ERR CALL_REJECTED\n", func(t *testing.T) { reject(603, "Decline")(t, p.incoming(t)) }},
		{"nobody answers", "{originate_timeout=1}user/1000 &park", "-ERR NO_ANSWER\n", func(t *testing.T) {
			ring(t, p.incoming(t))
		}},
		{"timeout of the command", "user/1000 &park XML default n 1 1", "-ERR NO_ANSWER\n", func(t *testing.T) {
			talk{call: p.incoming(t)}.ended(t)
		}},
		{"not registered", "user/1005 &park", "-ERR USER_NOT_REGISTERED\n", nil},
		{"no such user", "user/nosuch &park", "-ERR SUBSCRIBER_ABSENT\n", nil},
		{"no such endpoint", "bogus/1000 &park()", "-ERR CHAN_NOT_IMPLEMENTED\n", nil},
		{"no such profile", "sofia/nosuchprofile/x@127.0.0.1 &park", "-ERR INVALID_PROFILE\n", nil},
		{"not registered at the profile", "sofia/internal/1005%127.0.0.1 &park()", "-ERR USER_NOT_REGISTERED\n", nil},
		{"a cause", "error/NO_ROUTE_DESTINATION &park", "-ERR NO_ROUTE_DESTINATION\n", nil},
		{"no dial string", "{a=b} &park", "-ERR DESTINATION_OUT_OF_ORDER\n", nil},
		{"the second of two", "user/1005|user/1000 &hangup(USER_BUSY)", "+OK ", func(t *testing.T) {
			p.accept(t, p.incoming(t)).ended(t)
		}},
		{"the faster of two", "user/1000,user/1001 &park", "+OK ", func(t *testing.T) {
			slow, fast := p.incoming(t), q.accept(t, q.incoming(t))
			talk{call: slow}.ended(t)
			fast.hangup(t)
		}},
		{"killed while it rings", "{origination_uuid=victim}user/1000 &park", "-ERR CALL_REJECTED\n", func(t *testing.T) {
			call := p.incoming(t)
			if err := call.Ring(nil); err != nil {
				t.Error(err)
			}
			if got := ex.command(t, "uuid_kill victim CALL_REJECTED"); got != "+OK\n" {
				t.Error(got)
			}
			talk{call: call}.ended(t)
		}},
		{"ringing is enough", "{return_ring_ready=true}user/1000 &park", "+OK ", func(t *testing.T) {
			call := p.incoming(t)
			if err := call.Ring(nil); err != nil {
				t.Error(err)
			}
			await(t, "a parked channel", func() (bool, string) {
				out := ex.command(t, "show channels")
				return strings.Contains(out, ",park,"), out
			})
			if err := call.Reject(486, "Busy Here"); err != nil {
				t.Error(err)
			}
		}},
		{"nobody executes this", "user/1000 &nosuchapp()", "+OK ", func(t *testing.T) { p.accept(t, p.incoming(t)).ended(t) }},
		{"no such extension", "user/1000 nosuchext XML nosuchcontext", "+OK ", func(t *testing.T) { p.accept(t, p.incoming(t)).ended(t) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := ex.originate(t, c.what)
			if c.play != nil {
				c.play(t)
			}
			if got := answer(); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			ex.awaitIdle(t)
		})
	}
}

// TestOriginateTwoAndBridge parks two legs and connects them.
func TestOriginateTwoAndBridge(t *testing.T) {
	ex := start(t)
	p, q := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	one, two := ex.originate(t, "user/1000 &park"), ex.originate(t, "user/1001 &park")
	a, b := p.accept(t, p.incoming(t)), q.accept(t, q.incoming(t))
	ids := [2]string{ok(t, one()), ok(t, two())}
	if got := ex.command(t, "uuid_bridge "+ids[0]+" "+ids[1]); got != "+OK "+ids[1]+"\n" {
		t.Error(got)
	}
	hearEachOther(t, a, b)
	a.hangup(t)
	b.ended(t)
	ex.awaitIdle(t)
}

// TestOriginateInBackground: the job ends when the first leg answers, while the second still rings; and sendmsg reaches the leg by its uuid.
func TestOriginateInBackground(t *testing.T) {
	ex := start(t)
	p, q := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	client := ex.follow(t, "BACKGROUND_JOB", "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE")
	if _, err := client.Command(t.Context(), "bgapi originate {origination_uuid=first}user/1000 &bridge(user/1001)\nJob-UUID: my-job"); err != nil {
		t.Fatal(err)
	}
	a := p.accept(t, p.incoming(t))
	second := q.incoming(t)
	for {
		if e := next(t, client); e.Name() == "BACKGROUND_JOB" {
			if e.Value("Job-UUID") != "my-job" || e.Body != "+OK first\n" {
				t.Errorf("the job ends with %q: %v", e.Body, e.Headers)
			}
			break
		}
	}
	if _, err := client.Command(t.Context(), "sendmsg first\ncall-command: execute\nexecute-app-name: set\nexecute-app-arg: a=${uuid}\nEvent-UUID: my-event"); err != nil {
		t.Fatal(err)
	}
	for {
		if e := next(t, client); e.Value("Application-UUID") == "my-event" && e.Name() == "CHANNEL_EXECUTE_COMPLETE" {
			break
		}
	}
	if got := ex.command(t, "uuid_getvar first a"); got != "first" {
		t.Errorf("the variable is %q", got)
	}
	b := q.accept(t, second)
	hearEachOther(t, a, b)
	if _, err := client.Command(t.Context(), "sendmsg first\ncall-command: hangup\nhangup-cause: CALL_REJECTED"); err != nil {
		t.Fatal(err)
	}
	a.ended(t)
	b.ended(t)
	ex.awaitIdle(t)
}
