package call

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// outcome is what Originate returned.
type outcome struct {
	uuid  string
	cause Cause
}

// originates begins a call and returns where its outcome comes.
func (r *rig) originates(o Origination) <-chan outcome {
	out := make(chan outcome, 1)
	go func() {
		uuid, cause := r.core.Originate(o)
		out <- outcome{uuid, cause}
	}()
	return out
}

func (r *rig) outcome(out <-chan outcome) outcome {
	r.t.Helper()
	select {
	case o := <-out:
		return o
	case <-time.After(20 * time.Second):
		r.t.Fatal("originate does not come back")
		return outcome{}
	}
}

func TestOriginateOutcomes(t *testing.T) {
	refused := func(status int, phrase string, cause Cause) func(*rig, []*fakeLeg) {
		return func(_ *rig, legs []*fakeLeg) {
			for _, l := range legs {
				l.h.LegEnded(LegEnd{Cause: cause, Status: status, Phrase: phrase, Disposition: "recv_refuse"})
			}
		}
	}
	answers := func(_ *rig, legs []*fakeLeg) { legs[0].h.LegAnswered([]byte(sdpB), nil) }
	rings := func(_ *rig, legs []*fakeLeg) { legs[0].h.LegProgress(180, nil, nil) }
	early := func(_ *rig, legs []*fakeLeg) { legs[0].h.LegProgress(183, []byte(sdpB), nil) }
	two := "user/1001@127.0.0.1,user/1002@127.0.0.1"
	for _, tc := range []struct {
		name, dial string
		legs       int // that are rung
		play       func(r *rig, legs []*fakeLeg)
		want       Cause // "" for an answer
		after      time.Duration
	}{
		{"answer", "user/1001@127.0.0.1", 1, answers, "", 0},
		{"busy", "user/1001@127.0.0.1", 1, refused(486, "Busy Here", UserBusy), UserBusy, 0},
		{"nobody answers in a minute", "user/1001@127.0.0.1", 1, rings, NoAnswer, time.Minute},
		{"originate_timeout", "{originate_timeout=5}user/1001@127.0.0.1", 1, rings, NoAnswer, 5 * time.Second},
		{"of the leg", "[leg_timeout=4]user/1001@127.0.0.1", 1, rings, NoAnswer, 4 * time.Second},
		{"progress_timeout", "{progress_timeout=3}user/1001@127.0.0.1", 1, func(*rig, []*fakeLeg) {}, ProgressTimeout, 3 * time.Second},
		{"the first of two", two, 2, answers, "", 0},
		{"both busy", two, 2, refused(486, "Busy Here", UserBusy), UserBusy, 0},
		{"nobody registered", "user/1009@127.0.0.1", 0, nil, UserNotRegistered, 0},
		{"the second group", "error/USER_BUSY|user/1001@127.0.0.1", 1, answers, "", 0},
		{"enterprise", "user/1001@127.0.0.1:_:user/1002@127.0.0.1", 2, answers, "", 0},
		{"with another separator", "{^^:a=1,2:origination_uuid=mine}user/1001@127.0.0.1", 1, answers, "", 0},
		{"early media is enough", "user/1001@127.0.0.1", 1, early, "", 0},
		{"early media is not", "{ignore_early_media=true,originate_timeout=2}user/1001@127.0.0.1", 1, early, NoAnswer, 2 * time.Second},
		{"ringing is enough", "{return_ring_ready=true}user/1001@127.0.0.1", 1, rings, "", 0},
		{"a uuid that is none", "{origination_uuid='a b'}user/1001@127.0.0.1", 0, nil, DestinationOutOfOrder, 0},
		{"not closed", "{a=b", 0, nil, DestinationOutOfOrder, 0},
		{"nothing", "", 0, nil, DestinationOutOfOrder, 0},
		{"nowhere", "null/1000", 0, nil, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.dialer.add("1001")
				r.dialer.add("1002")
				began := time.Now()
				out := r.originates(Origination{Dial: tc.dial, Application: "park"})
				var legs []*fakeLeg
				for range tc.legs {
					legs = append(legs, r.dialer.next())
				}
				if tc.play != nil {
					tc.play(r, legs)
				}
				got := <-out
				if got.cause != tc.want || (got.uuid == "") != (tc.want != "") {
					t.Errorf("got %+v, want %q", got, tc.want)
				}
				if d := time.Since(began); d != tc.after {
					t.Errorf("after %v, want %v", d, tc.after)
				}
				if got.uuid != "" {
					r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_PARK" && e.Value("Unique-ID") == got.uuid })
				}
			})
		})
	}
}

