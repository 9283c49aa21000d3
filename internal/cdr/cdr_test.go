package cdr

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// leg is the record of an A leg whose caller did its worst.
func leg() *call.Record {
	return call.NewRecord(call.Record{
		UUID: "7b3c6d5e-0000-4000-8000-000000000001", Direction: "inbound", State: "CS_REPORTING", StateNumber: 11, Originatee: true,
		Variables: []call.Variable{
			{Name: "hangup_cause", Value: "NORMAL_CLEARING"}, {Name: "sip_hangup_disposition", Value: "recv_bye"},
			{Name: "read_codec", Value: "PCMU"}, {Name: "accountcode", Value: "1000"},
			{Name: "sip_auth_password", Value: "hunter2"}, {Name: "last_arg", Value: "{sip_auth_password=hunter2,x=1}sofia/gateway/out/1"},
			{Name: "switch_r_sdp", Value: "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\r\na=ice-pwd:hunter2hunter2\r\na=sendrecv\r\n", Wire: true},
			{Name: "sip_contact_uri", Value: "sip:1000:hunter2@192.0.2.1", Wire: true},
			{Name: "caller", Value: "a \"quote\",\r\n${hangup_cause}\\", Wire: true},
		},
		Callflow: []call.Chapter{{CallerName: `Bob "x", "INJECTED"`, CallerNumber: "1000", Destination: "1001", Context: "default",
			UUID: "7b3c6d5e-0000-4000-8000-000000000001", Created: time.UnixMicro(1700000000000001), ProfileIndex: 1,
			OriginateeProfile: &call.Chapter{Destination: "1001"}}},
		Applications: []call.AppRun{{Name: "bridge", Data: "{sip_auth_password=hunter2}user/1001", At: time.UnixMicro(1700000000000002)}},
		Media:        &media.Stats{PacketsIn: 100, BytesIn: 17200, PacketsOut: 90, BytesOut: 15480, Lost: 2, LossPercent: 1.961, Jitter: 3.14159, MOS: 4.2, RTT: 12 * time.Millisecond},
	})
}

