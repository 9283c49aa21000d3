package e2e

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// refer sends REFER as Rocket.Chat does: bare URIs, with what follows the address in them.
func refer(t *testing.T, ex *exchange, s talk, to, by string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := s.call.Send(ctx, "REFER", "", nil, sip.NewHeader("Refer-To", to), sip.NewHeader("Referred-By", "sip:"+by+"@"+ex.at.SIP))
	if err != nil || res.StatusCode != 202 {
		t.Fatalf("REFER: %v, %v", res, err)
	}
	for {
		req, err := s.call.WaitRequest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if req.Method == sip.NOTIFY {
			return
		}
	}
}

// TestTrunkRefers: Rocket.Chat transfers its caller to another extension and leaves the hanging up to us.
func TestTrunkRefers(t *testing.T) {
	for _, way := range trunkWays {
		t.Run(way.transport, func(t *testing.T) {
			ex, peer := startWithTrunk(t, way.transport, way.ip)
			first, second := ex.phone(t, rtpPhone, "1001"), ex.phone(t, browser, "1003")
			a := peer.invite(t, "1001")
			b := first.accept(t, first.incoming(t))
			a.answered(t)
			hearEachOther(t, a, b)
			refer(t, ex, a, "sip:1003@"+ex.at.SIP, "2001")
			call := second.incoming(t)
			if got := header(call.Request(), "Referred-By"); !strings.HasPrefix(got, "<sip:2001@") || !strings.HasSuffix(got, ">") {
				t.Errorf("Referred-By: %s", got)
			}
			c := second.accept(t, call)
			if end := a.ended(t); end.By != "bye" {
				t.Errorf("Rocket.Chat's leg ended by %s", end.By)
			}
			hearEachOther(t, b, c)
			b.hangup(t)
			c.ended(t)
		})
	}
}

// TestTrunkRefersReplaces: Rocket.Chat connects two of its calls; both of its legs are ended.
func TestTrunkRefersReplaces(t *testing.T) {
	for _, way := range trunkWays {
		t.Run(way.transport, func(t *testing.T) {
			ex, peer := startWithTrunk(t, way.transport, way.ip)
			first, second := ex.phone(t, rtpPhone, "1001"), ex.phone(t, browser, "1003")
			a := peer.invite(t, "1001")
			b := first.accept(t, first.incoming(t))
			a.answered(t)
			c := peer.invite(t, "1003")
			d := second.accept(t, second.incoming(t))
			c.answered(t)
			s := c.call.Session()
			to, _ := mustAnswer(t, c).To().Params.Get("tag")
			replaces := url.QueryEscape(s.CallID() + ";to-tag=" + to + ";from-tag=" + s.LocalTag())
			refer(t, ex, a, "sip:1003@"+ex.at.SIP+"?Replaces="+replaces, "2001")
			a.ended(t)
			c.ended(t)
			hearEachOther(t, b, d)
			d.hangup(t)
			b.ended(t)
		})
	}
}

// TestTrunkIdentity: after a transfer of ours Rocket.Chat is shown the new party, by a re-INVITE with a browser's description.
func TestTrunkIdentity(t *testing.T) {
	for _, way := range trunkWays {
		t.Run(way.transport, func(t *testing.T) {
			for _, direction := range []string{"its call", "ours"} {
				t.Run(direction, func(t *testing.T) {
					ex, peer := startWithTrunk(t, way.transport, way.ip)
					first, second := ex.phone(t, rtpPhone, "1001"), ex.phone(t, rtpPhone, "1003")
					a, b := trunkCall(t, first, peer, direction)
					a.call.SetSDP([]byte(trunkSDP(t, a, direction)))
					hearEachOther(t, a, b)
					refer(t, ex, b, "sip:1003@"+ex.at.SIP, "1001")
					c := second.accept(t, second.incoming(t))
					b.ended(t)
					hearEachOther(t, a, c)
					req := reinvite(t, a.call)
					if got := header(req, "P-Asserted-Identity"); !strings.Contains(got, "<sip:1003@") {
						t.Errorf("P-Asserted-Identity: %q", got)
					}
					browserGrade(t, "re-INVITE", string(req.Body()))
					c.hangup(t)
					a.ended(t)
				})
			}
		})
	}
}

func reinvite(t *testing.T, call *siptest.Call) *sip.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := call.WaitReinvite(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return req
}
