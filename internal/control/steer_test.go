package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
	"github.com/talkpath/talkpath/internal/call"
)

// fakeChannel notes what is done to it; variables it sets.
type fakeChannel struct {
	core *fakeCore
	uuid string
	did  *[]string
}

func (f fakeChannel) note(format string, args ...any) {
	*f.did = append(*f.did, f.uuid+" "+fmt.Sprintf(format, args...))
}

func (f fakeChannel) index() int {
	for i, s := range f.core.channels {
		if s.UUID == f.uuid {
			return i
		}
	}
	return -1
}

func (f fakeChannel) Snapshot() call.Snapshot { return f.core.channels[f.index()] }
func (f fakeChannel) Transfer(destination, dialplan, context string, leg call.TransferLeg) {
	f.note("transfer %s,%s,%s %d", destination, dialplan, context, leg)
}
func (f fakeChannel) Do(app, data string) { f.note("%s(%s)", app, data) }
func (f fakeChannel) Send(m call.Message) error {
	f.note("%s %s(%s) %t", m.Command, m.App, m.Data, m.Lock)
	return nil
}
func (f fakeChannel) ReceiveDTMF(digits string) { f.note("received %s", digits) }
func (f fakeChannel) SetVariables(vars ...call.Variable) {
	s := &f.core.channels[f.index()]
	for _, v := range vars {
		var kept []call.Variable
		for _, old := range s.Variables {
			if old.Name != v.Name {
				kept = append(kept, old)
			}
		}
		if v.Value != "" {
			kept = append(kept, v)
		}
		s.Variables = kept
	}
}
func (f fakeChannel) Describe(context.Context, *esl.Event) error { return call.ErrChannelGone }
func (f fakeChannel) DualTransfer(own, far call.Place)           { f.note("goes %v, far %v", own, far) }

// err is what a channel says that is to fail.
func (f fakeChannel) err() error {
	if f.uuid == "c" {
		return errors.New("no")
	}
	return nil
}

func (f fakeChannel) Hold(_ context.Context, on bool) error {
	f.note("hold %t", on)
	return f.err()
}
func (f fakeChannel) Bypass(_ context.Context, on bool) error {
	f.note("bypass %t", on)
	return f.err()
}

func (f fakeChannel) Reinvite(context.Context) error {
	f.note("reinvite")
	return f.err()
}
func (f fakeChannel) Break()    { f.note("break") }
func (f fakeChannel) BreakAll() { f.note("break all") }
func (f fakeChannel) Mute(_ context.Context, said, heard bool) error {
	f.note("mute %t %t", said, heard)
	return f.err()
}
func (f fakeChannel) Level(_ context.Context, said bool, level int) error {
	f.note("level %t %d", said, level)
	if level == 3 {
		return call.ErrCannotLevel
	}
	return f.err()
}
func (f fakeChannel) SteerSound(_ context.Context, command string) error {
	f.note("steer %s", command)
	if command == "seek:1" {
		return call.ErrNoFile
	}
	return f.err()
}
func (f fakeChannel) SetMediaStats(context.Context) error {
	f.note("stats")
	return f.err()
}
func (f fakeChannel) ReleaseLimits(realm, id string) { f.note("release %s %s", realm, id) }
func (f fakeChannel) Unmute(context.Context) error {
	f.note("unmute")
	return f.err()
}
func (f fakeChannel) Displace(_ context.Context, name string, limit time.Duration) error {
	f.note("displace %s %s", name, limit)
	return f.err()
}
func (f fakeChannel) Undisplace(_ context.Context, name string) error {
	f.note("undisplace %s", name)
	return f.err()
}
func (f fakeChannel) Record(_ context.Context, path string, limit time.Duration) error {
	f.note("record %s %s", path, limit)
	return f.err()
}
func (f fakeChannel) StopRecording(_ context.Context, path string) error {
	f.note("stop %s", path)
	return f.err()
}
func (f fakeChannel) PauseRecording(_ context.Context, path string, on bool) error {
	f.note("pause %s %t", path, on)
	return f.err()
}
func (f fakeChannel) MaskRecording(_ context.Context, path string, on bool) error {
	f.note("mask %s %t", path, on)
	return f.err()
}
func (f fakeChannel) Recordings(context.Context) []string { return []string{"b<.wav", "a.wav"} }
func (f fakeChannel) Display(name, number string)         { f.note("display %s,%s", name, number) }
func (f fakeChannel) SendNotify(event, contentType, body string) {
	f.note("notify %s %s %s", event, contentType, body)
}
func (f fakeChannel) Notify(event string) { f.note("notify %s", event) }
func (f fakeChannel) SendRequest(method, contentType, body string) {
	f.note("%s %s %s", method, contentType, body)
}

