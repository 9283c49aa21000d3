package e2e

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// profileWith is the embedded tree with another parameter in its SIP profile.
func profileWith(t *testing.T, name, value string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, config.Embedded()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "sip_profiles", "internal.xml")
	text, err := fs.ReadFile(config.Embedded(), "sip_profiles/internal.xml")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "<settings>", `<settings><param name="`+name+`" value="`+value+`"/>`, 1)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestThreeTabs: all tabs of a user ring; one that is busy does not end the call, the first to answer wins, and the others stop without a
// word that their user would be shown.
func TestThreeTabs(t *testing.T) {
	ex := start(t)
	caller := ex.phone(t, browser, "1000")
	busy, wins, loses := ex.phone(t, browser, "1001"), ex.phone(t, browser, "1001"), ex.phone(t, browser, "1001")
	a := caller.invite(t, "1001")
	refuses, taken, lost := busy.incoming(t), wins.incoming(t), loses.incoming(t)
	if err := refuses.Reject(480, "Temporarily Unavailable"); err != nil {
		t.Fatal(err)
	}
	if err := lost.Ring(nil); err != nil {
		t.Fatal(err)
	}
	b := wins.accept(t, taken)
	a.answered(t)
	if end := (talk{call: lost}).ended(t); end.By != "cancel" || headerOf(end.Request, "Reason") != "" {
		t.Errorf("the losing tab: %+v", end)
	}
	hearEachOther(t, a, b)
	b.hangup(t)
	a.ended(t)
}

// TestPlusInNumbers: clients of Rocket.Chat dial a number with + as *+.
func TestPlusInNumbers(t *testing.T) {
	ex := start(t)
	caller, callee := ex.phone(t, browser, "1000"), ex.phone(t, browser, "1001")
	a := caller.invite(t, "*+1001")
	b := callee.accept(t, callee.incoming(t))
	a.answered(t)
	a.hangup(t)
	b.ended(t)
}

// TestContactUpdate: what a transferor tells the other party about the target reaches it outside of any dialog, and is never answered.
func TestContactUpdate(t *testing.T) {
	ex := start(t)
	one, two, three := ex.phone(t, browser, "1000"), ex.phone(t, browser, "1001"), ex.phone(t, browser, "1002")
	a, b := connect(t, one, two)
	a.refer(t, "sip:1002@"+ex.at.SIP)
	body := `{"uri":"sip:1002@` + ex.at.SIP + `"}`
	if res := a.ask(t, "MESSAGE", "application/json", []byte(body), sip.NewHeader("X-Message-Type", "contactUpdate")); res.StatusCode != 202 {
		t.Errorf("MESSAGE: %s", res.StartLine())
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case m := <-two.ua.Requests():
		if m.Method != sip.MESSAGE || string(m.Body()) != body || headerOf(m, "X-Message-Type") != "contactUpdate" || headerOf(m, "X-FS-Sending-Message") == "" {
			t.Errorf("relayed:\n%s", m)
		}
	case <-ctx.Done():
		t.Fatal("no MESSAGE")
	}
	c := three.accept(t, three.incoming(t))
	a.ended(t)
	hearEachOther(t, b, c)
	c.hangup(t)
	b.ended(t)
}

// reinvite offers sdp and gives the response.
func (s talk) reinvite(t *testing.T, sdp []byte) *sip.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := s.call.Reinvite(ctx, sdp)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestBadInputInCall: what a peer sends within a call is answered as it deserves; the call that can live goes on, and nothing is left of it.
func TestBadInputInCall(t *testing.T) {
	ex := start(t)
	one, two := ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001")
	change := func(old, new string) func(*testing.T, talk, talk) {
		return func(t *testing.T, a, _ talk) {
			offer := string(a.media.offer(t))
			if !strings.Contains(offer, old) {
				t.Fatalf("no %q in %s", old, offer)
			}
			if res := a.reinvite(t, []byte(strings.ReplaceAll(offer, old, new))); res.StatusCode != 488 {
				t.Errorf("answered %s", res.StartLine())
			}
		}
	}
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, a, b talk)
	}{
		{"another kind of media", change("RTP/AVP", "UDP/TLS/RTP/SAVPF")},
		{"no codec of the call", change("RTP/AVP 0", "RTP/AVP 18")},
		{"no SDP at all", func(t *testing.T, a, _ talk) {
			if res := a.reinvite(t, []byte("hello")); res.StatusCode != 488 {
				t.Errorf("answered %s", res.StartLine())
			}
		}},
		{"video and data added", func(t *testing.T, a, _ talk) {
			offer := string(a.media.offer(t)) + "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
			res := a.reinvite(t, []byte(offer))
			lines := strings.Split(string(res.Body()), "m=")
			if res.StatusCode != 200 || len(lines) != 4 || !strings.HasPrefix(lines[2], "video 0 ") || !strings.HasPrefix(lines[3], "application 0 ") {
				t.Errorf("answered %s\n%s", res.StartLine(), res.Body())
			}
		}},
		{"no offer", func(t *testing.T, a, _ talk) {
			res := a.reinvite(t, nil)
			if res.StatusCode != 200 || !strings.Contains(string(res.Body()), "m=audio") {
				t.Errorf("answered %s\n%s", res.StartLine(), res.Body())
			}
		}},
		{"hold from both sides at once", func(t *testing.T, a, b talk) {
			hold := func(s talk, direction string, done *sync.WaitGroup) {
				sdp := strings.Replace(string(s.media.offer(t)), "a=sendrecv", "a="+direction, 1)
				done.Go(func() {
					if res, err := s.call.Reinvite(context.WithoutCancel(t.Context()), []byte(sdp)); err != nil || res.StatusCode != 200 {
						t.Error(res, err)
					} else {
						s.media.accept(t, res.Body())
					}
				})
			}
			for _, direction := range []string{"sendonly", "sendrecv"} {
				var done sync.WaitGroup
				hold(a, direction, &done)
				hold(b, direction, &done)
				done.Wait()
			}
		}},
		{"REFER without a target", func(t *testing.T, a, _ talk) {
			if res := a.ask(t, "REFER", "", nil); res.StatusCode != 400 {
				t.Errorf("answered %s", res.StartLine())
			}
		}},
		{"Replaces of nothing", func(t *testing.T, a, _ talk) {
			a.refer(t, "<sip:1002@x?Replaces=none%3Bto-tag%3D1%3Bfrom-tag%3D2>")
			if got := a.notified(t); got != "SIP/2.0 403 Forbidden\r\n" {
				t.Error(got)
			}
		}},
		{"Replaces of this very call", func(t *testing.T, a, _ talk) {
			a.refer(t, replacing("1001", "x", a))
			if got := a.notified(t); got != "SIP/2.0 403 Forbidden\r\n" {
				t.Error(got)
			}
		}},
		{"a flood of digits", func(t *testing.T, a, _ talk) {
			var done sync.WaitGroup
			for range 8 {
				done.Go(func() {
					for range 30 {
						if res, err := a.call.DTMF(context.WithoutCancel(t.Context()), "5"); err != nil || res.StatusCode != 200 && res.StatusCode != 500 && res.StatusCode != 503 {
							t.Error(res, err) // 500: they overtook each other
						}
					}
				})
			}
			done.Wait()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := connect(t, one, two)
			tc.do(t, a, b)
			hearEachOther(t, a, b)
			a.hangup(t)
			b.ended(t)
			ex.awaitIdle(t)
		})
	}
}

