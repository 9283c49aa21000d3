package call

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
)

const flowPlan = `
<extension name="users"><condition field="destination_number" expression="^(10\d\d)$">
  <action application="set" data="hangup_after_bridge=true"/><action application="hash" data="insert/d-last/$1/${uuid}"/>
  <action application="bridge" data="user/$1@127.0.0.1"/></condition></extension>
<extension name="elsewhere"><condition field="destination_number" expression="^t(.*)$">
  <action application="transfer" data="$1"/><action application="hangup" data="USER_BUSY"/></condition></extension>
<extension name="loop"><condition field="destination_number" expression="^loop$">
  <action application="transfer" data="loop XML plain"/></condition></extension>
<extension name="deep"><condition field="destination_number" expression="^deep$">
  <action application="execute_extension" data="deep"/></condition></extension>
<extension name="program"><condition field="destination_number" expression="^p(.*)$">
  <action application="transfer" data="'set:x=1,respond:480 $1' inline"/></condition></extension>
<extension name="sub"><condition field="destination_number" expression="^sub$">
  <action application="execute_extension" data="called XML plain"/><action application="respond" data="480 ${x} ${destination_number}"/></condition></extension>
<extension name="called"><condition field="destination_number" expression="^called$">
  <action application="set" data="x=been"/></condition></extension>
<extension name="pick up"><condition field="destination_number" expression="^\*\*(\d+)$">
  <action application="answer"/><action application="intercept" data="${hash(select/d-last/$1)}"/><action application="sleep" data="2000"/></condition></extension>
<extension name="limited"><condition field="destination_number" expression="^lim$">
  <action application="limit" data="hash inbound ${caller_id_number} 1 !USER_BUSY"/><action application="answer"/><action application="park"/></condition></extension>
<extension name="limited elsewhere"><condition field="destination_number" expression="^limt$">
  <action application="limit" data="hash inbound x 0 respond"/></condition></extension>
<extension name="refuse"><condition field="destination_number" expression="^respond$">
  <action application="respond" data="480 Not now"/></condition></extension>
<extension name="sched"><condition field="destination_number" expression="^sched$">
  <action application="sched_hangup" data="+5"/><action application="answer"/><action application="park"/></condition></extension>
<extension name="scht"><condition field="destination_number" expression="^scht$">
  <action application="sched_transfer" data="+5 sched XML plain"/><action application="sched_hangup" data="+7 USER_BUSY"/><action application="answer"/><action application="park"/></condition></extension>
<extension name="schc"><condition field="destination_number" expression="^schc$">
  <action application="sched_hangup" data="+5"/><action application="sched_cancel"/><action application="answer"/><action application="sleep" data="8000"/></condition></extension>
<extension name="redirect"><condition field="destination_number" expression="^redir$">
  <action application="redirect" data="sip:1@a.example,sip:2@b.example"/></condition></extension>
<extension name="moved"><condition field="destination_number" expression="^moved$">
  <action application="respond" data="302 sip:1@a.example"/></condition></extension>
<extension name="deflect"><condition field="destination_number" expression="^defl$">
  <action application="answer"/><action application="deflect" data="sip:1@a.example"/><action application="sleep" data="1000000"/></condition></extension>
<extension name="event"><condition field="destination_number" expression="^event$">
  <action application="event" data="Event-Subclass=a::b,Event-Name=CUSTOM,X-Number=${destination_number}"/><action application="respond" data="480 x"/></condition></extension>
<extension name="privacy"><condition field="destination_number" expression="^hide(10\d\d)$">
  <action application="privacy" data="full"/><action application="bridge" data="user/$1@127.0.0.1"/></condition></extension>
<extension name="set user"><condition field="destination_number" expression="^su$">
  <action application="set_user" data="1000@d peer_"/><action application="respond" data="480 ${peer_callgroup} ${peer_user_name}"/></condition></extension>
<extension name="echo"><condition field="destination_number" expression="^9196$">
  <action application="answer"/><action application="echo"/></condition></extension>
<extension name="group"><condition field="destination_number" expression="^grp$">
  <action application="group" data="insert:81@d:user/1001@127.0.0.1"/><action application="group" data="insert:81@d:user/1002@127.0.0.1"/>
  <action application="bridge" data="${group(call:81@d:order)}"/></condition></extension>
<extension name="park"><condition field="destination_number" expression="^5900$">
  <action application="answer"/><action application="park"/></condition></extension>`

func flowRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	p := plan(t, flowPlan)
	r.core.cfg.Plan = func() *dialplan.Plan { return p }
	return r
}

func channelOf(t *testing.T, l *fakeLeg) *Channel {
	t.Helper()
	ch, ok := l.h.(*Channel)
	if !ok {
		t.Fatal("not a channel")
	}
	return ch
}

// talking lets 1015 and 1016 talk and the events come up to that.
func talking(r *rig) (a, b *fakeLeg) {
	r.t.Helper()
	r.dialer.add("1016")
	a = r.call("1016")
	b = r.dialer.next()
	b.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	r.untilEvent("CALL_UPDATE", inbound)
	return a, b
}

