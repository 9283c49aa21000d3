package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
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
	path := filepath.Join(ex.cfg.StateDir, "log", "json_cdr", "calls.jsonl")
	var lines []string
	await(t, "two records", func() (bool, string) {
		text, err := os.ReadFile(path)
		if err != nil {
			return false, err.Error()
		}
		lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		return len(lines) == 2, string(text)
	})
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
