package e2e

import (
	"testing"

	"github.com/pion/webrtc/v4"
)

// TestICERestart: a browser whose network changes offers new ICE credentials by re-INVITE (RFC 8839 §4.4.1.1.1), gathers anew, and goes on talking from
// another port; so does its peer afterwards, and both at once.
func TestICERestart(t *testing.T) {
	ex := start(t)
	for _, to := range []kind{browser, rtpPhone} {
		t.Run(to.name, func(t *testing.T) {
			a, b := connect(t, ex.phone(t, browser, "1000"), ex.phone(t, to, "1001"))
			hearEachOther(t, a, b)
			for _, s := range []talk{a, b, a} {
				p, ok := s.media.(*browserPeer)
				if !ok {
					continue
				}
				before := p.localPort(t)
				sd, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
				res, err := s.call.Reinvite(t.Context(), p.gathered(t, sd, err))
				if err != nil || res.StatusCode != 200 {
					t.Fatalf("%v, %v", res, err)
				}
				p.accept(t, res.Body())
				await(t, "another path", func() (bool, string) { return p.localPort(t) != before, "the same port" })
				hearEachOther(t, a, b)
			}
			a.hangup(t)
			b.ended(t)
		})
	}
}

// localPort is the port that the browser sends from now; 0 = it has no path.
func (p *browserPeer) localPort(t *testing.T) uint16 {
	t.Helper()
	pair, err := p.pc.GetSenders()[0].Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil {
		t.Fatal(err)
	}
	if pair == nil {
		return 0
	}
	return pair.Local.Port
}
