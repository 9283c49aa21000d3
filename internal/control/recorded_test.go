package control

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
	"github.com/talkpath/talkpath/internal/call"
)

// shared is where recordings of a real FreeSWITCH and its configuration are, when the working copy has them beside it.
const shared = "../../../shared"

func recordedControl(t *testing.T, core *fakeCore, tree string) *Control {
	dir := filepath.Join(shared, "freeswitch-conf", tree)
	if _, err := os.Stat(filepath.Join(dir, "freeswitch.xml")); err != nil {
		t.Skip("no recordings of FreeSWITCH beside the working copy")
	}
	c := newControl(t, dir, "127.0.0.1", map[string]string{"hostname": "vm", "local_ip_v4": "127.0.0.1", "conf_dir": dir}, core,
		fakeRegistrations{binding("1000", "127.0.0.1", "6000", "csa7ncyyvvja20ji"), binding("1001", "127.0.0.1", "6001", "zighf3t7m7024zfb")})
	c.deps.Reload = func(context.Context) error { return nil }
	c.deps.ReloadACL = c.deps.Reload
	return c
}

// TestRecordedSessions compares whole sessions: our commands, over our event socket, with FreeSWITCH's own configuration.
func TestRecordedSessions(t *testing.T) {
	for _, name := range strings.Fields(`14_api_hostname 15_api_echo 16_api_list_users 17_api_list_users_group_user
		18_api_list_users_user_1000 19_api_list_users_nosuch 21_api_user_data_password 22_api_user_data_nosuch 23_api_user_data_variants
		25_api_domain_exists 27_api_eval 30_api_global_getvar_domain 31_api_global_setvar 32_api_show_channels_empty 33_api_show_calls_empty
		34_api_show_registrations 35_api_show_registrations_json 46_api_sofia_contact 47_api_nosuchcommand 74_api_create_uuid 77_api_reloadxml
		78_api_reloadacl 85_pipelined`) {
		t.Run(name, func(t *testing.T) {
			c := recordedControl(t, &fakeCore{}, "vanilla")
			text, err := os.ReadFile(filepath.Join(shared, "oracle/esl", name+".txt"))
			if err != nil {
				t.Skip("no recordings of FreeSWITCH beside the working copy")
			}
			steps, err := esltest.ParseTranscript(string(text))
			if err != nil {
				t.Fatal(err)
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := &esl.Server{Backend: c, Password: func() string { return "ClueCon" }}
			served := make(chan error, 1)
			go func() { served <- s.Serve(ln) }()
			esltest.Replay(t, ln.Addr().String(), steps)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// commandAndAnswer is one pair of a recording of commands.
var commandAndAnswer = regexp.MustCompile(`(?s)>>> ([^\n]*)\n(.*?)\n<<<\n`)

// answers reads a recording of commands and what they answered.
func answers(t *testing.T, name string) map[string]string {
	text, err := os.ReadFile(filepath.Join(shared, "oracle/calls", name))
	if err != nil {
		t.Skip("no recordings of FreeSWITCH beside the working copy")
	}
	all := map[string]string{}
	for _, m := range commandAndAnswer.FindAllStringSubmatch(string(text), -1) {
		all[m[1]] = m[2] // the last one of a command
	}
	return all
}

// table is an answer "as json".
type table struct {
	Rows []map[string]string `json:"rows"`
}

func readTable(t *testing.T, text string) (tab table) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &tab); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return tab
}

func integer(s string) int {
	v, _ := strconv.Atoi(s)
	return v
}

// recordedChannel makes a snapshot of a row of show channels, or of a leg of show calls whose columns have the prefix.
func recordedChannel(row map[string]string, prefix string) call.Snapshot {
	r := func(column string) string { return row[prefix+column] }
	return call.Snapshot{
		UUID: r("uuid"), CallUUID: r("call_uuid"), Direction: r("direction"), Created: time.Unix(int64(integer(r("created_epoch"))), 0),
		Name: r("name"), State: r("state"), CallState: r("callstate"), CallerName: r("cid_name"), CallerNumber: r("cid_num"),
		CalleeName: r("callee_name"), CalleeNumber: r("callee_num"), CalleeDirection: r("callee_direction"),
		SentCalleeName: r("sent_callee_name"), SentCalleeNumber: r("sent_callee_num"), NetworkAddr: r("ip_addr"),
		Destination: r("dest"), Application: r("application"), ApplicationData: r("application_data"), Dialplan: r("dialplan"),
		Context: r("context"), ReadCodec: r("read_codec"), WriteCodec: r("write_codec"), ReadRate: integer(r("read_rate")),
		WriteRate: integer(r("write_rate")), ReadBitRate: integer(r("read_bit_rate")), WriteBitRate: integer(r("write_bit_rate")),
		Secure: r("secure"), Hostname: r("hostname"), PresenceID: r("presence_id"), PresenceData: r("presence_data"), AccountCode: r("accountcode"),
		InitialCallerName: r("initial_cid_name"), InitialCallerNumber: r("initial_cid_num"), InitialNetworkAddr: r("initial_ip_addr"),
		InitialDestination: r("initial_dest"), InitialDialplan: r("initial_dialplan"), InitialContext: r("initial_context"),
	}
}

// recordedChannels makes snapshots of what show channels and show calls say.
func recordedChannels(t *testing.T, all map[string]string) []call.Snapshot {
	call1 := readTable(t, all["show calls as json"]).Rows[0]
	var out []call.Snapshot
	for _, r := range readTable(t, all["show channels as json"]).Rows {
		s := recordedChannel(r, "")
		s.BridgeCreated = time.Unix(int64(integer(call1["call_created_epoch"])), 0)
		if s.OtherUUID = call1["b_uuid"]; s.OtherUUID == s.UUID {
			s.OtherUUID = call1["uuid"]
		}
		out = append(out, s)
	}
	return out
}

// TestRecordedCalls compares what show channels and show calls said at each moment of the recorded calls: ringing, held, parked, transferred.
func TestRecordedCalls(t *testing.T) {
	utc(t)
	files, _ := filepath.Glob(filepath.Join(shared, "oracle/calls/*.api.txt"))
	if len(files) == 0 {
		t.Skip("no recordings of FreeSWITCH beside the working copy")
	}
	c := recordedControl(t, &fakeCore{}, "recorded")
	created := regexp.MustCompile(`"(b_)?created":"[^"]*",`) // it may be a second before created_epoch
	compared := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commandAndAnswer.FindAllStringSubmatch(string(text), -1) {
			command, want := m[1], m[2]
			if command != "show channels as json" && command != "show calls as json" {
				continue
			}
			var channels []call.Snapshot
			for _, row := range readTable(t, want).Rows {
				a := recordedChannel(row, "")
				if row["b_uuid"] == "" {
					channels = append(channels, a)
					continue
				}
				b := recordedChannel(row, "b_")
				b.CallUUID, b.Hostname = a.CallUUID, a.Hostname
				a.OtherUUID, b.OtherUUID = b.UUID, a.UUID
				a.BridgeCreated = time.Unix(int64(integer(row["call_created_epoch"])), 0)
				channels = append(channels, a, b)
			}
			c.deps.Core = &fakeCore{channels: channels}
			got := created.ReplaceAllString(c.Execute(t.Context(), command), "")
			if want = created.ReplaceAllString(want, ""); strings.TrimSuffix(got, "\n") != strings.TrimSuffix(want, "\n") {
				t.Errorf("%s: %s: got\n%s\nwant\n%s", filepath.Base(file), command, got, want)
			}
			compared++
		}
	}
	if compared < 25 {
		t.Errorf("%d answers compared", compared)
	}
}

// TestRecordedRegistrations compares what was said of a phone while it was registered.
func TestRecordedRegistrations(t *testing.T) {
	utc(t)
	all := answers(t, "registration.api.txt")
	rows := readTable(t, all["show registrations as json"]).Rows
	var regs fakeRegistrations
	for _, r := range rows {
		b := binding(r["reg_user"], r["realm"], r["network_port"], r["token"])
		b.Deadline = time.Unix(int64(integer(r["expires"])), 0)
		regs = append(regs, b)
	}
	c := recordedControl(t, &fakeCore{}, "recorded")
	c.deps.Registrations = regs
	if got := c.Execute(t.Context(), "show registrations as json"); got != all["show registrations as json"] {
		t.Errorf("got\n%s\nwant\n%s", got, all["show registrations as json"])
	}
	c.deps.Registrations = fakeRegistrations{}
	const none = "sofia status profile internal reg 1011"
	if got := c.Execute(t.Context(), none); got != all[none] {
		t.Errorf("got\n%s\nwant\n%s", got, all[none])
	}
}

func TestRecordedShow(t *testing.T) {
	utc(t)
	all := answers(t, "live_queries.api.txt")
	c := recordedControl(t, &fakeCore{channels: recordedChannels(t, all)}, "recorded")
	for _, command := range []string{"show channels", "show channels as json", "show channels as xml", "show channels count",
		"show channels like 1001", "show channels like 1001 as json", "show calls", "show calls as json", "show calls as xml", "show calls count",
		"show bridged_calls as json", "show detailed_calls as json"} {
		want, ok := all[command]
		if !ok {
			t.Errorf("%s: not in the recording", command)
			continue
		}
		if got := c.Execute(t.Context(), command); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", command, got, want)
		}
	}
}

// utc makes times print as they did where they were recorded.
func utc(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
}

// TestRecordedSofia compares what a program may parse, times and counters aside.
func TestRecordedSofia(t *testing.T) {
	utc(t)
	c := recordedControl(t, &fakeCore{}, "recorded")
	seconds := regexp.MustCompile(`(?i)(expsecs\()-?\d+`)
	for name, command := range map[string]string{
		"43_api_sofia_status_profile_internal_reg":    "sofia status profile internal reg",
		"45_api_sofia_xmlstatus_profile_internal_reg": "sofia xmlstatus profile internal reg",
	} {
		text, err := os.ReadFile(filepath.Join(shared, "oracle/esl", name+".txt"))
		if err != nil {
			t.Skip("no recordings of FreeSWITCH beside the working copy")
		}
		steps, err := esltest.ParseTranscript(string(text))
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(string(steps[4].Bytes), "\n\n")
		got := c.Execute(t.Context(), command)
		if got, want := seconds.ReplaceAllString(got, "${1}N"), seconds.ReplaceAllString(want, "${1}N"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", command, got, want)
		}
	}
	text, err := os.ReadFile(filepath.Join(shared, "oracle/esl/41_api_sofia_status.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(strings.ReplaceAll(string(text), "\nS| ", "\n"), "Content-Length: 644\n\n")
	if got := c.Execute(t.Context(), "sofia status"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := c.Execute(t.Context(), "sofia status profile internal"); !strings.Contains(got, "\nREGISTRATIONS    \t2\n") {
		t.Errorf("got %s", got)
	}
}

// TestRecordedFindUserXML compares elements and their order; FreeSWITCH keeps the white space of the files they came from.
func TestRecordedFindUserXML(t *testing.T) {
	c := recordedControl(t, &fakeCore{}, "recorded")
	text, err := os.ReadFile(filepath.Join(shared, "oracle/esl/26_api_find_user_xml.txt"))
	if err != nil {
		t.Skip("no recordings of FreeSWITCH beside the working copy")
	}
	steps, err := esltest.ParseTranscript(string(text))
	if err != nil {
		t.Fatal(err)
	}
	lines := func(s string) []string {
		var out []string
		for _, l := range strings.Split(s, "\n") {
			if l = strings.TrimSpace(l); l != "" {
				out = append(out, l)
			}
		}
		return out
	}
	for i, command := range map[int]string{4: "find_user_xml id 1000 127.0.0.1", 6: "find_user_xml id nosuch 127.0.0.1"} {
		_, want, _ := strings.Cut(string(steps[i].Bytes), "\n\n")
		got, wanted := lines(c.Execute(t.Context(), command)), lines(want)
		if strings.Join(got, "\n") != strings.Join(wanted, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", command, strings.Join(got, "\n"), strings.Join(wanted, "\n"))
		}
	}
}
