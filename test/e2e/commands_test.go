package e2e

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/sip"
)

// commanded is a call of two phones with the uuids of its legs, and a client that follows its events.
type commanded struct {
	*exchange
	a, b   talk
	ids    [2]string
	client *esl.Client
}

func command2(t *testing.T, events ...string) *commanded {
	t.Helper()
	c := &commanded{exchange: start(t)}
	p, q := c.phone(t, rtpPhone, "1000"), c.phone(t, rtpPhone, "1001")
	c.client = c.follow(t, append(events, "CHANNEL_BRIDGE")...)
	c.a, c.b = connect(t, p, q)
	e := c.until(t, "CHANNEL_BRIDGE")
	c.ids = [2]string{e.Value("Bridge-A-Unique-ID"), e.Value("Bridge-B-Unique-ID")}
	return c
}

func (c *commanded) until(t *testing.T, name string) *esl.Event {
	t.Helper()
	for {
		if e := next(t, c.client); e.Name() == name {
			return e
		}
	}
}

func (c *commanded) gives(t *testing.T, command, want string) {
	t.Helper()
	if got := c.command(t, command); got != want {
		t.Errorf("%s: got %q, want %q", command, got, want)
	}
}

func (c *commanded) over(t *testing.T) {
	t.Helper()
	c.a.hangup(t)
	c.b.ended(t)
	c.awaitIdle(t)
}