// writer makes a writer that ends with the test.
func writer(t *testing.T, j config.JSONRecords, c config.CSVRecords) (w *Writer, finish func()) {
	t.Helper()
	w = NewWriter(Identity{"core", "switch"}, slog.New(slog.DiscardHandler))
	w.Configure(j, c)
	closed := false
	finish = func() {
		if closed {
			return
		}
		closed = true
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(finish)
	return w, finish
}

// settle waits until every record taken so far is written.
func settle(w *Writer) {
	for written := false; !written; {
		w.do(func() { written = len(w.queue) == 0 })
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestJSON: the record has FreeSWITCH's shape, what was measured, and no secret.
func TestJSON(t *testing.T) {
	dir := t.TempDir()
	w, finish := writer(t, config.JSONRecords{Enabled: true, Dir: dir, LinesFile: "calls.jsonl"}, config.CSVRecords{})
	w.Take(leg())
	w.Take(leg())
	finish()
	text := read(t, dir, "calls.jsonl")
	if strings.Contains(text, "hunter2") || strings.Contains(text, "c2VjcmV0") {
		t.Errorf("a secret is in the record:\n%s", text)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2", len(lines))
	}
	var rec struct {
		CoreUUID  string `json:"core-uuid"`
		CallStats struct {
			Audio struct{ Inbound, Outbound map[string]float64 }
		}
		Variables map[string]string
		AppLog    struct {
			Applications []map[string]string
		} `json:"app_log"`
		Callflow []struct {
			Index         string         `json:"profile_index"`
			CallerProfile map[string]any `json:"caller_profile"`
			Times         map[string]string
		}
	}
	if err := json.Unmarshal([]byte(lines[1]), &rec); err != nil {
		t.Fatal(err)
	}
	in := rec.CallStats.Audio.Inbound
	if in["packet_count"] != 100 || in["lost_packet_count"] != 2 || in["loss_percent"] != 1.96 || in["jitter_ms"] != 3.14 || in["mos"] != 4.2 || in["rtt_ms"] != 12 {
		t.Errorf("inbound %v", in)
	}
	if rec.CoreUUID != "core" || rec.Variables["hangup_cause"] != "NORMAL_CLEARING" || rec.Variables["sip_hangup_disposition"] != "recv_bye" {
		t.Errorf("%+v", rec)
	}
	if got := rec.Variables["last_arg"]; got != "{sip_auth_password=(hidden),x=1}sofia/gateway/out/1" {
		t.Errorf("last_arg %q", got)
	}
	if got := rec.Variables["caller"]; got != "a \"quote\",\r\n${hangup_cause}\\" {
		t.Errorf("wire text %q", got)
	}
	flow := rec.Callflow[0]
	if flow.CallerProfile["destination_number"] != "1001" || flow.CallerProfile["originatee"] == nil || flow.Times["created_time"] != "1700000000000001" || flow.Times["answered_time"] != "0" || flow.Index != "1" {
		t.Errorf("callflow %+v", flow)
	}
	if rec.AppLog.Applications[0]["app_stamp"] != "1700000000000002" {
		t.Errorf("app_log %v", rec.AppLog)
	}
}

// TestJSONFiles: without a file of lines each leg has a file, with log-b-leg, prefix-a-leg, encode-values and rotate as configured.
func TestJSONFiles(t *testing.T) {
	b := leg()
	b.UUID, b.Originator = "7b3c6d5e-0000-4000-8000-000000000002", true
	tests := []struct {
		name string
		cfg  config.JSONRecords
		want []string
	}{
		{"both legs", config.JSONRecords{LogB: true}, []string{leg().UUID + ".cdr.json", b.UUID + ".cdr.json"}},
		{"prefix", config.JSONRecords{LogB: true, PrefixA: true}, []string{"a_" + leg().UUID + ".cdr.json", b.UUID + ".cdr.json"}},
		{"a only", config.JSONRecords{}, []string{leg().UUID + ".cdr.json"}},
		{"rotated", config.JSONRecords{Rotate: true}, []string{"*/" + leg().UUID + ".cdr.json"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			test.cfg.Enabled, test.cfg.Dir, test.cfg.EncodeValues = true, dir, true
			w, finish := writer(t, test.cfg, config.CSVRecords{})
			w.Take(leg())
			w.Take(b)
			finish()
			for _, want := range test.want {
				found, _ := filepath.Glob(filepath.Join(dir, want))
				if len(found) != 1 {
					t.Fatalf("no %s", want)
				}
				if text := read(t, found[0]); !json.Valid([]byte(text)) || !strings.Contains(text, `"caller":"a%20%22quote%22`) {
					t.Errorf("%s", text)
				}
			}
			all, _ := filepath.Glob(filepath.Join(dir, "*.json"))
			if len(all) > len(test.want) {
				t.Errorf("%v", all)
			}
		})
	}
}

// TestCSVLine: whatever a caller puts into a header, the line has the columns of its template.
func TestCSVLine(t *testing.T) {
	tests := []struct {
		name, template string
		want           []string // columns; nil: text is compared
		text           string
	}{
		{"stock", `"${caller_id_name}","${caller_id_number}","${hangup_cause}","${uuid}","${bleg_uuid}"`,
			[]string{`Bob "x", "INJECTED"`, "1000", "NORMAL_CLEARING", leg().UUID, ""}, ""},
		{"not quoted", `${caller_id_number},${hangup_cause},${caller_id_name}`, []string{"1000", "NORMAL_CLEARING", `Bob "x", "INJECTED"`}, ""},
		{"line breaks", `"${caller}",x`, []string{`a "quote",  ${hangup_cause}\`, "x"}, ""},
		{"no password", `"${sip_auth_password}","${last_arg}"`, []string{"", "{sip_auth_password=(hidden),x=1}sofia/gateway/out/1"}, ""},
		{"SQL", `INSERT INTO cdr VALUES ('${caller_id_name}',"${caller}",${caller_id_number});`, nil,
			`INSERT INTO cdr VALUES ('Bob "x", "INJECTED"',"a ""quote"",  ${hangup_cause}\\",1000);`},
		{"empty", ``, []string{""}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			line := string(csvLine(dialplan.ParseTemplate(test.template), safeEnv{leg()}))
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
				t.Fatalf("%q is not one line", line)
			}
			if test.want == nil {
				if line != test.text+"\n" {
					t.Errorf("got  %swant %s", line, test.text)
				}
				return
			}
			got, err := csv.NewReader(strings.NewReader(line)).Read()
			if err != nil && test.template != "" {
				t.Fatalf("%v in %q", err, line)
			}
			if strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("columns %q of %q, want %q", got, line, test.want)
			}
		})
	}
}

// TestCSVFiles: Master.csv and the account's file, which legs are in them, and what SIGHUP does.
func TestCSVFiles(t *testing.T) {
	dir := t.TempDir()
	cfg := config.CSVRecords{Enabled: true, Dir: dir, Default: "default", LegA: true, Rotate: true,
		Templates: map[string]string{"default": `"${uuid}"`, "1000": `account,"${hangup_cause}"`}}
	w, finish := writer(t, config.JSONRecords{}, cfg)
	b := leg()
	b.Originator = true
	w.Take(b) // not wanted
	w.Take(leg())
	evil := leg()
	evil.Variables = []call.Variable{{Name: "accountcode", Value: "../../evil"}}
	w.Take(evil)
	wire := leg()
	wire.Variables = []call.Variable{{Name: "accountcode", Value: "wire", Wire: true}}
	w.Take(wire)
	settle(w)
	w.Reopen()
	w.Take(leg())
	finish()
	if got := read(t, dir, "1000.csv"); got != "account,\"NORMAL_CLEARING\"\n" {
		t.Errorf("1000.csv: %q", got)
	}
	if got := read(t, dir, "Master.csv"); got != `"`+leg().UUID+"\"\n" {
		t.Errorf("Master.csv: %q", got)
	}
	moved, _ := filepath.Glob(filepath.Join(dir, "Master.csv.2*"))
	if len(moved) != 1 || strings.Count(read(t, moved[0]), "\n") != 3 {
		t.Errorf("rotated: %v", moved)
	}
	for _, name := range []string{filepath.Join(dir, "wire.csv"), filepath.Join(dir, "..", "..", "evil.csv")} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

// TestFullDisk: records that the disk refuses are counted, and those after it are written again; no half line is left.
func TestFullDisk(t *testing.T) {
	full := "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("this system has no /dev/full")
	}
	dir := t.TempDir()
	if err := os.Symlink(full, filepath.Join(dir, "calls.jsonl")); err != nil {
		t.Fatal(err)
	}
	w, finish := writer(t, config.JSONRecords{Enabled: true, Dir: dir, LinesFile: "calls.jsonl"}, config.CSVRecords{})
	w.Take(leg())
	settle(w)
	w.Reopen()
	if err := os.Remove(filepath.Join(dir, "calls.jsonl")); err != nil {
		t.Fatal(err)
	}
	w.Take(leg())
	finish()
	if s := w.Stats(); s.Written != 1 || s.Failed != 1 {
		t.Errorf("%+v", s)
	}
	if text := read(t, dir, "calls.jsonl"); !strings.HasSuffix(text, "}\n") {
		t.Errorf("%q", text)
	}
}

// TestQueue: a disk that does not move costs records beyond the queue, counted, and Take returns.
func TestQueue(t *testing.T) {
	w := newWriter(Identity{}, slog.New(slog.DiscardHandler), 3)
	w.Configure(config.JSONRecords{Enabled: true, Dir: t.TempDir(), LinesFile: "x"}, config.CSVRecords{})
	blocked, release := make(chan struct{}), make(chan struct{})
	go w.do(func() { close(blocked); <-release })
	<-blocked
	for range 10 {
		w.Take(leg())
	}
	if s := w.Stats(); s.Lost != 7 || s.Waiting != 3 {
		t.Errorf("%+v", s)
	}
	close(release)
	if err := w.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if s := w.Stats(); s.Written != 3 {
		t.Errorf("%+v", s)
	}
	w.Take(leg()) // after the end: nothing happens
	w.Reopen()
}

func FuzzCSVLine(f *testing.F) {
	f.Add(`"${caller_id_name}","${x}"`, `a","b`)
	f.Add(`${x}`, "\"")
	f.Fuzz(func(t *testing.T, template, value string) {
		r := leg()
		r.Variables = []call.Variable{{Name: "x", Value: value, Wire: true}}
		line := string(csvLine(dialplan.ParseTemplate(`"${x}",`+`"end"`), safeEnv{r}))
		if got, err := csv.NewReader(strings.NewReader(line)).Read(); err != nil || len(got) != 2 || got[1] != "end" {
			t.Errorf("%q: %q, %v", line, got, err)
		}
		csvLine(dialplan.ParseTemplate(template), safeEnv{r})
	})
}
