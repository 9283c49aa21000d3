package e2e

import (
	"strings"
	"testing"
)

// press sends digits as a phone's keys do.
func (s talk) press(t *testing.T, keys string) {
	t.Helper()
	for _, k := range keys {
		res, err := s.call.DTMF(t.Context(), string(k))
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 200 {
			t.Fatalf("key %c: %s", k, res.StartLine())
		}
	}
}

// hears waits until a phone hears two tones at once, as dial and ring tones are made of.
func (s talk) hears(t *testing.T, what string, one, other float64) {
	t.Helper()
	heard := s.media.listener().expectPair(one, other)
	within(t, what, heard)
}

// TestStockFeatureKeys: the keys that the stock dialplan gives the called phone, with its context "features".
func TestStockFeatureKeys(t *testing.T) {
	ex := stock(t)
	one, two, three := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001"), ex.phone(t, rtpPhone, "1002")
	talking := func(t *testing.T) (a, b talk) {
		t.Helper()
		a, b = connect(t, one, two)
		hearEachOther(t, a, b)
		return a, b
	}
	t.Run("*1 is dx: a dial tone, and the caller goes to the number", func(t *testing.T) {
		a, b := talking(t)
		b.press(t, "*1")
		b.hears(t, "the dial tone", 350, 440)
		b.press(t, "1002#")
		c := three.accept(t, three.incoming(t))
		hearEachOther(t, a, c)
		if end := b.ended(t); end.By != "bye" {
			t.Errorf("the phone that transferred ended by %s", end.By)
		}
		a.hangup(t)
		c.ended(t)
		ex.awaitIdle(t)
	})
	t.Run("*4 is att_xfer: the target is asked first, then joined to the caller", func(t *testing.T) {
		a, b := talking(t)
		b.press(t, "*4")
		b.hears(t, "the dial tone", 350, 440)
		b.press(t, "1002") // as many as are asked for: # would take it back
		c := three.accept(t, three.incoming(t))
		hearEachOther(t, b, c)
		b.hangup(t)
		hearEachOther(t, a, c)
		c.hangup(t)
		a.ended(t)
		ex.awaitIdle(t)
	})
	t.Run("*3 is cf: both go to the conference of the extension, which is not served and ends the call", func(t *testing.T) {
		a, b := talking(t)
		b.press(t, "*3")
		for _, leg := range []talk{a, b} {
			end := leg.ended(t)
			if reason := headerOf(end.Request, "Reason"); !strings.Contains(reason, "cause=27") {
				t.Errorf("ended by %s, %q", end.By, reason)
			}
		}
		ex.awaitIdle(t)
	})
}

// TestStockDelayEcho: 9195 gives back what it hears five seconds later: the first tone comes back while the phone says the second one.
func TestStockDelayEcho(t *testing.T) {
	ex := stock(t)
	a := ex.phone(t, rtpPhone, "1000").invite(t, "9195")
	a.answered(t)
	first := a.media.listener().expect(440)
	a.media.talk(440)
	voice := &a.media.(*rtpPeer).voice
	await(t, "two seconds of speech", func() (bool, string) { return voice.said.Load() > 100, "" })
	select {
	case <-first:
		t.Error("the echo is not late")
	default:
	}
	a.media.talk(1000)
	within(t, "the first tone", first)
	within(t, "the second tone", a.media.listener().expect(1000))
	a.hangup(t)
}

// TestStockRingTones: 9181 and 9183 ring as in the United Kingdom: 400 and 450 Hz together, in pairs.
func TestStockRingTones(t *testing.T) {
	ex := stock(t)
	p := ex.phone(t, rtpPhone, "1000")
	t.Run("9181, before the answer", func(t *testing.T) {
		a := p.invite(t, "9181")
		a.media.accept(t, a.ringingWithMedia(t).Body())
		a.media.talk(440)
		a.hears(t, "the ring tone", 400, 450)
		if err := a.call.Cancel(); err != nil {
			t.Fatal(err)
		}
		a.failure(t)
	})
	t.Run("9183, after the answer", func(t *testing.T) {
		a := p.invite(t, "9183")
		a.answered(t)
		a.media.talk(440)
		a.hears(t, "the ring tone", 400, 450)
		a.hangup(t)
	})
}

// TestStockUnloop: a call that the profile sends to itself is deflected: it comes back as a 302, which is not followed.
func TestStockUnloop(t *testing.T) {
	ex := stock(t)
	out := ex.command(t, "originate sofia/internal/1001@"+ex.at.SIP+" &park")
	if !strings.Contains(out, "REDIRECTION_TO_NEW_DESTINATION") {
		t.Errorf("a looped call: %s", out)
	}
}
