package call

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

var bye = LegEnd{Cause: NormalClearing, Status: 200, Phrase: "OK", Disposition: "recv_bye"}

// answeredCall lets 1015 talk to 1016.
func answeredCall(r *rig) (a, b *fakeLeg) {
	r.t.Helper()
	r.dialer.add("1016")
	a = r.call("1016")
	b = r.dialer.next()
	b.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	r.untilEvent("CALL_UPDATE", inbound)
	return a, b
}

func TestAnsweredCallIsJoinedOnce(t *testing.T) {
	r := newRig(t)
	a, b := answeredCall(r)
	if r.media.bridges != 1 {
		t.Errorf("%d media bridges", r.media.bridges)
	}
	if got := b.o.CallerName + " " + b.o.CallerNum; got != "Extension 1015 1015" {
		t.Errorf("the called leg shows %q", got)
	}
	if b.o.MaxForwards != 69 {
		t.Errorf("max forwards %d", b.o.MaxForwards)
	}
	list := r.core.Channels()
	if len(list) != 2 || list[0].OtherUUID != list[1].UUID || list[1].CallUUID != list[0].UUID || list[0].ReadCodec != "PCMU" ||
		list[0].CallState != "ACTIVE" || list[1].State != "CS_EXCHANGE_MEDIA" || list[0].SentCalleeNumber != "1016" || list[1].SentCalleeName != "Extension 1015" {
		t.Errorf("snapshots %+v", list)
	}
	a.h.LegEnded(bye)
	b.want("hangup NORMAL_CLEARING")
	r.until(2)
}

// The last events of the called legs come before the caller's, on whatever end.
func TestCallerIsReportedLast(t *testing.T) {
	for _, who := range []string{"caller", "callee"} {
		t.Run(who, func(t *testing.T) {
			r := newRig(t)
			a, b := answeredCall(r)
			if who == "caller" {
				a.h.LegEnded(bye)
			} else {
				b.h.LegEnded(bye)
			}
			r.until(2)
			last := ""
			for _, line := range digest(r.events) {
				if strings.Contains(line, "DESTROY") {
					last += line[:1]
				}
				if strings.HasPrefix(line, "A HANGUP_COMPLETE") && last != "BB" {
					t.Error("the caller's HANGUP_COMPLETE before the called leg's end")
				}
			}
			if last != "BBAA" {
				t.Errorf("order of ends %s", last)
			}
		})
	}
}

func TestForksFirstAnswerWins(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	r.dialer.add("1016")
	a := r.call("1016")
	one, two := r.dialer.next(), r.dialer.next()
	one.h.LegProgress(183, []byte(sdpB), nil) // early media of one of several is not passed on
	a.want("ring")
	two.h.LegProgress(180, nil, nil)
	two.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	one.want("hangup LOSE_RACE silent")
	r.untilEvent("CALL_UPDATE", inbound)
	a.h.LegEnded(bye)
	two.want("hangup NORMAL_CLEARING")
	r.until(3)
	if n := len(r.media.all); n != 3 {
		t.Errorf("%d sessions", n)
	}
}

func TestForkFailureIsIgnoredWhileOthersRing(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	r.dialer.add("1016")
	a := r.call("1016")
	one, two := r.dialer.next(), r.dialer.next()
	one.h.LegEnded(LegEnd{Cause: NoUserResponse, Status: 480, Phrase: "Temporarily Unavailable", Disposition: "recv_refuse"})
	r.until(1)
	two.h.LegEnded(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here", Disposition: "recv_refuse"})
	a.want("hangup USER_BUSY 486 Busy Here")
	r.until(3)
}

func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.dialer.add("1016")
		began := time.Now()
		a := r.call("q1016") // call_timeout 6
		b := r.dialer.next()
		b.h.LegProgress(180, nil, nil)
		a.want("ring")
		b.want("hangup NO_ANSWER")
		a.want("hangup NORMAL_CLEARING") // the dialplan went on and ended
		if d := time.Since(began); d != 6*time.Second {
			t.Errorf("rang %v", d)
		}
		r.until(2)
		for name, want := range map[string]string{"duration": "6", "mduration": "6000", "billsec": "0", "progressusec": "0", "flow_billsec": "0",
			"hangup_cause_q850": "16", "originate_failed_cause": "NO_ANSWER"} {
			if got := r.events[len(r.events)-2].Value("variable_" + name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		compareLines(t, []string{r.events[len(r.events)-2].Value("variable_originate_disposition"),
			r.events[len(r.events)-2].Value("variable_DIALSTATUS")}, []string{"NO_ANSWER", "NOANSWER"})
	})
}

