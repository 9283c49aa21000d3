package esl_test

import (
	"encoding/json"
	"encoding/xml"
	"reflect"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

func sample() *esl.Event {
	e := esl.NewEvent("CUSTOM")
	e.Add("Event-Subclass", "my::thing")
	e.Add("Date", "Mon, 23 Nov 2026 03:03:54 GMT")
	e.Add("Unicode", "héllo & % \\ \" end")
	e.Add("Data", "tone_stream://%(200,0,440)~")
	e.Add("Empty", "")
	e.Add("Lines", "a\r\nFake-Header: b\tc\x01")
	e.Push("List", "one")
	e.Push("List", "two|:")
	e.Push("List", "three")
	return e
}

func TestEncodings(t *testing.T) {
	withBody, emptyBody := sample(), esl.NewEvent("BACKGROUND_JOB")
	withBody.SetBody("+OK <é>\n")
	emptyBody.SetBody("")
	for _, tc := range []struct {
		name             string
		event            *esl.Event
		plain, json, xml string
	}{
		{"everything", withBody,
			"Event-Name: CUSTOM\nEvent-Subclass: my%3A%3Athing\nDate: Mon,%2023%20Nov%202026%2003%3A03%3A54%20GMT\n" +
				"Unicode: h%C3%A9llo%20%26%20%25%20%5C%20%22%20end\nData: tone_stream%3A//%25(200,0,440)~\nEmpty: _undef_\n" +
				"Lines: a%0D%0AFake-Header%3A%20b%09c%01\nList: ARRAY%3A%3Aone%7C%3Atwo%7C%3A%7C%3Athree\n" +
				"Content-Length: 9\n\n+OK <é>\n",
			`{"Event-Name":"CUSTOM","Event-Subclass":"my::thing","Date":"Mon, 23 Nov 2026 03:03:54 GMT",` +
				`"Unicode":"héllo & % \\ \" end","Data":"tone_stream://%(200,0,440)~","Empty":"",` +
				`"Lines":"a\r\nFake-Header: b\tc\u0001","List":["one","two|:","three"],"Content-Length":"9","_body":"+OK <é>\n"}`,
			"<event>\n  <headers>\n    <Event-Name>CUSTOM</Event-Name>\n    <Event-Subclass>my%3A%3Athing</Event-Subclass>\n" +
				"    <Date>Mon,%2023%20Nov%202026%2003%3A03%3A54%20GMT</Date>\n" +
				"    <Unicode>h%C3%A9llo%20%26%20%25%20%5C%20%22%20end</Unicode>\n    <Data>tone_stream%3A//%25(200,0,440)~</Data>\n" +
				"    <Empty></Empty>\n    <Lines>a%0D%0AFake-Header%3A%20b%09c%01</Lines>\n" +
				"    <List>one</List>\n    <List>two%7C%3A</List>\n    <List>three</List>\n  </headers>\n" +
				"  <Content-Length>9</Content-Length>\n  <body>+OK &lt;é&gt;\n</body>\n</event>\n",
		},
		{"empty body", emptyBody,
			"Event-Name: BACKGROUND_JOB\n\n",
			`{"Event-Name":"BACKGROUND_JOB","Content-Length":"0","_body":""}`,
			"<event>\n  <headers>\n    <Event-Name>BACKGROUND_JOB</Event-Name>\n  </headers>\n  <Content-Length>0</Content-Length>\n  <body></body>\n</event>\n",
		},
		{"no body", esl.NewEvent("HEARTBEAT"), "Event-Name: HEARTBEAT\n\n", `{"Event-Name":"HEARTBEAT"}`,
			"<event>\n  <headers>\n    <Event-Name>HEARTBEAT</Event-Name>\n  </headers>\n</event>\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(tc.event.AppendPlain(nil)); got != tc.plain {
				t.Errorf("plain\n%s\nwant\n%s", got, tc.plain)
			}
			if got := string(tc.event.AppendJSON(nil)); got != tc.json {
				t.Errorf("json\n%s\nwant\n%s", got, tc.json)
			}
			if got := string(tc.event.AppendXML(nil)); got != tc.xml {
				t.Errorf("xml\n%s\nwant\n%s", got, tc.xml)
			}
		})
	}
}

// TestHostileNames: a name that came from outside cannot make a line or an element.
func TestHostileNames(t *testing.T) {
	e := esl.NewEvent("X")
	e.Add("variable_sip_h_X\nEvent-Name: HEARTBEAT", "v")
	e.Add("a><b", "v")
	if got := strings.Count(string(e.AppendPlain(nil)), "\n"); got != 4 {
		t.Errorf("plain has %d lines", got)
	}
	if err := xml.Unmarshal(e.AppendXML(nil), new(struct{})); err != nil {
		t.Errorf("xml: %v", err)
	}
	if !json.Valid(e.AppendJSON(nil)) {
		t.Error("json is none")
	}
}

func TestInvalidUTF8IsStillJSON(t *testing.T) {
	e := esl.NewEvent("X")
	e.Add("bad", "a\xffb")
	if got := string(e.AppendJSON(nil)); got != `{"Event-Name":"X","bad":"a`+"\uFFFD"+`b"}` {
		t.Errorf("got %s", got)
	}
}

