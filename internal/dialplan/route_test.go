package dialplan

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // a Monday

func TestRouteEmbeddedTree(t *testing.T) {
	p := loadTree(t, "../config/embedded", map[string]string{"local_ip_v4": "192.0.2.1", "default_password": "x", "esl_password": "y", "certs_dir": "/c"})
	local := []string{"export dialed_extension=1001", "set call_timeout=30", "set hangup_after_bridge=true", "bridge user/@example.com"}
	for _, c := range []struct {
		name, context, number, extension string
		want                             []string
	}{
		{"local user", "default", "1001", "Local_Extension", local},
		{"Rocket.Chat's star and plus", "default", "*+1001", "Local_Extension", local},
		{"plus", "default", "+1001", "Local_Extension", local},
		{"echo", "default", "9196", "echo", []string{"answer", "echo"}},
		{"park", "default", "5900", "park", []string{"answer", "park"}},
		{"unknown number", "default", "4711", "", nil},
		{"a number that only contains one", "default", "10011", "", nil},
		{"public", "public", "1001", "reject", []string{"hangup CALL_REJECTED"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := dialing(c.number)
			r, ok := p.Route(c.context, env, noon)
			if got := script(r, env); !ok || r.Extension != c.extension || !slices.Equal(got, c.want) {
				t.Errorf("%v %q %q", ok, r.Extension, got)
			}
		})
	}
	if _, ok := p.Route("nosuch", dialing("1001"), noon); ok {
		t.Error("an unknown context is said to exist")
	}
}

// TestRouteAsRecorded compares with what FreeSWITCH executed for a call to 1001 in its stock dialplan (up to the bridge; hash and
// export of the "global" extension come first because it continues).
func TestRouteAsRecorded(t *testing.T) {
	p := loadTree(t, stockTree(t, "recorded"), map[string]string{"local_ip_v4": "127.0.0.1", "recordings_dir": "/rec", "conf_dir": "/c"})
	env := dialing("1001")
	env.vars["domain_name"] = "127.0.0.1"
	env.vars["uuid"] = "U"
	env.vars["endpoint_disposition"] = "DELAYED NEGOTIATION"
	env.vars["dialed_extension"] = "1001"
	env.vars["us-ring"] = "%(2000,4000,440,480)"
	r, ok := p.Route("default", env, noon)
	got := script(r, env)
	want := []string{
		"set open=true", // Monday, 9 to 18 h
		"hash insert/127.0.0.1-spymap/1000/U", "hash insert/127.0.0.1-last_dial/1000/1001", "hash insert/127.0.0.1-last_dial/global/U",
		"export RFC2822_DATE=strftime<%a, %d %b %Y %T %z>", "export dialed_extension=1001", "bind_meta_app 1 b s execute_extension::dx XML features",
		"bind_meta_app 2 b s record_session::/rec/1000.strftime<%Y-%m-%d-%H-%M-%S>.wav", "bind_meta_app 3 b s execute_extension::cf XML features",
		"bind_meta_app 4 b s execute_extension::att_xfer XML features", "set ringback=%(2000,4000,440,480)", "set transfer_ringback=local_stream://moh",
		"set call_timeout=30", "set hangup_after_bridge=true", "set continue_on_fail=true",
	}
	if !ok || len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("%v\n%s", ok, strings.Join(got, "\n"))
	}
	if !slices.Equal(r.Matches, []string{"1001", "1001"}) || !r.MatchesWire {
		t.Errorf("DP_MATCH %q %v", r.Matches, r.MatchesWire)
	}
	if !slices.Contains(got, "bridge user/1001@127.0.0.1") {
		t.Error("no bridge")
	}
}

func TestStockDialplanCompiles(t *testing.T) {
	p := loadTree(t, stockTree(t, "vanilla"), map[string]string{"local_ip_v4": "192.0.2.1"})
	for _, name := range []string{"default", "public", "features"} {
		if !slices.Contains(p.Contexts(), name) {
			t.Errorf("no context %s in %q", name, p.Contexts())
		}
	}
}

