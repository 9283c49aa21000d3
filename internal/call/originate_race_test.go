package call

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// phones play called users: what each of them does, and how many seconds after it was called.
type phones struct {
	does  map[string]func(*fakeLeg)
	after map[string]int
	began time.Time

	mu  sync.Mutex
	log []string // "SECOND USER rung" in order, then "SECOND USER hangup …"
}

// play has users be called until done is closed. acts is "USER:ACT@SECOND …"; an act is busy, declined, answer, early or rings.
func play(r *rig, acts string, done <-chan struct{}) *phones {
	p := &phones{does: map[string]func(*fakeLeg){}, after: map[string]int{}, began: time.Now()}
	for _, a := range strings.Fields(acts) {
		var act string
		user, rest, _ := strings.Cut(a, ":")
		act, second, _ := strings.Cut(rest, "@")
		n := 0
		fmt.Sscan(second, &n)
		r.dialer.add(user)
		p.after[user] = n
		p.does[user] = map[string]func(*fakeLeg){
			"busy":     func(l *fakeLeg) { l.h.LegEnded(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here"}) },
			"declined": func(l *fakeLeg) { l.h.LegEnded(LegEnd{Cause: CallRejected, Status: 603, Phrase: "Decline"}) },
			"answer":   func(l *fakeLeg) { l.h.LegAnswered([]byte(sdpB), nil) },
			"early":    func(l *fakeLeg) { l.h.LegProgress(183, []byte(sdpB), nil) },
			"rings":    func(l *fakeLeg) { l.h.LegProgress(180, nil, nil) },
		}[act]
	}
	go func() {
		for {
			select {
			case l := <-r.dialer.rung:
				go p.one(l, done)
			case <-done:
				return
			}
		}
	}()
	return p
}

func (p *phones) one(l *fakeLeg, done <-chan struct{}) {
	ch, _ := l.h.(*Channel)
	user, _, _ := strings.Cut(strings.TrimPrefix(ch.name, "sofia/internal/"), "@")
	p.note(user, "rung")
	act := time.NewTimer(time.Duration(p.after[user]) * time.Second)
	defer act.Stop()
	for {
		select {
		case <-act.C:
			p.does[user](l)
		case s := <-l.seen:
			p.note(user, s)
			return
		case <-done:
			return
		}
	}
}

func (p *phones) note(user, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, fmt.Sprintf("%d %s %s", int(time.Since(p.began)/time.Second), user, what))
}

// seen is what happened; what happened in one second is in alphabetical order.
func (p *phones) seen() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortStableFunc(p.log, func(a, b string) int {
		x, y := 0, 0
		fmt.Sscan(a, &x)
		fmt.Sscan(b, &y)
		if x != y {
			return x - y
		}
		return strings.Compare(a, b)
	})
	return strings.Join(p.log, ", ")
}

func TestEnterpriseOriginate(t *testing.T) {
	for _, tc := range []struct {
		name, dial, acts string // U1 stands for user/1001@127.0.0.1
		want             Cause  // "" for an answer
		after            int    // seconds
		seen             string
	}{
		{"the first answer wins", "U1:_:U2", "1001:answer@3 1002:answer@2", "", 2,
			"0 1001 rung, 0 1002 rung, 2 1001 hangup LOSE_RACE silent"},
		{"each part goes on by itself", "U1|U2:_:U3", "1001:busy@1 1002:answer@4 1003:rings@1", "", 5,
			"0 1001 rung, 0 1003 rung, 1 1002 rung, 5 1003 hangup LOSE_RACE silent"},
		{"a part that is busy ends no other", "U1:_:U2", "1001:busy@1 1002:answer@6", "", 6, "0 1001 rung, 0 1002 rung"},
		{"each has its own variables", "{originate_timeout=3}U1|U2:_:{originate_timeout=9}U3", "1001:rings@0 1002:busy@1 1003:rings@0", NoAnswer, 9,
			"0 1001 rung, 0 1003 rung, 3 1001 hangup NO_ANSWER, 3 1002 rung, 9 1003 hangup NO_ANSWER"},
		{"those in front are for all", "<originate_timeout=4>U1:_:U2", "1001:rings@0 1002:rings@0", NoAnswer, 4,
			"0 1001 rung, 0 1002 rung, 4 1001 hangup NO_ANSWER, 4 1002 hangup NO_ANSWER"},
		{"the last part's cause", "U1:_:U2", "1001:busy@5 1002:declined@1", CallRejected, 5, "0 1001 rung, 0 1002 rung"},
		{"the last part that says why", "U1:_:error/LOSE_RACE", "1001:busy@1", UserBusy, 1, "0 1001 rung"},
		{"nobody says why", "error/LOSE_RACE:_:error/NO_PICKUP", "", NoAnswer, 0, ""},
		{"each tries again by itself", "{originate_retries=1,originate_retry_sleep_ms=2000}U1:_:U2", "1001:busy@1 1002:answer@10", "", 10,
			"0 1001 rung, 0 1002 rung, 3 1001 rung"},
		{"early media wins nothing", "U1:_:U2", "1001:early@1 1002:answer@3", "", 3, "0 1001 rung, 0 1002 rung, 3 1001 hangup LOSE_RACE silent"},
		{"unless a part says so", "{ignore_early_media=false}U1:_:U2", "1001:early@1 1002:answer@3", "", 1,
			"0 1001 rung, 0 1002 rung, 1 1002 hangup LOSE_RACE silent"},
		{"one rejection ends its part alone", "{fail_on_single_reject=true}U1,U2:_:U3", "1001:busy@1 1002:answer@2 1003:answer@3", "", 3,
			"0 1001 rung, 0 1002 rung, 0 1003 rung, 1 1002 hangup ORIGINATOR_CANCEL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				done := make(chan struct{})
				defer close(done)
				p := play(r, tc.acts, done)
				dial := strings.NewReplacer("U1", "user/1001@127.0.0.1", "U2", "user/1002@127.0.0.1", "U3", "user/1003@127.0.0.1").Replace(tc.dial)
				got := <-r.originates(Origination{Dial: dial, Application: "park"})
				if got.cause != tc.want || (got.uuid == "") != (tc.want != "") {
					t.Errorf("got %+v, want %q", got, tc.want)
				}
				if d := time.Since(p.began); d != time.Duration(tc.after)*time.Second {
					t.Errorf("after %v, want %d s", d, tc.after)
				}
				if seen := p.seen(); seen != tc.seen {
					t.Errorf("the phones saw %s\nwant %s", seen, tc.seen)
				}
			})
		})
	}
}

