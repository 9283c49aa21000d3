package call

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// dialRig is a rig whose number "x" bridges to a dial string.
func dialRig(t *testing.T, dial string) *rig {
	t.Helper()
	r := newRig(t)
	p := plan(t, `<extension name="x"><condition field="destination_number" expression="^x$"><action application="bridge" data="`+dial+`"/></condition></extension>
	 <extension name="e"><condition field="destination_number" expression="^9196$"><action application="answer"/><action application="echo"/></condition></extension>`)
	r.core.cfg.Plan = func() *dialplan.Plan { return p }
	return r
}

func TestTimesOfLegs(t *testing.T) {
	for _, c := range []struct {
		name, dial, want string
		rings            bool
		after            time.Duration
	}{
		{"leg_timeout", "[leg_timeout=7]user/1016@127.0.0.1", "hangup NO_ANSWER", true, 7 * time.Second},
		{"progress_timeout", "[leg_timeout=9,leg_progress_timeout=4]user/1016@127.0.0.1", "hangup PROGRESS_TIMEOUT", false, 4 * time.Second},
		{"progress came", "[leg_timeout=9,leg_progress_timeout=4]user/1016@127.0.0.1", "hangup NO_ANSWER", true, 9 * time.Second},
		{"originate_timeout", "{originate_timeout=3}user/1016@127.0.0.1", "hangup NO_ANSWER", true, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := dialRig(t, c.dial)
				r.dialer.add("1016")
				began := time.Now()
				r.call("x")
				b := r.dialer.next()
				if c.rings {
					b.h.LegProgress(180, nil, nil)
				}
				b.want(c.want)
				if d := time.Since(began); d != c.after {
					t.Errorf("after %v, want %v", d, c.after)
				}
				r.until(2)
			})
		})
	}
}

func TestLegStartsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dialRig(t, "user/1016@127.0.0.1,[leg_delay_start=5]user/1017@127.0.0.1")
		r.dialer.add("1016")
		r.dialer.add("1017")
		began := time.Now()
		a := r.call("x")
		r.dialer.next()
		time.Sleep(4 * time.Second)
		if n := len(r.dialer.rung); n != 0 {
			t.Error("the second leg rings at once")
		}
		time.Sleep(2 * time.Second)
		two := r.dialer.next()
		if d := time.Since(began); d != 6*time.Second {
			t.Errorf("after %v", d)
		}
		two.h.LegAnswered([]byte(sdpB), nil)
		a.want("answer")
		a.h.LegEnded(bye)
		r.until(3)
	})
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dialRig(t, "{originate_retries=2,originate_retry_sleep_ms=2000}user/1016@127.0.0.1")
		r.dialer.add("1016")
		began := time.Now()
		a := r.call("x")
		for range 3 {
			b := r.dialer.next()
			b.h.LegEnded(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here", Disposition: "recv_refuse"})
		}
		a.want("hangup USER_BUSY 486 Busy Here")
		if d := time.Since(began); d != 4*time.Second {
			t.Errorf("after %v", d)
		}
		r.until(4)
	})
}

func TestSingleReject(t *testing.T) {
	r := dialRig(t, "{fail_on_single_reject=USER_BUSY}user/1016@127.0.0.1,user/1017@127.0.0.1")
	r.dialer.add("1016")
	r.dialer.add("1017")
	a := r.call("x")
	legs := []*fakeLeg{r.dialer.next(), r.dialer.next()}
	legs[0].h.LegEnded(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here", Disposition: "recv_refuse"})
	legs[1].want("hangup ORIGINATOR_CANCEL")
	a.want("hangup USER_BUSY 486 Busy Here")
	r.until(3)
}

func TestGroupOfTheDirectoryInOrder(t *testing.T) {
	r := dialRig(t, "group/sales@127.0.0.1+F")
	r.dialer.add("1016")
	r.dialer.add("1017")
	r.dialer.dests["group/sales@127.0.0.1"] = append(slices.Clone(r.dialer.dests["user/1016@127.0.0.1"]), r.dialer.dests["user/1017@127.0.0.1"]...)
	a := r.call("x")
	r.dialer.next().h.LegEnded(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here", Disposition: "recv_refuse"})
	r.dialer.next().h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	a.h.LegEnded(bye)
	r.until(3)
}

func TestOriginationUUID(t *testing.T) {
	for _, c := range []struct {
		uuid string
		own  bool
	}{{"my-own_1", true}, {"a b", false}, {strings.Repeat("x", 65), false}} {
		t.Run(c.uuid, func(t *testing.T) {
			r := dialRig(t, "{origination_uuid="+c.uuid+"}user/1016@127.0.0.1,user/1017@127.0.0.1")
			r.dialer.add("1016")
			r.dialer.add("1017")
			a := r.call("x")
			legs := []*fakeLeg{r.dialer.next(), r.dialer.next()}
			n := 0
			for _, l := range legs {
				if l.o.UUID == c.uuid {
					n++
				}
			}
			if _, known := r.core.Channel(c.uuid); known != c.own || (n == 1) != c.own {
				t.Errorf("%d legs have it, listed %v", n, known)
			}
			a.h.LegEnded(LegEnd{Cause: OriginatorCancel, Status: 487, Phrase: "CANCEL", Disposition: "recv_cancel"})
			r.until(3)
		})
	}
}

func TestExecuteOnAnswer(t *testing.T) {
	for _, dial := range []string{"{execute_on_answer='sched_hangup +5 USER_BUSY'}user/1016@127.0.0.1", "{execute_on_answer_2=sched_hangup::+5 USER_BUSY}user/1016@127.0.0.1"} {
		t.Run(dial, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := dialRig(t, dial)
				r.dialer.add("1016")
				a := r.call("x")
				b := r.dialer.next()
				b.h.LegAnswered([]byte(sdpB), nil)
				a.want("answer")
				began := time.Now()
				b.want("hangup USER_BUSY")
				if d := time.Since(began); d != 5*time.Second {
					t.Errorf("after %v", d)
				}
				r.until(2)
			})
		})
	}
}