func TestRefusalsOfFlow(t *testing.T) {
	for _, c := range []struct{ name, number, want string }{
		{"transfer", "trespond", "hangup NORMAL_CLEARING 480 Not now"},
		{"transfer to nowhere", "t4711x", "hangup NO_ROUTE_DESTINATION"},
		{"blanks from outside are no arguments", "trespond XML nowhere", "hangup NO_ROUTE_DESTINATION"},
		{"loop", "loop", "hangup EXCHANGE_ROUTING_ERROR"},
		{"recursion", "deep", "hangup NORMAL_CLEARING"},
		{"program", "p1", "hangup NORMAL_CLEARING 480 1"},
		{"program with text from outside", "p1,hangup:USER_BUSY", "hangup NORMAL_CLEARING 480 1,hangup:USER_BUSY"},
		{"execute_extension returns", "sub", "hangup NORMAL_CLEARING 480 been sub"},
		{"limit elsewhere", "limt", "hangup NORMAL_CLEARING 480 Not now"},
		{"redirect", "redir", "redirect sip:1@a.example sip:2@b.example"},
		{"respond 302", "moved", "redirect sip:1@a.example"},
		{"set_user", "su", "hangup NORMAL_CLEARING 480 sales 1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := flowRig(t)
			r.core.cfg.UserVars = func(user, domain string) ([]Variable, bool) {
				return []Variable{{Name: "callgroup", Value: "sales"}}, user == "1000" && domain == "d"
			}
			a := r.call(c.number)
			a.want(c.want)
			r.until(1)
			if strings.HasPrefix(c.want, "redirect") {
				a.want("hangup REDIRECTION_TO_NEW_DESTINATION")
			}
		})
	}
}

func TestEventApplication(t *testing.T) {
	r := flowRig(t)
	r.call("event")
	e := r.read(func(e *esl.Event) bool { return e.Name() == "CUSTOM" })
	if got := e.Value("Event-Subclass") + " " + e.Value("X-Number") + " " + e.Value("Call-Direction"); got != "a::b event inbound" {
		t.Errorf("event has %s", got)
	}
	r.until(1)
}

func TestDeflectAfterAnswer(t *testing.T) {
	r := flowRig(t)
	a := r.call("defl")
	a.want("answer")
	a.want("refer sip:1@a.example")
	a.h.LegEnded(bye)
	r.until(1)
}

func TestLimitIsGivenBack(t *testing.T) {
	r := flowRig(t)
	one := r.call("lim")
	one.want("answer")
	if n := r.core.Store().LimitUsage("hash inbound 1015"); n != "1" {
		t.Errorf("usage %s", n)
	}
	two := r.call("lim")
	two.want("hangup USER_BUSY")
	r.until(1)
	one.h.LegEnded(bye)
	r.until(2)
	three := r.call("lim")
	three.want("answer")
	three.h.LegEnded(bye)
	r.until(3)
	if n := r.core.Store().LimitUsage("hash inbound 1015"); n != "0" {
		t.Errorf("usage %s after the end", n)
	}
}

// TestReleaseLimits gives back what a call has counted before it ends, one by one or all.
func TestReleaseLimits(t *testing.T) {
	r := newRig(t)
	_, ch := r.parked()
	for _, k := range []string{"a 1", "a 2", "b 1"} {
		ch.Do("limit", "hash "+k+" 5")
	}
	for _, tc := range []struct{ realm, id, want string }{{"b", "2", "a_1 1 a_2 1 b_1 1"}, {"a", "1", "a_2 1 b_1 1"}, {"b", "", "a_2 1"}} {
		ch.ReleaseLimits(tc.realm, tc.id)
		if err := ch.SetMediaStats(t.Context()); err != nil { // it comes after the release
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(r.core.Store().LimitStatus()), " "); got != tc.want {
			t.Errorf("after %s %s: %s, want %s", tc.realm, tc.id, got, tc.want)
		}
	}
	ch.ReleaseLimits("", "")
	ch.Hangup(NormalClearing)
	r.until(1)
	if got := r.core.Store().LimitStatus(); got != "" {
		t.Errorf("after the end: %s", got)
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		number, want string
		after        time.Duration
	}{{"sched", "hangup ALLOTTED_TIMEOUT", 5 * time.Second}, {"scht", "hangup USER_BUSY", 7 * time.Second}, {"schc", "hangup NORMAL_CLEARING", 8 * time.Second}} {
		t.Run(c.number, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := flowRig(t)
				began := time.Now()
				a := r.call(c.number)
				a.want("answer")
				a.want(c.want)
				if d := time.Since(began); d != c.after {
					t.Errorf("after %v", d)
				}
				r.until(1)
			})
		})
	}
}