// TestOriginatedLegSays what it is: who called it, with which variables.
func TestOriginatedLeg(t *testing.T) {
	r := newRig(t)
	r.core.cfg.UserVars = func(user, domain string) ([]Variable, bool) {
		return []Variable{{Name: "user_context", Value: "plain"}, {Name: "effective_caller_id_number", Value: "1001x"}}, user == "1001" && domain == "127.0.0.1"
	}
	r.dialer.add("1001", Variable{Name: "dialed_user", Value: "1001"}, Variable{Name: "dialed_domain", Value: "127.0.0.1"})
	r.dialer.add("1016")
	out := r.originates(Origination{Dial: "{x=1,origination_ani=ani}[y=2,origination_callee_id_name=Callee]user/1001@127.0.0.1", CallerName: "A Name", CallerNumber: "77",
		Application: "bridge", Data: "user/1016@127.0.0.1"})
	a := r.dialer.next()
	if a.o.CallerName != "A Name" || a.o.CallerNum != "77" || a.o.MaxForwards != 70 {
		t.Errorf("the leg is called by %q %q with %d hops", a.o.CallerName, a.o.CallerNum, a.o.MaxForwards)
	}
	a.h.LegAnswered([]byte(sdpB), []Variable{{Name: "sip_network_ip", Value: "192.0.2.1", Wire: true}})
	id := r.outcome(out).uuid
	b := r.dialer.next()
	if b.o.CallerNum != "1001x" || b.o.CallerName != "Callee" || b.o.MaxForwards != 70 {
		t.Errorf("the far leg is called by %q %q with %d hops", b.o.CallerName, b.o.CallerNum, b.o.MaxForwards)
	}
	e := r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_EXECUTE" })
	for name, want := range map[string]string{"Unique-ID": id, "Call-Direction": "outbound", "Channel-HIT-Dialplan": "true", "Caller-Caller-ID-Name": "Callee",
		"Caller-Caller-ID-Number": "1001", "Caller-Callee-ID-Name": "A Name", "Caller-Callee-ID-Number": "77", "Caller-ANI": "ani", "Caller-Context": "plain",
		"Caller-Source": "src/switch_ivr_originate.c", "Caller-Network-Addr": "192.0.2.1", "variable_x": "1", "variable_y": "2",
		"variable_originate_endpoint": "user", "variable_origination_caller_id_name": "A Name", "Application": "bridge"} {
		if got := e.Value(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	b.h.LegAnswered([]byte(sdpB), nil)
	r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_BRIDGE" })
	a.h.LegEnded(LegEnd{Cause: NormalClearing, Status: 200, Disposition: "recv_bye"})
	b.want("hangup NORMAL_CLEARING")
	r.until(2)
}

// TestOriginateIsHeldToLimits: it makes new calls.
func TestOriginateIsHeldToLimits(t *testing.T) {
	for name, limit := range map[string]func(c *Core){
		"drain": (*Core).Drain, "sessions": func(c *Core) { c.SetLimits(1, 0) }, "rate": func(c *Core) { c.SetLimits(0, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first := r.outcome(r.originates(Origination{Dial: "null/1", Application: "park"}))
			if first.uuid == "" {
				t.Fatal(first.cause)
			}
			limit(r.core)
			if got := r.outcome(r.originates(Origination{Dial: "null/2", Application: "park"})); got.cause != DestinationOutOfOrder {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestOriginateEndsWithTheCore: what is under way when the switch ends does not hold it up.
func TestOriginateEndsWithTheCore(t *testing.T) {
	for _, dial := range []string{"user/1001@127.0.0.1", "{originate_retries=100,originate_retry_sleep_ms=60000}error/USER_BUSY"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.dialer.add("1001")
			out := r.originates(Origination{Dial: dial, Application: "park"})
			synctest.Wait()
			if err := r.core.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if got := <-out; got.uuid != "" || got.cause == "" {
				t.Errorf("got %+v", got)
			}
			if _, cause := r.core.Originate(Origination{Dial: "null/1", Application: "park"}); cause != DestinationOutOfOrder {
				t.Errorf("a core that ended says %s", cause)
			}
		})
	}
}

// TestOriginateRetries tries again as often as the dial string says.
func TestOriginateRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.dialer.add("1001")
		out := r.originates(Origination{Dial: "{originate_retries=2,originate_retry_sleep_ms=5000}user/1001@127.0.0.1", Application: "park"})
		began := time.Now()
		for range 3 {
			r.dialer.next().h.LegEnded(LegEnd{Cause: UserBusy, Status: 486})
			synctest.Wait()
			time.Sleep(5 * time.Second)
		}
		if got := <-out; got.cause != UserBusy {
			t.Errorf("got %+v", got)
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("after %v", d)
		}
	})
}

// TestOriginateIntoThePlan sends the leg through the dialplan as a caller, and through a program.
func TestOriginateIntoThePlan(t *testing.T) {
	for _, tc := range []struct{ name, destination, dialplan, context, executed, number string }{
		{"extension", "5900", "XML", "plain", "+answer -answer +park", "5900"},
		{"no such extension", "4711", "XML", "plain", "", "4711"},
		{"program", "set:a=b,park", "inline", "", "+set -set +park", "1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			out := r.outcome(r.originates(Origination{Dial: "null/1", Destination: tc.destination, Dialplan: tc.dialplan, Context: tc.context}))
			if out.uuid == "" {
				t.Fatal(out.cause)
			}
			e := r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_PARK" || e.Name() == "CHANNEL_HANGUP" })
			if got := r.executed(); got != tc.executed {
				t.Errorf("executed %s, want %s", got, tc.executed)
			}
			if got := e.Value("Caller-Destination-Number"); got != tc.number {
				t.Errorf("the number is %s, want %s", got, tc.number)
			}
		})
	}
}

// TestTwoCodecs: of two legs that were called by themselves, one changes to the other's codec when it may have that.
func TestTwoCodecs(t *testing.T) {
	pcma := []byte(strings.NewReplacer("AVP 0 ", "AVP 8 ", "rtpmap:0 PCMU", "rtpmap:8 PCMA").Replace(sdpB))
	for _, tc := range []struct {
		name, prefs string
		reoffer     func([]byte) []byte
		want        string
	}{
		{"it may", "PCMA,PCMU", func([]byte) []byte { return []byte(sdpB) }, "CHANNEL_BRIDGE"},
		{"its phone does not want to", "PCMA,PCMU", nil, "CHANNEL_HANGUP"},
		{"it may not", "PCMA", func([]byte) []byte { return []byte(sdpB) }, "CHANNEL_HANGUP"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.dialer.add("1001")
			r.dialer.dests["user/1001@127.0.0.1"][0].CodecPrefs = tc.prefs
			r.dialer.add("1002")
			var ids [2]string
			for i, answer := range [][]byte{pcma, []byte(sdpB)} {
				out := r.originates(Origination{Dial: "user/" + []string{"1001", "1002"}[i] + "@127.0.0.1", Application: "park"})
				l := r.dialer.next()
				if i == 0 {
					l.reoffer = tc.reoffer
				}
				l.h.LegAnswered(answer, nil)
				ids[i] = r.outcome(out).uuid
				r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_PARK" && e.Value("Unique-ID") == ids[i] })
			}
			a, _ := r.core.Channel(ids[0])
			b, _ := r.core.Channel(ids[1])
			a.Bridge(b)
			e := r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_BRIDGE" || e.Name() == "CHANNEL_HANGUP" })
			if e.Name() != tc.want {
				t.Errorf("got %s, want %s", e.Name(), tc.want)
			}
		})
	}
}

