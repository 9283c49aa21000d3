package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// What Rocket.Chat's browser client needs and no other test here shows.

// transportLines are the lines of an SDP that must stay the same as long as a call lasts.
func transportLines(sdp []byte) []string {
	lines := regexp.MustCompile(`(?m)^a=(ice-ufrag|ice-pwd|fingerprint|mid|group|rtcp-mux|setup:(active|passive)).*$`).FindAllString(string(sdp), -1)
	slices.Sort(lines)
	return lines
}

// TestReinvitesKeepTheTransport: mute, hold and resume by either side, and a re-INVITE of ours to either side, change neither ICE nor the keys,
// their role or the m-line's name, and the sound comes back.
func TestReinvitesKeepTheTransport(t *testing.T) {
	ex := start(t)
	client := ex.follow(t, "CHANNEL_BRIDGE")
	one, two := ex.phone(t, browser, "1000"), ex.phone(t, browser, "1001")
	a, b := connect(t, one, two)
	bridge := next(t, client)
	hearEachOther(t, a, b)
	for name, side := range map[string]struct {
		talk
		uuid string
	}{"caller": {a, bridge.Value("Bridge-A-Unique-ID")}, "callee": {b, bridge.Value("Bridge-B-Unique-ID")}} {
		var first []string
		same := func(what string, sdp []byte) {
			lines := transportLines(sdp)
			if strings.HasPrefix(what, "our") { // an offer says actpass
				lines = slices.DeleteFunc(lines, func(s string) bool { return strings.HasPrefix(s, "a=setup") })
			}
			if first == nil {
				first = lines
			}
			want := first
			if strings.HasPrefix(what, "our") {
				want = slices.DeleteFunc(slices.Clone(first), func(s string) bool { return strings.HasPrefix(s, "a=setup") })
			}
			if len(lines) < 6 || !slices.Equal(lines, want) {
				t.Errorf("%s, %s:\n%s\nbefore:\n%s", name, what, strings.Join(lines, "\n"), strings.Join(want, "\n"))
			}
		}
		for _, direction := range []string{"sendrecv", "sendonly", "inactive", "sendrecv"} {
			sdp := strings.Replace(string(side.media.offer(t)), "a=sendrecv", "a="+direction, 1)
			res := side.reinvite(t, []byte(sdp))
			if res.StatusCode != 200 {
				t.Fatalf("%s, %s: %s", name, direction, res.StartLine())
			}
			same(direction, res.Body())
			side.media.accept(t, res.Body())
		}
		hearEachOther(t, a, b)
		side.call.SetSDP(side.media.(*browserPeer).gatheredNow())
		reply := make(chan string, 1)
		go func() { reply <- ex.command(t, "uuid_media_reneg "+side.uuid) }()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := side.call.WaitReinvite(ctx)
		if err != nil {
			t.Fatal(err)
		}
		same("our re-INVITE", req.Body())
		<-reply
		hearEachOther(t, a, b)
	}
	a.hangup(t)
	b.ended(t)
}

// gatheredNow is the description that stands, as the answer to an offer that changes nothing: with the role that was agreed on.
func (p *browserPeer) gatheredNow() []byte {
	sdp := p.pc.LocalDescription().SDP
	role := "active"
	if strings.Contains(p.pc.RemoteDescription().SDP, "a=setup:active") {
		role = "passive"
	}
	return []byte(strings.ReplaceAll(sdp, "a=setup:actpass", "a=setup:"+role))
}

// TestNoCandidates: a browser that had no time to gather candidates is reached by those of ours, calling and called.
func TestNoCandidates(t *testing.T) {
	ex := start(t)
	bare := func(sdp []byte) []byte {
		return regexp.MustCompile(`(?m)^a=(candidate|end-of-candidates).*\n`).ReplaceAll(sdp, nil)
	}
	one, two := ex.phone(t, browser, "1000"), ex.phone(t, browser, "1001")
	m := one.media(t)
	call, err := one.ua.Invite("1001", bare(m.offer(t)))
	if err != nil {
		t.Fatal(err)
	}
	a := talk{call, m}
	incoming := two.incoming(t)
	b := talk{incoming, two.media(t)}
	if err := incoming.Answer(t.Context(), bare(b.media.answer(t, incoming.Request().Body()))); err != nil {
		t.Fatal(err)
	}
	a.answered(t)
	hearEachOther(t, a, b)
	a.hangup(t)
	b.ended(t)
}

