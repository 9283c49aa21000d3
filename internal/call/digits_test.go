package call

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
)

func TestArguments(t *testing.T) {
	for in, want := range map[string][]string{
		"":                     nil,
		"a b":                  {"a", "b"},
		"  a   b ":             {"a", "b"},
		"1 2 'a b c' d":        {"1", "2", "a b c", "d"},
		"'' x":                 {"", "x"},
		`a\ b 'it\'s'`:         {"a b", "it's"},
		`1 ^\d+$ x`:            {"1", `^\d+$`, "x"},
		"'tone_stream://%(1)'": {"tone_stream://%(1)"},
		"'open":                {"open"},
	} {
		if got := arguments(in); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzArguments(f *testing.F) {
	f.Add("1 4 3 5000 # 'a b.wav' x.wav v \\d+")
	f.Add(`\`)
	f.Fuzz(func(t *testing.T, s string) {
		total := 0
		for _, a := range arguments(s) {
			total += len(a)
		}
		if total > len(s) {
			t.Fatalf("%q grew", s)
		}
	})
}

// dial presses a key every 100 ms, a dot waits for a second.
func dial(a *fakeLeg, keys string) {
	for _, d := range []byte(keys) {
		if d == '.' {
			time.Sleep(time.Second)
			continue
		}
		time.Sleep(100 * time.Millisecond)
		a.h.LegDTMF(d, 100*time.Millisecond)
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, data, keys, digits, result, ended string
		took                                    time.Duration
	}{
		{"as many as wanted", "3 4 'tone_stream://%(10000,0,350,440)' d 5000 #", "1234", "1234", "success", "", 400 * time.Millisecond},
		{"until the terminator", "3 4 'tone_stream://%(10000,0,350,440)' d 5000 #", "123#", "123", "success", "#", 400 * time.Millisecond},
		{"too few before the terminator", "3 4 silence d 5000 #", "12#", "12", "failure", "#", 300 * time.Millisecond},
		{"too few in time", "3 4 silence d 5000 #", "12", "12", "timeout", "", 5200 * time.Millisecond},
		{"enough in time", "2 4 silence d 5000 #", "12", "12", "success", "", 5200 * time.Millisecond},
		{"none in time", "1 4 silence d 3000 #", "", "", "timeout", "", 3 * time.Second},
		{"a time of its own between digits", "1 4 silence d 5000 # 1000", "1.", "1", "success", "", 1100 * time.Millisecond},
		{"the prompt first", "1 1 silence_stream://2000 d 3000 #", "", "", "timeout", "", 5 * time.Second},
		{"a prompt that is missing", "1 1 nosuch.wav d 1000 #", "7", "7", "success", "", 100 * time.Millisecond},
		{"the least above the most", "4 2 silence d 1000 #", "1234", "1234", "success", "", 400 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := soundRig(t, "answer", "read "+c.data)
				began := time.Now()
				a := r.call("1")
				a.want("answer")
				synctest.Wait()
				dial(a, c.keys)
				a.want("hangup NORMAL_CLEARING")
				if d := time.Since(began); d != c.took {
					t.Errorf("took %v, want %v", d, c.took)
				}
				r.until(1)
				wants(t, r.last(t), map[string]string{"variable_d": c.digits, "variable_read_result": c.result, "variable_read_terminator_used": c.ended})
			})
		})
	}
}

func TestPlayAndGetDigits(t *testing.T) {
	for _, c := range []struct {
		name, data, keys, digits, invalid, result string
		took                                      time.Duration
	}{
		{"at once", `2 5 3 7000 # silence_stream://5000 silence_stream://500 d \d+`, "123#", "123", "", "success", 400 * time.Millisecond},
		{"at the second try", `1 2 3 7000 # silence_stream://1000 silence_stream://500 d ^5\d$`, "12......5.6", "", "", "", 0},
		{"never", `1 1 2 1000 # silence silence_stream://500 d ^5$`, "", "", "", "failure", 3 * time.Second},
		{"wrong", `1 1 1 1000 # silence silence_stream://500 d ^5$`, "6", "", "6", "failure", 600 * time.Millisecond},
		{"no pattern", `1 1 1 1000 none silence silence d`, "#", "#", "", "success", 100 * time.Millisecond},
		{"a time between digits", `1 9 1 5000 # silence silence d \d+ 500`, "12", "12", "", "success", 700 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := soundRig(t, "answer", "play_and_get_digits "+c.data)
				began := time.Now()
				a := r.call("1")
				a.want("answer")
				synctest.Wait()
				dial(a, c.keys)
				a.want("hangup NORMAL_CLEARING")
				if d := time.Since(began); c.took > 0 && d != c.took {
					t.Errorf("took %v, want %v", d, c.took)
				}
				r.until(1)
				if c.took == 0 {
					c.digits, c.result, c.invalid = "56", "success", "12"
				}
				wants(t, r.last(t), map[string]string{"variable_d": c.digits, "variable_d_invalid": c.invalid, "variable_read_result": c.result})
			})
		})
	}
}