// TestPatience: Rocket.Chat's trunk sends no sign while its user is rung, for up to two minutes: the caller is told at once that it rings and waits.
func TestPatience(t *testing.T) {
	for _, answered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			p := plan(t, `<extension name="trunk"><condition field="destination_number" expression="^2001$">
				<action application="set" data="call_timeout=150"/><action application="bridge" data="user/1016@127.0.0.1"/></condition></extension>`)
			r.core.cfg.Plan = func() *dialplan.Plan { return p }
			r.dialer.add("1016", Variable{Name: "instant_ringback", Value: "true"})
			began := time.Now()
			a := r.call("2001")
			b := r.dialer.next()
			a.want("ring")
			time.Sleep(149 * time.Second)
			if answered {
				b.h.LegAnswered([]byte(sdpB), nil)
				a.want("answer")
				a.h.LegEnded(bye)
				b.want("hangup NORMAL_CLEARING")
				r.until(2)
				return
			}
			b.want("hangup NO_ANSWER")
			a.want("hangup NORMAL_CLEARING")
			if d := time.Since(began); d != 150*time.Second {
				t.Errorf("rang %v", d)
			}
			r.until(2)
		})
	}
}

func TestEarlyMediaThenAnswer(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	a := r.call("1016")
	b := r.dialer.next()
	b.h.LegProgress(183, []byte(sdpB), nil)
	a.want("early")
	r.read(func(e *esl.Event) bool { return e.Value("Channel-State") == "CS_EXCHANGE_MEDIA" })
	b.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	r.untilEvent("CALL_UPDATE", inbound)
	a.h.LegEnded(bye)
	r.until(2)
	got := byLeg(digest(r.events))
	want := []string{
		"A PROGRESS_MEDIA CS_EXECUTE 4 RINGING early A - - - -", "A CALLSTATE CS_EXECUTE 4 EARLY early A - - - -",
		"A BRIDGE CS_EXECUTE 4 EARLY early A originatee B - -", "A ANSWER CS_EXECUTE 4 EARLY answered A originatee B - -",
		"A CALLSTATE CS_EXECUTE 4 ACTIVE answered A originatee B - -", "A CALL_UPDATE CS_EXECUTE 4 ACTIVE answered A originatee B - -",
		"B PROGRESS_MEDIA CS_CONSUME_MEDIA 7 DOWN early A originator A - -", "B CALLSTATE CS_CONSUME_MEDIA 7 EARLY early A originator A - -",
		"B OUTGOING CS_CONSUME_MEDIA 7 EARLY early A originator A - -", "B STATE CS_EXCHANGE_MEDIA 5 EARLY early A originator A - -",
		"B ANSWER CS_EXCHANGE_MEDIA 5 EARLY answered A originator A - -", "B CALLSTATE CS_EXCHANGE_MEDIA 5 ACTIVE answered A originator A - -",
		"B CALL_UPDATE CS_EXCHANGE_MEDIA 5 ACTIVE answered A originator A - -",
	}
	for _, line := range got {
		if len(want) > 0 && line == want[0] {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		t.Errorf("missing from %q:\n%s", want[0], strings.Join(got, "\n"))
	}
}

// The answer may overtake the bridge; identities are exchanged once all the same.
func TestAnswerRightAfterEarlyMedia(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	a := r.call("1016")
	b := r.dialer.next()
	b.h.LegProgress(183, []byte(sdpB), nil)
	b.h.LegAnswered([]byte(sdpB), nil)
	r.untilEvent("CALL_UPDATE", inbound)
	a.h.LegEnded(bye)
	r.until(2)
	updates := ""
	for _, line := range digest(r.events) {
		if strings.Contains(line, "CALL_UPDATE") {
			updates += line[:1]
		}
	}
	if updates != "BA" {
		t.Errorf("identity updates %s", updates)
	}
}

func TestDialplanGoesOn(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	a := r.call("c1016") // continue_on_fail=USER_BUSY, then hangup CALL_REJECTED
	b := r.dialer.next()
	b.h.LegEnded(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here", Disposition: "recv_refuse"})
	a.want("hangup CALL_REJECTED")
	r.until(2)
}

func TestSerialTargets(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1001")
	r.dialer.add("1002")
	a := r.call("serial")
	one := r.dialer.next()
	one.h.LegEnded(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here", Disposition: "recv_refuse"})
	two := r.dialer.next()
	two.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	r.untilEvent("CALL_UPDATE", inbound)
	a.h.LegEnded(bye)
	r.until(3)
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, number, want string }{
		{"own status", "respond", "hangup NORMAL_CLEARING 480 Not now"},
		{"unknown application", "nosuch", "hangup DESTINATION_OUT_OF_ORDER"},
		{"no route", "4711", "hangup NO_ROUTE_DESTINATION"},
		{"not registered", "1099", "hangup USER_NOT_REGISTERED"},
		{"application panics", "boom", "hangup DESTINATION_OUT_OF_ORDER"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			a := r.call(c.number)
			a.want(c.want)
			r.until(1)
			if n := r.core.Stats().Panics; (n != 0) != (c.number == "boom") {
				t.Errorf("%d panics", n)
			}
		})
	}
}

func TestPanicEndsOneCallOnly(t *testing.T) {
	r := newRig(t)
	a, b := answeredCall(r)
	r.call("boom").want("hangup DESTINATION_OUT_OF_ORDER")
	r.until(1)
	if n := len(r.core.Channels()); n != 2 {
		t.Errorf("%d channels", n)
	}
	a.h.LegEnded(bye)
	b.want("hangup NORMAL_CLEARING")
}

// A fault in a bridged caller ends the called leg too.
func TestPanicWhileBridged(t *testing.T) {
	r := newRig(t)
	a, b := answeredCall(r)
	ch := a.h.(*Channel)
	ch.box.put(func() { panic("boom") })
	a.want("hangup DESTINATION_OUT_OF_ORDER")
	b.want("hangup CRASH")
	r.until(1)
}

func TestCommandsHangUp(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	a := r.call("1016")
	b := r.dialer.next()
	b.h.LegProgress(180, nil, nil)
	a.want("ring")
	ch, ok := r.core.Channel(r.core.Channels()[0].UUID)
	if !ok {
		t.Fatal("channel is not listed")
	}
	ch.Hangup(UserBusy)
	b.want("hangup ORIGINATOR_CANCEL")
	a.want("hangup USER_BUSY")
	r.until(2)
	if n := r.core.HangupAll(ManagerRequest, nil); n != 0 {
		t.Errorf("%d channels hung up after all ended", n)
	}
}

func TestParkUntilKilled(t *testing.T) {
	r := newRig(t)
	a := r.call("5900")
	a.want("answer")
	r.untilEvent("CHANNEL_PARK", inbound)
	if n := r.core.HangupAll(ManagerRequest, func(s Snapshot) bool { return s.Application == "park" }); n != 1 {
		t.Errorf("%d hung up", n)
	}
	a.want("hangup MANAGER_REQUEST")
	r.untilEvent("CHANNEL_UNPARK", inbound)
	r.until(1)
}

func TestMediaTimeoutEndsBothLegs(t *testing.T) {
	r := newRig(t)
	a, b := answeredCall(r)
	r.media.all[0].cfg.OnEvent(media.Event{Type: media.EventTimeout})
	b.want("hangup MEDIA_TIMEOUT")
	a.want("hangup MEDIA_TIMEOUT")
	r.until(2)
}

func TestCodecMismatch(t *testing.T) {
	t.Run("nothing to offer", func(t *testing.T) {
		r := newRig(t)
		r.dialer.add("1016")
		r.dialer.dests["user/1016@127.0.0.1"][0].CodecPrefs = "OPUS"
		a := r.call("1016")
		a.want("hangup INCOMPATIBLE_DESTINATION")
		r.until(2)
	})
	t.Run("after the answer", func(t *testing.T) {
		r := newRig(t)
		r.dialer.add("1016")
		a := r.call("1016")
		b := r.dialer.next()
		b.h.LegAnswered([]byte(strings.ReplaceAll(sdpB, "AVP 0 101\r\na=rtpmap:0 PCMU", "AVP 8 101\r\na=rtpmap:8 PCMA")), nil)
		b.want("hangup INCOMPATIBLE_DESTINATION")
		a.want("hangup INCOMPATIBLE_DESTINATION")
		r.until(2)
	})
	t.Run("caller", func(t *testing.T) {
		r := newRig(t)
		l := newFakeLeg(t)
		if _, err := r.core.NewInbound(Inbound{Leg: l, ChannelName: "sofia/internal/1@x", Context: "plain", Destination: "1016", CodecPrefs: "OPUS", SDP: []byte(sdpA)}); err != nil {
			t.Fatal(err)
		}
		l.want("hangup INCOMPATIBLE_DESTINATION")
		r.until(1)
	})
}

func TestDTMF(t *testing.T) {
	r := newRig(t)
	a, b := answeredCall(r)
	a.h.LegDTMF('5', 2*time.Second)
	e := r.untilEvent("DTMF", inbound)
	got := e.Value("DTMF-Digit") + " " + e.Value("DTMF-Duration") + " " + e.Value("DTMF-Source")
	if got != "5 16000 ENDPOINT" {
		t.Errorf("DTMF event %s", got)
	}
	// The caller agreed on telephone-event; a called leg that did not gets INFO.
	b.h.LegDTMF('#', 100*time.Millisecond)
	r.untilEvent("DTMF", outbound)
	eventually(t, func() bool {
		s := r.media.all[0]
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.digits != ""
	})
	a.h.LegDTMF('\n', time.Second) // no digit
	a.h.LegEnded(bye)
	r.until(2)
	if d := r.media.all[1].digits; d != "5" {
		t.Errorf("called leg got %q", d)
	}
	if d := r.media.all[0].digits; d != "#" {
		t.Errorf("caller got %q", d)
	}
}

func TestDTMFByInfo(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	a := r.call("1016")
	b := r.dialer.next()
	b.h.LegAnswered([]byte(strings.NewReplacer(" 101", "", "a=rtpmap:101 telephone-event/8000\r\n", "").Replace(sdpB)), nil)
	a.want("answer")
	r.untilEvent("CALL_UPDATE", inbound)
	a.h.LegDTMF('5', 160*time.Millisecond)
	b.want("info Signal=5 Duration=160 ")
	r.media.all[0].cfg.OnEvent(media.Event{Type: media.EventDTMF, Digit: '7', Duration: 100})
	b.want("info Signal=7 Duration=100 ")
	a.h.LegEnded(bye)
	r.until(2)
}

func TestCustomHeadersAndExports(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	r.call("q1016", Variable{Name: "sip_h_X-RocketChat-User-1", Value: "{}", Wire: true}, Variable{Name: "sip_h_P-Secret", Value: "x", Wire: true})
	b := r.dialer.next()
	if len(b.o.Headers) != 1 || b.o.Headers[0].Name != "X-RocketChat-User-1" {
		t.Errorf("headers %v", b.o.Headers)
	}
	e := r.untilEvent("CHANNEL_CREATE", outbound)
	if e.Value("variable_dialed_extension") != "1016" || e.Value("variable_export_vars") != "dialed_extension" {
		t.Error("exported variable is missing")
	}
}

func TestOnlyOwnCodecIsOfferedOnceAnswered(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	a := r.call("a1016")
	a.want("answer")
	b := r.dialer.next()
	b.h.LegAnswered([]byte(sdpB), nil)
	r.untilEvent("CALL_UPDATE", inbound)
	b.h.LegEnded(bye)
	a.want("hangup NORMAL_CLEARING") // no hangup_after_bridge, and the dialplan is at its end
	r.until(2)
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		in := Inbound{Leg: newFakeLeg(t), ChannelName: "sofia/internal/1@x", Context: "plain", Destination: "5900", SDP: []byte(sdpA)}
		try := func(want error) {
			t.Helper()
			if _, err := r.core.NewInbound(in); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		r.core.SetLimits(3, 2)
		try(nil)
		try(nil)
		try(ErrRateLimit)
		time.Sleep(time.Second)
		try(nil)
		try(ErrSessionLimit)
		r.core.Drain()
		r.core.SetLimits(0, 0)
		try(ErrDraining)
		r.core.Undrain()
		try(nil)
		s := r.core.Stats()
		if s.SinceStart != 4 || s.Peak != 4 || s.Current != 4 || s.PerSecondPeak != 2 || s.Refused != 3 || s.PeakFiveMin != 4 {
			t.Errorf("stats %+v", s)
		}
	})
}