func TestParse(t *testing.T) {
	want := sample()
	want.SetBody("some body")
	for name, parse := range map[string]func() (*esl.Event, error){
		"plain": func() (*esl.Event, error) { return esl.ParsePlain(want.AppendPlain(nil)) },
		"json":  func() (*esl.Event, error) { return esl.ParseJSON(want.AppendJSON(nil)) },
	} {
		got, err := parse()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name == "plain" { // its array has no way to say that a value holds the separator
			got.Del("List")
			w := want.Clone()
			w.Del("List")
			if !reflect.DeepEqual(got, w) {
				t.Errorf("%s: %+v, want %+v", name, got, w)
			}
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	for _, bad := range []string{"", "x", "x\n", "A: b", "Content-Length: 3\n\nab", "Content-Length: x\n\n", "\n"} {
		if _, err := esl.ParsePlain([]byte(bad)); err == nil {
			t.Errorf("plain %q parsed", bad)
		}
	}
	for _, bad := range []string{"", "[]", "{", `{"a":{}}`, `{"a":[[]]}`, `{"a":1`, `{"a" 1}`} {
		if _, err := esl.ParseJSON([]byte(bad)); err == nil {
			t.Errorf("json %q parsed", bad)
		}
	}
}

func TestHeaders(t *testing.T) {
	e := esl.NewEvent("A")
	e.Set("x", "1")
	e.Set("X", "2")
	e.Add("y", "3")
	e.Push("y", "4")
	c := e.Clone()
	e.Del("Y")
	e.Set("event-name", "B")
	if v, ok := e.Lookup("y"); ok || e.Name() != "B" || e.Value("x") != "2" || len(e.Headers) != 2 {
		t.Errorf("%v %q %+v", ok, v, e.Headers)
	}
	if c.Name() != "A" || c.Value("y") != "ARRAY::3|:4" || len(c.Headers[2].Array) != 2 {
		t.Errorf("clone %+v", c.Headers)
	}
	if e.Size() <= 0 || c.Size() <= e.Size() {
		t.Errorf("sizes %d %d", e.Size(), c.Size())
	}
}

func TestSelection(t *testing.T) {
	sel := func(names, subs string) esl.Selection {
		s := esl.Selection{Names: map[string]bool{}, Subclasses: map[string]bool{}}
		for _, n := range strings.Fields(names) {
			s.Names[n] = true
		}
		for _, n := range strings.Fields(subs) {
			s.Subclasses[n] = true
		}
		return s
	}
	for _, tc := range []struct {
		name       string
		sel        esl.Selection
		event, sub string
		want       bool
	}{
		{"none", esl.Selection{}, "API", "", false},
		{"all", esl.Selection{All: true}, "CUSTOM", "x", true},
		{"name", sel("API", ""), "API", "", true},
		{"other name", sel("API", ""), "LOG", "", false},
		{"custom without subclasses", sel("CUSTOM", ""), "CUSTOM", "x", false},
		{"custom event without a subclass", sel("CUSTOM", ""), "CUSTOM", "", true},
		{"custom subclass", sel("CUSTOM", "x"), "CUSTOM", "x", true},
		{"other subclass", sel("CUSTOM", "x"), "CUSTOM", "y", false},
	} {
		e := esl.NewEvent(tc.event)
		if tc.sub != "" {
			e.Add("Event-Subclass", tc.sub)
		}
		if got := tc.sel.Match(e); got != tc.want {
			t.Errorf("%s: Match = %v", tc.name, got)
		}
		if got := tc.sel.Wants(tc.event, tc.sub); got != tc.want {
			t.Errorf("%s: Wants = %v", tc.name, got)
		}
	}
}

// FuzzEventCodec: whatever an event holds, each encoding can be read again and says the same; whatever is read, nothing panics.
func FuzzEventCodec(f *testing.F) {
	f.Add("Name", "value", "body", true)
	f.Add("a:b", "x\ny: z", "", true)
	f.Add("", "\xff\x00", "\n\n", false)
	f.Add("List", "ARRAY::a|:b", "x", true)
	f.Add("Content-Length", "5", "12345", true)
	f.Add("_body", "x", "", false)
	f.Fuzz(func(t *testing.T, name, value, body string, hasBody bool) {
		e := esl.NewEvent("CUSTOM")
		e.Add(name, value)
		e.Push("twice", value)
		e.Push("twice", name)
		if hasBody {
			e.SetBody(body)
		}
		plain, js := e.AppendPlain(nil), e.AppendJSON(nil)
		if !json.Valid(js) {
			t.Fatalf("json %q", js)
		}
		if err := xml.Unmarshal(e.AppendXML(nil), new(struct{})); err != nil && !strings.Contains(body, "]]>") {
			t.Fatalf("xml: %v", err)
		}
		if x, err := esl.ParseXML(e.AppendXML(nil)); err == nil && x.Value("Event-Name") != "CUSTOM" && !strings.EqualFold(name, "Event-Name") {
			t.Fatalf("xml %q forges a name", e.AppendXML(nil))
		}
		back, err := esl.ParseJSON(js)
		if err != nil {
			t.Fatalf("%q: %v", js, err)
		}
		if back.Name() == "" {
			t.Fatalf("lost its name: %q", js)
		}
		if strings.Trim(name, " ") == name && name != "" && name != "Content-Length" {
			got, err := esl.ParsePlain(plain)
			if err != nil {
				t.Fatalf("%q: %v", plain, err)
			}
			if len(got.Headers) != len(e.Headers) || got.Body != e.Body {
				t.Fatalf("%q read as %+v", plain, got)
			}
		}
		// What arrives need not be ours.
		_, _ = esl.ParsePlain([]byte(body))
		_, _ = esl.ParseJSON([]byte(body))
	})
}
