package control

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/event"
	"github.com/talkpath/talkpath/registrar"
)

type fakeCore struct {
	mu       sync.Mutex // guards stats
	channels []call.Snapshot
	stats    call.Stats
	hungUp   []string
	store    *call.Store
	asked    []call.Origination
}

// Originate notes what is asked for; the dial string is the uuid, or the cause behind "error/".
func (f *fakeCore) Originate(o call.Origination) (string, call.Cause) {
	f.asked = append(f.asked, o)
	if cause, ok := strings.CutPrefix(o.Dial, "error/"); ok {
		return "", call.Cause(cause)
	}
	return o.Dial, ""
}

func (f *fakeCore) Channel(string) (*call.Channel, bool) { return nil, false }
func (f *fakeCore) Store() *call.Store {
	if f.store == nil {
		f.store = call.NewStore(nil)
	}
	return f.store
}

func (f *fakeCore) SetLimits(maxSessions, perSecond int) {
	f.change(func(s *call.Stats) { s.MaxSessions, s.SessionsPerSecond = maxSessions, perSecond })
}

func (f *fakeCore) Pause(direction string, on bool) {
	f.change(func(s *call.Stats) {
		if direction == "inbound" {
			s.PausedInbound = on
		} else {
			s.PausedOutbound = on
		}
	})
}
func (f *fakeCore) ResetRatePeak() { f.stats.PerSecondPeak = 0 }