// TestEnterpriseBridge races two parts for a caller, who hears of it once.
func TestEnterpriseBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dialRig(t, "&lt;sip_h_X-For=all&gt;{sip_h_X-Part=1}user/1001@127.0.0.1|user/1002@127.0.0.1:_:{sip_h_X-Part=2}user/1003@127.0.0.1")
		for _, user := range []string{"1001", "1002", "1003"} {
			r.dialer.add(user)
		}
		a := r.call("x")
		legs := map[string]*fakeLeg{}
		for range 2 {
			l := r.dialer.next()
			legs[channelOf(t, l).profile.Destination] = l
		}
		for user, part := range map[string]string{"1001": "1", "1003": "2"} {
			headers := fmt.Sprint(legs[user].o.Headers)
			if !strings.Contains(headers, "X-Part "+part) || !strings.Contains(headers, "X-For all") {
				t.Errorf("%s gets %s", user, headers)
			}
		}
		legs["1003"].h.LegProgress(180, nil, nil)
		a.want("ring")
		legs["1001"].h.LegEnded(LegEnd{Cause: UserBusy, Status: 486})
		r.dialer.next().h.LegAnswered([]byte(sdpB), nil)
		a.want("answer")
		legs["1003"].want("hangup LOSE_RACE silent")
		bridge := r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_BRIDGE" })
		if got := bridge.Value("Other-Leg-Destination-Number"); got != "1002" {
			t.Errorf("bridged to %s", got)
		}
		a.h.LegEnded(LegEnd{Cause: NormalClearing, Status: 200, Disposition: "recv_bye"})
		r.until(4)
		for _, e := range r.events {
			if e.Name() == "CHANNEL_DESTROY" && e.Value("Call-Direction") == "outbound" && e.Value("variable_ent_originate_aleg_uuid") != channelOf(t, a).uuid {
				t.Errorf("%s does not know who raced it", e.Value("Caller-Destination-Number"))
			}
		}
	})
}

// TestEnterpriseBridgeIsLeft cancels every part when the caller goes.
func TestEnterpriseBridgeIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dialRig(t, "user/1001@127.0.0.1|user/1002@127.0.0.1:_:user/1003@127.0.0.1")
		for _, user := range []string{"1001", "1002", "1003"} {
			r.dialer.add(user)
		}
		a := r.call("x")
		legs := []*fakeLeg{r.dialer.next(), r.dialer.next()}
		a.h.LegEnded(LegEnd{Cause: OriginatorCancel, Status: 487, Disposition: "recv_cancel"})
		for _, l := range legs {
			l.want("hangup ORIGINATOR_CANCEL")
		}
		r.until(3)
	})
}

// TestEnterpriseBridgeFails gives the caller the last part's cause and status.
func TestEnterpriseBridgeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dialRig(t, "user/1001@127.0.0.1:_:user/1003@127.0.0.1")
		done := make(chan struct{})
		defer close(done)
		play(r, "1001:busy@2 1003:declined@1", done)
		a := r.call("x")
		a.want("hangup CALL_REJECTED 603 Decline")
		r.until(3)
	})
}