// ext wraps conditions in one context that ends with a catch-all, so that a table sees whether the search went on.
func ext(attrs, body string) string {
	return `<context name="c"><extension name="e" ` + attrs + `>` + body + `</extension>
		<extension name="rest"><condition><action application="rest"/></condition></extension></context>`
}

const (
	yes = `<condition field="destination_number" expression="^1" `
	no  = `<condition field="destination_number" expression="^2" `
)

func TestConditions(t *testing.T) {
	act := func(s string) string { return `<action application="` + s + `"/>` }
	anti := func(s string) string { return `<anti-action application="` + s + `"/>` }
	for _, c := range []struct{ name, attrs, body, want string }{
		{"match ends the search", "", yes + ">" + act("a") + "</condition>", "a"},
		{"no match goes on", "", no + ">" + act("a") + "</condition>", "rest"},
		{"continue", `continue="true"`, yes + ">" + act("a") + "</condition>", "a rest"},
		{"two conditions and", "", yes + ">" + act("a") + "</condition>" + no + ">" + act("b") + "</condition>", "a rest"},
		{"anti-action", "", no + ">" + act("a") + anti("x") + "</condition>", "x"},
		{"anti-action, then break on-false", "", no + ">" + anti("x") + "</condition>" + yes + ">" + act("b") + "</condition>", "x"},
		{"break on-true", "", yes + `break="on-true">` + act("a") + "</condition>" + yes + ">" + act("b") + "</condition>", "a"},
		{"break on-true, no match", "", no + `break="on-true">` + act("a") + "</condition>" + yes + ">" + act("b") + "</condition>", "b"},
		{"break never", "", no + `break="never">` + act("a") + "</condition>" + yes + ">" + act("b") + "</condition>", "b"},
		{"break always", "", yes + `break="always">` + act("a") + "</condition>" + yes + ">" + act("b") + "</condition>", "a"},
		{"last one decides", "", yes + ">" + act("a") + "</condition>" + no + `break="never"></condition>`, "a rest"},
		{"absolute", "", "<condition>" + act("a") + "</condition>", "a"},
		{"nested", "", yes + ">" + act("a") + yes + ">" + act("b") + "</condition></condition>", "a b"},
		{"nested fails", "", yes + ">" + act("a") + no + ">" + act("b") + "</condition></condition>" + yes + ">" + act("c") + "</condition>", "a rest"},
		{"nested fails, not required", "", yes + `require-nested="false">` + act("a") + no + ">" + act("b") + "</condition></condition>" + yes + ">" + act("c") + "</condition>", "a c"},
		{"nested fails, break never", "", yes + `break="never">` + no + ">" + act("b") + "</condition></condition>" + yes + ">" + act("c") + "</condition>", "c"},
		{"nested of a failed one", "", no + ">" + yes + ">" + act("b") + "</condition></condition>", "rest"},
		{"regex any", "", `<condition regex="any"><regex field="destination_number" expression="^2"/><regex field="destination_number" expression="^1"/>` + act("a") + "</condition>", "a"},
		{"regex all fails", "", `<condition regex="all"><regex field="destination_number" expression="^1"/><regex field="destination_number" expression="^2"/>` + act("a") + anti("x") + "</condition>", "x"},
		{"regex all", "", `<condition regex="all"><regex field="destination_number" expression="^1"/><regex field="destination_number" expression="1$"/>` + act("a") + "</condition>", "a"},
		{"regex xor both", "", `<condition regex="xor"><regex field="destination_number" expression="^1"/><regex field="destination_number" expression="1$"/>` + act("a") + "</condition>", "rest"},
		{"regex xor one", "", `<condition regex="xor"><regex field="destination_number" expression="^1"/><regex field="destination_number" expression="2$"/>` + act("a") + "</condition>", "a"},
		{"expression element", "", `<condition field="destination_number"><expression><![CDATA[^1\d+$]]></expression>` + act("a") + "</condition>", "a"},
		{"variable in field", "", `<condition field="${domain_name}" expression="^example\.com$">` + act("a") + "</condition>", "a"},
		{"variable in expression", "", `<condition field="destination_number" expression="^${prefix}\d+$">` + act("a") + "</condition>", "a"},
		{"wire text in expression is literal", "", `<condition field="${domain_name}" expression="^${caller_id_name}$">` + act("a") + "</condition>", "rest"},
		{"look-ahead", "", `<condition field="destination_number" expression="^(?!9)(\d+)$"><action application="a" data="$1"/></condition>`, "a 1001"},
		{"slashes and flags", "", `<condition field="${domain_name}" expression="/EXAMPLE/i">` + act("a") + "</condition>", "a"},
		{"captures", "", `<condition field="destination_number" expression="^(\d)(\d+)$"><action application="a" data="$2-$1-$0-$3-\$1"/></condition>`, "a 001-1-1001--$1"},
		{"no group, no capture", "", `<condition field="destination_number" expression="^\d+$"><action application="a" data="$1"/></condition>`, "a $1"},
		{"anti-actions have no captures", "", `<condition field="destination_number" expression="^(2)"><anti-action application="x" data="$1"/></condition>`, "x $1"},
		{"data as text", "", yes + `><action application="a">some data</action></condition>`, "a some data"},
		{"loop", "", yes + `><action application="a" loop="3"/></condition>`, "a a a"},
		{"Monday", "", `<condition wday="2">` + act("a") + "</condition>", "a"},
		{"not Tuesday", "", `<condition wday="tue-fri">` + act("a") + "</condition>", "rest"},
		{"time and field", "", `<condition wday="mon" field="destination_number" expression="^2">` + act("a") + "</condition>", "rest"},
		{"broken expression never matches", "", `<condition field="destination_number" expression="("><action application="a"/></condition>`, "rest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := compileXML(t, ext(c.attrs, c.body))
			env := dialing("1001")
			env.vars["prefix"] = "1"
			r, _ := p.Route("c", env, noon)
			if got := strings.Join(script(r, env), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// inlineEnv executes set at once.
type inlineEnv struct{ fakeEnv }

func (e inlineEnv) Inline(a Action) {
	name, value, _ := strings.Cut(a.Data.Expand(e).String(), "=")
	e.vars[name] = value
}

func TestInlineActionIsSeenByLaterConditions(t *testing.T) {
	p, _ := compileXML(t, ext("", `<condition><action application="set" data="x=7" inline="true"/></condition>
		<condition field="${x}" expression="^7$"><action application="a" data="${x}"/></condition>`))
	env := inlineEnv{dialing("1001")}
	r, _ := p.Route("c", env, noon)
	if got := script(r, env); !slices.Equal(got, []string{"a 7"}) {
		t.Errorf("%q", got)
	}
	r, _ = p.Route("c", dialing("1001"), noon)
	if len(r.Actions) != 2 || !r.Actions[0].Inline { // and "rest", as x is not set yet
		t.Errorf("without an executor the inline action must be in the list: %+v", r.Actions)
	}
}

func TestAutoHunt(t *testing.T) {
	p, _ := compileXML(t, `<context name="c"><extension name="first"><condition><action application="first"/></condition></extension>
		<extension name="second"><condition><action application="second"/></condition></extension></context>`)
	env := dialing("second")
	if r, _ := p.Route("c", env, noon); r.Extension != "first" {
		t.Errorf("without auto_hunt: %q", r.Extension)
	}
	env.vars["auto_hunt"] = "true"
	if r, _ := p.Route("c", env, noon); r.Extension != "second" {
		t.Errorf("with auto_hunt: %q", r.Extension)
	}
}

func TestGlobalContextStandsIn(t *testing.T) {
	p, _ := compileXML(t, `<context name="global"><extension name="g"><condition><action application="a"/></condition></extension></context>`)
	if r, ok := p.Route("nosuch", dialing("1"), noon); !ok || r.Extension != "g" {
		t.Errorf("%v %q", ok, r.Extension)
	}
}

func TestBacktrackingIsBounded(t *testing.T) {
	p, problems := compileXML(t, ext("", `<condition field="destination_number" expression="^(?=(a+)+b)"><action application="a"/></condition>`))
	if len(problems) != 1 || problems[0].Severity != fsxml.Warning {
		t.Fatal(problems)
	}
	start := time.Now()
	r, _ := p.Route("c", dialing(strings.Repeat("a", 4000)), noon)
	if d := time.Since(start); r.Extension != "rest" || d > 5*time.Second {
		t.Errorf("%q after %v", r.Extension, d)
	}
}

func TestCompileProblems(t *testing.T) {
	for _, c := range []struct{ name, xml, want string }{
		{"expression", ext("", "<condition field=\"x\" expression=\"(\">\n</condition>"), "freeswitch.xml:1: error: extension e: expression"},
		{"no application", ext("", "<condition>\n<action/></condition>"), "freeswitch.xml:2: error: extension e: an action needs an application"},
		{"break", ext("", `<condition break="sometimes"/>`), "unknown break"},
		{"time", ext("", `<condition hour="nine"/>`), "hour must be a number"},
		{"date", ext("", `<condition date-time="tomorrow"/>`), "date-time must be"},
		{"loop", ext("", `<condition><action application="a" loop="1000000"/></condition>`), "loop must be"},
		{"asterisk", ext("", `<condition field="x" expression="_NXX"/>`), "Asterisk"},
		{"empty extension", ext("", ""), "has no condition"},
		{"context twice", `<context name="a"/><context name="A"/>`, "exists already"},
		{"context without name", `<context/>`, "needs a name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := compileXML(t, c.xml)
			if len(problems) != 1 || !strings.Contains(problems[0].String(), c.want) {
				t.Errorf("%v", problems)
			}
		})
	}
}

// TestTimeZone: the caller's variables say where the clock of time conditions stands.
func TestTimeZone(t *testing.T) {
	winter, summer := time.Date(2026, 11, 26, 23, 30, 0, 0, time.UTC), time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, offset, zone, attrs string
		now                       time.Time
		want                      bool
	}{
		{"tod_tz_offset", "2", "", `hour="1" wday="fri"`, winter, true},
		{"negative tod_tz_offset", "-5", "", `hour="18" tz-offset="-5"`, winter, true},
		{"timezone", "", "Europe/Berlin", `hour="0" wday="fri" tz-offset="1" dst="false"`, winter, true},
		{"summer time", "", "Europe/Berlin", `hour="14" tz-offset="2" dst="true"`, summer, true},
		{"half an hour", "", "Asia/Kolkata", `time-of-day="05:00-05:00"`, winter, true},
		{"tod_tz_offset goes before timezone", "0", "Europe/Berlin", `hour="23"`, winter, true},
		{"no zone", "", "Nowhere/Land", `hour="23"`, winter, true},
		{"a path", "", "../../etc/passwd", `hour="23"`, winter, true},
		{"no number", "two", "", `hour="23"`, winter, true},
		{"in a regex", "1", "", `regex="all" hour="0"`, winter, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner := `<action application="a"/>`
			if strings.HasPrefix(c.attrs, "regex") {
				inner = `<regex field="destination_number" expression="1"/>` + inner
			}
			p, _ := compileXML(t, ext("", "<condition "+c.attrs+`>`+inner+`</condition>`))
			env := dialing("1")
			env.vars["tod_tz_offset"], env.vars["timezone"] = c.offset, c.zone
			r, _ := p.Route("c", env, c.now)
			if got := r.Extension == "e"; got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTimeOfDay(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse("2006-01-02 15:04:05", s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name, attrs, now string
		want             bool
	}{
		{"office hours", `wday="2-6" hour="9-18"`, "2026-11-23 18:59:59", true},
		{"too late", `wday="2-6" hour="9-18"`, "2026-11-23 19:00:00", false},
		{"Sunday", `wday="2-6"`, "2026-11-22 12:00:00", false},
		{"days by name wrap around", `wday="fri-mon"`, "2026-11-22 12:00:00", true},
		{"minute of day begins at 1", `minute-of-day="1"`, "2026-11-22 00:00:30", true},
		{"first minute", `minute-of-day="2-1440"`, "2026-11-22 00:00:30", false},
		{"night wraps around", `time-of-day="22:00-06:00"`, "2026-11-22 03:00:00", true},
		{"day is no night", `time-of-day="22:00-06:00"`, "2026-11-22 12:00:00", false},
		{"fourth Thursday of November 2026", `wday="5" mweek="4" mon="11"`, "2026-11-26 12:00:00", true},
		{"list", `mday="1,15,26"`, "2026-11-26 12:00:00", true},
		{"year day", `yday="330"`, "2026-11-26 12:00:00", true},
		{"date range", `date-time="2026-12-24 12:00~2026-12-26 23:59"`, "2026-12-25 00:00:00", true},
		{"date range over", `date-time="2026-12-24 12:00~2026-12-26 23:59"`, "2026-12-27 00:00:00", false},
		{"offset", `tz-offset="0" hour="12"`, "2026-11-26 12:00:00", true},
		{"another offset", `tz-offset="2" hour="12"`, "2026-11-26 12:00:00", false},
		{"no summer time", `dst="false"`, "2026-11-26 12:00:00", true},
		{"nothing matches garbage", `hour="x"`, "2026-11-26 00:00:00", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := compileXML(t, ext("", "<condition "+c.attrs+`><action application="a"/></condition>`))
			r, _ := p.Route("c", dialing("1"), at(c.now))
			if got := r.Extension == "e"; got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestActionSaysWhereItStands(t *testing.T) {
	p, _ := compileXML(t, "<context name=\"c\"><extension name=\"e\">\n<condition field=\"destination_number\" expression=\"^(1)\">\n<action application=\"a\"/></condition></extension></context>")
	r, _ := p.Route("c", dialing("1"), noon)
	want := Action{App: "a", Extension: "e", File: "freeswitch.xml", Line: 3, Matches: []string{"1", "1"}}
	got := r.Actions[0]
	got.Data, got.loop = Template{}, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func FuzzRoute(f *testing.F) {
	for _, s := range []string{
		ext("", yes+`><action application="a" data="$1${w:1}"/></condition>`), ext(`continue="true"`, `<condition regex="all"><regex field="${a}" expression="^${w}(.*)$"/></condition>`),
		ext("", `<condition wday="mon-fri" time-of-day="22:00-06:00"/>`), ext("", `<condition field="destination_number" expression="^(?!a)(?=(b+)+)$"><anti-action application="x"/></condition>`),
	} {
		f.Add(s, "1001")
	}
	f.Fuzz(func(t *testing.T, text, number string) {
		tree, err := (&fsxml.Loader{FS: fstest.MapFS{"freeswitch.xml": {Data: []byte("<section>" + text + "</section>")}}}).Load()
		if err != nil {
			return
		}
		p, _ := Compile(tree.Root)
		for _, name := range append(p.Contexts(), "nosuch") {
			r, _ := p.Route(name, dialing(number), noon)
			if len(r.Actions) > maxActions {
				t.Errorf("%d actions", len(r.Actions))
			}
			for _, a := range r.Actions {
				_ = a.Data.Expand(dialing(number))
			}
		}
	})
}