// A peer that floods a channel is hung up; nothing that belongs to the call is lost.
func TestFloodEndsTheCall(t *testing.T) {
	r := newRig(t)
	a := r.call("5900")
	a.want("answer")
	ch := a.h.(*Channel)
	stop := make(chan struct{})
	ch.box.put(func() { <-stop })
	refused := 0
	for range mailboxLimit + 10 {
		a.h.LegReoffer([]byte(sdpA), func(_ []byte, err error) {
			if err != nil {
				refused++
			}
		})
	}
	if refused == 0 {
		t.Error("the bound was not hit")
	}
	close(stop)
	a.want("hangup SWITCH_CONGESTION")
	r.until(1)
	if n := r.core.Stats().MailboxOverflows; n != 1 {
		t.Errorf("%d overflows", n)
	}
}

func TestReofferOfEndedChannelIsRefused(t *testing.T) {
	r := newRig(t)
	a := r.call("4711")
	a.want("hangup NO_ROUTE_DESTINATION")
	r.until(1)
	got := make(chan error, 1)
	a.h.LegReoffer([]byte(sdpA), func(_ []byte, err error) { got <- err })
	if err := <-got; err == nil {
		t.Error("accepted")
	}
	a.h.LegEnded(bye)
	a.h.LegDTMF('1', time.Second)
}