func TestTransferOfCaller(t *testing.T) {
	r := flowRig(t)
	_, b := talking(r)
	r.dialer.add("1018")
	ch := channelOf(t, b).Snapshot().OtherUUID
	a, _ := r.core.Channel(ch)
	a.Transfer("1018", "", "", TransferSelf)
	b.want("hangup NORMAL_CLEARING")
	c := r.dialer.next()
	c.h.LegProgress(180, nil, nil)
	c.h.LegAnswered([]byte(sdpB), nil)
	r.read(func(e *esl.Event) bool { return e.Name() == "CALL_UPDATE" && e.Value("Caller-Profile-Index") == "2" })
	s := a.Snapshot()
	if s.Destination != "1018" || s.CallState != "ACTIVE" {
		t.Errorf("caller is at %s, %s", s.Destination, s.CallState)
	}
	c.h.LegEnded(bye)
	r.until(3)
}

func TestTransferOfBoth(t *testing.T) {
	r := flowRig(t)
	a, b := talking(r)
	channelOf(t, a).Transfer("9196", "XML", "plain", TransferBoth)
	for range 2 {
		r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_EXECUTE" && e.Value("Application") == "echo" })
	}
	a.h.LegEnded(bye)
	b.h.LegEnded(bye)
	r.until(2)
}

// While the caller still waits a transfer takes the ringing legs back.
func TestTransferWhileRinging(t *testing.T) {
	r := flowRig(t)
	r.dialer.add("1016")
	a := r.call("1016")
	b := r.dialer.next()
	b.h.LegProgress(180, nil, nil)
	a.want("ring")
	channelOf(t, a).Transfer("9196", "", "", TransferSelf)
	b.want("hangup ORIGINATOR_CANCEL")
	a.want("answer")
	r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_EXECUTE" && e.Value("Application") == "echo" })
	a.h.LegEnded(bye)
	r.until(2)
}

func TestInterceptOfRingingCall(t *testing.T) {
	r := flowRig(t)
	r.dialer.add("1016")
	a := r.call("1016")
	b := r.dialer.next()
	b.h.LegProgress(180, nil, nil)
	a.want("ring")
	c := r.call("**1016")
	c.want("answer")
	b.want("hangup PICKED_OFF silent")
	a.want("answer")
	r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_BRIDGE" })
	r.untilEvent("CALL_UPDATE", inbound)
	r.untilEvent("CALL_UPDATE", inbound)
	if r.media.bridges != 1 {
		t.Errorf("%d bridges", r.media.bridges)
	}
	a.h.LegEnded(bye)
	c.want("hangup NORMAL_CLEARING")
	r.until(3)
}

func TestInterceptOfBridgedCall(t *testing.T) {
	for _, who := range []string{"caller", "interceptor"} {
		t.Run(who, func(t *testing.T) {
			r := flowRig(t)
			a, b := talking(r)
			c := r.call("**1016")
			c.want("answer")
			b.want("hangup PICKED_OFF")
			r.read(func(e *esl.Event) bool {
				return e.Name() == "CALL_UPDATE" && e.Value("Unique-ID") == channelOf(t, c).UUID()
			})
			if who == "caller" {
				a.h.LegEnded(bye)
				c.want("hangup NORMAL_CLEARING")
			} else {
				c.h.LegEnded(bye)
				a.want("hangup NORMAL_CLEARING")
			}
			r.until(3)
		})
	}
}

func TestInterceptOfNobody(t *testing.T) {
	r := flowRig(t)
	c := r.call("**1099")
	c.want("answer")
	c.want("hangup NORMAL_CLEARING")
	r.until(1)
}

// Two that take each other over at once: it ends, and nothing is left.
func TestTakeEachOtherOver(t *testing.T) {
	for range 50 {
		r := flowRig(t)
		a, b := r.call("5900"), r.call("5900")
		a.want("answer")
		b.want("answer")
		x, y := channelOf(t, a), channelOf(t, b)
		x.Bridge(y)
		y.Bridge(x)
		x.Transfer("9196", "", "", TransferSelf)
		r.core.HangupAll(NormalClearing, nil)
		r.until(2)
	}
}

func TestGroupOneAfterTheOther(t *testing.T) {
	r := flowRig(t)
	r.dialer.add("1001")
	r.dialer.add("1002")
	a := r.call("grp")
	one := r.dialer.next()
	one.h.LegEnded(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here", Disposition: "recv_refuse"})
	two := r.dialer.next()
	two.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	r.untilEvent("CALL_UPDATE", inbound)
	a.h.LegEnded(bye)
	r.until(3)
}

func TestPrivacyIsShown(t *testing.T) {
	r := flowRig(t)
	r.dialer.add("1016")
	a := r.call("hide1016")
	b := r.dialer.next()
	if !b.o.HideName || !b.o.HideNumber {
		t.Error("the called leg shows who calls")
	}
	if e := r.untilEvent("CHANNEL_CREATE", outbound); e.Value("Caller-Privacy-Hide-Number") != "true" {
		t.Error("no privacy in the events")
	}
	a.h.LegEnded(LegEnd{Cause: OriginatorCancel, Status: 487, Phrase: "CANCEL", Disposition: "recv_cancel"})
	r.until(2)
}