func (f fakeChannel) BridgeTo(uuid string) bool {
	f.note("bridge %s", uuid)
	return fakeChannel{core: f.core, uuid: uuid}.index() >= 0
}

// steerable makes the fake core's channels such as can be steered.
func steerable(c *Control, core *fakeCore) *[]string {
	var did []string
	c.steered = func(id string) (steered, bool) {
		ch := fakeChannel{core, id, &did}
		return ch, ch.index() >= 0
	}
	return &did
}

func TestSteerChannels(t *testing.T) {
	c, core := testControl(t)
	did := steerable(c, core)
	for _, tc := range []struct{ command, want, did string }{
		{"uuid_transfer a 1002", "+OK\n", "a transfer 1002,, 0"},
		{"uuid_transfer a -bleg 1002 XML default", "+OK\n", "a transfer 1002,XML,default 1"},
		{"uuid_transfer a  -both 'set:a=b,park' inline", "+OK\n", "a transfer set:a=b,park,inline, 2"},
		{"uuid_transfer a", "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n", ""},
		{"uuid_transfer a -both", "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n", ""},
		{"uuid_transfer x 1", "-ERR No such channel!\n", ""},
		{"uuid_park a", "+OK\n", "a transfer park,inline, 0"},
		{"uuid_park", "-USAGE: <uuid>\n", ""},
		{"uuid_bridge a c", "+OK c\n", "a bridge c"},
		{"uuid_bridge a a", "-ERR Invalid uuid\n", ""},
		{"uuid_bridge a x", "-ERR Invalid uuid\n", "a bridge x"},
		{"uuid_bridge a x c", "+OK c\n", "a bridge x,a bridge c"},
		{"uuid_bridge a", "-USAGE: <uuid> <other_uuid>\n", ""},
		{"uuid_answer a", "+OK\n", "a answer()"},
		{"uuid_pre_answer a", "+OK\n", "a pre_answer()"},
		{"uuid_broadcast a tone_stream://%(300,0,440) both", "+OK Message sent\n", "b execute playback(tone_stream://%(300,0,440)) true,a execute playback(tone_stream://%(300,0,440)) true"},
		{"uuid_broadcast a x.wav", "+OK Message sent\n", "a execute playback(x.wav) true"},
		{"uuid_broadcast a set::x=y bleg", "+OK Message sent\n", "b execute set(x=y) true"},
		{"uuid_broadcast a playback!user_busy::x.wav", "+OK Message sent\n", "a execute playback(x.wav) true,a execute hangup(USER_BUSY) true"},
		{"uuid_broadcast c x.wav bleg", "+OK Message sent\n", ""},
		{"uuid_broadcast a", "-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n", ""},
		{"uuid_record a start x.wav 10", "+OK Success\n", "a record x.wav 10s"},
		{"uuid_record a stop all", "+OK Success\n", "a stop all"},
		{"uuid_record c start x.wav", "-ERR Cannot record session!\n", "c record x.wav 0s"},
		{"uuid_record c stop x.wav", "-ERR Cannot stop record session!\n", "c stop x.wav"},
		{"uuid_record a mask x.wav", "+OK Success\n", "a mask x.wav true"},
		{"uuid_record a unmask x.wav", "+OK Success\n", "a mask x.wav false"},
		{"uuid_record a pause x.wav", "+OK Success\n", "a pause x.wav true"},
		{"uuid_record a resume x.wav", "+OK Success\n", "a pause x.wav false"},
		{"uuid_record c mask x.wav", "-ERR Cannot mask recording session!\n", "c mask x.wav true"},
		{"uuid_record c unmask x.wav", "-ERR Cannot unmask recording session!\n", "c mask x.wav false"},
		{"uuid_record c pause x.wav", "-ERR Cannot pause recording session!\n", "c pause x.wav true"},
		{"uuid_record c resume x.wav", "-ERR Cannot resume recording session!\n", "c pause x.wav false"},
		{"uuid_record a start x.wav ten", "+OK Success\n", "a record x.wav 0s"},
		{"uuid_record a dance x.wav", "-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]\n", ""},
		{"uuid_record a", "-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]\n", ""},
		{"uuid_send_dtmf a 12@100", "+OK a sent DTMF 12@100.\n", "a send_dtmf(12@100)"},
		{"uuid_recv_dtmf a 34", "+OK a received DTMF 34.\n", "a received 34"},
		{"uuid_send_dtmf a ${x}", "-ERR Operation failed\n", ""},
		{"uuid_send_dtmf a", "-USAGE: <uuid> <dtmf_data>\n", ""},
		{"uuid_hold a", "+OK Success\n", "a hold true"},
		{"uuid_hold a Please wait", "+OK Success\n", "a hold true"},
		{"uuid_hold off a", "+OK Success\n", "a hold false"},
		{"uuid_hold toggle a", "+OK Success\n", "a hold true"},
		{"uuid_hold c", "-ERR Operation failed\n", "c hold true"},
		{"uuid_hold off x", "+OK Success\n", ""},
		{"uuid_hold", "-USAGE: [off|toggle] <uuid> [<display>]\n-ERR Operation failed\n", ""},
		{"uuid_media off a", "+OK Success\n", "a bypass true"},
		{"uuid_media OFF a", "+OK Success\n", "a bypass true"},
		{"uuid_media a", "+OK Success\n", "a bypass false"},
		{"uuid_media off c", "-ERR Operation failed\n", "c bypass true"},
		{"uuid_media off x", "-ERR Operation failed\n", ""},
		{"uuid_media off", "-ERR Operation failed\n", ""},
		{"uuid_media", "-USAGE: [off] <uuid>\n-ERR Operation failed\n", ""},
		{"uuid_media_reneg a", "+OK Success\n", "a reinvite"},
		{"uuid_media_reneg x", "-ERR Operation failed\n", ""},
		{"uuid_break a", "+OK\n", "a break"},
		{"uuid_break a all", "+OK\n", "a break all"},
		{"break a both", "+OK\n", "a break,b break"},
		{"uuid_break x", "-ERR No such channel!\n", ""},
		{"uuid_break", "-USAGE: <uuid> [all]\n", ""},
		{"uuid_audio a start read mute -1", "+OK\n", "a mute true false"},
		{"uuid_audio a start write mute 1", "+OK\n", "a mute false true"},
		{"uuid_audio a start read mute 0", "+OK\n", "a unmute"},
		{"uuid_audio a stop", "+OK\n", "a unmute"},
		{"uuid_audio a start read level 2", "+OK\n", "a level true 2"},
		{"uuid_audio a start write level -4", "+OK\n", "a level false -4"},
		{"uuid_audio a start write level loud", "+OK\n", "a level false 0"},
		{"uuid_audio a start read level 3", "-ERR Operation failed\n", "a level true 3"},
		{"uuid_audio a start read tune 3", "-USAGE: <uuid> [start [read|write] [mute|level <level>]|stop]\n", ""},
		{"uuid_fileman a volume:+1", "+OK\n", "a steer volume:+1"},
		{"uuid_fileman a pause", "+OK\n", "a steer pause"},
		{"uuid_fileman a seek:1", "-ERR No file handle!\n", "a steer seek:1"},
		{"uuid_fileman x pause", "-ERR No such channel!\n", ""},
		{"uuid_set_media_stats a", "+OK:\n", "a stats"},
		{"uuid_set_media_stats x", "-ERR No such channel x!\n", ""},
		{"uuid_set_media_stats", "-USAGE: <uuid>\n", ""},
		{"uuid_redirect a sip:1@b", "+OK:(null)\n", "a redirect(sip:1@b)"},
		{"uuid_redirect x sip:1@b", "-ERR No such channel x!\n", ""},
		{"uuid_redirect a", "-USAGE: <uuid> <uri>\n", ""},
		{"uuid_limit a hash r i 5 !USER_BUSY", "+OK", "a limit(hash r i 5 !USER_BUSY)"},
		{"uuid_limit a hash r", "USAGE: uuid_limit <uuid> <backend> <realm> <resource> [<max>[/interval]] [number [dialplan [context]]]\n", ""},
		{"uuid_limit x hash r i", "-ERR Cannot find session with uuid x\n", ""},
		{"uuid_limit_release a hash r i", "+OK", "a release r i"},
		{"uuid_limit_release a hash", "+OK", "a release  "},
		{"uuid_limit_release x hash", "-ERR Cannot find session with uuid x\n", ""},
		{"uuid_fileman a", "-USAGE: <uuid> <cmd>:<val>\n", ""},
		{"uuid_audio a start", "-USAGE: <uuid> [start [read|write] [mute|level <level>]|stop]\n", ""},
		{"uuid_audio x stop", "-ERR No such channel!\n", ""},
		{"uuid_displace a start x.wav 20", "+OK Success\n", "a displace x.wav 20s"},
		{"uuid_displace c start x.wav", "-ERR Cannot displace session!\n", "c displace x.wav 0s"},
		{"uuid_displace a stop x.wav", "+OK Success\n", "a undisplace x.wav"},
		{"uuid_displace c stop x.wav", "-ERR Cannot stop displace session!\n", "c undisplace x.wav"},
		{"uuid_displace x start x.wav", "-ERR Cannot locate session!\n", ""},
		{"uuid_displace a dance x.wav", "-USAGE: <uuid> [start|stop] <path> [<limit>] [mux]\n", ""},
		{"uuid_buglist a", "<media-bugs>\n <media-bug>\n  <function>session_record</function>\n  <target>a.wav</target>\n  <thread-locked>0</thread-locked>\n </media-bug>\n" +
			" <media-bug>\n  <function>session_record</function>\n  <target>b&lt;.wav</target>\n  <thread-locked>0</thread-locked>\n </media-bug>\n</media-bugs>\n", ""},
		{"uuid_buglist x", "", ""},
		{"uuid_display a 'A Name|1234'", "+OK Success\n", "a display A Name,1234"},
		{"uuid_display x foo", "-ERR Operation failed\n", ""},
		{"uuid_display a", "-USAGE: <uuid> <display>\n", ""},
		{"uuid_phone_event a", "+OK Success\n", "a notify talk"},
		{"uuid_phone_event a hold", "+OK Success\n", "a notify hold"},
		{"uuid_phone_event", "-USAGE: <uuid>\n-ERR Operation failed\n", ""},
		{"uuid_send_info a hello", "+OK Success\n", "a INFO freeswitch/data hello"},
		{"uuid_send_info a text plain hello you", "+OK Success\n", "a INFO text/plain hello you"},
		{"uuid_send_info x hello", "-ERR Operation Failed\n", ""},
		{"uuid_send_message a hello you", "+OK Success\n", "a MESSAGE text/plain hello you"},
		{"uuid_send_message x hello", "-ERR Unable to find session for UUID\n", ""},
		{"uuid_send_message a", "-USAGE: <uuid> <message>\n", ""},
		{"uuid_deflect a sip:1@b.example", "+OK:no reply\n", "a deflect(sip:1@b.example)"},
		{"uuid_deflect x sip:1@b.example", "-ERR No such channel x!\n", ""},
		{"uuid_deflect a", "-USAGE: <uuid> <uri>\n", ""},
		{"uuid_simplify a", "-ERR Operation failed\n", ""},
		{"uuid_ring_ready a", "+OK\n", "a ring_ready()"},
		{"uuid_ring_ready x", "-ERROR\n", ""},
		{"uuid_ring_ready a loudly", "-USAGE: <uuid> [queued]\n", ""},
		{"uuid_flush_dtmf a", "+OK\n", "a flush_dtmf()"},
		{"uuid_flush_dtmf x", "-ERR No such session\n", ""},
		{"uuid_dual_transfer a 1001 1002/XML/default", "+OK\n", "a goes {1001  }, far {1002 XML default}"},
		{"uuid_dual_transfer a 'set:a=/b,park/inline' park/inline", "+OK\n", "a goes {set:a=/b,park inline }, far {park inline }"},
		{"uuid_dual_transfer x 1 2", "-ERR No such channel!\n", ""},
		{"uuid_dual_transfer a 1", "-USAGE: <uuid> <A-dest-exten>[/<A-dialplan>][/<A-context>] <B-dest-exten>[/<B-dialplan>][/<B-context>]\n", ""},
		{"uuid_setvar a", "-USAGE: <uuid> <var> [value]\n", ""},
		{"uuid_setvar_multi a", "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n", ""},
		{"uuid_setvar_multi a =1", "-ERR No variable specified\n", ""},
		{"uuid_setvar_multi x a=1", "-ERR No such channel!\n", ""},
		{"uuid_dump x", "-ERR No such channel!\n", ""},
	} {
		*did = nil
		if got := c.Execute(t.Context(), tc.command); got != tc.want || strings.Join(*did, ",") != tc.did {
			t.Errorf("%s: got %q, did %q; want %q and %q", tc.command, got, strings.Join(*did, ","), tc.want, tc.did)
		}
	}
	c.Execute(t.Context(), "uuid_setvar_multi a one=1;two=2 2;x=_undef_")
	if got := c.Execute(t.Context(), "eval uuid:a ${variable_one}${variable_two}${variable_x}."); got != "12 2." {
		t.Errorf("got %q", got)
	}
}

