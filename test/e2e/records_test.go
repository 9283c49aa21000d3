package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// legRecord is what this test reads of a call record.
type legRecord struct {
	ChannelData map[string]string `json:"channel_data"`
	CallStats   struct {
		Audio struct{ Inbound, Outbound map[string]float64 }
	}
	Variables map[string]string
	Callflow  []struct {
		CallerProfile struct {
			Number      string `json:"caller_id_number"`
			Destination string `json:"destination_number"`
		} `json:"caller_profile"`
	}
}

// TestCallRecords: a call between a browser and a phone leaves one line a leg, which says who called whom, who hung up, why, and how it sounded.
func TestCallRecords(t *testing.T) {
	ex := start(t)
	a, b := connect(t, ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001"))
	hearEachOther(t, a, b)
	b.hangup(t)
	a.ended(t)
	lines := ex.recordLines(t, 2)
	if t.Failed() {
		return
	}
	legs := map[string]legRecord{}
	for _, line := range lines {
		if strings.Contains(line, userPassword) || strings.Contains(line, "a=ice-pwd") {
			t.Error("a secret is in the record")
		}
		var r legRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		legs[r.ChannelData["direction"]] = r
	}
	for direction, disposition := range map[string]string{"inbound": "send_bye", "outbound": "recv_bye"} {
		r := legs[direction]
		if len(r.Callflow) != 1 || r.Callflow[0].CallerProfile.Number != "1000" {
			t.Fatalf("%s: %+v", direction, r)
		}
		v := r.Variables
		if v["hangup_cause"] != "NORMAL_CLEARING" || v["sip_hangup_disposition"] != disposition || v["read_codec"] != "PCMU" || v["billsec"] == "" || v["answer_stamp"] == "" {
			t.Errorf("%s: cause %q, disposition %q, codec %q", direction, v["hangup_cause"], v["sip_hangup_disposition"], v["read_codec"])
		}
		if in := r.CallStats.Audio.Inbound; in["packet_count"] < 10 || in["mos"] < 3 || in["loss_percent"] > 50 {
			t.Errorf("%s: %v", direction, in)
		}
	}
	if d := legs["inbound"].Callflow[0].CallerProfile.Destination; d != "1001" {
		t.Errorf("destination %q", d)
	}
	if out := ex.command(t, "cdr_csv status"); !strings.HasPrefix(out, "2 written\n0 waiting\n0 lost") {
		t.Error(out)
	}
}

// recordLines waits for the lines of that many legs.
func (ex *exchange) recordLines(t *testing.T, n int) (lines []string) {
	t.Helper()
	path := filepath.Join(ex.cfg.StateDir, "log", "json_cdr", "calls.jsonl")
	await(t, "the records", func() (bool, string) {
		text, err := os.ReadFile(path)
		if err != nil {
			return false, err.Error()
		}
		lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		return len(lines) == n, string(text)
	})
	return lines
}

// TestRecordsOfTransfers reads the records as an accountant does: one for each leg, with who called whom at last, who hung up, why, and how long each
// side talked.
func TestRecordsOfTransfers(t *testing.T) {
	type entry struct{ direction, from, to, cause, disposition string }
	for _, tc := range []struct {
		name   string
		do     func(t *testing.T, ex *exchange, one, two, three *phone)
		legs   []entry
		longer [2]int // the first of these legs talked longer than the second
	}{
		{"originate", func(t *testing.T, ex *exchange, one, two, _ *phone) {
			done := make(chan string, 1)
			go func() { done <- ex.command(t, "originate user/1000@127.0.0.1 &bridge(user/1001@127.0.0.1)") }()
			a := one.accept(t, one.incoming(t))
			b := two.accept(t, two.incoming(t))
			<-done
			hearEachOther(t, a, b)
			b.hangup(t)
			a.ended(t)
		}, []entry{{"outbound", "1000", "1001", "NORMAL_CLEARING", "recv_bye"}, {"outbound", "1000", "1000", "NORMAL_CLEARING", "send_bye"}}, [2]int{1, 0}},
		{"cancelled", func(t *testing.T, _ *exchange, one, two, _ *phone) {
			a := one.invite(t, "1001")
			if err := two.incoming(t).Ring(nil); err != nil {
				t.Fatal(err)
			}
			if _, err := a.call.WaitRinging(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := a.call.Cancel(); err != nil {
				t.Fatal(err)
			}
		}, []entry{{"outbound", "1000", "1001", "ORIGINATOR_CANCEL", "send_cancel"}, {"inbound", "1000", "1001", "ORIGINATOR_CANCEL", "recv_cancel"}}, [2]int{}},
		{"blind transfer", func(t *testing.T, ex *exchange, one, two, three *phone) {
			a, b := connect(t, one, two)
			hearEachOther(t, a, b)
			a.refer(t, "sip:1002@"+ex.at.SIP)
			c := three.accept(t, three.incoming(t))
			a.ended(t)
			hearEachOther(t, b, c)
			b.hangup(t)
			c.ended(t)
		}, []entry{{"inbound", "1000", "1001", "NORMAL_CLEARING", "send_bye"}, {"outbound", "1001", "1002", "NORMAL_CLEARING", "send_bye"},
			{"outbound", "1000", "1002", "NORMAL_CLEARING", "recv_bye"}}, [2]int{2, 0}},
		{"attended transfer", func(t *testing.T, ex *exchange, one, two, three *phone) {
			a1, b := connect(t, one, two)
			hearEachOther(t, a1, b)
			a2, c := connect(t, one, three)
			a1.refer(t, replacing("1002", ex.at.SIP, a2))
			a1.ended(t)
			a2.ended(t)
			hearEachOther(t, b, c)
			c.hangup(t)
			b.ended(t)
		}, []entry{{"inbound", "1000", "1001", "NORMAL_CLEARING", "send_bye"}, {"inbound", "1000", "1002", "NORMAL_CLEARING", "send_bye"},
			{"outbound", "1000", "1002", "NORMAL_CLEARING", "recv_bye"}, {"outbound", "1000", "1001", "NORMAL_CLEARING", "send_bye"}}, [2]int{3, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ex := start(t)
			tc.do(t, ex, ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001"), ex.phone(t, rtpPhone, "1002"))
			ex.awaitIdle(t)
			lines := ex.recordLines(t, len(tc.legs))
			if t.Failed() {
				return
			}
			talked := map[entry]int{}
			for _, line := range lines {
				var r legRecord
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatal(err)
				}
				v := r.Variables
				whole, err1 := strconv.Atoi(v["uduration"])
				bill, err2 := strconv.Atoi(v["billusec"])
				if err1 != nil || err2 != nil || bill > whole || (bill > 0) != (v["answer_stamp"] != "") {
					t.Errorf("duration %q, billed %q, answered %q", v["uduration"], v["billusec"], v["answer_stamp"])
				}
				talked[entry{r.ChannelData["direction"], r.Callflow[len(r.Callflow)-1].CallerProfile.Number, r.Callflow[0].CallerProfile.Destination,
					v["hangup_cause"], v["sip_hangup_disposition"]}] = bill
			}
			for _, want := range tc.legs {
				if _, ok := talked[want]; !ok {
					t.Errorf("no record %v in %v", want, talked)
				}
			}
			if tc.longer != [2]int{} && talked[tc.legs[tc.longer[0]]] <= talked[tc.legs[tc.longer[1]]] {
				t.Errorf("leg %d talked no longer than leg %d: %v", tc.longer[0], tc.longer[1], talked)
			}
		})
	}
}