func (f *fakeCore) Channels() []call.Snapshot { return f.channels }
func (f *fakeCore) Stats() call.Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// change changes the figures while something reads them.
func (f *fakeCore) change(how func(*call.Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how(&f.stats)
}
func (f *fakeCore) Applications() (served, ignored []string) {
	return []string{"answer", "bridge"}, []string{"hash"}
}
func (f *fakeCore) HangupAll(cause call.Cause, match func(call.Snapshot) bool) int {
	n := 0
	for _, s := range f.channels {
		if match == nil || match(s) {
			f.hungUp = append(f.hungUp, s.UUID+" "+string(cause))
			n++
		}
	}
	return n
}

type fakeRegistrations []registrar.Binding

func (f fakeRegistrations) All() []registrar.Binding { return append([]registrar.Binding(nil), f...) }
func (f fakeRegistrations) Lookup(user, domain string) []registrar.Binding {
	var found []registrar.Binding
	for _, b := range f {
		if b.User == user && b.Domain == domain {
			found = append(found, b)
		}
	}
	return found
}

func binding(user, domain, port, callID string) registrar.Binding {
	return registrar.Binding{
		Profile: "internal", User: user, Domain: domain, Contact: "sip:" + user + "@127.0.0.1:" + port, ContactUser: user,
		ContactHost: "127.0.0.1:" + port, Remote: netip.MustParseAddrPort("127.0.0.1:" + port), Transport: "udp", CallID: callID,
		UserAgent: "oracle-ua", Deadline: time.Unix(1795406649, 0),
	}
}

func newControl(t testing.TB, dir, domain string, defaults map[string]string, core *fakeCore, regs fakeRegistrations) *Control {
	t.Helper()
	set := map[string]string{}
	if domain != "" {
		set["domain"] = domain
	}
	snapshot, err := config.Load(config.Options{Dir: dir, Set: set, Defaults: defaults})
	if err != nil {
		t.Fatal(err)
	}
	c := New(Deps{
		Core: core, Config: func() *config.Snapshot { return snapshot }, Registrations: regs, Version: "0.1.0", Started: time.Now(),
		Bus: event.NewBus(event.Identity{CoreUUID: "core", Hostname: "vm", Switchname: "vm", IPv4: "192.0.2.2", IPv6: "::1"}),
	})
	c.idle.read = func() ([]byte, error) { return []byte("cpu  25 0 15 50 10 0 0 0 0 0\ncpu0 1 1 1 1\n"), nil }
	return c
}

func testControl(t testing.TB) (*Control, *fakeCore) {
	core := &fakeCore{
		channels: []call.Snapshot{
			{UUID: "a", CallUUID: "a", OtherUUID: "b", Name: "sofia/internal/1000@example.com", Profile: "internal", CallerName: "Ann, A.",
				Variables: []call.Variable{{Name: "x", Value: "1"}, {Name: "y", Value: "2"}, {Name: "list", Value: "ARRAY::p|:q"}}},
			{UUID: "b", CallUUID: "a", OtherUUID: "a", Name: "sofia/internal/1001@example.com", Profile: "internal",
				Variables: []call.Variable{{Name: "x", Value: "1"}}},
			{UUID: "c", CallUUID: "c", Name: "sofia/internal/1002@example.com", Profile: "internal", CallerName: "Bob",
				Variables: []call.Variable{{Name: "outside", Value: "ARRAY::p|:q", Wire: true}}},
		},
		stats: call.Stats{Current: 3, Peak: 5, PeakFiveMin: 4, SinceStart: 7, PerSecond: 1, PerSecondPeak: 2, PerSecondFiveMin: 2,
			MaxSessions: 1000, SessionsPerSecond: 30},
	}
	second := binding("1000", "example.com", "6001", "id2")
	second.Contact, second.Transport, second.ContactHost = "sip:x|y@z.invalid;transport=ws", "wss", "z.invalid"
	second.ContactUser = "x|y"
	return newControl(t, "testdata/conf", "", map[string]string{"hostname": "vm"}, core,
		fakeRegistrations{binding("1000", "example.com", "6000", "id1"), second}), core
}

const (
	contact1 = "sofia/internal/sip:1000@127.0.0.1:6000"
	contact2 = "sofia/internal/sip:x%7Cy@z.invalid;transport=ws;fs_nat=yes;fs_path=sip%3Ax%7Cy%40127.0.0.1%3A6001%3Btransport%3Dwss"
)

func TestCommands(t *testing.T) {
	row := "1000|default|example.com|default|" + contact1 + "," + contact2 + "|techsupport|Extension %7C 1000|1000\n"
	sales := strings.Replace(row, "|default|s", "|sales|s", 1)
	row1001 := "1001|default|example.com|default|error/user_not_registered|||\n"
	for _, tc := range []struct{ command, want string }{
		{"list_users", listUsersHead + row + row1001 + sales + "\n+OK\n"},
		{"list_users group default user 1000", listUsersHead + row + "\n+OK\n"},
		{"LIST_USERS GROUP Default USER 1000", listUsersHead + row + "\n+OK\n"},
		{"list_users user 1000", listUsersHead + row + sales + "\n+OK\n"},
		{"list_users domain nosuch", listUsersHead + "\n+OK\n"},
		{"list_users context public", listUsersHead + "\n+OK\n"},
		{"user_data 1000@example.com param password", "p w"},
		{"user_data 1000@example.com:5060 param password", "p w"},
		{"user_data 1000 param password", "p w"},
		{"user_data 500@example.com param password", "p w"},
		{"user_data 1000@example.com var toll", "local"},
		{"user_data 500@example.com attr id", "1000"},
		{"user_data 1000@example.com attr number-alias", "500"},
		{"user_data nosuch@example.com param password", ""},
		{"user_data 1000@nosuch param password", ""},
		{"user_data @ param password", ""},
		{"user_data 1000@example.com password", ""},
		{"user_data", ""},
		{"user_exists id 1000 example.com", "true"},
		{"user_exists id 1009 example.com", "false"},
		{"domain_exists example.com", "true"},
		{"domain_exists nosuch", "false"},
		{"eval ${domain}", "example.com"},
		{"eval $${domain}", "example.com"},
		{"eval a${nosuch}b", "ab"},
		{"eval literal text", "literal text"},
		{"eval ${user_data(1000@${domain} param password)}", "p w"},
		{"eval ${unclosed", "${unclosed"},
		{"eval ${Core-UUID}", "core"},
		{"eval ${eval(${eval(x)})}", "x"},
		{"eval uuid:a ${variable_x}${Caller-Caller-ID-Name}", "1Ann, A."},
		{"eval uuid:a ${unique-id}${x}${channel_name}", "a"},
		{"eval uuid:nosuch ${variable_x}${domain}", "example.com"},
		{"eval uuid:a", ""},
		{"eval ${domain:0:7} ${domain:-3} ${domain:8:1}", "example com c"},
		{"eval \\${domain}", "${domain}"},
		{"eval ${hash(insert/r/k/v)}${hash(select/r/k)}", "+OK\nv"},
		{"expand echo ${domain}", "example.com"},
		{"expand expand expand x", "-USAGE: [uuid:<uuid> ]<cmd> <args>\n"},
		{"hostname", "vm"},
		{"echo  hello  world ", "hello  world"},
		{"echo", ""},
		{"version", "Talkpath Version 0.1.0~64bit ( 64bit)\n"},
		{"version short", "0.1.0\n"},
		{"uptime", "0\n"},
		{"uptime days", "0\n"},
		{"uptime moons", "-USAGE: [us|ms|s|m|h|d|microseconds|milliseconds|seconds|minutes|hours|days]\n"},
		{"nosuch with args", "-ERR nosuch Command not found!\n"},
		{"", "-ERR  Command not found!\n"},
		{"uuid_exists a", "true"},
		{"uuid_exists x", "false"},
		{"uuid_exists", "false"},
		{"uuid_getvar a y", "2"},
		{"uuid_getvar b y", "_undef_"},
		{"uuid_getvar a list", "ARRAY::p|:q"},
		{"uuid_getvar a list[1]", "q"},
		{"uuid_getvar a list[2]", "_undef_"},
		{"uuid_getvar a y[0]", "2"},
		{"uuid_getvar a y[", "_undef_"},
		{"uuid_getvar c outside[1]", "ARRAY::p|:q"},
		{"uuid_getvar x y", "-ERR No such channel!\n"},
		{"uuid_kill", "-USAGE: <uuid> [cause]\n"},
		{"uuid_kill x", "-ERR No such channel!\n"},
		{"sofia_contact 1000@example.com", contact1 + "," + contact2},
		{"sofia_contact */1000@example.com", contact1 + "," + contact2},
		{"sofia_contact internal/1000@example.com", contact1 + "," + contact2},
		{"sofia_contact external/1000@example.com", "error/user_not_registered"},
		{"sofia_contact 1001@example.com", "error/user_not_registered"},
		{"sofia_contact", "error/user_not_registered"},
		{"sofia_count_reg 1000@example.com", "2"},
		{"reg_url 1000@example.com", contact1 + "," + contact2},
		{"reg_url 1000/x", contact1 + "," + contact2},
		{"reg_url nosuch@example.com", "error/user_not_registered"},
		{"reg_url", ""},
		{"xml_locate", "-ERR bad args\n"},
		{"xml_locate a b", "-ERR bad args\n"},
		{"xml_locate nosuch", "can't find anything\n"},
		{"xml_locate dialplan context name public", "<context name=\"public\"></context>\n"},
		{"xml_locate configuration configuration name event_socket.conf", "<configuration name=\"event_socket.conf\">\n  <settings>\n" +
			"    <param name=\"listen-ip\" value=\"127.0.0.1\"></param>\n    <param name=\"listen-port\" value=\"8021\"></param>\n" +
			"    <param name=\"password\" value=\"***\"></param>\n  </settings>\n</configuration>\n"},
		{"quote_shell_arg it's $(x)", `'it'\''s $(x)'`},
		{"quote_shell_arg", ""},
		{"sql_escape it's", "it''s"},
		{"banner", "Talkpath 0.1.0\n"},
		{"nat_map status", "false"},
		{"xml_flush_cache", "+OK cleared 0 entries\n"},
		{"msleep 0", "+OK"},
		{"time_test", "parameter missing\n"},
		{"reloadcert", notAvailable},
		{"load", "-USAGE: <mod_name>\n"},
		{"load mod_sofia", "-ERR [Module already loaded]\n"},
		{"unload -f", "-USAGE: [-f] <mod_name>\n"},
		{"unload -f mod_sofia", "-ERR [Module is not unloadable]\n"},
		{"unload mod_nosuch", "-ERR [No such module!]\n"},
		{"module_exists mod_sofia", "true"},
		{"module_exists mod_nosuch", "false"},
		{"show modules as yaml", "-ERR Cannot find format yaml\n"},
		{"show channels count as json", `{"row_count":3,"rows":[]}`},
		{"show channels count as xml", "<result row_count=\"3\"/>\n"},
		{"show tasks as xml", "<result row_count=\"0\"/>\n"},
		{"show nat_map", "\n0 total.\n"},
		{"show say", "\n0 total.\n"},
		{"show limits", "type,name,ikey\nlimit,db,mod_db\nlimit,hash,mod_hash\n\n2 total.\n"},
		{"show endpoints as delim |", "type|name|ikey\nendpoint|error|mod_dptools\nendpoint|group|mod_dptools\nendpoint|loopback|mod_loopback\n" +
			"endpoint|null|mod_loopback\nendpoint|sofia|mod_sofia\nendpoint|user|mod_dptools\n\n6 total.\n"},
		{"show dialplan as json", `{"row_count":2,"rows":[{"type":"dialplan","name":"XML","ikey":"mod_dialplan_xml"},{"type":"dialplan","name":"inline","ikey":"mod_dptools"}]}`},
		{"show module mod_opus", "type,name,ikey,filename\ncodec,OPUS (STANDARD),mod_opus,talkpath\n\n1 total.\n"},
		{"show api version", "name,description,syntax,ikey\nversion,Version,[short],mod_commands\n\n1 total.\n"},
		{"show application bridge", "name,description,syntax,ikey\nbridge,Bridge Audio,<channel_url>,mod_dptools\n\n1 total.\n"},
		{"show application nosuch", "\n0 total.\n"},
		{"reloadacl reloadxml", "This option is deprecated, we now always reloadxml.\n-ERR [Reload is not available]\n"},
		{"sofia_username_of 1000@example.com", "1000"},
		{"show channels count", "\n3 total.\n"},
		{"show calls count", "\n2 total.\n"},
		{"show bridged_calls as csv ;", strings.ReplaceAll(strings.Join(legNames(), ","), ",", ";") + "\na;;0001-01-01 00:00:00;-62135596800;sofia/internal/1000@example.com;;Ann, A.;;;;;;;;;;;a;;;;b;;0001-01-01 00:00:00;-62135596800;sofia/internal/1001@example.com;;;;;;;;;;;;;;;\n\n1 total.\n"},
		{"show channels like 1002@ as delim |", strings.Join(columnNames(), "|") + "\nc||0001-01-01 00:00:00|-62135596800|" +
			"sofia/internal/1002@example.com||Bob|||||||||||||||||||||||c||||||||" + "\n\n1 total.\n"},
		{"show application", "name,description,syntax,ikey\nanswer,Answer the call,,mod_dptools\nbridge,Bridge Audio,<channel_url>,mod_dptools\n\n2 total.\n"},
		{"show ignored_application", "name,description,syntax,ikey\nhash,accepted in a dialplan, does nothing,,talkpath\n\n1 total.\n"},
		{"show nosuch", "-USAGE: " + showSyntax + "\n"},
		{"show", "-USAGE: " + showSyntax + "\n"},
		{"reloadxml", "-ERR [Reload is not available]\n"},
		{"sofia status profile nosuch", "Invalid Profile!\n"},
	} {
		t.Run(tc.command, func(t *testing.T) {
			c, _ := testControl(t)
			if got := c.Execute(t.Context(), tc.command); got != tc.want {
				t.Errorf("got\n%q\nwant\n%q", got, tc.want)
			}
		})
	}
}

func legNames() []string {
	names := append([]string(nil), basicCalls().a...)
	for _, name := range basicCalls().a {
		if !slices.Contains(basicCalls().withoutInB, name) {
			names = append(names, "b_"+name)
		}
	}
	return append(names, "call_created_epoch")
}

func columnNames() (names []string) {
	for _, c := range channelColumns() {
		names = append(names, c.name)
	}
	return names
}

func TestHangup(t *testing.T) {
	for _, tc := range []struct{ command, want, hungUp string }{
		{"hupall", "+OK hangup all channels with cause MANAGER_REQUEST\n", "a MANAGER_REQUEST,b MANAGER_REQUEST,c MANAGER_REQUEST"},
		{"hupall USER_BUSY", "+OK hangup all channels with cause USER_BUSY\n", "a USER_BUSY,b USER_BUSY,c USER_BUSY"},
		{"hupall BOGUS", "+OK hangup all channels with cause NORMAL_CLEARING\n", "a NORMAL_CLEARING,b NORMAL_CLEARING,c NORMAL_CLEARING"},
		{"hupall USER_BUSY x 1 y 2", "+OK hangup all channels matching [x]=[1]... with cause: USER_BUSY\n", "a USER_BUSY"},
		{"uuid_kill b", "+OK\n", "b NORMAL_CLEARING"},
		{"uuid_kill b CALL_REJECTED", "+OK\n", "b CALL_REJECTED"},
		{"uuid_kill b BOGUS", "+OK\n", "b NORMAL_CLEARING"},
	} {
		c, core := testControl(t)
		if got := c.Execute(t.Context(), tc.command); got != tc.want || strings.Join(core.hungUp, ",") != tc.hungUp {
			t.Errorf("%s: %q, hung up %v", tc.command, got, core.hungUp)
		}
	}
}

func TestStatus(t *testing.T) {
	c, core := testControl(t)
	c.deps.Started = time.Now().Add(-(365*24*time.Hour + 2*time.Minute + time.Second + 5*time.Millisecond))
	lines := strings.Split(c.Execute(t.Context(), "status"), "\n")
	if !strings.HasPrefix(lines[0], "UP 1 year, 0 days, 0 hours, 2 minutes, 1 second, ") || !strings.HasSuffix(lines[0], " microseconds") &&
		!strings.HasSuffix(lines[0], " microsecond") {
		t.Errorf("%q", lines[0])
	}
	want := []string{"Talkpath (Version 0.1.0  64bit) is ready", "7 session(s) since startup", "3 session(s) - peak 5, last 5min 4 ",
		"1 session(s) per Sec out of max 30, peak 2, last 5min 2 ", "1000 session(s) max", "min idle cpu 0.00/50.00",
		"Current Stack Size/Max 240K/240K", ""}
	if strings.Join(lines[1:], "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", lines[1:])
	}
	core.stats.Draining = true
	if got := c.Execute(t.Context(), "status"); !strings.Contains(got, "is not ready\n") {
		t.Errorf("draining: %q", got)
	}
}