// TestCommandsWithoutChannels runs them against the interface of the call core itself.
func TestCommandsWithoutChannels(t *testing.T) {
	c, _ := testControl(t)
	for command, want := range map[string]string{
		"uuid_transfer a 1": "-ERR No such channel!\n", "uuid_bridge a b": "-ERR Invalid uuid\n", "uuid_answer a": "-ERROR\n",
	} {
		if got := c.Execute(t.Context(), command); got != want {
			t.Errorf("%s: %q", command, got)
		}
	}
}

func TestStoreCommands(t *testing.T) {
	c, _ := testControl(t)
	for _, tc := range []struct{ command, want string }{
		{"hash insert/realm/key/a/b", "+OK\n"},
		{"hash select/realm/key", "a/b"},
		{"hash delete/realm/key", "+OK\n"},
		{"hash select/realm/key", ""},
		{"db insert/realm/key/value", "+OK"},
		{"db select/realm/key", "value"},
		{"db exists/realm/key", "true"},
		{"db exists/realm/other", "false"},
		{"db count/realm", "1"},
		{"group insert:team:user/1000@example.com", "+OK"},
		{"group call:team", "user/1000@example.com"},
		{"limit_usage hash realm id", "0"},
		{"limit_hash_usage realm id", "0"},
		{"limit_hash_usage realm", "-USAGE: <backend> <realm> <id> [rate]\n"},
		{"limit_reset hash", "+OK\n"},
		{"limit_status hash", ""},
	} {
		if got := c.Execute(t.Context(), tc.command); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.command, got, tc.want)
		}
	}
}

