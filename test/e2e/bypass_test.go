package e2e

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// told has a phone follow the next re-INVITE and gives the description in it.
func (s talk) told(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := s.call.WaitReinvite(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.media.accept(t, req.Body())
	return string(req.Body())
}

// sendsTo is where a phone sends its media; own where it receives.
func (s talk) sendsTo() netip.AddrPort { return *s.media.(*rtpPeer).remote.Load() }
func (s talk) own() netip.AddrPort {
	return netip.MustParseAddrPort(s.media.(*rtpPeer).conn.LocalAddr().String())
}

// straight checks that two phones talk to each other without us.
func straight(t *testing.T, a, b talk) {
	t.Helper()
	if a.sendsTo() != b.own() || b.sendsTo() != a.own() {
		t.Errorf("the media goes to %v and %v, not straight to %v and %v", a.sendsTo(), b.sendsTo(), b.own(), a.own())
	}
	hearEachOther(t, a, b)
}

// relayedAgain has both phones follow what they are told, and checks that they talk through us.
func relayedAgain(t *testing.T, a, b talk) {
	t.Helper()
	a.told(t)
	b.told(t)
	if a.sendsTo() == b.own() || b.sendsTo() == a.own() {
		t.Error("the media goes straight on")
	}
	hearEachOther(t, a, b)
}

// TestBypass: the phones of a call are told each other's descriptions, and ours again.
func TestBypass(t *testing.T) {
	c := command2(t)
	hearEachOther(t, c.a, c.b)
	c.gives(t, "uuid_media "+c.ids[0], "-ERR Operation failed\n")
	for _, id := range c.ids {
		c.gives(t, "uuid_media off "+id, "+OK Success\n")
		c.b.told(t)
		c.a.told(t)
		straight(t, c.a, c.b)
		c.gives(t, "uuid_media off "+id, "+OK Success\n")

		c.b.call.SetSDP([]byte(strings.Replace(string(c.b.media.offer(t)), "sendrecv", "recvonly", 1)))
		res := c.a.reinvite(t, []byte(strings.Replace(string(c.a.media.offer(t)), "sendrecv", "sendonly", 1)))
		if res.StatusCode != 200 || !strings.Contains(string(res.Body()), "a=recvonly") {
			t.Fatalf("hold: %s\n%s", res.StartLine(), res.Body())
		}
		if told := c.b.told(t); !strings.Contains(told, "a=sendonly") {
			t.Errorf("the far phone is told\n%s", told)
		}
		c.b.call.SetSDP(c.b.media.offer(t))
		c.a.media.close()
		moved := talk{call: c.a.call, media: newRTPPeer(t, false)} // and resumes from another port
		if res = moved.reinvite(t, moved.media.offer(t)); res.StatusCode != 200 {
			t.Fatal(res.StartLine())
		}
		moved.media.accept(t, res.Body())
		c.b.told(t)
		c.a = moved
		straight(t, c.a, c.b)

		c.gives(t, "uuid_media "+id, "+OK Success\n")
		relayedAgain(t, c.a, c.b)
	}
	c.gives(t, "uuid_media off nobody", "-ERR Operation failed\n")
	c.over(t)
}

// TestBypassEnds: what needs the media here brings it back; a hang-up ends both sides.
func TestBypassEnds(t *testing.T) {
	for name, what := range map[string]func(t *testing.T, c *commanded){
		"hang-up": func(t *testing.T, c *commanded) {
			c.b.hangup(t)
			c.a.ended(t)
		},
		"a sound": func(t *testing.T, c *commanded) {
			c.gives(t, "uuid_broadcast "+c.ids[1]+" tone_stream://%(4000,0,700)", "+OK Message sent\n")
			c.a.told(t)
			c.b.told(t)
			within(t, "the tone", c.b.media.listener().expect(700))
			c.over(t)
		},
		"a transfer": func(t *testing.T, c *commanded) {
			c.gives(t, "uuid_transfer "+c.ids[0]+" m:^:answer^playback:tone_stream://%(4000,0,700) inline", "+OK\n")
			c.b.ended(t)
			c.b.media.close() // what it says comes straight
			c.a.told(t)
			within(t, "the tone", c.a.media.listener().expect(700))
			c.a.hangup(t)
		},
		"a transfer of the callee": func(t *testing.T, c *commanded) {
			c.gives(t, "uuid_transfer "+c.ids[0]+" -bleg m:^:playback:tone_stream://%(4000,0,700) inline", "+OK\n")
			c.a.ended(t)
			c.a.media.close()
			c.b.told(t)
			within(t, "the tone", c.b.media.listener().expect(700))
			c.b.hangup(t)
		},
		"park both": func(t *testing.T, c *commanded) {
			c.gives(t, "uuid_transfer "+c.ids[0]+" -both park inline", "+OK\n")
			c.a.told(t)
			c.b.told(t)
			await(t, "both to be parked", func() (bool, string) {
				out := c.command(t, "show channels")
				return strings.Count(out, ",1001,park,,inline,") == 2, out
			})
			c.gives(t, "uuid_bridge "+c.ids[0]+" "+c.ids[1], "+OK "+c.ids[1]+"\n")
			c.until(t, "CHANNEL_BRIDGE")
			hearEachOther(t, c.a, c.b)
			c.over(t)
		},
		"hold": func(t *testing.T, c *commanded) {
			c.gives(t, "uuid_hold "+c.ids[0], "+OK Success\n")
			c.a.told(t)
			c.b.told(t)
			if told := c.a.told(t); !strings.Contains(told, "a=sendonly") {
				t.Errorf("told\n%s", told)
			}
			c.over(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := command2(t)
			hearEachOther(t, c.a, c.b)
			c.gives(t, "uuid_media off "+c.ids[0], "+OK Success\n")
			c.b.told(t)
			c.a.told(t)
			straight(t, c.a, c.b)
			what(t, c)
			c.awaitIdle(t)
		})
	}
}

// TestBypassFails: a phone that answers with what the other one does not have leaves the call as it was.
func TestBypassFails(t *testing.T) {
	c := command2(t)
	hearEachOther(t, c.a, c.b)
	fit := string(c.b.media.offer(t))
	c.b.call.SetSDP([]byte(strings.NewReplacer("AVP 0", "AVP 8", "0 PCMU", "8 PCMA").Replace(fit)))
	c.gives(t, "uuid_media off "+c.ids[0], "-ERR Operation failed\n")
	if told := c.b.told(t); !strings.Contains(told, "m=audio "+strings.TrimPrefix(c.a.own().String(), "127.0.0.1:")+" ") {
		t.Errorf("the callee was told\n%s", told)
	}
	c.b.told(t)
	if c.b.sendsTo() == c.a.own() || renegotiated(c.a) {
		t.Error("the call is not as it was")
	}
	hearEachOther(t, c.a, c.b)
	c.over(t)
}

// TestBypassRefuses: encrypted media stays here, as in FreeSWITCH.
func TestBypassRefuses(t *testing.T) {
	for _, k := range []kind{sdesPhone, browser} {
		t.Run(k.name, func(t *testing.T) {
			ex := start(t)
			p, q := ex.phone(t, k, "1000"), ex.phone(t, rtpPhone, "1001")
			client := ex.follow(t, "CHANNEL_BRIDGE")
			a, b := connect(t, p, q)
			id := next(t, client).Value("Unique-ID")
			if got := ex.command(t, "uuid_media off "+id); got != "-ERR Operation failed\n" {
				t.Errorf("got %q", got)
			}
			hearEachOther(t, a, b)
			a.hangup(t)
			b.ended(t)
			ex.awaitIdle(t)
		})
	}
}

// TestBypassWithoutCommand: sendmsg and a channel variable do it too.
func TestBypassWithoutCommand(t *testing.T) {
	t.Run("sendmsg", func(t *testing.T) {
		c := command2(t)
		headers := []esl.Header{{Name: "call-command", Value: "nomedia"}, {Name: "nomedia-uuid", Value: c.ids[1]}}
		if err := c.client.SendMessage(t.Context(), c.ids[0], headers, ""); err != nil {
			t.Fatal(err)
		}
		c.b.told(t)
		c.a.told(t)
		straight(t, c.a, c.b)
		c.over(t)
	})
	t.Run("bypass_media_after_bridge", func(t *testing.T) {
		ex := start(t, "bypass_media_after_bridge=true")
		a, b := connect(t, ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001"))
		b.told(t)
		a.told(t)
		straight(t, a, b)
		a.hangup(t)
		b.ended(t)
		ex.awaitIdle(t)
	})
}
