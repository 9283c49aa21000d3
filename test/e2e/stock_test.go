package e2e

import (
	"context"
	"testing"

	"github.com/talkpath/talkpath/sip"
)

// stock runs FreeSWITCH's stock tree, on loopback addresses.
func stock(t *testing.T) *exchange {
	t.Helper()
	return startWith(t, recordedTree(t))
}

// TestStockSounds: the numbers of the stock dialplan that play something, on each kind of phone.
func TestStockSounds(t *testing.T) {
	ex := stock(t)
	phones := []*phone{ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001")}
	tests := []struct {
		name, number string
		hz           float64
	}{
		{"milliwatt", "9197", 1004},
		{"tune", "9198", anySound},
		{"music on hold", "9664", anySound},
	}
	for _, test := range tests {
		for _, p := range phones {
			t.Run(test.name+" on "+p.name, func(t *testing.T) {
				a := p.invite(t, test.number)
				a.answered(t)
				heard := a.media.listener().expect(test.hz)
				a.media.talk(440) // a browser's ICE needs no help, but a phone behind NAT would
				within(t, "the sound", heard)
				a.hangup(t)
			})
		}
	}
}

// TestStockFeatures: groups, redial, call return and pick-up do what the comments of the stock dialplan say.
func TestStockFeatures(t *testing.T) {
	ex := stock(t)
	one, two, three := ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001"), ex.phone(t, rtpPhone, "1002")
	meet := func(t *testing.T, a talk, callee *phone) {
		t.Helper()
		b := callee.accept(t, callee.incoming(t))
		a.answered(t)
		hearEachOther(t, a, b)
		a.hangup(t)
		b.ended(t)
		ex.awaitIdle(t)
	}
	t.Run("a call between users", func(t *testing.T) { meet(t, one.invite(t, "1001"), two) })
	t.Run("redial", func(t *testing.T) { meet(t, one.invite(t, "870"), two) })
	t.Run("call return", func(t *testing.T) { meet(t, two.invite(t, "*69"), one) })
	t.Run("a group rings together", func(t *testing.T) {
		a := three.invite(t, "2000") // sales: 1000 to 1004
		other := one.incoming(t)
		meet(t, a, two)
		if end := (talk{call: other}).ended(t); end.By != "cancel" {
			t.Errorf("the other phone of the group ended by %s", end.By)
		}
	})
	t.Run("pick-up of a ringing phone", func(t *testing.T) {
		a := one.invite(t, "1001")
		ringing := two.incoming(t)
		if err := ringing.Ring(nil); err != nil {
			t.Fatal(err)
		}
		c := three.invite(t, "**1001")
		c.answered(t)
		a.answered(t)
		if end := (talk{call: ringing}).ended(t); end.By != "cancel" {
			t.Errorf("the phone that was picked up from ended by %s", end.By)
		}
		hearEachOther(t, a, c)
		c.hangup(t)
		a.ended(t)
		ex.awaitIdle(t)
	})
	t.Run("an unknown number", func(t *testing.T) { // the stock dialplan rings and plays music until the caller gives up
		a := one.invite(t, "77777")
		early := a.ringingWithMedia(t)
		a.media.accept(t, early.Body())
		heard := a.media.listener().expect(anySound)
		a.media.talk(440)
		within(t, "music", heard)
		if err := a.call.Cancel(); err != nil {
			t.Fatal(err)
		}
		if res := a.failure(t); res.StatusCode != 487 {
			t.Errorf("answered %s", res.StartLine())
		}
	})
	t.Run("a rejected call goes nowhere", func(t *testing.T) {
		a := one.invite(t, "p1001")
		reject(486, "Busy Here")(t, two.incoming(t))
		if res := a.failure(t); res.StatusCode != 486 {
			t.Errorf("answered %s", res.StartLine())
		}
	})
}

// ringingWithMedia waits for the first provisional response that carries SDP.
func (s talk) ringingWithMedia(t *testing.T) *sip.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		res, err := s.call.WaitRinging(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Body()) > 0 {
			return res
		}
	}
}