func TestGlobals(t *testing.T) {
	c, _ := testControl(t)
	for _, tc := range []struct{ command, want string }{
		{"global_getvar domain", "example.com"},
		{"global_setvar foo=bar", "+OK"},
		{"global_getvar foo", "bar"},
		{"eval ${foo}", "bar"},
		{"global_setvar foo=", "+OK"},
		{"global_getvar foo", ""},
		{"global_setvar domain=wrong =nosuch", "+OK"},
		{"global_getvar domain", "example.com"},
		{"global_setvar domain=other =example.com", "+OK"},
		{"global_setvar dial={a=b,c=d}user/1000", "+OK"},
		{"global_getvar dial", "{a=b,c=d}user/1000"},
		{"eval ${domain}", "other"},
		{"global_setvar", "-USAGE: <var>=<value> [=<value2>]\n"},
		{"global_setvar =x", "-USAGE: <var>=<value> [=<value2>]\n"},
	} {
		if got := c.Execute(t.Context(), tc.command); got != tc.want {
			t.Errorf("%s: %q", tc.command, got)
		}
	}
	if all := c.Execute(t.Context(), "global_getvar"); !strings.Contains(all, "domain=other\n") || strings.Contains(all, "foo") {
		t.Errorf("all: %q", all)
	}
}

