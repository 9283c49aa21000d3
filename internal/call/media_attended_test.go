package call

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// joined says which legs the media bridge connects now, by the number of their sessions.
func (r *rig) joined() [2]int {
	r.media.mu.Lock()
	defer r.media.mu.Unlock()
	var out [2]int
	for i, s := range r.media.all {
		for side, p := range r.media.pair {
			if mediaSession(s) == p {
				out[side] = i
			}
		}
	}
	return out
}

// consulting has 1015 talk to 1016, who then calls 1017.
func consulting(t *testing.T) (r *rig, a, b, c *fakeLeg) {
	t.Helper()
	r = soundRig(t, "bind_meta_app 4 ab s att_xfer::user/1017@127.0.0.1", "set hangup_after_bridge=true", "bridge user/1016@127.0.0.1")
	r.dialer.add("1016")
	r.dialer.add("1017")
	a = r.call("1")
	b = r.dialer.next()
	b.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	r.untilEvent("CALL_UPDATE", inbound)
	return r, a, b, nil
}

// press presses keys on a leg.
func press(l *fakeLeg, keys string) {
	for _, d := range []byte(keys) {
		l.h.LegDTMF(d, 100*time.Millisecond)
	}
}

func isDown(e *esl.Event) bool { return e.Name() == "CHANNEL_HANGUP" }

func TestAttendedTransferIsCompletedByHangingUp(t *testing.T) {
	for _, who := range []string{"callee", "caller"} {
		t.Run(who, func(t *testing.T) {
			r, a, b, _ := consulting(t)
			x, p, held := b, a, 0
			if who == "caller" {
				x, p, held = a, b, 1
			}
			press(x, "*4")
			c := r.dialer.next()
			r.read(func(e *esl.Event) bool { return e.Name() == "PLAYBACK_START" }) // music for the held party
			c.h.LegProgress(180, nil, nil)
			c.h.LegAnswered([]byte(sdpB), nil)
			eventually(t, func() bool { return r.joined() == [2]int{1 - held, 2} })
			x.h.LegEnded(bye)
			e := r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_BRIDGE" })
			if got := r.joined(); got != [2]int{held, 2} {
				t.Errorf("legs %v talk", got)
			}
			if e.Value("variable_bridge_to") != "" && e.Value("Unique-ID") == "" {
				t.Error(e)
			}
			r.until(1)
			if n := len(r.core.Channels()); n != 2 {
				t.Errorf("%d channels left", n)
			}
			p.h.LegEnded(bye)
			c.want("hangup NORMAL_CLEARING")
			r.until(3)
		})
	}
}