// TestRecordedChannelCommands compares what is said about channels that exist and that do not. Commands that are not served are left out.
func TestRecordedChannelCommands(t *testing.T) {
	for name, served := range map[string]int{"73_uuid_bad": 20, "99_live_uuid_getvar": 9} {
		text, err := os.ReadFile(filepath.Join(shared, "oracle/esl", name+".txt"))
		if err != nil {
			t.Skip("no recordings of FreeSWITCH beside the working copy")
		}
		steps, err := esltest.ParseTranscript(string(text))
		if err != nil {
			t.Fatal(err)
		}
		core := &fakeCore{channels: []call.Snapshot{{UUID: "aaaaaaaa-1111-4111-8111-000000000001", Name: "null/1000"}}}
		c := recordedControl(t, core, "vanilla")
		steerable(c, core)
		compared := 0
		for i, step := range steps {
			command, ok := strings.CutPrefix(strings.TrimSpace(string(step.Bytes)), "api ")
			if !ok || step.Side != esltest.Client {
				continue
			}
			got := c.Execute(t.Context(), command)
			if strings.HasSuffix(got, "Command not found!\n") {
				continue
			}
			if got == "" {
				got = "-ERR no reply\n"
			}
			if _, want, _ := strings.Cut(string(steps[i+1].Bytes), "\n\n"); got != want {
				t.Errorf("%s: %s: got %q, want %q", name, command, got, want)
			}
			compared++
		}
		if compared != served {
			t.Errorf("%s: %d answers were compared, want %d", name, compared, served)
		}
	}
}