// TestPanicInOriginate costs that call only.
func TestPanicInOriginate(t *testing.T) {
	r := newRig(t)
	r.core.SetDialer(panicking{})
	if got := r.outcome(r.originates(Origination{Dial: "user/1001@127.0.0.1", Application: "park"})); got.cause != Crash {
		t.Errorf("got %+v", got)
	}
	if n := r.core.Stats().Panics; n != 1 {
		t.Errorf("%d panics counted", n)
	}
	if got := r.outcome(r.originates(Origination{Dial: "null/1", Application: "park"})); got.uuid == "" {
		t.Error(got.cause)
	}
}

type panicking struct{}

func (panicking) Resolve(string, string, []Variable) ([]Destination, Cause) { panic("no") }

// FuzzOriginate: no dial string makes the core panic or leaves a channel behind.
func FuzzOriginate(f *testing.F) {
	for _, s := range []string{"null/1", "{a=b}null/1,null/2|error/USER_BUSY", "<a=b>[c=d]null/1:_:null/2", "{^^:a=b:c='d'}null/x", "{origination_uuid=x}null/1,null/1", "loopback/9196/plain",
		"user/1@2", "error/", "[", "{{}}null/", ",,|,:_:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, dial string) {
		if strings.Contains(dial, "retr") || strings.Contains(dial, "timeout") || strings.Contains(dial, "delay") { // which would take its time
			return
		}
		r := newRig(t)
		if id, _ := r.core.Originate(Origination{Dial: dial, Application: "hangup"}); id == "" && r.core.panics.Load() > 0 {
			t.Error("panic")
		}
	})
}
