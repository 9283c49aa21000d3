package e2e

import (
	"context"
	"strings"
	"testing"
)

// TestTrunkIsHeld: while a phone holds its call with Rocket.Chat, the user there hears music and nobody renegotiates; with hold_music=indicate_hold
// Rocket.Chat is told by a re-INVITE with a browser's description, and hears what the phone plays. Either way both talk again after it.
func TestTrunkIsHeld(t *testing.T) {
	for _, way := range trunkWays {
		for _, music := range []string{"", "indicate_hold"} {
			for _, direction := range []string{"its call", "ours"} {
				t.Run(way.transport+", "+direction+", "+music, func(t *testing.T) {
					ex, peer := startWithTrunk(t, way.transport, way.ip, "hold_music="+music)
					phone := ex.phone(t, rtpPhone, "1001")
					a, b := trunkCall(t, phone, peer, direction)
					hearEachOther(t, a, b)
					offer := string(b.media.offer(t))
					hold := func(ours string) {
						if res := b.reinvite(t, []byte(strings.Replace(offer, "a=sendrecv", "a="+ours, 1))); res.StatusCode != 200 {
							t.Fatal(res.StartLine())
						}
						if music == "" {
							return
						}
						req := reinvite(t, a.call)
						browserGrade(t, "re-INVITE", string(req.Body()))
						if !strings.Contains(string(req.Body()), "\r\na="+ours+"\r\n") {
							t.Errorf("%s is told as\n%s", ours, req.Body())
						}
					}
					if music == "indicate_hold" {
						a.call.SetSDP([]byte(strings.Replace(trunkSDP(t, a, direction), "a=sendrecv", "a=recvonly", 1)))
						hold("sendonly")
						heard := a.media.listener().expect(700) // a phone may have music of its own
						b.media.talk(700)
						within(t, "Rocket.Chat to hear the phone's music", heard)
						a.call.SetSDP([]byte(trunkSDP(t, a, direction)))
					} else {
						hold("sendonly")
						b.media.talk(0)
						for range 2 { // the first may be the end of what the phone said
							within(t, "Rocket.Chat to hear music", a.media.listener().expect(anySound))
						}
					}
					hold("sendrecv")
					hearEachOther(t, a, b)
					if music == "" && renegotiated(a) {
						t.Error("Rocket.Chat was asked to renegotiate")
					}
					b.hangup(t)
					a.ended(t)
				})
			}
		}
	}
}

// renegotiated says whether a re-INVITE has come.
func renegotiated(s talk) bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.call.WaitReinvite(ctx)
	return err == nil
}

// trunkCall is an answered call between Rocket.Chat and a phone: its side and the phone's.
func trunkCall(t *testing.T, phone *phone, peer *drachtio, direction string) (a, b talk) {
	t.Helper()
	if direction == "its call" {
		a = peer.invite(t, phone.user)
		b = phone.accept(t, phone.incoming(t))
		a.answered(t)
		return a, b
	}
	b = phone.invite(t, "2001")
	a = peer.accept(t, peer.incoming(t))
	b.answered(t)
	return a, b
}

// trunkSDP is Rocket.Chat's description as the answer to an offer within the call: the DTLS association keeps its roles, RFC 8842 §5.3.
func trunkSDP(t *testing.T, a talk, direction string) string {
	t.Helper()
	if direction == "ours" {
		return string(a.media.(*browserPeer).pc.LocalDescription().SDP)
	}
	role := "active"
	if strings.Contains(string(mustAnswer(t, a).Body()), "a=setup:active") {
		role = "passive"
	}
	return strings.ReplaceAll(string(a.call.Request().Body()), "actpass", role)
}