// TestRecordedDump: the headers that there are have FreeSWITCH's names and stand in its order.
func TestRecordedDump(t *testing.T) {
	all := answers(t, "live_queries.api.txt")
	core := &fakeCore{channels: recordedChannels(t, all)}
	s := &core.channels[0]
	s.AnswerState, s.Bridged, s.Variables = "answered", s.BridgeCreated, []call.Variable{{Name: "direction", Value: "inbound"}, {Name: "uuid", Value: s.UUID},
		{Name: "list", Value: "ARRAY::a|:b"}, {Name: "sip_h_X-List", Value: "ARRAY::a|:b", Wire: true}}
	c := recordedControl(t, core, "recorded")
	recorded, ok := all["uuid_dump "+s.UUID]
	if !ok {
		t.Fatal("not in the recording")
	}
	var names []string
	for _, l := range strings.Split(recorded, "\n") {
		name, _, _ := strings.Cut(l, ": ")
		names = append(names, name)
	}
	at := 0
	skip := map[string]bool{"variable_list": true, "variable_sip_h_X-List": true}
	for _, l := range strings.Split(strings.TrimSpace(c.Execute(t.Context(), "uuid_dump "+s.UUID)), "\n") {
		name, value, _ := strings.Cut(l, ": ")
		if skip[name] {
			continue
		}
		found := -1
		for i := at; i < len(names) && found < 0; i++ {
			if names[i] == name {
				found = i
			}
		}
		if found < 0 {
			t.Fatalf("%s is not, or elsewhere, in the recording", name)
		}
		at = found
		if strings.HasPrefix(name, "Caller-C") && !strings.HasSuffix(name, "-Time") || strings.HasPrefix(name, "Channel-") {
			if want := strings.Split(recorded, "\n")[found]; want != l {
				t.Errorf("got %s, want %s (value %q)", l, want, value)
			}
		}
	}
	if got := c.Execute(t.Context(), "uuid_dump "+s.UUID+" json"); !strings.HasPrefix(got, `{"Event-Name":"CHANNEL_DATA","Core-UUID":`) ||
		!strings.Contains(got, `"variable_list":["a","b"]`) || !strings.Contains(got, `"variable_sip_h_X-List":"ARRAY::a|:b"`) {
		t.Errorf("got %s", got)
	}
	if got := c.Execute(t.Context(), "uuid_dump "+s.UUID+" xml"); !strings.HasPrefix(got, "<event>\n  <headers>\n    <Event-Name>CHANNEL_DATA</Event-Name>\n") {
		t.Errorf("got %s", got)
	}
}

// FuzzExecute: no command line makes a command panic or answer with more than it should.
func FuzzExecute(f *testing.F) {
	c, core := testControl(f)
	steerable(c, core)
	for name := range c.table {
		f.Add(name)
	}
	for _, s := range []string{"uuid_transfer a -both 'x y", "show channels like a as delim |", "eval uuid:a ${variable_x:-1:2}", "expand uuid:b echo ${x[1]}",
		"sofia status gateway trunk", "eval ${${${x}}}", "show channels like %% as", "user_data @@ var", "hupall a b c d", "expand eval ${eval(${domain})}",
		"sofia status profile internal reg x", "sofia_contact //@/", "eval ${show(channels as json)}", "sofia_contact */1000@example.com/!x", "group_call default+E", "list_users group", "global_setvar a=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) > 4096 || strings.HasPrefix(line, "uuid_setvar") { // which would change what others find
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing waits
		if out := c.Execute(ctx, line); len(out) > 4<<20 {
			t.Fatalf("%d bytes", len(out))
		}
	})
}