func TestAttendedTransferIsTakenBack(t *testing.T) {
	for _, how := range []string{"by a key while it rings", "by a key", "by the third party", "refused", "no such user"} {
		t.Run(how, func(t *testing.T) {
			r, a, b, _ := consulting(t)
			if how == "no such user" {
				delete(r.dialer.dests, "user/1017@127.0.0.1")
				press(b, "*4")
			} else {
				press(b, "*4")
				c := r.dialer.next()
				c.h.LegProgress(180, nil, nil)
				if how == "by a key" || how == "by the third party" {
					c.h.LegAnswered([]byte(sdpB), nil)
					eventually(t, func() bool { return r.joined() == [2]int{1, 2} })
				}
				switch how {
				case "by a key while it rings", "by a key":
					press(b, "#")
					r.read(isDown)
				case "by the third party":
					c.h.LegEnded(bye)
				case "refused":
					c.h.LegEnded(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here", Disposition: "recv_refuse"})
				}
				r.until(1)
			}
			over := func(e *esl.Event) bool {
				return e.Name() == "CHANNEL_EXECUTE_COMPLETE" && e.Value("Application") == "att_xfer"
			}
			if !slices.ContainsFunc(r.events, over) {
				r.read(over)
			}
			eventually(t, func() bool { return r.joined() == [2]int{1, 0} })
			eventually(t, func() bool { return !slices.Contains(r.media.all[0].plays(), "") }) // the music has ended
			a.h.LegEnded(bye)
			b.want("hangup NORMAL_CLEARING")
			r.until(2 + len(r.media.all) - 2)
		})
	}
}

func TestThreeParties(t *testing.T) {
	r, a, b, _ := consulting(t)
	press(b, "*4")
	c := r.dialer.next()
	c.h.LegAnswered([]byte(sdpB), nil)
	eventually(t, func() bool { return r.joined() == [2]int{1, 2} })
	press(b, "0")
	mixed := func(want int) func() bool {
		return func() bool {
			for _, s := range r.media.all {
				s.sound.mu.Lock()
				n := s.sound.mixed
				s.sound.mu.Unlock()
				if n != want {
					return false
				}
			}
			return true
		}
	}
	eventually(t, mixed(1))
	b.h.LegEnded(bye)
	r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_BRIDGE" })
	eventually(t, mixed(0))
	if got := r.joined(); got != [2]int{0, 2} {
		t.Errorf("legs %v talk", got)
	}
	a.h.LegEnded(bye)
	c.want("hangup NORMAL_CLEARING")
	r.until(3)
}

// The held party gives up while the third one rings: nobody is left to be transferred.
func TestHeldPartyGivesUp(t *testing.T) {
	r, a, b, _ := consulting(t)
	press(b, "*4")
	c := r.dialer.next()
	a.h.LegEnded(bye)
	b.want("hangup NORMAL_CLEARING")
	c.want("hangup ORIGINATOR_CANCEL")
	r.until(3)
}

func TestThreeWay(t *testing.T) {
	r := newRig(t)
	a, b := answeredCall(r)
	p := plan(t, `<extension name="x"><condition field="destination_number" expression="^1$"><action application="three_way" data="`+
		r.core.Channels()[0].UUID+`"/></condition></extension>`)
	r.core.cfg.Plan = planOf(p)
	d := r.call("1")
	d.want("answer")
	count := func() (n int) {
		for _, s := range r.media.all {
			s.sound.mu.Lock()
			n += s.sound.mixed
			s.sound.mu.Unlock()
		}
		return n
	}
	eventually(t, func() bool { return count() == 3 })
	a.h.LegEnded(bye)
	b.want("hangup NORMAL_CLEARING")
	d.want("hangup NORMAL_CLEARING")
	r.until(3)
	if n := count(); n != 0 {
		t.Errorf("%d legs are still mixed", n)
	}
}

func TestDelayEcho(t *testing.T) {
	l := newDelayLine(8000, 20*time.Millisecond)
	in, out := make([]int16, 160), make([]int16, 160)
	for round := range int16(200) {
		for i := range in {
			in[i] = round + 1
		}
		if err := l.Write(in); err != nil {
			t.Fatal(err)
		}
		if n, err := l.Read(out); n != 160 || err != nil {
			t.Fatal(n, err)
		}
		if out[0] != round || out[159] != round {
			t.Fatalf("round %d: heard %d", round, out[0])
		}
	}
	for range 100 { // nobody reads
		if err := errors.Join(l.Write(in)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.buf); n != l.most {
		t.Errorf("%d samples wait", n)
	}
	synctest.Test(t, func(t *testing.T) {
		r := soundRig(t, "delay_echo 3000")
		a := r.call("1")
		a.want("answer")
		time.Sleep(time.Second)
		if n := len(r.media.all[0].plays()); n != 1 {
			t.Errorf("%d sounds", n)
		}
		a.h.LegEnded(bye)
		r.until(1)
	})
}

func TestWaitForSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := soundRig(t, "answer", "wait_for_silence 200 15 10 2500")
		began := time.Now()
		a := r.call("1")
		a.want("answer")
		a.want("hangup NORMAL_CLEARING")
		if d := time.Since(began); d != 2500*time.Millisecond {
			t.Errorf("waited %v", d)
		}
		r.until(1)
	})
}