// request waits for an in-dialog request.
func (s talk) request(t *testing.T) *sip.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := s.call.WaitRequest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestHoldByCommand: the phone is told by a re-INVITE, its far party hears music meanwhile.
func TestHoldByCommand(t *testing.T) {
	c := command2(t, "CHANNEL_HOLD", "CHANNEL_UNHOLD", "PLAYBACK_START", "PLAYBACK_STOP")
	for _, step := range []struct{ command, event, music, direction string }{
		{"uuid_hold " + c.ids[0], "CHANNEL_HOLD", "PLAYBACK_START", "a=sendonly"},
		{"uuid_hold off " + c.ids[0], "CHANNEL_UNHOLD", "PLAYBACK_STOP", "a=sendrecv"},
		{"uuid_hold toggle " + c.ids[0], "CHANNEL_HOLD", "PLAYBACK_START", "a=sendonly"},
		{"uuid_hold toggle " + c.ids[0], "CHANNEL_UNHOLD", "PLAYBACK_STOP", "a=sendrecv"},
	} {
		c.gives(t, step.command, "+OK Success\n")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		req, err := c.a.call.WaitReinvite(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(req.Body(), []byte(step.direction)) {
			t.Errorf("%s: offer is\n%s", step.command, req.Body())
		}
		if e := c.until(t, step.event); e.Value("Unique-ID") != c.ids[0] {
			t.Errorf("%s of %s", e.Name(), e.Value("Unique-ID"))
		}
		if e := c.until(t, step.music); e.Value("Unique-ID") != c.ids[1] {
			t.Errorf("%s of %s", e.Name(), e.Value("Unique-ID"))
		}
	}
	c.gives(t, "uuid_hold off "+c.ids[0], "-ERR Operation failed\n")
	hearEachOther(t, c.a, c.b)
	c.over(t)
}

// TestTellPhones: what commands have phones told.
func TestTellPhones(t *testing.T) {
	c := command2(t, "CALL_UPDATE")
	c.gives(t, "uuid_phone_event "+c.ids[0]+" talk", "+OK Success\n")
	if req := c.a.request(t); req.Method != sip.NOTIFY || header(req, "Event") != "talk" {
		t.Errorf("got %s", req.StartLine())
	}
	c.gives(t, "uuid_send_info "+c.ids[1]+" text plain hello you", "+OK Success\n")
	if req := c.b.request(t); req.Method != sip.INFO || header(req, "Content-Type") != "text/plain" || string(req.Body()) != "hello you" {
		t.Errorf("got %s with %s", req.StartLine(), req.Body())
	}
	c.gives(t, "uuid_send_message "+c.ids[1]+" hello again", "+OK Success\n")
	if req := c.b.request(t); req.Method != sip.MESSAGE || string(req.Body()) != "hello again" {
		t.Errorf("got %s with %s", req.StartLine(), req.Body())
	}
	c.gives(t, "uuid_display "+c.ids[0]+" 'Somebody Else|4711'", "+OK Success\n")
	for {
		if e := c.until(t, "CALL_UPDATE"); e.Value("Sent-Callee-ID-Name") == "Somebody Else" {
			if e.Value("Sent-Callee-ID-Number") != "4711" || e.Value("Unique-ID") != c.ids[0] || e.Value("Bridged-To") != c.ids[1] {
				t.Errorf("CALL_UPDATE says %v", e.Headers)
			}
			break
		}
	}
	c.gives(t, "uuid_deflect "+c.ids[1]+" sip:1002@elsewhere.example", "+OK:no reply\n")
	if req := c.b.request(t); req.Method != sip.REFER || !strings.Contains(header(req, "Refer-To"), "sip:1002@elsewhere.example") {
		t.Errorf("got %s, Refer-To %s", req.StartLine(), header(req, "Refer-To"))
	}
	c.over(t)
}

// TestMediaByCommand: what commands do to the sound of a call.
func TestMediaByCommand(t *testing.T) {
	c := command2(t)
	hearEachOther(t, c.a, c.b)
	// Displaced: the caller hears the sound and not the callee.
	heard := c.a.media.listener().expect(300)
	c.gives(t, "uuid_displace "+c.ids[0]+" start tone_stream://%(20000,0,300)", "+OK Success\n")
	within(t, "the sound in place of the call", heard)
	heard = c.a.media.listener().expect(1000)
	c.gives(t, "uuid_displace "+c.ids[0]+" stop tone_stream://%(20000,0,300)", "+OK Success\n")
	within(t, "the call again", heard)
	c.gives(t, "uuid_displace "+c.ids[0]+" start nosuchfile.wav", "-ERR Cannot displace session!\n")
	// Muted: what the callee hears ends, and comes back.
	c.gives(t, "uuid_audio "+c.ids[0]+" start read mute -1", "+OK\n")
	unheard := c.b.media.listener().expect(440)
	for range 3 { // so long would be enough
		within(t, "the other direction", c.a.media.listener().expect(1000))
	}
	select {
	case <-unheard:
		t.Error("the callee hears a muted caller")
	default:
	}
	c.gives(t, "uuid_audio "+c.ids[0]+" stop", "+OK\n")
	within(t, "the caller again", unheard)
	// Recorded.
	c.gives(t, "uuid_record "+c.ids[0]+" start by-command.wav", "+OK Success\n")
	if got := c.command(t, "uuid_buglist "+c.ids[0]); !strings.Contains(got, "<target>by-command.wav</target>") {
		t.Errorf("got %s", got)
	}
	c.gives(t, "uuid_record "+c.ids[0]+" start /etc/passwd.wav", "-ERR Cannot record session!\n")
	for _, verb := range []string{"mask", "unmask", "pause", "resume"} {
		c.gives(t, "uuid_record "+c.ids[0]+" "+verb+" by-command.wav", "+OK Success\n")
	}
	c.gives(t, "uuid_record "+c.ids[0]+" mask other.wav", "-ERR Cannot mask recording session!\n")
	c.gives(t, "uuid_record "+c.ids[0]+" stop by-command.wav", "+OK Success\n")
	c.gives(t, "uuid_record "+c.ids[0]+" stop by-command.wav", "-ERR Cannot stop record session!\n")
	c.over(t)
}

// TestDualTransfer sends both parties of a call to places of their own.
func TestDualTransfer(t *testing.T) {
	c := command2(t, "CHANNEL_EXECUTE", "CHANNEL_PARK")
	c.gives(t, "uuid_dual_transfer "+c.ids[0]+" park/inline 9196/XML/default", "+OK\n")
	where := map[string]string{}
	for len(where) < 2 {
		e := c.until(t, "CHANNEL_EXECUTE")
		if app := e.Value("Application"); app == "park" || app == "echo" {
			where[e.Value("Unique-ID")] = app
		}
	}
	if where[c.ids[0]] != "park" || where[c.ids[1]] != "echo" {
		t.Errorf("they are in %v", where)
	}
	heard := c.b.media.listener().expect(440)
	c.b.media.talk(440)
	within(t, "the echo", heard)
	c.a.hangup(t)
	c.b.hangup(t)
	c.awaitIdle(t)
}
