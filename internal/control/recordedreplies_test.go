package control

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl/esltest"
	"github.com/talkpath/talkpath/internal/call"
)

// reply is a command and what FreeSWITCH answered.
type reply struct{ command, body string }

// recordedReplies reads a recording of the event socket: each command of "api", and the body that followed.
func recordedReplies(t *testing.T, name string) (all []reply) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shared, "oracle/esl", name+".txt"))
	if err != nil {
		t.Skip("no recordings of FreeSWITCH beside the working copy")
	}
	steps, err := esltest.ParseTranscript(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range steps {
		command, ok := strings.CutPrefix(strings.TrimRight(string(s.Bytes), "\r\n"), "api ")
		if s.Side != esltest.Client || !ok || i+1 == len(steps) {
			continue
		}
		if _, body, ok := strings.Cut(string(steps[i+1].Bytes), "\n\n"); ok {
			all = append(all, reply{command, body})
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s: no reply in it", name)
	}
	return all
}

// normal takes out of an answer what must differ: times, counts since the start, the version and the product's name.
func normal(text string) string {
	for _, r := range []struct{ pattern, with string }{
		{`(?m)^UP .*microseconds?$`, "UP TIME"},
		{`(?:FreeSWITCH|Talkpath) (\(?Version) [^ ~]+`, "PRODUCT $1 V"},
		{`^[0-9]+\.[0-9]+\.[0-9]+\S*\n$`, "V\n"},
		{`min idle cpu 0\.00/[0-9.]+`, "min idle cpu 0.00/CPU"},
		{`(?i)(expsecs\()-?\d+`, "${1}N"},
		{`(CALLS-(?:IN|OUT)\s+|<(?:failed-)?calls-(?:in|out)>)\d+`, "${1}N"},
		{`(CNG\s+)\d+`, "${1}N"}, // comfort noise is not sent
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
}

// TestRecordedReplies compares whole answers after normalisation.
func TestRecordedReplies(t *testing.T) {
	utc(t)
	for _, name := range strings.Fields(`12_api_status 13_api_version 14_api_hostname 15_api_echo 16_api_list_users 17_api_list_users_group_user
		18_api_list_users_user_1000 19_api_list_users_nosuch 21_api_user_data_password 22_api_user_data_nosuch 23_api_user_data_variants
		25_api_domain_exists 27_api_eval 30_api_global_getvar_domain 31_api_global_setvar 32_api_show_channels_empty 33_api_show_calls_empty
		34_api_show_registrations 35_api_show_registrations_json 41_api_sofia_status 42_api_sofia_status_profile_internal
		43_api_sofia_status_profile_internal_reg 45_api_sofia_xmlstatus_profile_internal_reg 46_api_sofia_contact 47_api_nosuchcommand
		77_api_reloadxml 78_api_reloadacl 79_api_reload`) {
		t.Run(name, func(t *testing.T) {
			tree := "recorded"
			if strings.Contains(name, "list_users") { // extensions were added later
				tree = "vanilla"
			}
			c := recordedControl(t, &fakeCore{stats: call.Stats{Peak: 2, PeakFiveMin: 2, PerSecondPeak: 2, PerSecondFiveMin: 2, SinceStart: 2,
				MaxSessions: 5000, SessionsPerSecond: 2000}}, tree)
			c.deps.Started = time.Now().Add(-time.Hour)
			for _, r := range recordedReplies(t, name) {
				got, want := normal(c.Execute(t.Context(), r.command)), normal(r.body)
				if got == "" {
					got = "-ERR no reply\n" // the event socket says so
				}
				if got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", r.command, got, want)
				}
			}
		})
	}
}

// TestRecordedTables compares the tables of what there is row by row: each row of ours is FreeSWITCH's, unless FreeSWITCH has nothing by that name.
func TestRecordedTables(t *testing.T) {
	// own are those that serve less, or more, than FreeSWITCH's and say so in their syntax.
	own := strings.Fields(`console fsctl show sofia_contact strftime strmicroepoch uuid_bridge limit_usage limit_hash_usage hash cdr_csv play_and_get_digits`)
	for _, tc := range []struct {
		recording, command string
		fields             int // columns that are compared
	}{
		{"39_api_show_api", "show api", 4}, {"82_api_help_head", "help", 4}, {"38_api_show_application", "show application", 4},
		{"37_api_show_codec", "show codec", 2},
	} {
		t.Run(tc.recording, func(t *testing.T) {
			c := recordedControl(t, &fakeCore{}, "recorded")
			served, _ := call.NewCore(call.Config{Bus: c.deps.Bus}).Applications()
			c.deps.Core = &servingCore{served: served}
			body := recordedReplies(t, tc.recording)[0].body
			key := func(line string) string {
				if tc.command == "show codec" {
					line, _ = strings.CutPrefix(line, "codec,")
				}
				name, _, _ := strings.Cut(line, ",")
				return name
			}
			theirs := map[string]string{}
			for _, line := range strings.Split(body, "\n") {
				theirs[key(line)] = line
			}
			cut := func(line string) string {
				if tc.fields == 4 {
					return line
				}
				return strings.Join(strings.Split(line, ",")[:min(tc.fields, strings.Count(line, ",")+1)], ",")
			}
			compared := 0
			for _, line := range strings.Split(c.Execute(t.Context(), tc.command), "\n") {
				want, ok := theirs[key(line)]
				if !ok || strings.HasSuffix(line, " total.") {
					continue
				}
				if slices.Contains(own, key(line)) {
					if cut(line) == cut(want) && tc.command == "show api" {
						t.Errorf("%s is FreeSWITCH's by now", key(line))
					}
					continue
				}
				if cut(line) != cut(want) {
					t.Errorf("got  %q\nwant %q", line, want)
				}
				compared++
			}
			if compared < 4 {
				t.Errorf("%d rows compared", compared)
			}
		})
	}
}

// servingCore has applications.
type servingCore struct {
	fakeCore
	served []string
}

func (s *servingCore) Applications() (served, ignored []string) { return s.served, nil }

// TestRecordedGlobals: the variables that FreeSWITCH lists are written the same way; which there are depends on the machine.
func TestRecordedGlobals(t *testing.T) {
	c := recordedControl(t, &fakeCore{}, "recorded")
	text, err := os.ReadFile(filepath.Join(shared, "oracle/esl/29_api_global_getvar.txt")) // secrets were taken out of it, so its counts do not fit
	if err != nil {
		t.Skip("no recordings of FreeSWITCH beside the working copy")
	}
	theirs := strings.Split(strings.ReplaceAll(string(text), "\nS| ", "\n"), "\n")
	same := 0
	for _, line := range strings.Split(c.Execute(t.Context(), "global_getvar"), "\n") {
		if line != "" && slices.Contains(theirs, line) {
			same++
		}
	}
	if same < 40 {
		t.Errorf("%d variables are the same", same)
	}
}