func TestReloadAndShutdown(t *testing.T) {
	c, _ := testControl(t)
	sub := c.Subscribe()
	defer sub.Close()
	sub.Select(esl.Selection{All: true})
	failing := errors.New("line 3:\nbad")
	c.deps.Reload = func(context.Context) error { return failing }
	var graceful []bool
	c.deps.Shutdown = func(g bool) { graceful = append(graceful, g) }
	if got := c.Execute(t.Context(), "reloadxml"); got != "-ERR [line 3: bad]\n" {
		t.Errorf("failing: %q", got)
	}
	failing = nil
	if got := c.Execute(t.Context(), "reloadxml"); got != "+OK [Success]\n" {
		t.Errorf("%q", got)
	}
	for _, command := range []string{"shutdown", "shutdown elegant"} {
		if got := c.Execute(t.Context(), command); got != "+OK\n" {
			t.Errorf("%s: %q", command, got)
		}
	}
	if len(graceful) != 2 || graceful[0] || !graceful[1] {
		t.Errorf("shutdowns %v", graceful)
	}
	var got []string
	for range 5 {
		e, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Name()+" "+e.Value("API-Command")+" "+e.Value("API-Command-Argument"))
	}
	if want := "API reloadxml |API reloadxml |RELOADXML  |API shutdown |API shutdown elegant"; strings.Join(got, "|") != want {
		t.Errorf("events %q", got)
	}
}