// TestKeysForPhonesWithoutEvents: a phone that knows no telephone-event gets digits by INFO, and its own reach the browser as events.
func TestKeysForPhonesWithoutEvents(t *testing.T) {
	ex := start(t)
	one, two := ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001")
	client := ex.follow(t, "DTMF")
	a := one.invite(t, "1001")
	call := two.incoming(t)
	m := two.media(t)
	sdp := string(m.answer(t, call.Request().Body()))
	sdp = strings.Replace(regexp.MustCompile(`(?m)^a=(rtpmap|fmtp):101.*\n`).ReplaceAllString(sdp, ""), " 0 101", " 0", 1)
	if err := call.Answer(t.Context(), []byte(sdp)); err != nil {
		t.Fatal(err)
	}
	a.answered(t)
	b := talk{call, m}
	hearEachOther(t, a, b)
	press := func(s talk, digit string) {
		t.Helper()
		if res, err := s.call.DTMF(t.Context(), digit); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		if e := next(t, client); e.Value("DTMF-Digit") != digit {
			t.Errorf("event of %s, want %s", e.Value("DTMF-Digit"), digit)
		}
	}
	press(a, "5")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := b.call.WaitRequest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if req.Method != sip.INFO || !strings.HasPrefix(string(req.Body()), "Signal=5\r\n") || headerOf(req, "Content-Type") != "application/dtmf-relay" {
		t.Errorf("the phone got\n%s", req)
	}
	press(b, "#")
	select {
	case digit := <-a.media.(*browserPeer).digits:
		if digit != '#' {
			t.Errorf("the browser got %c", digit)
		}
	case <-ctx.Done():
		t.Error("the browser got no digit")
	}
	a.hangup(t)
	b.ended(t)
}

// TestWildcardContact: who signs off with Contact: * takes only its own connection away, or with strict-contact-wildcard all devices of the user.
func TestWildcardContact(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprint("strict ", strict), func(t *testing.T) {
			ex := startWith(t, profileWith(t, "strict-contact-wildcard", fmt.Sprint(strict)))
			caller, off, on := ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001"), ex.phone(t, browser, "1001")
			off.signOff(t)
			a := caller.invite(t, "1001")
			if strict {
				if res := a.failure(t); res.StatusCode != 480 {
					t.Errorf("called: %s", res.StartLine())
				}
				return
			}
			b := on.accept(t, on.incoming(t))
			a.answered(t)
			b.hangup(t)
			a.ended(t)
			select {
			case <-off.ua.Calls():
				t.Error("the device that signed off was called")
			default:
			}
		})
	}
}

// signOff sends Contact: * with Expires: 0.
func (p *phone) signOff(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := p.ua.Register(ctx, p.user, userPassword, 0, sip.NewHeader("Contact", "*"), sip.NewHeader("Expires", "0"))
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
}

// TestEarlyMedia: a browser that calls gets 180 without SDP, whatever the callee sends before it answers, since it ignores early media; a phone
// hears it. The answer has SDP for both.
func TestEarlyMedia(t *testing.T) {
	ex := start(t)
	callee := ex.phone(t, rtpPhone, "1001")
	for _, tc := range []struct {
		kind   kind
		user   string
		status int
	}{{browser, "1000", 180}, {rtpPhone, "1002", 183}} {
		t.Run(tc.kind.name, func(t *testing.T) {
			a := ex.phone(t, tc.kind, tc.user).invite(t, "1001")
			call := callee.incoming(t)
			b := talk{call, callee.media(t)}
			sdp := b.media.answer(t, call.Request().Body())
			if err := call.Ring(sdp); err != nil {
				t.Fatal(err)
			}
			res, err := a.call.WaitRinging(t.Context())
			if err != nil || int(res.StatusCode) != tc.status || (len(res.Body()) > 0) != (tc.status == 183) {
				t.Fatal(res, err)
			}
			if tc.status == 183 {
				a.media.accept(t, res.Body())
				heard := a.media.listener().expect(1000)
				b.media.talk(1000)
				within(t, "the caller to hear early media", heard)
			}
			if err := call.Answer(t.Context(), sdp); err != nil {
				t.Fatal(err)
			}
			a.answered(t)
			hearEachOther(t, a, b)
			a.hangup(t)
			b.ended(t)
		})
	}
}

// TestAnyPath: a WebSocket is taken at any path and query, speaks sip, and its keep-alives are answered.
func TestAnyPath(t *testing.T) {
	ex := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, at := range []string{"", "/", "/ws", "/voip/socket?token=x"} {
		ua, err := siptest.Dial(ctx, siptest.Config{Transport: "wss", URL: ex.at.WSS + at, Addr: ex.addr("wss"), TLS: &tls.Config{InsecureSkipVerify: true},
			Domain: "chat.example.com:8443"}) // not the directory's
		if err != nil {
			t.Fatal(at, err)
		}
		res, err := ua.Register(ctx, "1000", userPassword, 600)
		if err != nil || res.StatusCode != 200 || !strings.Contains(headerOf(res, "Contact"), ";expires=600") {
			t.Errorf("%q: %v, %v", at, res, err)
		}
		ua.Close()
	}
	raw := ex.raw(t, "wss")
	if err := raw.Write([]byte("\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if got, err := raw.ReadRaw(patience); err != nil || got != "\r\n" {
		t.Errorf("keep-alive answered %q, %v", got, err)
	}
}
