package call

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// transfers are recorded calls that go elsewhere.
func transfers() []scenario {
	answer := func(r *rig, number string) *fakeLeg {
		l := r.dialer.next()
		l.h.LegProgress(180, nil, nil)
		r.read(func(e *esl.Event) bool {
			return e.Name() == "CHANNEL_CALLSTATE" && e.Value("Channel-Call-State") == "RINGING" && e.Value("Caller-Callee-ID-Number") == number
		})
		l.h.LegAnswered([]byte(sdpB), nil)
		return l
	}
	return []scenario{
		{"plain_blind_transfer", func(r *rig, _ player) {
			r.dialer.add("1016")
			r.dialer.add("1018")
			a := r.call("1016")
			b := answer(r, "1016")
			r.untilEvent("CALL_UPDATE", inbound)
			channelOf(r.t, a).Transfer("1018", "", "", TransferFar)
			c := answer(r, "1018")
			r.read(func(e *esl.Event) bool { return e.Name() == "CALL_UPDATE" && e.Value("Other-Type") == originatee })
			c.h.LegEnded(bye)
			b.want("hangup NORMAL_CLEARING")
			r.until(3)
		}},
		{"uuid_transfer_aleg", func(r *rig, _ player) {
			r.dialer.add("1001")
			r.dialer.add("1002")
			a := r.call("1001")
			b := answer(r, "1001")
			r.untilEvent("CALL_UPDATE", inbound)
			channelOf(r.t, a).Transfer("1002", "", "", TransferSelf)
			b.want("hangup NORMAL_CLEARING")
			answer(r, "1002")
			r.read(func(e *esl.Event) bool {
				return e.Name() == "CALL_UPDATE" && e.Value("Call-Direction") == inbound && e.Value("Caller-Profile-Index") == "2"
			})
			a.h.LegEnded(bye)
			r.until(3)
		}},
		{"uuid_transfer_both", func(r *rig, _ player) {
			r.dialer.add("1001")
			a := r.call("1001")
			b := answer(r, "1001")
			r.untilEvent("CALL_UPDATE", inbound)
			channelOf(r.t, a).Transfer("9196", "", "", TransferBoth)
			for range 2 {
				r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_EXECUTE" && e.Value("Application") == "echo" })
			}
			a.h.LegEnded(bye)
			b.h.LegEnded(bye)
			r.until(2)
		}},
		{"uuid_park_and_bridge", func(r *rig, _ player) {
			r.dialer.add("1001")
			a := r.call("1001")
			b := answer(r, "1001")
			r.untilEvent("CALL_UPDATE", inbound)
			channelOf(r.t, a).Transfer("park", "inline", "", TransferBoth)
			for range 2 {
				r.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_PARK" })
			}
			channelOf(r.t, a).Bridge(channelOf(r.t, b))
			r.read(func(e *esl.Event) bool { return e.Name() == "CALL_UPDATE" && e.Value("Caller-Profile-Index") == "3" })
			r.read(func(e *esl.Event) bool { return e.Name() == "CALL_UPDATE" && e.Value("Caller-Profile-Index") == "3" })
			a.h.LegEnded(bye)
			r.until(2)
		}},
	}
}

// common leaves out what comes before the first bridge stands, which depends on the tree, and the applications that only prepare.
func common(lines []string) []string {
	var out []string
	stands := false
	for _, line := range lines {
		f := strings.Fields(line)
		if stands = stands || f[1] == "CALL_UPDATE"; !stands {
			continue
		}
		switch f[10] {
		case "set", "export", "hash", "bind_meta_app":
		default:
			out = append(out, line)
		}
	}
	return out
}

// byLegs puts each leg's events together. Left out: what a called leg says its call is once it ends, see byLeg, and when it
// leaves the call, which depends on who is faster.
func byLegs(lines []string) []string {
	var out []string
	for _, leg := range []string{"A", "B", "C"} {
		for _, line := range lines {
			f := strings.Fields(line)
			if f[0] != leg || f[1] == "CODEC" {
				continue
			}
			if leg != "A" && (f[5] == "hangup" || f[2] == "CS_ROUTING") {
				f[6] = "*"
			}
			out = append(out, strings.Join(f, " "))
		}
	}
	return out
}

// TestTransfersAsRecorded compares, for each leg, the order of events with the states in them.
func TestTransfersAsRecorded(t *testing.T) {
	for _, s := range transfers() {
		t.Run(s.name, func(t *testing.T) {
			file := filepath.Join("testdata", s.name+".txt")
			if *update {
				lines := byLegs(common(digest(recording(t, s.name))))
				if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := flowRig(t)
			s.play(r, player{})
			compareLines(t, byLegs(common(digest(r.events))), strings.Split(strings.TrimSpace(string(text)), "\n"))
		})
	}
}