// TestHelpKnowsEverything: each command says what it is, in lower case.
func TestHelpKnowsEverything(t *testing.T) {
	c, _ := testControl(t)
	help := c.Execute(t.Context(), "help")
	for name, cmd := range c.table {
		if name != strings.ToLower(name) || cmd.help == "" && name != "reg_url" && !strings.HasPrefix(name, "console_complete") || !strings.Contains(help, "\n"+name+",") {
			t.Errorf("%s", name)
		}
	}
}

func TestShowChannelsLike(t *testing.T) {
	c, _ := testControl(t)
	for like, want := range map[string]int{"sofia": 3, "sofia%": 3, "SOFIA": 3, "%1002@example.com": 1, "1002@example.com": 1, "1002%": 0, "bob": 1, "B_b": 1, "x": 3, "zz": 0} {
		got := c.Execute(t.Context(), "show channels like "+like)
		if !strings.HasSuffix(got, fmt.Sprintf("\n%d total.\n", want)) {
			t.Errorf("%s: got %s", like, got)
		}
	}
}

func TestMatchLike(t *testing.T) {
	for _, tc := range []struct {
		pattern, text string
		want          bool
	}{
		{"%", "", true}, {"%", "abc", true}, {"", "", true}, {"", "a", false}, {"abc", "abc", true}, {"abc", "ab", false}, {"ab", "abc", false},
		{"%b%", "abc", true}, {"%b", "abc", false}, {"a%", "abc", true}, {"a%c", "abbbc", true}, {"a%c", "abbb", false}, {"a_c", "abc", true},
		{"a_c", "ac", false}, {"%a%b%", "xxaxxbxx", true}, {"%a%b%", "xxbxxaxx", false}, {"%%", "x", true}, {"%ab", "aab", true}, {"_%", "", false},
	} {
		if got := matchLike(tc.pattern, tc.text); got != tc.want {
			t.Errorf("%q like %q: %v", tc.text, tc.pattern, got)
		}
	}
}