// TestTransfersToNowhere: the other party of a transfer that leads nowhere is told so; everybody else is free.
func TestTransfersToNowhere(t *testing.T) {
	ex := start(t)
	one, two := ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001")
	for _, number := range []string{"nosuchnumber", "1017", "'%3B${system(x)}"} {
		a, b := connect(t, one, two)
		a.refer(t, "<sip:"+number+"@"+ex.at.SIP+">")
		a.ended(t)
		b.ended(t)
		ex.awaitIdle(t)
	}
	a, b := connect(t, one, two)
	a.refer(t, "<sip:1000@"+ex.at.SIP+">") // to oneself: it rings here again
	again := one.incoming(t)
	a.ended(t)
	c := one.accept(t, again)
	hearEachOther(t, b, c)
	c.hangup(t)
	b.ended(t)
}

// TestAnswerDoesNotFit: a callee whose answer has nothing of the offer is hung up, and the caller is told 488.
func TestAnswerDoesNotFit(t *testing.T) {
	ex := start(t)
	one, two := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	a := one.invite(t, "1001")
	call := two.incoming(t)
	sdp := strings.ReplaceAll(string(two.media(t).offer(t)), "RTP/AVP 0", "RTP/AVP 18")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := call.Answer(ctx, []byte(sdp)); err != nil {
		t.Fatal(err)
	}
	if res := a.failure(t); res.StatusCode != 488 {
		t.Errorf("the caller got %s", res.StartLine())
	}
	(talk{call: call}).ended(t)
}

// TestComesBack: a browser whose socket was cut registers again; its call goes on and can be held, transferred and ended from both sides.
func TestComesBack(t *testing.T) {
	ex := start(t)
	for _, end := range []string{"by itself", "by the other", "transfer by the other", "transfer by itself"} {
		t.Run(end, func(t *testing.T) {
			one, two, three := ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001"), ex.phone(t, rtpPhone, "1002")
			a, b := connect(t, one, two)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := one.ua.Reconnect(ctx); err != nil {
				t.Fatal(err)
			}
			if res, err := one.ua.Register(ctx, "1000", userPassword, 600); err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			hearEachOther(t, a, b)
			switch end {
			case "by itself":
				a.hangup(t)
				b.ended(t)
			case "by the other":
				b.hangup(t)
				a.ended(t)
			default:
				leaves, stays := b, a
				if end == "transfer by itself" {
					leaves, stays = a, b
				}
				leaves.refer(t, "sip:1002@"+ex.at.SIP)
				c := three.accept(t, three.incoming(t))
				leaves.ended(t)
				hearEachOther(t, stays, c)
				c.hangup(t)
				stays.ended(t)
			}
			ex.awaitIdle(t)
		})
	}
}

// TestBothSidesLost: a call whose both sides lost their connections ends by itself, and sound passes until then.
func TestBothSidesLost(t *testing.T) {
	ex := startWith(t, profileWith(t, "websocket-reconnect-timeout", "2"))
	one, two := ex.phone(t, browser, "1000"), ex.phone(t, browser, "1001")
	a, b := connect(t, one, two)
	one.ua.Flow().Close()
	two.ua.Flow().Close()
	hearEachOther(t, a, b)
	ex.awaitIdle(t)
}