// No event is built when nobody wants it.
func TestNobodyListens(t *testing.T) {
	r := newRig(t)
	r.sub.Select(esl.Selection{Names: map[string]bool{"CHANNEL_DESTROY": true}})
	a, b := (*fakeLeg)(nil), (*fakeLeg)(nil)
	r.dialer.add("1016")
	a = r.call("1016")
	b = r.dialer.next()
	b.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	a.h.LegEnded(bye)
	b.want("hangup NORMAL_CLEARING")
	r.untilEvent("CHANNEL_DESTROY", inbound)
	if len(r.events) != 2 {
		t.Errorf("%d events", len(r.events))
	}
}

func TestCauses(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Cause
		ok   bool
	}{{"USER_BUSY", UserBusy, true}, {"user_busy", UserBusy, true}, {"17", UserBusy, true}, {"BOGUS", "", false}, {"", "", false}} {
		if got, ok := ParseCause(c.in); got != c.want || ok != c.ok {
			t.Errorf("%q: %q %v", c.in, got, ok)
		}
	}
	if n := OriginatorCancel.Q850(); n != 487 {
		t.Errorf("ORIGINATOR_CANCEL is %d", n)
	}
}

func TestContinues(t *testing.T) {
	for _, c := range []struct {
		on, off string
		cause   Cause
		want    bool
	}{
		{"", "", NoAnswer, true}, {"", "", NoUserResponse, true}, {"", "", UserBusy, false},
		{"true", "", CallRejected, true}, {"false", "", NoAnswer, false}, {"USER_BUSY,19", "", NoAnswer, true},
		{"user_busy", "", CallRejected, false}, {"", "USER_BUSY", UserBusy, false}, {"", "USER_BUSY", CallRejected, true},
	} {
		ch := &Channel{}
		ch.set("continue_on_fail", c.on)
		ch.set("failure_causes", c.off)
		if got := ch.continues(c.cause); got != c.want {
			t.Errorf("continue_on_fail=%q failure_causes=%q %s: %v", c.on, c.off, c.cause, got)
		}
	}
}

// What a caller chose separates nothing and sets nothing.
func TestWireTextIsNoSyntax(t *testing.T) {
	r := newRig(t)
	r.call("5900").want("answer")
	ch, _ := r.core.Channel(r.core.Channels()[0].UUID)
	done := make(chan struct{})
	ch.box.put(func() {
		defer close(done)
		appSet(ch, dialplan.Expanded{{Text: "x="}, {Text: "a=b", Wire: true}})
		if v, _ := ch.vars.lookup("x"); v.Value != "a=b" || !v.Wire {
			t.Errorf("x is %+v", v)
		}
		appSet(ch, dialplan.Expanded{{Text: "evil=1", Wire: true}})
		if _, ok := ch.vars.lookup("evil"); ok {
			t.Error("a caller set a variable")
		}
		appMultiset(ch, dialplan.Expanded{{Text: "p=1 q="}, {Text: "2 r=3", Wire: true}})
		if ch.vars.value("p") != "1" || ch.vars.value("q") != "2 r=3" {
			t.Errorf("p %q q %q", ch.vars.value("p"), ch.vars.value("q"))
		}
	})
	<-done
}