func TestDialledAheadIsKeptAndFlushed(t *testing.T) {
	for apps, want := range map[string]string{"sleep 1000|read 2 2 silence d 500 #": "12", "sleep 1000|flush_dtmf|read 2 2 silence d 500 #": "",
		"queue_dtmf 34|read 2 2 silence d 500 #": "34"} {
		synctest.Test(t, func(t *testing.T) {
			r := soundRig(t, append([]string{"answer"}, strings.Split(apps, "|")...)...)
			a := r.call("1")
			a.want("answer")
			if strings.HasPrefix(apps, "sleep") {
				synctest.Wait()
				dial(a, "12")
			}
			a.want("hangup NORMAL_CLEARING")
			r.until(1)
			wants(t, r.last(t), map[string]string{"variable_d": want})
		})
	}
}

func TestSendDTMF(t *testing.T) {
	r := soundRig(t, "answer", "send_dtmf 12w#x@200", "start_dtmf", "park")
	a := r.call("1")
	a.want("answer")
	r.untilEvent("CHANNEL_PARK", inbound)
	s := r.media.all[0]
	s.mu.Lock()
	if s.digits != "12w#" {
		t.Errorf("sent %q", s.digits)
	}
	s.mu.Unlock()
	s.sound.mu.Lock()
	if !s.sound.detecting {
		t.Error("nobody listens for digits in the sound")
	}
	s.sound.mu.Unlock()
	a.h.LegEnded(bye)
	r.until(1)
}

func TestMetaKeys(t *testing.T) {
	for _, c := range []struct {
		name, bind, keys string
		byCallee         bool
		wantDir          string // who runs it
		wantSent         string // what passes to the far leg
	}{
		{"callee, same leg", "1 b s set::x=1", "*1", true, outbound, ""},
		{"callee, opposite leg", "1 b o set::x=1", "*1", true, inbound, ""},
		{"caller", "1 a s set::x=1", "*1", false, inbound, ""},
		{"caller, for the callee's leg", "1 a b set::x=1", "*1", false, outbound, ""},
		{"either", "1 ab a set::x=1", "*1", true, inbound, ""},
		{"a key that is not bound", "1 a s set::x=1", "*2", false, "", ""},
		{"the meta key twice", "1 a s set::x=1", "**3", false, "", "*3"},
		{"nobody listens", "1 b s set::x=1", "*1", false, "", "*1"},
		{"other digits", "1 a s set::x=1", "1", false, "", "1"},
		{"data with a space", "1 a s set x=1", "*1", false, inbound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := soundRig(t, "bind_meta_app "+c.bind, "bridge user/1016@127.0.0.1")
			r.dialer.add("1016")
			a := r.call("1")
			b := r.dialer.next()
			b.h.LegAnswered([]byte(sdpB), nil)
			a.want("answer")
			r.untilEvent("CALL_UPDATE", inbound)
			presser, far := a, r.media.all[1]
			if c.byCallee {
				presser, far = b, r.media.all[0]
			}
			for _, d := range []byte(c.keys) {
				presser.h.LegDTMF(d, 100*time.Millisecond)
			}
			if c.wantDir != "" {
				e := r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_EXECUTE" && e.Value("Application") == "set" })
				wants(t, e, map[string]string{"Call-Direction": c.wantDir, "Application-Data": "x=1"})
			}
			a.h.LegEnded(bye)
			b.want("hangup NORMAL_CLEARING")
			r.until(2)
			far.mu.Lock()
			defer far.mu.Unlock()
			if far.digits != c.wantSent {
				t.Errorf("the far leg got %q, want %q", far.digits, c.wantSent)
			}
		})
	}
}

func TestFieldIsNotSplitByThePeer(t *testing.T) {
	word, rest := field(dialplan.Expanded{{Text: "1"}, {Text: " b s hangup::", Wire: true}, {Text: " b"}})
	if word != "1 b s hangup::" || rest.String() != "b" {
		t.Errorf("%q %q", word, rest.String())
	}
}

func FuzzDigitString(f *testing.F) {
	f.Add("12w#@200")
	f.Add("@")
	f.Fuzz(func(t *testing.T, s string) {
		digits, each := digitString(s)
		if len(digits) > maxDigits || strings.Trim(digits, "0123456789*#ABCDabcdwW") != "" || each < minDigit || each > maxDigit {
			t.Fatalf("%q: %q %v", s, digits, each)
		}
	})
}