func TestStoreCommands(t *testing.T) {
	s := NewStore(nil)
	for _, c := range []struct{ command, args, want string }{
		{"hash", "select/r/k", ""}, {"hash", "insert/r/k/v/w", "+OK\n"}, {"hash", "select/r/k", "v/w"}, {"hash", "insert_ifempty/r/k/x", "-ERR key already exists\n"},
		{"hash", "delete_ifmatch/r/k/x", "-ERR Doesn't match\n"}, {"hash", "delete/r/k", "+OK\n"}, {"hash", "delete/r/k", "-ERR Not found\n"}, {"hash", "insert/r/k", hashUsage},
		{"hash", "", hashUsage},
		{"db", "insert/r/k/v", "+OK"}, {"db", "insert/r/l/v", "+OK"}, {"db", "exists/r/k", "true"}, {"db", "exists/r/x", "false"}, {"db", "count/r", "2"},
		{"db", "list/r", "k,l"}, {"db", "list", "r"}, {"db", "select/r/k", "v"}, {"db", "delete/r/k", "+OK"}, {"db", "count", "1"}, {"db", "x/r/k", dbUsage},
		{"group", "insert:81@d:user/1", "+OK"}, {"group", "insert:81@d:sofia/x/sip:2@h", "+OK"}, {"group", "insert:81@d:user/1", "+OK"},
		{"group", "call:81@d", "user/1,sofia/x/sip:2@h"}, {"group", "call:81@d:order", "user/1|sofia/x/sip:2@h"}, {"group", "delete:81@d:user/1", "+OK"},
		{"group", "call:81@d", "sofia/x/sip:2@h"}, {"group", "delete:81@d:*", "+OK"}, {"group", "call:81@d", "error/USER_NOT_REGISTERED"}, {"group", "x", groupUsage},
		{"limit_usage", "hash r i", "0"},
	} {
		if got, ok := s.function(c.command, c.args); !ok || got != c.want {
			t.Errorf("%s %s: %q, want %q", c.command, c.args, got, c.want)
		}
	}
}

func TestLimitPerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStore(nil)
		k := limitKey{"r", "i"}
		for i, want := range []bool{true, true, false} {
			if _, ok := s.acquire(k, 2, time.Minute); ok != want {
				t.Errorf("call %d: %v", i, ok)
			}
		}
		time.Sleep(time.Minute)
		if _, ok := s.acquire(k, 2, time.Minute); !ok {
			t.Error("refused in the next interval")
		}
		for range 3 {
			s.release(k)
		}
		time.Sleep(time.Minute)
		s.release(k)
		if len(s.counts) != 0 {
			t.Error("a counter that nobody needs is kept")
		}
	})
}

func TestTableIsBounded(t *testing.T) {
	s := newTable()
	for i := range maxStored + 10 {
		s.put("r", decimal(uint64(i)), "v", false)
	}
	if len(s.entries) != maxStored || s.order.Len() != maxStored {
		t.Errorf("%d entries", len(s.entries))
	}
	if _, ok := s.Find("r", "5"); ok {
		t.Error("the oldest is still there")
	}
}

// FuzzStore: commands of any text are answered.
func FuzzStore(f *testing.F) {
	f.Add("hash", "insert/a/b/c")
	f.Add("db", "list/")
	f.Add("group", "insert:a:b")
	f.Add("limit_usage", "hash a b rate")
	f.Fuzz(func(t *testing.T, name, args string) {
		s := NewStore(nil)
		for range 2 {
			s.function(name, args)
		}
	})
}
