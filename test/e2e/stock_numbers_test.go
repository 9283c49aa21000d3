package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/sip/siptest"
)

// TestStockRingback: the numbers of the stock dialplan that show kinds of ringing. 9180 to 9182 ring for 20 s, so the caller gives up.
func TestStockRingback(t *testing.T) {
	ex := stock(t)
	p := ex.phone(t, rtpPhone, "1000")
	hears := func(t *testing.T, a talk) {
		t.Helper()
		heard := a.media.listener().expect(anySound)
		a.media.talk(440)
		within(t, "the sound", heard)
	}
	giveUp := func(t *testing.T, a talk) {
		t.Helper()
		if err := a.call.Cancel(); err != nil {
			t.Fatal(err)
		}
		if res := a.failure(t); res.StatusCode != 487 {
			t.Errorf("answered %s", res.StartLine())
		}
	}
	t.Run("9180 rings by 180 without media", func(t *testing.T) {
		a := p.invite(t, "9180")
		res, err := a.call.WaitRinging(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 180 || len(res.Body()) > 0 {
			t.Errorf("%s with %d bytes", res.StartLine(), len(res.Body()))
		}
		giveUp(t, a)
	})
	for number, what := range map[string]string{"9181": "a ring tone before the answer", "9182": "music before the answer"} {
		t.Run(number+" plays "+what, func(t *testing.T) {
			a := p.invite(t, number)
			early := a.ringingWithMedia(t)
			a.media.accept(t, early.Body())
			hears(t, a)
			giveUp(t, a)
		})
	}
	for number, what := range map[string]string{"9183": "a ring tone after the answer", "9184": "music after the answer"} {
		t.Run(number+" plays "+what, func(t *testing.T) {
			a := p.invite(t, number)
			a.answered(t)
			hears(t, a)
			a.hangup(t)
			ex.awaitIdle(t)
		})
	}
	t.Run("9192 answers, tells the log and hangs up", func(t *testing.T) {
		a := p.invite(t, "9192")
		a.answered(t)
		if end := a.ended(t); end.By != "bye" {
			t.Errorf("ended by %s", end.By)
		}
	})
}

// TestStockGroups: the groups that phones join and leave by 81xx and 80xx, and the two ways to call them.
func TestStockGroups(t *testing.T) {
	ex := stock(t)
	one, two := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	beep := func(number string, hz float64) {
		t.Helper()
		a := two.invite(t, number)
		a.answered(t)
		heard := a.media.listener().expect(hz)
		a.media.talk(440)
		within(t, "the tone", heard)
		a.ended(t)
	}
	beep("8101", 640)
	for _, number := range []string{"8201", "8301"} {
		a := one.invite(t, number)
		b := two.accept(t, two.incoming(t))
		a.answered(t)
		hearEachOther(t, a, b)
		a.hangup(t)
		b.ended(t)
	}
	beep("8001", 320)
	a := one.invite(t, "8201")
	if res := a.failure(t); res.StatusCode < 400 {
		t.Errorf("a group without members: %s", res.StartLine())
	}
}

// TestStockPeople: what else of the stock dialplan connects people.
func TestStockPeople(t *testing.T) {
	ex := stock(t)
	one, two, three := ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001"), ex.phone(t, rtpPhone, "1002")
	meet := func(t *testing.T, a talk, callee *phone) *siptest.Call {
		t.Helper()
		call := callee.incoming(t)
		b := callee.accept(t, call)
		a.answered(t)
		hearEachOther(t, a, b)
		a.hangup(t)
		b.ended(t)
		ex.awaitIdle(t)
		return call
	}
	t.Run("intercom asks the phone to answer by itself", func(t *testing.T) {
		invite := meet(t, two.invite(t, "81000"), one).Request()
		info := invite.GetHeader("Call-Info")
		if intercom, _ := invite.Recipient.UriParams.Get("intercom"); info == nil || !strings.HasSuffix(info.Value(), ";answer-after=0") || intercom != "true" {
			t.Errorf("Call-Info %v, Request-URI %s", info, invite.Recipient.String())
		}
	})
	t.Run("the operator is 1000, behind music", func(t *testing.T) {
		a := two.invite(t, "0")
		a.answered(t)
		b := one.accept(t, one.incoming(t))
		hearEachOther(t, a, b)
		a.hangup(t)
		b.ended(t)
		ex.awaitIdle(t)
	})
	// 1000 to 1004 are sales, 1005 to 1009 billing, 1010 to 1014 support in the stock directory.
	support, billing := ex.phone(t, rtpPhone, "1010"), ex.phone(t, rtpPhone, "1005")
	t.Run("2001 calls support", func(t *testing.T) { meet(t, one.invite(t, "2001"), support) })
	t.Run("2002 calls billing", func(t *testing.T) { meet(t, one.invite(t, "2002"), billing) })
	for _, number := range []string{"886", "*8"} { // last call of all, and of the caller's group
		t.Run(number+" picks up a ringing call", func(t *testing.T) {
			a := one.invite(t, "1001")
			ringing := two.incoming(t)
			if err := ringing.Ring(nil); err != nil {
				t.Fatal(err)
			}
			c := three.invite(t, number)
			c.answered(t)
			a.answered(t)
			hearEachOther(t, a, c)
			c.hangup(t)
			a.ended(t)
			ex.awaitIdle(t)
		})
	}
}

// TestStockOutside: what a caller from outside, without a password, reaches by the stock tree's external profile.
func TestStockOutside(t *testing.T) {
	ex := startWith(t, vanillaTree(t), "external_sip_port=0")
	one, three := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1002")
	at := regexp.MustCompile(`URL\s+sip:mod_sofia@(\S+)`).FindStringSubmatch(ex.command(t, "sofia status profile external"))
	if at == nil {
		t.Fatal("no external profile")
	}
	ua, err := siptest.Dial(t.Context(), siptest.Config{Transport: "udp", Addr: at[1], Domain: at[1]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ua.Close)
	outside := &phone{kind: rtpPhone, user: "4930123", ua: ua}
	for number, callee := range map[string]*phone{"5551212": one, "1002": three} {
		a := outside.invite(t, number)
		b := callee.accept(t, callee.incoming(t))
		a.answered(t)
		hearEachOther(t, a, b)
		a.hangup(t)
		b.ended(t)
	}
	if res := outside.invite(t, "9664").failure(t); res.StatusCode != 404 && res.StatusCode != 480 {
		t.Errorf("a number of the inside: %s", res.StartLine())
	}
}

// vanillaTree is a copy of FreeSWITCH's own tree that takes free ports.
func vanillaTree(t *testing.T) string {
	t.Helper()
	from := filepath.Join("..", "..", "..", "shared", "freeswitch-conf", "vanilla")
	if _, err := os.Stat(from); err != nil {
		t.Skipf("FreeSWITCH's stock tree is not at %s", from)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	for file, change := range map[string][]string{
		"autoload_configs/event_socket.conf.xml": {`"8021"`, `"0"`, "ClueCon", eslPassword},
		"sip_profiles/internal.xml":              {`":5066"`, `":0"`, `":7443"`, `":0"`},
	} {
		name := filepath.Join(dir, file)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil { // the copy may be read-only
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(strings.NewReplacer(change...).Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
